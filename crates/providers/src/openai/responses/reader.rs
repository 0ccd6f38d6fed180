//! Events of a stream, or the whole of a plain answer, to events.

use crate::calls::{Calls, Fragment, kept};
use crate::event::{JsonStr, Medium, Opaque, StreamEvent};
use crate::json::{Cursor, Kind};
use crate::openai::chat::read_usage;
use crate::openai::{emit, read_error};

const EMPTY: JsonStr<'static> = JsonStr::new(&[]);
/// A call whose input is free text.
const CUSTOM_CALL: &[u8] = b"custom_tool_call";

/// Reads one response.
#[derive(Debug, Default)]
pub(crate) struct ResponsesReader {
    calls: Calls,
    /// Item ids of calls, for servers that leave the output index out.
    item_ids: Vec<Vec<u8>>,
}

/// What an event says, before it is known what kind it is.
#[derive(Clone, Copy)]
struct Parts<'a> {
    kind: &'a [u8],
    output_index: Option<u64>,
    item_id: JsonStr<'a>,
    delta: JsonStr<'a>,
    item: Option<Cursor<'a>>,
    response: Option<Cursor<'a>>,
    whole: Cursor<'a>,
}

/// An output item.
struct Item<'a> {
    kind: &'a [u8],
    id: JsonStr<'a>,
    call_id: JsonStr<'a>,
    name: JsonStr<'a>,
    arguments: JsonStr<'a>,
    /// Reasoning that only the provider can read.
    encrypted: JsonStr<'a>,
    content: Option<Cursor<'a>>,
    summary: Option<Cursor<'a>>,
}

impl ResponsesReader {
    /// The data of one SSE event.
    pub(crate) fn read_event<'a>(
        &mut self,
        data: &'a [u8],
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<()> {
        if data.starts_with(b"[DONE]") {
            sink(StreamEvent::Done);
            return Some(());
        }
        let mut parts = Parts {
            kind: &[],
            output_index: None,
            item_id: EMPTY,
            delta: EMPTY,
            item: None,
            response: None,
            whole: Cursor::new(data),
        };
        Cursor::new(data).object(|cursor, key| {
            match key {
                b"type" => parts.kind = cursor.text()?.raw(),
                b"output_index" => parts.output_index = cursor.count()?,
                b"item_id" => parts.item_id = cursor.text()?,
                b"delta" => parts.delta = cursor.text()?,
                b"item" => {
                    parts.item = Some(*cursor);
                    cursor.skip()?;
                }
                b"response" => {
                    parts.response = Some(*cursor);
                    cursor.skip()?;
                }
                _ => cursor.skip()?,
            }
            Some(())
        })?;
        self.dispatch(parts, sink)
    }

    /// The response is over.
    pub(crate) fn end(&mut self, sink: &mut dyn FnMut(StreamEvent<'_>)) {
        self.calls.close(None, sink);
    }

    /// A response object: the whole of a plain answer with `whole`, else only what a stream's
    /// events did not say before.
    pub(crate) fn read_response<'a>(
        &mut self,
        cursor: &mut Cursor<'a>,
        whole: bool,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<()> {
        let (mut status, mut why, mut index) = (EMPTY, EMPTY, 0);
        cursor.object(|cursor, key| {
            match key {
                b"id" => emit(cursor, sink, StreamEvent::Id)?,
                b"model" => emit(cursor, sink, StreamEvent::Model)?,
                b"status" => status = cursor.text()?,
                b"incomplete_details" => cursor.object(|cursor, key| {
                    match key {
                        b"reason" => why = cursor.text()?,
                        _ => cursor.skip()?,
                    }
                    Some(())
                })?,
                b"output" if whole => cursor.array(|cursor| {
                    let item = read_item(cursor)?;
                    index += 1;
                    self.whole_item(index - 1, &item, sink)
                })?,
                b"usage" if cursor.kind()? == Kind::Object => {
                    sink(StreamEvent::Usage(read_usage(cursor)?));
                }
                b"error" if cursor.kind()? != Kind::Null => read_error(cursor, sink)?,
                _ => cursor.skip()?,
            }
            Some(())
        })?;
        self.finish(status, why, sink);
        Some(())
    }

    /// The status is the reason, unless the response says why it is incomplete.
    fn finish<'a>(
        &mut self,
        status: JsonStr<'a>,
        why: JsonStr<'a>,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) {
        let reason = match status.raw() {
            b"incomplete" if !why.is_empty() => why,
            b"completed" | b"incomplete" | b"failed" | b"cancelled" => status,
            _ => return,
        };
        self.end(sink);
        sink(StreamEvent::FinishReason { choice: 0, reason });
    }

    fn dispatch<'a>(
        &mut self,
        parts: Parts<'a>,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<()> {
        let Parts { delta, .. } = parts;
        let choice = 0;
        match parts.kind {
            b"response.output_text.delta" if !delta.is_empty() => {
                sink(StreamEvent::Text { choice, text: delta });
            }
            b"response.refusal.delta" if !delta.is_empty() => {
                sink(StreamEvent::Refusal { choice, text: delta });
            }
            b"response.reasoning_summary_text.delta" | b"response.reasoning_text.delta"
                if !delta.is_empty() =>
            {
                sink(StreamEvent::Reasoning { choice, text: delta });
            }
            b"response.output_audio.delta" | b"response.audio.delta" => {
                sink(StreamEvent::Media { choice, medium: Medium::Audio });
            }
            b"response.image_generation_call.partial_image" => {
                sink(StreamEvent::Media { choice, medium: Medium::Image });
            }
            b"response.function_call_arguments.delta"
            | b"response.custom_tool_call_input.delta" => {
                if let Some(call) = self.call_of(&parts) {
                    self.calls.wrote(call);
                    if !delta.is_empty() {
                        sink(StreamEvent::ToolCallArguments { call, fragment: delta });
                    }
                }
            }
            b"response.output_item.added" => {
                let item = read_item(&mut parts.item?)?;
                self.open(&parts, &item, sink);
            }
            b"response.output_item.done" => {
                let item = read_item(&mut parts.item?)?;
                self.close_item(&parts, &item, sink);
            }
            b"response.created" | b"response.in_progress" | b"response.queued" => {
                self.read_response(&mut parts.response?, false, sink)?;
            }
            b"response.completed" | b"response.incomplete" | b"response.failed" => {
                self.read_response(&mut parts.response?, false, sink)?;
                sink(StreamEvent::Done);
            }
            b"error" => self.read_error_event(parts, sink)?,
            _ => {}
        }
        Some(())
    }

    /// Flat, or with the error nested.
    fn read_error_event<'a>(
        &mut self,
        parts: Parts<'a>,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<()> {
        let (mut nested, mut whole) = (None, parts.whole);
        whole.object(|cursor, key| {
            if key == b"error" {
                nested = Some(*cursor);
            }
            cursor.skip()
        })?;
        read_error(&mut nested.unwrap_or(parts.whole), sink)
    }

    fn call_of(&self, parts: &Parts<'_>) -> Option<u32> {
        if parts.output_index.is_some() {
            return self.calls.by_index(parts.output_index);
        }
        let by_item = self.item_ids.iter().rposition(|id| id == kept(parts.item_id));
        by_item.and_then(|at| u32::try_from(at).ok()).or_else(|| self.calls.by_index(None))
    }

    fn open<'a>(
        &mut self,
        parts: &Parts<'a>,
        item: &Item<'a>,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<u32> {
        if !item.is_call() {
            return None;
        }
        let id = if item.call_id.is_empty() { item.id } else { item.call_id };
        let fragment = Fragment { choice: 0, index: parts.output_index, id, name: item.name };
        let call = self.calls.fragment(fragment, sink);
        if call as usize == self.item_ids.len() {
            self.item_ids.push(kept(item.id).to_vec());
            if item.kind == CUSTOM_CALL {
                sink(StreamEvent::ToolCallFreeform { call });
            }
        }
        Some(call)
    }

    fn close_item<'a>(
        &mut self,
        parts: &Parts<'a>,
        item: &Item<'a>,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) {
        item.write_encrypted(sink);
        // Some servers announce nothing and send no deltas: the item is all there is.
        let Some(call) = self.open(parts, item, sink) else { return };
        if !self.calls.is_written(call) && !item.arguments.is_empty() {
            self.calls.wrote(call);
            sink(StreamEvent::ToolCallArguments { call, fragment: item.arguments });
        }
        self.calls.end(call, sink);
    }

    fn whole_item<'a>(
        &mut self,
        index: u64,
        item: &Item<'a>,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<()> {
        if item.is_call() {
            let id = if item.call_id.is_empty() { item.id } else { item.call_id };
            let fragment = Fragment { choice: 0, index: Some(index), id, name: item.name };
            let call = self.calls.fragment(fragment, sink);
            if item.kind == CUSTOM_CALL {
                sink(StreamEvent::ToolCallFreeform { call });
            }
            if !item.arguments.is_empty() {
                sink(StreamEvent::ToolCallArguments { call, fragment: item.arguments });
            }
            self.calls.end(call, sink);
        }
        let reasoning = item.kind == b"reasoning";
        for parts in [item.summary, item.content].into_iter().flatten() {
            let mut parts = parts;
            parts.array(|cursor| read_part(reasoning, cursor, sink))?;
        }
        item.write_encrypted(sink);
        Some(())
    }
}

impl<'a> Item<'a> {
    /// Goes with the text that the item has shown, if any.
    fn write_encrypted(&self, sink: &mut dyn FnMut(StreamEvent<'_>)) {
        if self.kind != b"reasoning" || self.encrypted.is_empty() {
            return;
        }
        sink(StreamEvent::Opaque(Opaque {
            choice: 0,
            format: JsonStr::new(Opaque::RESPONSES.as_bytes()),
            signs: true,
            id: self.id,
            data: self.encrypted,
        }));
    }

    fn is_call(&self) -> bool {
        self.kind == b"function_call" || self.kind == CUSTOM_CALL
    }
}

fn read_item<'a>(cursor: &mut Cursor<'a>) -> Option<Item<'a>> {
    let mut item = Item {
        kind: &[],
        id: EMPTY,
        call_id: EMPTY,
        name: EMPTY,
        arguments: EMPTY,
        encrypted: EMPTY,
        content: None,
        summary: None,
    };
    cursor.object(|cursor, key| {
        match key {
            b"type" => item.kind = cursor.text()?.raw(),
            b"id" => item.id = cursor.text()?,
            b"call_id" => item.call_id = cursor.text()?,
            b"name" => item.name = cursor.text()?,
            b"arguments" | b"input" => item.arguments = cursor.text()?,
            b"encrypted_content" => item.encrypted = cursor.text()?,
            b"content" => {
                item.content = Some(*cursor);
                cursor.skip()?;
            }
            b"summary" => {
                item.summary = Some(*cursor);
                cursor.skip()?;
            }
            _ => cursor.skip()?,
        }
        Some(())
    })?;
    Some(item)
}

fn read_part<'a>(
    reasoning: bool,
    cursor: &mut Cursor<'a>,
    sink: &mut dyn FnMut(StreamEvent<'_>),
) -> Option<()> {
    let choice = 0;
    cursor.object(|cursor, key| {
        match key {
            b"text" => {
                let text = cursor.text()?;
                if !text.is_empty() && reasoning {
                    sink(StreamEvent::Reasoning { choice, text });
                } else if !text.is_empty() {
                    sink(StreamEvent::Text { choice, text });
                }
            }
            b"refusal" => {
                let text = cursor.text()?;
                if !text.is_empty() {
                    sink(StreamEvent::Refusal { choice, text });
                }
            }
            _ => cursor.skip()?,
        }
        Some(())
    })
}
