//! A streamed answer: `response.created`, each item from `added` to `done`, and the whole answer
//! once more at the end.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::set;
use super::whole::{Status, arguments, closed, item_id, lacking, opened, part, response};
use crate::error_body::{Told, told};
use crate::provider::Dialect;
use crate::translate::answer::{ANSWER_BYTES_MAX, Answer};
use crate::translate::blocks::{Kind, Step};
use crate::translate::writer::{Reply, WriteError, put_event};
use crate::upstream_error::UpstreamError;

/// The code that errors carry: ours inside `error`, and the API's own in a failed response.
const UPSTREAM_CODE: &str = "upstream";
const FAILED_CODE: &str = "server_error";

/// Writes the events of one answer.
#[derive(Debug)]
pub(in crate::translate) struct EventWriter {
    reply: Reply,
    /// What was said so far: the last event repeats it.
    answer: Answer,
    /// The most of it that is kept.
    answer_bytes_max: usize,
    sequence: u64,
    begun: bool,
    over: bool,
    /// The open item.
    item: String,
}

/// A piece of the open item.
#[derive(Serialize)]
struct Piece<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sequence_number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary_index: Option<u32>,
    delta: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<[u32; 0]>,
    item_id: &'a str,
    output_index: u32,
}

impl EventWriter {
    pub(in crate::translate) fn new(reply: Reply) -> Self {
        Self::limited(reply, ANSWER_BYTES_MAX)
    }

    /// Keeps at most this much of the answer; a longer one ends with an error.
    pub(super) fn limited(reply: Reply, answer_bytes_max: usize) -> Self {
        Self {
            reply,
            answer: Answer::default(),
            answer_bytes_max: answer_bytes_max.min(ANSWER_BYTES_MAX),
            sequence: 0,
            begun: false,
            over: false,
            item: String::new(),
        }
    }

    pub(in crate::translate) fn write(&mut self, step: &Step<'_>, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        let fits = self.answer.on_step(step) && self.answer.bytes() <= self.answer_bytes_max;
        if !fits {
            self.fail(&ours(&WriteError::TooLong.to_string()), out);
            return;
        }
        match step {
            Step::Begin { .. } => self.begin(out),
            Step::Open { index, kind } => self.open(*index, kind, out),
            Step::Delta { index, kind, text } => self.delta(*index, kind, text, out),
            // It is part of the item, which comes whole when it is done.
            Step::Sealed { .. } => {}
            Step::Close { index, kind } => self.close(*index, kind, out),
            Step::End { finish, .. } => {
                self.over = true;
                let incomplete = finish.incomplete().is_some();
                let name = if incomplete { "response.incomplete" } else { "response.completed" };
                self.lifecycle(name, Status::Over, out);
            }
            Step::Fail { kind, message } => {
                let told = match kind {
                    Some(_) => {
                        let error = UpstreamError::in_stream(*kind, Some(message));
                        told(Dialect::Responses, &error)
                    }
                    None => ours(message),
                };
                self.fail(&told, out);
            }
        }
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        self.begun = true;
        let or = |said: &mut String, other: &str| {
            if said.is_empty() {
                other.clone_into(said);
            }
        };
        or(&mut self.answer.id, &self.reply.request_id);
        or(&mut self.answer.model, &self.reply.model);
        self.lifecycle("response.created", Status::InProgress, out);
        self.lifecycle("response.in_progress", Status::InProgress, out);
    }

    fn open(&mut self, index: u32, kind: &Kind, out: &mut Vec<u8>) {
        let place = self.answer.blocks.len().saturating_sub(1);
        self.item = item_id(kind, &self.answer.id, place);
        let item = opened(kind, &self.item);
        let added = json!({ "output_index": index, "item": item });
        self.event("response.output_item.added", added, out);
        if matches!(kind, Kind::Text | Kind::Refusal) {
            let added = self.piece(index, json!({ "content_index": 0, "part": part(kind, "") }));
            self.event("response.content_part.added", added, out);
        }
    }

    fn delta(&mut self, index: u32, kind: &Kind, text: &str, out: &mut Vec<u8>) {
        let name = match kind {
            Kind::Text => "response.output_text.delta",
            Kind::Refusal => "response.refusal.delta",
            Kind::Reasoning => {
                // The part opens with its first text: a summary may stay empty.
                let first = self.answer.blocks.last().is_some_and(|b| b.text.len() == text.len());
                if first {
                    let added = json!({ "summary_index": 0, "part": part(kind, "") });
                    let added = self.piece(index, added);
                    self.event("response.reasoning_summary_part.added", added, out);
                }
                "response.reasoning_summary_text.delta"
            }
            Kind::ToolCall { .. } => "response.function_call_arguments.delta",
        };
        let piece = Piece {
            kind: name,
            sequence_number: self.sequence,
            content_index: matches!(kind, Kind::Text | Kind::Refusal).then_some(0),
            summary_index: matches!(kind, Kind::Reasoning).then_some(0),
            delta: text,
            logprobs: matches!(kind, Kind::Text).then_some([]),
            item_id: &self.item,
            output_index: index,
        };
        self.sequence += 1;
        put_event(out, Some(name), &piece);
    }

    fn close(&mut self, index: u32, kind: &Kind, out: &mut Vec<u8>) {
        let Some(block) = self.answer.blocks.last() else { return };
        let item = closed(block, &self.item);
        let text = block.text.clone();
        let whole_part = part(kind, &text);
        match kind {
            Kind::Text => {
                let done = json!({ "content_index": 0, "text": text, "logprobs": [] });
                self.done(index, "response.output_text.done", done, out);
                let done = json!({ "content_index": 0, "part": whole_part });
                self.done(index, "response.content_part.done", done, out);
            }
            Kind::Refusal => {
                let done = json!({ "content_index": 0, "refusal": text });
                self.done(index, "response.refusal.done", done, out);
                let done = json!({ "content_index": 0, "part": whole_part });
                self.done(index, "response.content_part.done", done, out);
            }
            Kind::Reasoning if text.is_empty() => {}
            Kind::Reasoning => {
                let done = json!({ "summary_index": 0, "text": text });
                self.done(index, "response.reasoning_summary_text.done", done, out);
                let done = json!({ "summary_index": 0, "part": whole_part });
                self.done(index, "response.reasoning_summary_part.done", done, out);
            }
            Kind::ToolCall { name, .. } => {
                let rest = lacking(&text);
                if !rest.is_empty() {
                    let rest = json!({ "delta": rest });
                    self.done(index, "response.function_call_arguments.delta", rest, out);
                }
                let whole = arguments(&text);
                let done = json!({ "name": name, "arguments": whole });
                self.done(index, "response.function_call_arguments.done", done, out);
            }
        }
        let done = json!({ "output_index": index, "item": item });
        self.event("response.output_item.done", done, out);
    }

    /// The error for clients that look for one, then the response for those that wait for its end.
    /// An answer that has not begun has no response that could fail.
    fn fail(&mut self, told: &Told, out: &mut Vec<u8>) {
        self.over = true;
        let Told { kind, code, message } = told;
        // The API documents the flat form and sends the nested one; SDKs look for either.
        let data = json!({
            "code": code,
            "message": message,
            "param": null,
            "error": { "type": kind, "code": code, "message": message, "param": null },
        });
        self.event("error", data, out);
        if self.begun {
            // The response has codes for what is not the caller's fault; ours is none of them.
            let code = code.as_deref().filter(|code| *code != UPSTREAM_CODE);
            let status = Status::Failed(code.unwrap_or(FAILED_CODE), message);
            self.lifecycle("response.failed", status, out);
        }
    }

    fn lifecycle(&mut self, name: &str, status: Status<'_>, out: &mut Vec<u8>) {
        let response = response(&self.answer, &self.reply, status);
        self.event(name, json!({ "response": response }), out);
    }

    fn done(&mut self, index: u32, name: &str, data: Value, out: &mut Vec<u8>) {
        let data = self.piece(index, data);
        self.event(name, data, out);
    }

    /// Says which item the event belongs to.
    fn piece(&self, index: u32, mut data: Value) -> Value {
        set(&mut data, "item_id", self.item.as_str());
        set(&mut data, "output_index", index);
        data
    }

    fn event(&mut self, name: &str, data: Value, out: &mut Vec<u8>) {
        let mut event = Map::new();
        event.insert("type".into(), name.into());
        event.insert("sequence_number".into(), self.sequence.into());
        if let Value::Object(data) = data {
            event.extend(data);
        }
        self.sequence += 1;
        put_event(out, Some(name), &event);
    }
}

/// A failure of our own.
fn ours(message: &str) -> Told {
    Told {
        kind: FAILED_CODE.to_owned(),
        code: Some(UPSTREAM_CODE.to_owned()),
        message: message.to_owned(),
    }
}
