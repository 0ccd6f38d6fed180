//! A streamed answer: the role chunk, deltas, the chunk with the reason, usage if asked for, `[DONE]`.

use serde_json::{Value, json};

use super::whole::{arguments, detail, usage};
use crate::provider::Dialect;
use crate::translate::blocks::{Kind, Step};
use crate::translate::set;
use crate::translate::writer::{Reply, put_error, put_event};

/// Writes the chunks of one answer.
#[derive(Debug)]
pub(in crate::translate) struct EventWriter {
    reply: Reply,
    id: String,
    model: String,
    calls: u32,
    /// Pieces of reasoning, each with an index of its own in `reasoning_details`.
    thoughts: u32,
    /// The open call had arguments.
    written: bool,
}

impl EventWriter {
    pub(in crate::translate) const fn new(reply: Reply) -> Self {
        Self {
            reply,
            id: String::new(),
            model: String::new(),
            calls: 0,
            thoughts: 0,
            written: false,
        }
    }

    pub(in crate::translate) fn write(&mut self, step: &Step<'_>, out: &mut Vec<u8>) {
        match step {
            Step::Begin { id, model, .. } => {
                let or =
                    |said: &str, other: &str| if said.is_empty() { other } else { said }.into();
                self.id = or(id, &self.reply.request_id);
                self.model = or(model, &self.reply.model);
                self.delta(&json!({ "role": "assistant", "content": "", "refusal": null }), out);
            }
            Step::Open { kind: Kind::ToolCall { id, name }, .. } => {
                self.written = false;
                self.calls += 1;
                self.call(
                    json!({
                        "id": id, "type": "function",
                        "function": { "name": name, "arguments": "" },
                    }),
                    out,
                );
            }
            Step::Open { kind: Kind::Reasoning, .. } => self.thoughts += 1,
            Step::Delta { kind, text, .. } => self.on_delta(kind, text, out),
            Step::Sealed { sealed, .. } => {
                let element = detail(self.thought(), None, sealed);
                self.delta(&json!({ "reasoning_details": [element] }), out);
            }
            Step::Close { kind: Kind::ToolCall { .. }, .. } if !self.written => {
                self.call(json!({ "function": { "arguments": arguments("") } }), out);
            }
            Step::Open { .. } | Step::Close { .. } => {}
            Step::Fail { kind, message } => {
                put_error(out, Dialect::Chat, &self.reply.request_id, *kind, message);
            }
            Step::End { finish, usage: reported } => {
                self.chunk(&json!({}), &finish.chat().into(), out);
                if self.reply.include_usage {
                    let mut chunk = self.envelope(&json!([]));
                    set(&mut chunk, "usage", reported.as_ref().map_or(Value::Null, usage));
                    put_event(out, None, &chunk);
                }
                out.extend_from_slice(b"data: [DONE]\n\n");
            }
        }
    }

    fn on_delta(&mut self, kind: &Kind, text: &str, out: &mut Vec<u8>) {
        match kind {
            Kind::Text => self.delta(&json!({ "content": text }), out),
            Kind::Refusal => self.delta(&json!({ "refusal": text }), out),
            // Twice: for people, and for the provider, should a signature follow.
            Kind::Reasoning => self.delta(
                &json!({
                    "reasoning_content": text,
                    "reasoning_details": [
                        { "index": self.thought(), "type": "reasoning.text", "text": text }
                    ],
                }),
                out,
            ),
            Kind::ToolCall { .. } => {
                self.written = true;
                self.call(json!({ "function": { "arguments": text } }), out);
            }
        }
    }

    fn thought(&self) -> u32 {
        self.thoughts.saturating_sub(1)
    }

    /// A piece of the call that was opened last.
    fn call(&self, mut call: Value, out: &mut Vec<u8>) {
        set(&mut call, "index", self.calls.saturating_sub(1));
        self.delta(&json!({ "tool_calls": [call] }), out);
    }

    fn delta(&self, delta: &Value, out: &mut Vec<u8>) {
        self.chunk(delta, &Value::Null, out);
    }

    fn chunk(&self, delta: &Value, reason: &Value, out: &mut Vec<u8>) {
        let choice =
            json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": reason });
        let mut chunk = self.envelope(&json!([choice]));
        if self.reply.include_usage {
            set(&mut chunk, "usage", Value::Null);
        }
        put_event(out, None, &chunk);
    }

    fn envelope(&self, choices: &Value) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.reply.created,
            "model": self.model,
            "choices": choices,
        })
    }
}
