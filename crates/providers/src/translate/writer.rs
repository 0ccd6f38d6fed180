//! Answers in the caller's dialect: event by event, or as one body.

use http::StatusCode;
use serde::Serialize;

use crate::error_body::{ErrorBody, error_event, told_message, translate_event};
use crate::event::StreamEvent;
use crate::provider::Dialect;
use crate::upstream_error::UpstreamError;

use super::answer::Answer;
use super::blocks::{Blocks, Step};
use super::{chat, messages, responses};

/// What the answer needs to know that the upstream does not say.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The answer's id, where the upstream gives none; and the id that errors carry.
    pub request_id: String,
    /// The model's name, where the upstream gives none.
    pub model: String,
    /// When the request arrived, in seconds since 1970.
    pub created: u64,
    /// A caller of chat completions asked for usage in the stream.
    pub include_usage: bool,
}

/// Why an answer cannot be written, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The upstream's response ended before its answer did, or is none.
    #[error("the upstream's answer broke off before its end")]
    Broken,
    /// A whole answer is longer than what is kept of one.
    #[error("the upstream's answer is too long to be translated")]
    TooLong,
    /// The upstream reports a failure in place of an answer.
    #[error("{0}")]
    Failed(String),
}

/// Writes one answer in the caller's dialect, as a stream of events or as one body.
///
/// Invariant: what it writes is well-formed whatever comes in: blocks open, fill and close one after
/// the other, indices have no gaps, and nothing follows the end.
#[derive(Debug)]
pub struct Writer {
    dialect: Dialect,
    blocks: Blocks,
    codec: Codec,
}

#[derive(Debug)]
enum Codec {
    Chat(chat::EventWriter),
    Messages(messages::EventWriter),
    Responses(Box<responses::EventWriter>),
    Whole(Box<Whole>),
}

/// A plain answer that is not yet complete.
#[derive(Debug)]
struct Whole {
    reply: Reply,
    answer: Answer,
    fits: bool,
}

impl Writer {
    /// For a caller of `dialect` that wants a stream.
    pub fn events(dialect: Dialect, reply: Reply) -> Self {
        let blocks = Blocks::new(&reply.request_id);
        let codec = match dialect {
            Dialect::Messages => Codec::Messages(messages::EventWriter::new(reply)),
            Dialect::Responses => Codec::Responses(Box::new(responses::EventWriter::new(reply))),
            // No caller speaks the others.
            Dialect::Chat | Dialect::Cohere | Dialect::Gemini => {
                Codec::Chat(chat::EventWriter::new(reply))
            }
        };
        Self { dialect, blocks, codec }
    }

    /// For a caller of `dialect` that wants one body.
    pub fn whole(dialect: Dialect, reply: Reply) -> Self {
        let blocks = Blocks::new(&reply.request_id);
        let whole = Whole { reply, answer: Answer::default(), fits: true };
        Self { dialect, blocks, codec: Codec::Whole(Box::new(whole)) }
    }

    /// Whether it writes a stream.
    pub const fn streams(&self) -> bool {
        !matches!(self.codec, Codec::Whole(_))
    }

    /// Takes the next event and appends what the caller is told.
    pub fn on_event(&mut self, event: &StreamEvent<'_>, out: &mut Vec<u8>) {
        let Self { blocks, codec, .. } = self;
        blocks.on_event(event, &mut |step| {
            if out.is_empty() && !matches!(codec, Codec::Whole(_)) {
                out.reserve(EVENT_BYTES);
            }
            codec.write(&step, out);
        });
    }

    /// The upstream's response ended by itself: the rest of the answer, or all of a plain one.
    ///
    /// # Errors
    /// [`WriteError`]; a caller that reads a stream has then been sent an error event.
    pub fn on_end(&mut self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let Self { blocks, codec, .. } = self;
        if !blocks.on_end(&mut |step| codec.write(&step, out)) {
            self.fail(&WriteError::Broken.to_string(), out);
            return Err(WriteError::Broken);
        }
        let Codec::Whole(whole) = codec else { return Ok(()) };
        whole.finish(self.dialect, out)
    }

    /// Ends the answer with an error, unless it has ended.
    pub fn fail(&mut self, message: &str, out: &mut Vec<u8>) {
        let Self { blocks, codec, .. } = self;
        blocks.fail(message, &mut |step| codec.write(&step, out));
    }
}

impl Codec {
    fn write(&mut self, step: &Step<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Chat(writer) => writer.write(step, out),
            Self::Messages(writer) => writer.write(step, out),
            Self::Responses(writer) => writer.write(step, out),
            Self::Whole(whole) => whole.fits &= whole.answer.on_step(step),
        }
    }
}

impl Whole {
    fn finish(&mut self, dialect: Dialect, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let Self { reply, answer, fits } = self;
        if let Some((kind, message)) = &answer.failure {
            let error = UpstreamError::in_stream(kind.as_deref(), Some(message));
            return Err(WriteError::Failed(told_message(dialect, &error)));
        }
        if !*fits {
            return Err(WriteError::TooLong);
        }
        if answer.id.is_empty() {
            answer.id.clone_from(&reply.request_id);
        }
        if answer.model.is_empty() {
            answer.model.clone_from(&reply.model);
        }
        let value = match dialect {
            Dialect::Messages => messages::whole(answer, reply),
            Dialect::Responses => responses::whole(answer, reply),
            Dialect::Chat | Dialect::Cohere | Dialect::Gemini => chat::whole(answer, reply),
        };
        put_json(out, &value);
        Ok(())
    }
}

/// Appends the event that ends a stream with an error: the provider's own, where it gave a `kind`.
pub(crate) fn put_error(
    out: &mut Vec<u8>,
    dialect: Dialect,
    request_id: &str,
    kind: Option<&str>,
    message: &str,
) {
    if kind.is_some() {
        let error = UpstreamError::in_stream(kind, Some(message));
        out.extend(translate_event(dialect, &error, request_id));
        return;
    }
    let status = StatusCode::BAD_GATEWAY;
    let body = ErrorBody { status, code: "upstream", message, param: None, request_id };
    out.extend(error_event(dialect, &body));
}

/// Before the data of an event.
pub(crate) const DATA: &[u8] = b"data: ";
/// Room that a piece of an answer is written into, in bytes: most events fit.
const EVENT_BYTES: usize = 512;

/// Appends one SSE event; `name` where the dialect names its events.
pub(crate) fn put_event(out: &mut Vec<u8>, name: Option<&str>, data: &impl Serialize) {
    if let Some(name) = name {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'\n');
    }
    out.extend_from_slice(DATA);
    put_json(out, data);
    out.extend_from_slice(b"\n\n");
}

/// Appends a value.
pub(crate) fn put_json(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let before = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        // Values that we make can be written; should one not be, the event stays valid JSON.
        out.truncate(before);
        out.extend_from_slice(b"null");
    }
}
