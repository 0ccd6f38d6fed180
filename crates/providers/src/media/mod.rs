//! Answers of the endpoints that are no chat: embeddings, images, speech, transcriptions.
//!
//! Vectors and pictures are megabytes, and nothing in them is read: what is held of an answer has
//! the same bound as an event of a stream, whatever its length.

mod events;

use crate::endpoint::EndpointKind;
use crate::event::{JsonStr, StreamEvent};
use crate::json::{Condenser, Cursor, Kind};
use crate::openai::chat::read_usage;
use crate::openai::{emit, read_error};
use crate::sse::{MAX_EVENT_BYTES, SseDecoder};
use events::Events;

#[cfg(test)]
mod tests;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaForm {
    /// Server-sent events: partial images, pieces of a transcript, pieces of audio in base64.
    Events,
    /// One JSON value.
    Json,
    /// The transcript alone, plain or as subtitles.
    Text,
}

/// Reads one answer.
///
/// Invariant: any split of the input gives the same events, but for the offsets in
/// [`StreamEvent::Boundary`].
#[derive(Debug)]
pub struct MediaReader {
    body: Body,
}

#[derive(Debug)]
enum Body {
    Events(SseDecoder, Events),
    /// What is longer than a held event may be goes on in the condenser.
    Json {
        held: Vec<u8>,
        condenser: Option<Condenser>,
        long_key: &'static [u8],
    },
    Text(Vec<u8>),
}

// === impl MediaReader ===

impl MediaReader {
    /// At the beginning of an answer to an endpoint of this kind.
    pub fn new(kind: EndpointKind, form: MediaForm) -> Self {
        let long_key = match kind {
            EndpointKind::AudioTranscription => &b"\"text\":"[..],
            EndpointKind::ImageGeneration => b"\"revised_prompt\":",
            _ => b"",
        };
        let body = match form {
            MediaForm::Events => Body::Events(SseDecoder::new(), Events::default()),
            MediaForm::Json => Body::Json { held: Vec::new(), condenser: None, long_key },
            MediaForm::Text => Body::Text(Vec::new()),
        };
        Self { body }
    }

    /// Reads the next bytes.
    pub fn feed(&mut self, chunk: &[u8], sink: &mut dyn FnMut(StreamEvent<'_>)) {
        match &mut self.body {
            Body::Events(decoder, events) => {
                decoder.feed(chunk, &mut |event| events.read(&event, sink));
            }
            Body::Json { held, condenser, long_key } => {
                if condenser.is_none() && held.len() + chunk.len() <= MAX_EVENT_BYTES {
                    held.extend_from_slice(chunk);
                    return;
                }
                let condenser = condenser.get_or_insert_with(|| {
                    let mut condenser = Condenser::keeping(long_key);
                    condenser.push(&std::mem::take(held));
                    condenser
                });
                condenser.push(chunk);
            }
            // One byte more than is kept of a text, so that the cut shows.
            Body::Text(held) => {
                let room = (MAX_EVENT_BYTES + 1).saturating_sub(held.len()).min(chunk.len());
                held.extend_from_slice(chunk.get(..room).unwrap_or_default());
            }
        }
    }

    /// The answer ended by itself.
    pub fn finish(&mut self, sink: &mut dyn FnMut(StreamEvent<'_>)) {
        match &mut self.body {
            Body::Events(decoder, events) => {
                decoder.finish(&mut |event| events.read(&event, sink));
                events.end(sink);
            }
            Body::Json { held, condenser, .. } => {
                let json = match condenser.take() {
                    Some(condenser) => condenser.finish(),
                    None => std::mem::take(held),
                };
                // What is no JSON says nothing; it was passed on as it is.
                let _unreadable = read_answer(&json, sink);
            }
            Body::Text(held) => {
                let text = String::from_utf8_lossy(held);
                let escaped = serde_json::Value::from(text.trim_end()).to_string();
                let inner = escaped.get(1..escaped.len() - 1).unwrap_or_default();
                if !inner.is_empty() {
                    sink(StreamEvent::Text { choice: 0, text: JsonStr::new(inner.as_bytes()) });
                }
            }
        }
    }

    /// How much is held, in bytes.
    #[cfg(test)]
    fn held_bytes(&self) -> usize {
        match &self.body {
            Body::Events(decoder, _) => decoder.held_bytes().0,
            Body::Json { held, condenser, .. } => {
                held.len() + condenser.as_ref().map_or(0, Condenser::held_bytes)
            }
            Body::Text(held) => held.len(),
        }
    }
}

/// The JSON of a whole answer. Texts that were generated become choices, in order.
fn read_answer(json: &[u8], sink: &mut dyn FnMut(StreamEvent<'_>)) -> Option<()> {
    Cursor::new(json).object(|cursor, key| {
        match key {
            b"id" => emit(cursor, sink, StreamEvent::Id)?,
            b"model" => emit(cursor, sink, StreamEvent::Model)?,
            b"text" => emit(cursor, sink, |text| StreamEvent::Text { choice: 0, text })?,
            b"data" => read_data(cursor, sink)?,
            b"usage" if cursor.kind()? == Kind::Object => emit_usage(cursor, sink)?,
            b"error" if cursor.kind()? != Kind::Null => read_error(cursor, sink)?,
            _ => cursor.skip()?,
        }
        Some(())
    })
}

fn read_data(cursor: &mut Cursor<'_>, sink: &mut dyn FnMut(StreamEvent<'_>)) -> Option<()> {
    let mut index = 0;
    cursor.array(|cursor| {
        let choice = index;
        index += 1;
        cursor.object(|cursor, key| match key {
            b"revised_prompt" => emit(cursor, sink, |text| StreamEvent::Text { choice, text }),
            _ => cursor.skip(),
        })
    })
}

/// Token counts, where there are any: a transcription may be counted in seconds.
fn emit_usage(cursor: &mut Cursor<'_>, sink: &mut dyn FnMut(StreamEvent<'_>)) -> Option<()> {
    let usage = read_usage(cursor)?;
    if !usage.is_empty() {
        sink(StreamEvent::Usage(usage));
    }
    Some(())
}
