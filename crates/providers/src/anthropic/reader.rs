//! Events of a stream, or the whole of a plain answer, to events.

use super::usage::read_usage;
use crate::calls::{Calls, Fragment};
use crate::event::{JsonStr, Opaque, StreamEvent};
use crate::json::{Cursor, Kind};
use crate::openai::{emit, read_error};

const EMPTY: JsonStr<'static> = JsonStr::new(&[]);

/// Reads one response.
#[derive(Debug, Default)]
pub(crate) struct MessagesReader {
    calls: Calls,
}

/// What an event says, before it is known what kind it is.
#[derive(Clone, Copy, Default)]
struct Parts<'a> {
    kind: &'a [u8],
    index: Option<u64>,
    message: Option<Cursor<'a>>,
    block: Option<Cursor<'a>>,
    delta: Option<Cursor<'a>>,
    usage: Option<Cursor<'a>>,
    error: Option<Cursor<'a>>,
}

/// What a content block or its delta says.
struct Block<'a> {
    kind: &'a [u8],
    id: JsonStr<'a>,
    name: JsonStr<'a>,
    text: JsonStr<'a>,
    thinking: JsonStr<'a>,
    signature: JsonStr<'a>,
    data: JsonStr<'a>,
    partial_json: JsonStr<'a>,
    input: Option<&'a [u8]>,
    to_model: JsonStr<'a>,
}

impl MessagesReader {
    /// The data of one SSE event.
    pub(crate) fn read_event<'a>(
        &mut self,
        data: &'a [u8],
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<()> {
        let mut parts = Parts::default();
        Cursor::new(data).object(|cursor, key| {
            match key {
                b"type" => {
                    parts.kind = cursor.text()?.raw();
                    return Some(());
                }
                b"index" => {
                    parts.index = cursor.count()?;
                    return Some(());
                }
                b"message" => parts.message = Some(*cursor),
                b"content_block" => parts.block = Some(*cursor),
                b"delta" => parts.delta = Some(*cursor),
                b"usage" => parts.usage = Some(*cursor),
                b"error" => parts.error = Some(*cursor),
                _ => {}
            }
            cursor.skip()
        })?;
        self.dispatch(parts, sink)
    }

    /// The response is over.
    pub(crate) fn end(&mut self, sink: &mut dyn FnMut(StreamEvent<'_>)) {
        self.calls.close(None, sink);
    }

    /// A plain answer, or the message inside `message_start`.
    pub(crate) fn read_message<'a>(
        &mut self,
        cursor: &mut Cursor<'a>,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<()> {
        let (mut reason, mut index) = (EMPTY, 0);
        cursor.object(|cursor, key| {
            match key {
                b"id" => emit(cursor, sink, StreamEvent::Id)?,
                b"model" => emit(cursor, sink, StreamEvent::Model)?,
                b"content" => cursor.array(|cursor| {
                    let block = read_block(cursor)?;
                    index += 1;
                    self.open(Some(index - 1), &block, true, sink);
                    self.close_block(Some(index - 1), sink);
                    Some(())
                })?,
                b"stop_reason" => reason = cursor.text()?,
                b"usage" if cursor.kind()? == Kind::Object => {
                    sink(StreamEvent::Usage(read_usage(cursor)?));
                }
                b"error" => read_error(cursor, sink)?,
                _ => cursor.skip()?,
            }
            Some(())
        })?;
        finish(reason, sink);
        Some(())
    }

    fn dispatch<'a>(
        &mut self,
        parts: Parts<'a>,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<()> {
        match parts.kind {
            b"message_start" => self.read_message(&mut parts.message?, sink)?,
            b"content_block_start" => {
                let block = read_block(&mut parts.block?)?;
                self.open(parts.index, &block, false, sink);
            }
            b"content_block_delta" => {
                let delta = read_block(&mut parts.delta?)?;
                self.delta(parts.index, &delta, sink);
            }
            b"content_block_stop" => self.close_block(parts.index, sink),
            b"message_delta" => {
                let mut reason = EMPTY;
                if let Some(mut delta) = parts.delta {
                    delta.object(|cursor, key| {
                        match key {
                            b"stop_reason" => reason = cursor.text()?,
                            _ => cursor.skip()?,
                        }
                        Some(())
                    })?;
                }
                if let Some(mut usage) = parts.usage
                    && usage.kind()? == Kind::Object
                {
                    sink(StreamEvent::Usage(read_usage(&mut usage)?));
                }
                finish(reason, sink);
            }
            b"message_stop" => {
                self.end(sink);
                sink(StreamEvent::Done);
            }
            b"error" => match parts.error {
                Some(mut error) => read_error(&mut error, sink)?,
                None => sink(StreamEvent::Error { kind: None, message: None }),
            },
            // Pings, and what is yet to be invented.
            _ => {}
        }
        Some(())
    }

    /// `whole`: no deltas follow, so that an empty input is the input.
    fn open<'a>(
        &mut self,
        index: Option<u64>,
        block: &Block<'a>,
        whole: bool,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) {
        match block.kind {
            b"tool_use" => {
                let Block { id, name, .. } = *block;
                let call = self.calls.fragment(Fragment { choice: 0, index, id, name }, sink);
                match block.input {
                    Some(json) if whole || !is_empty_object(json) => {
                        sink(StreamEvent::ToolCallInput { call, json });
                    }
                    _ => {}
                }
            }
            // The model that really answers.
            b"fallback" if !block.to_model.is_empty() => sink(StreamEvent::Model(block.to_model)),
            b"text" | b"thinking" => {
                emit_text(block, sink);
                emit_opaque(block.signature, true, sink);
            }
            b"redacted_thinking" => emit_opaque(block.data, false, sink),
            _ => {}
        }
    }

    fn delta<'a>(
        &mut self,
        index: Option<u64>,
        delta: &Block<'a>,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) {
        match delta.kind {
            b"input_json_delta" if !delta.partial_json.is_empty() => {
                // Server tools stream their input the same way, and are no calls of the caller's.
                if let Some(call) = self.calls.by_index(index) {
                    sink(StreamEvent::ToolCallArguments { call, fragment: delta.partial_json });
                }
            }
            b"text_delta" | b"thinking_delta" => emit_text(delta, sink),
            b"signature_delta" => emit_opaque(delta.signature, true, sink),
            _ => {}
        }
    }

    fn close_block(&mut self, index: Option<u64>, sink: &mut dyn FnMut(StreamEvent<'_>)) {
        let Some(call) = index.and_then(|_| self.calls.by_index(index)) else { return };
        self.calls.end(call, sink);
    }
}

fn emit_text<'a>(block: &Block<'a>, sink: &mut dyn FnMut(StreamEvent<'_>)) {
    if !block.text.is_empty() {
        sink(StreamEvent::Text { choice: 0, text: block.text });
    }
    if !block.thinking.is_empty() {
        sink(StreamEvent::Reasoning { choice: 0, text: block.thinking });
    }
}

/// What the provider wants back with the next request: a signature, or a thought that it keeps to
/// itself.
fn emit_opaque<'a>(data: JsonStr<'a>, signs: bool, sink: &mut dyn FnMut(StreamEvent<'_>)) {
    if !data.is_empty() {
        let format = JsonStr::new(Opaque::ANTHROPIC.as_bytes());
        sink(StreamEvent::Opaque(Opaque { choice: 0, format, signs, id: EMPTY, data }));
    }
}

fn finish<'a>(reason: JsonStr<'a>, sink: &mut dyn FnMut(StreamEvent<'_>)) {
    if !reason.is_empty() {
        sink(StreamEvent::FinishReason { choice: 0, reason });
    }
}

fn read_block<'a>(cursor: &mut Cursor<'a>) -> Option<Block<'a>> {
    let mut block = Block {
        kind: &[],
        id: EMPTY,
        name: EMPTY,
        text: EMPTY,
        thinking: EMPTY,
        signature: EMPTY,
        data: EMPTY,
        partial_json: EMPTY,
        input: None,
        to_model: EMPTY,
    };
    cursor.object(|cursor, key| {
        match key {
            b"type" => block.kind = cursor.text()?.raw(),
            b"id" => block.id = cursor.text()?,
            b"name" => block.name = cursor.text()?,
            b"text" => block.text = cursor.text()?,
            b"thinking" => block.thinking = cursor.text()?,
            b"signature" => block.signature = cursor.text()?,
            b"data" if cursor.kind()? == Kind::String => block.data = cursor.text()?,
            b"partial_json" => block.partial_json = cursor.text()?,
            b"input" => block.input = Some(cursor.raw()?),
            b"to" => cursor.object(|cursor, key| {
                match key {
                    b"model" => block.to_model = cursor.text()?,
                    _ => cursor.skip()?,
                }
                Some(())
            })?,
            _ => cursor.skip()?,
        }
        Some(())
    })?;
    Some(block)
}

fn is_empty_object(json: &[u8]) -> bool {
    json.iter().filter(|byte| !byte.is_ascii_whitespace()).eq(b"{}")
}
