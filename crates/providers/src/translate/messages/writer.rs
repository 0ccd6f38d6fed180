//! A streamed answer: `message_start`, blocks one after the other, `message_delta`, `message_stop`.

use serde::Serialize;
use serde_json::{Value, json};

use super::set;
use super::whole::{stop_reason, usage};
use crate::event::Opaque;
use crate::provider::Dialect;
use crate::translate::blocks::{Kind, Step};
use crate::translate::sealed::Sealed;
use crate::translate::writer::{Reply, put_error, put_event};

/// Writes the events of one answer.
///
/// A block is begun when there is something to put into it: whether a thought is a `thinking` or a
/// `redacted_thinking` block is known no earlier, and empty blocks of text are refused by the API
/// when a caller sends them back. Indices are therefore its own.
#[derive(Debug)]
pub(in crate::translate) struct EventWriter {
    reply: Reply,
    /// The index of the next block to begin.
    next_index: u32,
    /// The block that is open upstream has been begun here too.
    begun: bool,
    refused: bool,
}

/// A piece of the open block.
#[derive(Serialize)]
struct BlockDelta<'a> {
    index: u32,
    delta: Delta<'a>,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Delta<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
}

impl EventWriter {
    pub(in crate::translate) const fn new(reply: Reply) -> Self {
        Self { reply, next_index: 0, begun: false, refused: false }
    }

    pub(in crate::translate) fn write(&mut self, step: &Step<'_>, out: &mut Vec<u8>) {
        match step {
            Step::Begin { id, model, usage: reported } => {
                let or = |said: &str, other: &str| {
                    if said.is_empty() { other.to_owned() } else { said.to_owned() }
                };
                let message = json!({
                    "id": or(id, &self.reply.request_id),
                    "type": "message",
                    "role": "assistant",
                    "model": or(model, &self.reply.model),
                    "content": [],
                    "stop_reason": null,
                    "stop_sequence": null,
                    "usage": usage(reported.as_ref()),
                });
                put(out, "message_start", json!({ "message": message }));
            }
            Step::Open { kind: Kind::ToolCall { id, name }, .. } => {
                let block = json!({ "type": "tool_use", "id": id, "name": name, "input": {} });
                self.begin(&block, out);
            }
            Step::Open { .. } => self.begun = false,
            Step::Delta { kind, text, .. } => self.on_delta(kind, text, out),
            Step::Sealed { sealed, .. } => self.on_sealed(sealed, out),
            Step::Close { .. } => self.close(out),
            Step::Fail { kind, message } => {
                put_error(out, Dialect::Messages, &self.reply.request_id, *kind, message);
            }
            Step::End { finish, usage: reported } => {
                let reason = stop_reason(*finish, self.refused);
                let delta = json!({ "stop_reason": reason, "stop_sequence": null });
                let usage = usage(reported.as_ref());
                put(out, "message_delta", json!({ "delta": delta, "usage": usage }));
                put(out, "message_stop", json!({}));
            }
        }
    }

    fn on_delta(&mut self, kind: &Kind, text: &str, out: &mut Vec<u8>) {
        match kind {
            Kind::Text | Kind::Refusal => {
                self.refused |= *kind == Kind::Refusal;
                self.begin_once(|| json!({ "type": "text", "text": "" }), out);
                self.delta(Delta::Text { text }, out);
            }
            Kind::Reasoning => {
                self.begin_once(thinking, out);
                self.delta(Delta::Thinking { thinking: text }, out);
            }
            Kind::ToolCall { .. } => {
                self.delta(Delta::InputJson { partial_json: text }, out);
            }
        }
    }

    fn on_sealed(&mut self, sealed: &Sealed, out: &mut Vec<u8>) {
        let data = carried(sealed);
        if !sealed.signs && !self.begun {
            self.begin(&json!({ "type": "redacted_thinking", "data": data }), out);
            return;
        }
        self.begin_once(thinking, out);
        self.delta(Delta::Signature { signature: &data }, out);
    }

    fn begin_once(&mut self, block: impl FnOnce() -> Value, out: &mut Vec<u8>) {
        if !self.begun {
            self.begin(&block(), out);
        }
    }

    fn begin(&mut self, block: &Value, out: &mut Vec<u8>) {
        self.begun = true;
        let index = self.next_index;
        put(out, "content_block_start", json!({ "index": index, "content_block": block }));
    }

    fn delta(&self, delta: Delta<'_>, out: &mut Vec<u8>) {
        let kind = "content_block_delta";
        put_event(out, Some(kind), &BlockDelta { index: self.next_index, delta, kind });
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.begun) {
            put(out, "content_block_stop", json!({ "index": self.next_index }));
            self.next_index += 1;
        }
    }
}

fn thinking() -> Value {
    json!({ "type": "thinking", "thinking": "", "signature": "" })
}

/// What the caller keeps of sealed reasoning: as it came where it is this API's own.
pub(super) fn carried(sealed: &Sealed) -> String {
    if sealed.is(Opaque::ANTHROPIC) { sealed.data.clone() } else { sealed.to_tagged() }
}

/// Every event says its type twice.
fn put(out: &mut Vec<u8>, name: &str, mut data: Value) {
    set(&mut data, "type", name);
    put_event(out, Some(name), &data);
}
