//! A streamed answer: the role chunk, deltas, the chunk with the reason, usage if asked for, `[DONE]`.

use serde::Serialize;
use serde_json::{Value, json};

use super::whole::{arguments, detail, usage};
use crate::provider::Dialect;
use crate::translate::blocks::{Kind, Step};
use crate::translate::set;
use crate::translate::writer::{DATA, Reply, put_error, put_event, put_json};

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
    /// How every chunk begins, up to its delta.
    head: Vec<u8>,
}

/// A delta of text, by the name of its member.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Said<'a> {
    Content(&'a str),
    Refusal(&'a str),
}

/// A delta of reasoning.
#[derive(Serialize)]
struct Thought<'a> {
    reasoning_content: &'a str,
    reasoning_details: [ThoughtDetail<'a>; 1],
}

#[derive(Serialize)]
struct ThoughtDetail<'a> {
    index: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
}

/// A delta of a call's arguments.
#[derive(Serialize)]
struct CallDelta<'a> {
    tool_calls: [ArgumentsOf<'a>; 1],
}

#[derive(Serialize)]
struct ArgumentsOf<'a> {
    function: Arguments<'a>,
    index: u32,
}

#[derive(Serialize)]
struct Arguments<'a> {
    arguments: &'a str,
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
            head: Vec::new(),
        }
    }

    pub(in crate::translate) fn write(&mut self, step: &Step<'_>, out: &mut Vec<u8>) {
        match step {
            Step::Begin { id, model, .. } => {
                let or =
                    |said: &str, other: &str| if said.is_empty() { other } else { said }.into();
                self.id = or(id, &self.reply.request_id);
                self.model = or(model, &self.reply.model);
                self.make_head();
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
                self.arguments(arguments(""), out);
            }
            Step::Open { .. } | Step::Close { .. } => {}
            Step::Fail { kind, message } => {
                put_error(out, Dialect::Chat, &self.reply.request_id, *kind, message);
            }
            Step::End { finish, usage: reported } => {
                self.chunk(&json!({}), Some(finish.chat()), out);
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
            Kind::Text => self.delta(&Said::Content(text), out),
            Kind::Refusal => self.delta(&Said::Refusal(text), out),
            // Twice: for people, and for the provider, should a signature follow.
            Kind::Reasoning => {
                let detail = ThoughtDetail { index: self.thought(), kind: "reasoning.text", text };
                let thought = Thought { reasoning_content: text, reasoning_details: [detail] };
                self.delta(&thought, out);
            }
            Kind::ToolCall { .. } => {
                self.written = true;
                self.arguments(text, out);
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

    /// A piece of the arguments of the call that was opened last.
    fn arguments(&self, text: &str, out: &mut Vec<u8>) {
        let function = Arguments { arguments: text };
        let call = ArgumentsOf { function, index: self.calls.saturating_sub(1) };
        self.delta(&CallDelta { tool_calls: [call] }, out);
    }

    fn delta(&self, delta: &impl Serialize, out: &mut Vec<u8>) {
        self.chunk(delta, None, out);
    }

    fn chunk(&self, delta: &impl Serialize, reason: Option<&str>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        put_json(out, delta);
        out.extend_from_slice(br#","logprobs":null,"finish_reason":"#);
        put_json(out, &reason);
        let usage: &[u8] = if self.reply.include_usage { br#"}],"usage":null}"# } else { b"}]}" };
        out.extend_from_slice(usage);
        out.extend_from_slice(b"\n\n");
    }

    /// What no chunk changes is written once.
    fn make_head(&mut self) {
        self.head.clear();
        self.head.extend_from_slice(DATA);
        let mut chunk = Vec::new();
        put_json(&mut chunk, &self.envelope(&json!([])));
        self.head.extend_from_slice(chunk.strip_suffix(b"]}").unwrap_or(&chunk));
        self.head.extend_from_slice(br#"{"index":0,"delta":"#);
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
