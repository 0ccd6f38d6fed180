//! Chunks of a stream, or the whole of a plain answer, to events.

use super::delta::read_thoughts;
use super::usage::read_usage;
use crate::calls::Calls;
use crate::event::StreamEvent;
use crate::json::{Cursor, Kind};
use crate::openai::{emit, read_error};

/// Reads one response.
#[derive(Debug, Default)]
pub(crate) struct ChatReader {
    pub(super) calls: Calls,
    /// `tool_calls` were used: a legacy `function_call` repeats them.
    pub(super) tools_seen: bool,
    done: bool,
}

impl ChatReader {
    /// The data of one SSE event. Returns whether it holds usage and nothing else.
    pub(crate) fn read_event<'a>(
        &mut self,
        data: &'a [u8],
        is_error: bool,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> bool {
        if data.starts_with(b"[DONE]") {
            self.end(sink);
            sink(StreamEvent::Done);
            return false;
        }
        // What is no JSON says nothing to us and goes to the caller as it is.
        self.read(data, is_error, sink).unwrap_or(false)
    }

    /// The response is over.
    pub(crate) fn end(&mut self, sink: &mut dyn FnMut(StreamEvent<'_>)) {
        if !std::mem::replace(&mut self.done, true) {
            self.calls.close(None, sink);
        }
    }

    pub(super) fn has_tool_calls(&self, choice: u32) -> bool {
        self.tools_seen && self.calls.any(choice)
    }

    /// Reads a chunk or a plain answer.
    pub(crate) fn read<'a>(
        &mut self,
        json: &'a [u8],
        is_error: bool,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<bool> {
        let (mut choices, mut has_usage, mut has_error) = (0u32, false, false);
        Cursor::new(json).object(|cursor, key| {
            match key {
                b"id" => emit(cursor, sink, StreamEvent::Id)?,
                b"model" => emit(cursor, sink, StreamEvent::Model)?,
                b"choices" => cursor.array(|cursor| {
                    choices += 1;
                    self.read_choice(choices - 1, cursor, sink)
                })?,
                b"usage" if cursor.kind()? == Kind::Object => {
                    let usage = read_usage(cursor)?;
                    has_usage = !usage.is_empty();
                    sink(StreamEvent::Usage(usage));
                }
                b"error" if cursor.kind()? != Kind::Null => {
                    has_error = true;
                    read_error(cursor, sink)?;
                }
                _ => cursor.skip()?,
            }
            Some(())
        })?;
        if is_error && !has_error {
            sink(StreamEvent::Error { kind: None, message: None });
        }
        Some(has_usage && choices == 0 && !has_error)
    }

    fn read_choice<'a>(
        &mut self,
        position: u32,
        cursor: &mut Cursor<'a>,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<()> {
        // The index may stand behind what it belongs to.
        let (mut index, mut delta, mut text, mut reason) = (None, None, None, None);
        let mut whole = false;
        cursor.object(|cursor, key| {
            match key {
                b"index" => index = cursor.count()?,
                b"delta" | b"message" => (delta, whole) = (Some(*cursor), key == b"message"),
                b"text" => text = Some(cursor.text()?),
                b"finish_reason" => reason = Some(cursor.text()?),
                _ => {}
            }
            if matches!(key, b"index" | b"text" | b"finish_reason") {
                Some(())
            } else {
                cursor.skip()
            }
        })?;
        let choice = index.and_then(|index| u32::try_from(index).ok()).unwrap_or(position);
        if let Some(mut delta) = delta {
            if whole {
                read_thoughts(choice, delta, sink)?;
            }
            self.read_delta(choice, whole, &mut delta, sink)?;
        }
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            sink(StreamEvent::Text { choice, text });
        }
        if let Some(reason) = reason.filter(|reason| !reason.is_empty()) {
            self.calls.close(Some(choice), sink);
            sink(StreamEvent::FinishReason { choice, reason });
        }
        Some(())
    }
}
