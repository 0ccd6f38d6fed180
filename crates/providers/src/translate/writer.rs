//! Answers in the caller's dialect: event by event, or as one body.

use http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use crate::body::{BodyError, read_body};
use crate::error_body::{ErrorBody, error_event};
use crate::event::StreamEvent;
use crate::provider::Dialect;

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

/// Writes one streamed answer in the caller's dialect.
///
/// Invariant: what it writes is well-formed whatever comes in: blocks open, fill and close one after
/// the other, indices have no gaps, and nothing follows the end.
#[derive(Debug)]
pub struct Writer {
    dialect: Dialect,
    request_id: String,
    blocks: Blocks,
    codec: Codec,
}

#[derive(Debug)]
enum Codec {
    Chat(chat::EventWriter),
    Messages(messages::EventWriter),
    Responses(responses::EventWriter),
}

impl Writer {
    /// For one answer to a caller of `dialect`.
    pub fn new(dialect: Dialect, reply: Reply) -> Self {
        let request_id = reply.request_id.clone();
        let codec = match dialect {
            Dialect::Messages => Codec::Messages(messages::EventWriter::new(reply)),
            Dialect::Responses => Codec::Responses(responses::EventWriter::new(reply)),
            // No caller speaks the others.
            Dialect::Chat | Dialect::Cohere | Dialect::Gemini => {
                Codec::Chat(chat::EventWriter::new(reply))
            }
        };
        Self { dialect, request_id, blocks: Blocks::default(), codec }
    }

    /// Takes the next event and appends what the caller is told.
    pub fn on_event(&mut self, event: &StreamEvent<'_>, out: &mut Vec<u8>) {
        let Self { dialect, request_id, blocks, codec } = self;
        blocks.on_event(event, &mut |step| codec.write(*dialect, request_id, &step, out));
    }

    /// The upstream's response ended by itself. `false` if it broke off before its end: the caller
    /// then has an error event.
    pub fn on_end(&mut self, out: &mut Vec<u8>) -> bool {
        let Self { dialect, request_id, blocks, codec } = self;
        let whole = blocks.on_end(&mut |step| codec.write(*dialect, request_id, &step, out));
        if !whole {
            let message = "the upstream's answer broke off before its end";
            codec.write(*dialect, request_id, &Step::Fail { kind: None, message }, out);
        }
        whole
    }

    /// Whether the caller has been told the end.
    pub const fn is_over(&self) -> bool {
        self.blocks.is_over()
    }
}

impl Codec {
    fn write(&mut self, dialect: Dialect, request_id: &str, step: &Step<'_>, out: &mut Vec<u8>) {
        if let Step::Fail { message, .. } = step {
            out.extend(error_event(
                dialect,
                &ErrorBody {
                    status: StatusCode::BAD_GATEWAY,
                    code: "upstream",
                    message,
                    param: None,
                    request_id,
                },
            ));
            return;
        }
        match self {
            Self::Chat(writer) => writer.write(step, out),
            Self::Messages(writer) => writer.write(step, out),
            Self::Responses(writer) => writer.write(step, out),
        }
    }
}

/// A plain answer of an upstream, as the caller's dialect has it.
///
/// # Errors
/// [`BodyError`], for a body that is no answer of the upstream's dialect, or is too long to keep.
pub fn write_whole(
    upstream: Dialect,
    caller: Dialect,
    body: &[u8],
    reply: &Reply,
) -> Result<Vec<u8>, BodyError> {
    let (mut blocks, mut answer, mut fits) = (Blocks::default(), Answer::default(), true);
    read_body(upstream, body, &mut |event| {
        blocks.on_event(&event, &mut |step| fits &= answer.on_step(&step));
    })?;
    // A plain body that ends is an answer that ends; some give no reason.
    blocks.on_event(&StreamEvent::Done, &mut |_| {});
    blocks.on_end(&mut |step| fits &= answer.on_step(&step));
    if !fits || answer.failure.is_some() {
        return Err(BodyError);
    }
    if answer.id.is_empty() {
        answer.id.clone_from(&reply.request_id);
    }
    if answer.model.is_empty() {
        answer.model.clone_from(&reply.model);
    }
    let value: Value = match caller {
        Dialect::Messages => messages::whole(&answer, reply),
        Dialect::Responses => responses::whole(&answer, reply),
        Dialect::Chat | Dialect::Cohere | Dialect::Gemini => chat::whole(&answer, reply),
    };
    Ok(value.to_string().into_bytes())
}

/// Appends one SSE event; `name` where the dialect names its events.
pub(crate) fn put_event(out: &mut Vec<u8>, name: Option<&str>, data: &impl Serialize) {
    if let Some(name) = name {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'\n');
    }
    out.extend_from_slice(b"data: ");
    let before = out.len();
    if serde_json::to_writer(&mut *out, data).is_err() {
        // Values that we make can be written; should one not be, the event stays valid JSON.
        out.truncate(before);
        out.extend_from_slice(b"null");
    }
    out.extend_from_slice(b"\n\n");
}
