//! Events of a stream, or the whole of a plain answer, to events.

use crate::calls::{Calls, Fragment};
use crate::event::{JsonStr, StreamEvent, Usage};
use crate::json::{Cursor, Kind};
use crate::openai::{emit, text};

const EMPTY: JsonStr<'static> = JsonStr::new(&[]);

/// Reads one answer.
#[derive(Debug, Default)]
pub(crate) struct CohereReader {
    calls: Calls,
}

/// What an event says, before it is known what kind it is.
#[derive(Clone, Copy, Default)]
struct Parts<'a> {
    kind: &'a [u8],
    index: Option<u64>,
    delta: Option<Cursor<'a>>,
}

/// What a message, or a piece of one, says.
#[derive(Clone, Copy)]
struct Call<'a> {
    id: JsonStr<'a>,
    name: JsonStr<'a>,
    arguments: JsonStr<'a>,
}

impl CohereReader {
    /// The data of one SSE event. What kind it is stands in `type`, whatever the event is called.
    pub(crate) fn read_event<'a>(
        &mut self,
        data: &'a [u8],
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<()> {
        let mut parts = Parts::default();
        Cursor::new(data).object(|cursor, key| {
            match key {
                b"type" => parts.kind = cursor.text()?.raw(),
                b"id" => emit(cursor, sink, StreamEvent::Id)?,
                b"index" => parts.index = cursor.count()?,
                b"delta" => {
                    parts.delta = Some(*cursor);
                    cursor.skip()?;
                }
                // An error in place of an event.
                b"message" if cursor.kind()? == Kind::String => {
                    let message = Some(cursor.text()?);
                    sink(StreamEvent::Error { kind: None, message });
                }
                _ => cursor.skip()?,
            }
            Some(())
        })?;
        match parts.kind {
            b"tool-call-end" => {
                if let Some(call) = self.calls.by_index(parts.index) {
                    self.calls.end(call, sink);
                }
            }
            b"message-end" => {
                if let Some(mut delta) = parts.delta {
                    self.read_end(&mut delta, sink)?;
                }
                sink(StreamEvent::Done);
            }
            _ => {
                if let Some(mut delta) = parts.delta {
                    delta.object(|cursor, key| match key {
                        b"message" => self.read_message(parts.index, cursor, sink),
                        _ => cursor.skip(),
                    })?;
                }
            }
        }
        Some(())
    }

    /// A plain answer.
    pub(crate) fn read_answer<'a>(
        &mut self,
        data: &'a [u8],
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<()> {
        let (mut message, mut end) = (None, Cursor::new(data));
        Cursor::new(data).object(|cursor, key| {
            match key {
                b"id" => emit(cursor, sink, StreamEvent::Id)?,
                b"message" if cursor.kind()? == Kind::Object => {
                    message = Some(*cursor);
                    cursor.skip()?;
                }
                b"message" => {
                    let message = Some(cursor.text()?);
                    sink(StreamEvent::Error { kind: None, message });
                }
                _ => cursor.skip()?,
            }
            Some(())
        })?;
        if let Some(mut message) = message {
            self.read_message(None, &mut message, sink)?;
            self.read_end(&mut end, sink)?;
        }
        Some(())
    }

    /// The answer is over.
    pub(crate) fn end(&mut self, sink: &mut dyn FnMut(StreamEvent<'_>)) {
        self.calls.close(None, sink);
    }

    /// Why it ended, and the counts. A failure comes last: it ends the answer.
    fn read_end(
        &mut self,
        cursor: &mut Cursor<'_>,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<()> {
        let (mut failed, mut message) = (None, None);
        cursor.object(|cursor, key| {
            match key {
                b"finish_reason" => {
                    let reason = cursor.text()?;
                    self.calls.close(None, sink);
                    if !reason.is_empty() {
                        sink(StreamEvent::FinishReason { choice: 0, reason });
                    }
                    failed = matches!(reason.raw(), b"ERROR" | b"TIMEOUT").then_some(reason);
                }
                b"usage" if cursor.kind()? == Kind::Object => {
                    sink(StreamEvent::Usage(read_usage(cursor)?));
                }
                b"error" => message = text(cursor)?,
                _ => cursor.skip()?,
            }
            Some(())
        })?;
        if failed.is_some() || message.is_some() {
            sink(StreamEvent::Error { kind: failed, message: message.or(failed) });
        }
        Some(())
    }

    fn read_message<'a>(
        &mut self,
        index: Option<u64>,
        cursor: &mut Cursor<'a>,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<()> {
        cursor.object(|cursor, key| match key {
            // One piece in a stream, a list of them in a plain answer.
            b"content" if cursor.kind()? == Kind::Array => {
                cursor.array(|cursor| read_content(cursor, sink))
            }
            b"content" if cursor.kind()? == Kind::Object => read_content(cursor, sink),
            b"content" => emit_text(cursor.text()?, false, sink),
            // What the model means to do with its tools is a thought.
            b"tool_plan" => emit_text(cursor.text()?, true, sink),
            b"tool_calls" if cursor.kind()? == Kind::Array => {
                let mut position = 0;
                cursor.array(|cursor| {
                    position += 1;
                    self.read_call(Some(position - 1), cursor, sink)
                })
            }
            b"tool_calls" if cursor.kind()? == Kind::Object => self.read_call(index, cursor, sink),
            _ => cursor.skip(),
        })
    }

    fn read_call<'a>(
        &mut self,
        index: Option<u64>,
        cursor: &mut Cursor<'a>,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<()> {
        let Call { id, name, arguments } = Call::read(cursor)?;
        let call = self.calls.fragment(Fragment { choice: 0, index, id, name }, sink);
        if !arguments.is_empty() {
            sink(StreamEvent::ToolCallArguments { call, fragment: arguments });
        }
        Some(())
    }
}

impl<'a> Call<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        let mut call = Self { id: EMPTY, name: EMPTY, arguments: EMPTY };
        cursor.object(|cursor, key| match key {
            b"id" => {
                call.id = cursor.text()?;
                Some(())
            }
            b"function" => cursor.object(|cursor, key| {
                match key {
                    b"name" => call.name = cursor.text()?,
                    b"arguments" => call.arguments = cursor.text()?,
                    _ => cursor.skip()?,
                }
                Some(())
            }),
            _ => cursor.skip(),
        })?;
        Some(call)
    }
}

fn read_content(cursor: &mut Cursor<'_>, sink: &mut dyn FnMut(StreamEvent<'_>)) -> Option<()> {
    cursor.object(|cursor, key| match key {
        b"text" => emit_text(cursor.text()?, false, sink),
        b"thinking" => emit_text(cursor.text()?, true, sink),
        _ => cursor.skip(),
    })
}

fn emit_text(
    text: JsonStr<'_>,
    is_thought: bool,
    sink: &mut dyn FnMut(StreamEvent<'_>),
) -> Option<()> {
    if !text.is_empty() {
        sink(if is_thought {
            StreamEvent::Reasoning { choice: 0, text }
        } else {
            StreamEvent::Text { choice: 0, text }
        });
    }
    Some(())
}

/// What the model read and wrote; what is billed, where only that is told.
fn read_usage(cursor: &mut Cursor<'_>) -> Option<Usage> {
    let (mut usage, mut billed) = (Usage::default(), Usage::default());
    cursor.object(|cursor, key| {
        match key {
            b"tokens" => read_counts(&mut usage, cursor)?,
            b"billed_units" => read_counts(&mut billed, cursor)?,
            b"cached_tokens" => usage.cache_read = cursor.count()?,
            _ => cursor.skip()?,
        }
        Some(())
    })?;
    usage.input = usage.input.or(billed.input);
    usage.output = usage.output.or(billed.output);
    Some(usage)
}

fn read_counts(usage: &mut Usage, cursor: &mut Cursor<'_>) -> Option<()> {
    cursor.object(|cursor, key| {
        match key {
            b"input_tokens" => usage.input = cursor.count()?,
            b"output_tokens" => usage.output = cursor.count()?,
            _ => cursor.skip()?,
        }
        Some(())
    })
}
