//! A choice's `delta` (or `message`): text, reasoning, refusal, tool calls, in all spellings.

use super::reader::ChatReader;
use crate::calls::Fragment;
use crate::event::{JsonStr, Medium, Opaque, StreamEvent};
use crate::json::{Cursor, Kind};

const EMPTY: JsonStr<'static> = JsonStr::new(&[]);

impl ChatReader {
    /// Reads a delta, or a plain answer's message, whose thoughts were read before.
    pub(super) fn read_delta<'a>(
        &mut self,
        choice: u32,
        whole: bool,
        cursor: &mut Cursor<'a>,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<()> {
        let mut legacy_call = None;
        let (mut reasoned, mut details) = (whole, None);
        cursor.object(|cursor, key| {
            match key {
                b"content" => read_content(choice, cursor, sink)?,
                // Both spellings in one delta say the same thing.
                b"reasoning_content" | b"reasoning" => {
                    let text = cursor.text()?;
                    if !text.is_empty() && !std::mem::replace(&mut reasoned, true) {
                        sink(StreamEvent::Reasoning { choice, text });
                    }
                }
                b"refusal" => {
                    let text = cursor.text()?;
                    if !text.is_empty() {
                        sink(StreamEvent::Refusal { choice, text });
                    }
                }
                b"audio" => {
                    if cursor.kind()? == Kind::Object {
                        sink(StreamEvent::Media { choice, medium: Medium::Audio });
                    }
                    cursor.skip()?;
                }
                b"images" => {
                    if cursor.kind()? == Kind::Array {
                        sink(StreamEvent::Media { choice, medium: Medium::Image });
                    }
                    cursor.skip()?;
                }
                b"tool_calls" => {
                    cursor.array(|cursor| self.read_tool_call(choice, cursor, sink))?;
                }
                // Behind the text that it may sign, wherever that stands.
                b"reasoning_details" if !whole => details = Some(cursor.raw()?),
                b"function_call" => legacy_call = Some(cursor.raw()?),
                _ => cursor.skip()?,
            }
            Some(())
        })?;
        if let Some(raw) = details {
            read_details(choice, raw, sink)?;
        }
        // Sent beside `tool_calls` it is the same call once more.
        match legacy_call {
            Some(raw) if raw.first() == Some(&b'{') && !self.has_tool_calls(choice) => {
                self.read_legacy_call(choice, raw, sink)
            }
            _ => Some(()),
        }
    }

    fn read_tool_call<'a>(
        &mut self,
        choice: u32,
        cursor: &mut Cursor<'a>,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<()> {
        let mut fragment = Fragment { choice, index: None, id: EMPTY, name: EMPTY };
        let (mut arguments, mut freeform) = (None, false);
        cursor.object(|cursor, key| {
            match key {
                b"index" => fragment.index = cursor.count()?,
                b"id" => fragment.id = cursor.text()?,
                b"function" | b"custom" => cursor.object(|cursor, member| {
                    freeform |= key == b"custom";
                    match member {
                        b"name" => fragment.name = cursor.text()?,
                        b"arguments" | b"input" => arguments = Some(cursor.raw()?),
                        _ => cursor.skip()?,
                    }
                    Some(())
                })?,
                _ => cursor.skip()?,
            }
            Some(())
        })?;
        self.tools_seen = true;
        let call = self.calls.fragment_in_turn(fragment, sink);
        if freeform {
            sink(StreamEvent::ToolCallFreeform { call });
        }
        write_arguments(call, arguments, sink)
    }

    fn read_legacy_call<'a>(
        &mut self,
        choice: u32,
        raw: &'a [u8],
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<()> {
        let mut fragment = Fragment { choice, index: Some(u64::MAX), id: EMPTY, name: EMPTY };
        let mut arguments = None;
        Cursor::new(raw).object(|cursor, key| {
            match key {
                b"name" => fragment.name = cursor.text()?,
                b"arguments" => arguments = Some(cursor.raw()?),
                _ => cursor.skip()?,
            }
            Some(())
        })?;
        let call = self.calls.fragment_in_turn(fragment, sink);
        write_arguments(call, arguments, sink)
    }
}

/// What the model thought before it answered: a plain answer's members stand in any order.
#[cold]
pub(super) fn read_thoughts<'a>(
    choice: u32,
    mut cursor: Cursor<'a>,
    sink: &mut dyn FnMut(StreamEvent<'_>),
) -> Option<()> {
    let (mut said, mut details) = (EMPTY, None);
    cursor.object(|cursor, key| {
        match key {
            b"reasoning_content" | b"reasoning" if said.is_empty() => said = cursor.text()?,
            b"reasoning_details" => details = Some(cursor.raw()?),
            _ => cursor.skip()?,
        }
        Some(())
    })?;
    if !said.is_empty() {
        sink(StreamEvent::Reasoning { choice, text: said });
    }
    details.map_or(Some(()), |raw| read_details(choice, raw, sink))
}

/// Arguments are a string that holds JSON; a few servers send the JSON itself.
fn write_arguments<'a>(
    call: u32,
    raw: Option<&'a [u8]>,
    sink: &mut dyn FnMut(StreamEvent<'_>),
) -> Option<()> {
    match raw {
        Some(raw @ [b'"', ..]) => {
            let fragment = Cursor::new(raw).text()?;
            if !fragment.is_empty() {
                sink(StreamEvent::ToolCallArguments { call, fragment });
            }
        }
        Some(json @ [b'{', ..]) => sink(StreamEvent::ToolCallInput { call, json }),
        _ => {}
    }
    Some(())
}

/// A string, or a list of parts of text and thinking (Mistral).
fn read_content<'a>(
    choice: u32,
    cursor: &mut Cursor<'a>,
    sink: &mut dyn FnMut(StreamEvent<'_>),
) -> Option<()> {
    if cursor.kind()? != Kind::Array {
        let text = cursor.text()?;
        if !text.is_empty() {
            sink(StreamEvent::Text { choice, text });
        }
        return Some(());
    }
    cursor.array(|cursor| {
        let (mut text, mut thinking) = (EMPTY, None);
        cursor.object(|cursor, key| {
            match key {
                b"text" => text = cursor.text()?,
                b"thinking" => thinking = Some(cursor.raw()?),
                _ => cursor.skip()?,
            }
            Some(())
        })?;
        if !text.is_empty() {
            sink(StreamEvent::Text { choice, text });
        }
        thinking.map_or(Some(()), |raw| read_thinking(choice, raw, sink))
    })
}

/// Signatures and encrypted reasoning, in OpenRouter's form; texts were said by `reasoning`.
#[cold]
fn read_details<'a>(
    choice: u32,
    raw: &'a [u8],
    sink: &mut dyn FnMut(StreamEvent<'_>),
) -> Option<()> {
    if raw.first() != Some(&b'[') {
        return Some(());
    }
    Cursor::new(raw).array(|cursor| {
        let (mut format, mut id, mut signature, mut data) = (EMPTY, EMPTY, EMPTY, EMPTY);
        cursor.object(|cursor, key| {
            match key {
                b"format" => format = cursor.text()?,
                b"id" => id = cursor.text()?,
                b"signature" => signature = cursor.text()?,
                b"data" => data = cursor.text()?,
                _ => cursor.skip()?,
            }
            Some(())
        })?;
        for (signs, data) in [(true, signature), (false, data)] {
            if !data.is_empty() {
                sink(StreamEvent::Opaque(Opaque { choice, format, signs, id, data }));
            }
        }
        Some(())
    })
}

fn read_thinking<'a>(
    choice: u32,
    raw: &'a [u8],
    sink: &mut dyn FnMut(StreamEvent<'_>),
) -> Option<()> {
    let mut emit = |text: JsonStr<'a>| {
        if !text.is_empty() {
            sink(StreamEvent::Reasoning { choice, text });
        }
    };
    let mut cursor = Cursor::new(raw);
    if cursor.kind()? == Kind::String {
        emit(cursor.text()?);
        return Some(());
    }
    cursor.array(|cursor| {
        cursor.object(|cursor, key| {
            match key {
                b"text" => emit(cursor.text()?),
                _ => cursor.skip()?,
            }
            Some(())
        })
    })
}
