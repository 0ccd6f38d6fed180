//! Responses, one after the other, to events.

use super::usage::read_usage;
use crate::calls::{Calls, Fragment};
use crate::event::{JsonStr, Medium, Opaque, StreamEvent};
use crate::json::{Cursor, Kind};
use crate::openai::{emit, read_error};

const EMPTY: JsonStr<'static> = JsonStr::new(&[]);
/// Reasons that say that the model, or the API, made nothing of the answer.
const FAILURES: [&[u8]; 5] = [
    b"MALFORMED_FUNCTION_CALL",
    b"UNEXPECTED_TOOL_CALL",
    b"TOO_MANY_TOOL_CALLS",
    b"MISSING_THOUGHT_SIGNATURE",
    b"MALFORMED_RESPONSE",
];

/// Reads one answer.
#[derive(Debug, Default)]
pub(crate) struct GeminiReader {
    calls: Calls,
    calls_seen: u64,
}

/// A part of the content, before it is known what kind it is.
struct Part<'a> {
    text: JsonStr<'a>,
    is_thought: bool,
    signature: JsonStr<'a>,
    call: Option<Cursor<'a>>,
    medium: Option<Medium>,
}

impl GeminiReader {
    /// The data of one event, or a plain body.
    pub(crate) fn read<'a>(
        &mut self,
        data: &'a [u8],
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<()> {
        let mut cursor = Cursor::new(data);
        // Without `alt=sse` a stream is an array of responses, and so may an error be.
        if cursor.kind()? == Kind::Array {
            return cursor.array(|cursor| self.read_response(cursor, sink));
        }
        self.read_response(&mut cursor, sink)
    }

    /// The answer is over.
    pub(crate) fn end(&mut self, sink: &mut dyn FnMut(StreamEvent<'_>)) {
        self.calls.close(None, sink);
    }

    fn read_response<'a>(
        &mut self,
        cursor: &mut Cursor<'a>,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<()> {
        let mut candidates = None;
        cursor.object(|cursor, key| {
            match key {
                b"responseId" => emit(cursor, sink, StreamEvent::Id)?,
                b"modelVersion" => emit(cursor, sink, StreamEvent::Model)?,
                // What is said comes after who says it, which stands behind it.
                b"candidates" => {
                    candidates = Some(*cursor);
                    cursor.skip()?;
                }
                b"usageMetadata" if cursor.kind()? == Kind::Object => {
                    sink(StreamEvent::Usage(read_usage(cursor)?));
                }
                b"promptFeedback" => read_feedback(cursor, sink)?,
                b"error" if cursor.kind()? != Kind::Null => read_error(cursor, sink)?,
                _ => cursor.skip()?,
            }
            Some(())
        })?;
        let mut position = 0;
        candidates.map_or(Some(()), |mut candidates| {
            candidates.array(|cursor| {
                position += 1;
                self.read_candidate(position - 1, cursor, sink)
            })
        })
    }

    fn read_candidate<'a>(
        &mut self,
        position: u32,
        cursor: &mut Cursor<'a>,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<()> {
        // The index may stand behind what it belongs to, and is left out for the first.
        let (mut index, mut content, mut reason, mut message) = (None, None, EMPTY, EMPTY);
        cursor.object(|cursor, key| {
            match key {
                b"index" => index = cursor.count()?,
                b"finishReason" => reason = cursor.text()?,
                b"finishMessage" => message = cursor.text()?,
                b"content" => {
                    content = Some(*cursor);
                    cursor.skip()?;
                }
                _ => cursor.skip()?,
            }
            Some(())
        })?;
        let choice = index.and_then(|index| u32::try_from(index).ok()).unwrap_or(position);
        if let Some(mut content) = content {
            content.object(|cursor, key| match key {
                b"parts" => cursor.array(|cursor| self.read_part(choice, cursor, sink)),
                _ => cursor.skip(),
            })?;
        }
        if !reason.is_empty() {
            self.calls.close(Some(choice), sink);
            sink(StreamEvent::FinishReason { choice, reason });
            if FAILURES.contains(&reason.raw()) {
                let message = if message.is_empty() { reason } else { message };
                sink(StreamEvent::Error { kind: Some(reason), message: Some(message) });
            }
        }
        Some(())
    }

    fn read_part<'a>(
        &mut self,
        choice: u32,
        cursor: &mut Cursor<'a>,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<()> {
        let part = Part::read(cursor)?;
        // Before the part that it came with, which is where it goes back.
        if !part.signature.is_empty() {
            sink(StreamEvent::Opaque(Opaque {
                choice,
                format: JsonStr::new(Opaque::GEMINI.as_bytes()),
                signs: false,
                id: EMPTY,
                data: part.signature,
            }));
        }
        match (part.text, part.is_thought) {
            (text, _) if text.is_empty() => {}
            (text, true) => sink(StreamEvent::Reasoning { choice, text }),
            (text, false) => sink(StreamEvent::Text { choice, text }),
        }
        if let Some(medium) = part.medium {
            sink(StreamEvent::Media { choice, medium });
        }
        match part.call {
            Some(mut call) => self.read_call(choice, &mut call, sink),
            None => Some(()),
        }
    }

    /// A call comes whole, and several may have one name and no id.
    fn read_call<'a>(
        &mut self,
        choice: u32,
        cursor: &mut Cursor<'a>,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<()> {
        let (mut id, mut name, mut arguments) = (EMPTY, EMPTY, None);
        cursor.object(|cursor, key| {
            match key {
                b"id" => id = cursor.text()?,
                b"name" => name = cursor.text()?,
                b"args" => arguments = Some(cursor.raw()?),
                _ => cursor.skip()?,
            }
            Some(())
        })?;
        let index = Some(self.calls_seen);
        self.calls_seen += 1;
        let call = self.calls.fragment(Fragment { choice, index, id, name }, sink);
        if let Some(json @ [b'{', ..]) = arguments {
            sink(StreamEvent::ToolCallInput { call, json });
        }
        self.calls.end(call, sink);
        Some(())
    }
}

impl<'a> Part<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        let mut part =
            Self { text: EMPTY, is_thought: false, signature: EMPTY, call: None, medium: None };
        cursor.object(|cursor, key| {
            match key {
                b"text" => part.text = cursor.text()?,
                b"thought" => part.is_thought = cursor.raw()? == b"true",
                b"thoughtSignature" => part.signature = cursor.text()?,
                b"functionCall" => {
                    part.call = Some(*cursor);
                    cursor.skip()?;
                }
                b"inlineData" | b"fileData" => part.medium = Some(read_medium(cursor)?),
                _ => cursor.skip()?,
            }
            Some(())
        })?;
        Some(part)
    }
}

/// Sound, or a picture, which is what everything else is shown as.
fn read_medium(cursor: &mut Cursor<'_>) -> Option<Medium> {
    let mut medium = Medium::Image;
    cursor.object(|cursor, key| {
        match key {
            b"mimeType" => {
                if cursor.text()?.raw().starts_with(b"audio") {
                    medium = Medium::Audio;
                }
            }
            _ => cursor.skip()?,
        }
        Some(())
    })?;
    Some(medium)
}

/// A prompt that was blocked has no candidates: the block is why the answer ends.
fn read_feedback(cursor: &mut Cursor<'_>, sink: &mut dyn FnMut(StreamEvent<'_>)) -> Option<()> {
    cursor.object(|cursor, key| {
        match key {
            b"blockReason" => {
                let reason = cursor.text()?;
                if !reason.is_empty() {
                    sink(StreamEvent::FinishReason { choice: 0, reason });
                }
            }
            _ => cursor.skip()?,
        }
        Some(())
    })
}
