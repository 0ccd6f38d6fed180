//! A plain answer: the `response` object, which a stream repeats in its first and last events.

use serde_json::{Map, Value, json};

use crate::event::{Opaque, Usage};
use crate::translate::answer::{Answer, Block};
use crate::translate::blocks::Kind;
use crate::translate::sealed::Sealed;
use crate::translate::writer::Reply;

/// How far an answer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status<'a> {
    InProgress,
    Over,
    /// With a code and a message.
    Failed(&'a str, &'a str),
}

/// The answer as one object.
pub(in crate::translate) fn whole(answer: &Answer, reply: &Reply) -> Value {
    response(answer, reply, Status::Over)
}

/// The `response` object. What repeats the request says what the API says by default: the answer's
/// writer does not know the request.
pub(super) fn response(answer: &Answer, reply: &Reply, status: Status<'_>) -> Value {
    let why = if status == Status::Over { answer.finish.incomplete() } else { None };
    let output = match status {
        Status::InProgress => Vec::new(),
        Status::Over | Status::Failed(..) => items(answer),
    };
    json!({
        "id": answer.id,
        "object": "response",
        "created_at": reply.created,
        "status": match (status, why) {
            (Status::InProgress, _) => "in_progress",
            (Status::Failed(..), _) => "failed",
            (Status::Over, Some(_)) => "incomplete",
            (Status::Over, None) => "completed",
        },
        "background": false,
        "error": match status {
            Status::Failed(code, message) => json!({ "code": code, "message": message }),
            Status::InProgress | Status::Over => Value::Null,
        },
        "incomplete_details": why.map(|reason| json!({ "reason": reason })),
        "instructions": null,
        "max_output_tokens": null,
        "metadata": {},
        "model": answer.model,
        "output": output,
        "parallel_tool_calls": true,
        "previous_response_id": null,
        "reasoning": { "effort": null, "summary": null },
        "store": false,
        "temperature": null,
        "text": { "format": { "type": "text" } },
        "tool_choice": "auto",
        "tools": [],
        "top_p": null,
        "truncation": "disabled",
        "usage": answer.usage.as_ref().filter(|_| status != Status::InProgress).map(usage),
    })
}

/// The item that a block is: `msg_`, `fc_` or `rs_`, the answer's id and the block's place.
pub(super) fn item_id(kind: &Kind, response_id: &str, index: usize) -> String {
    let prefix = match kind {
        Kind::Text | Kind::Refusal => "msg",
        Kind::Reasoning => "rs",
        Kind::ToolCall { .. } => "fc",
    };
    format!("{prefix}_{response_id}_{index}")
}

/// The item as it is announced: empty.
pub(super) fn opened(kind: &Kind, id: &str) -> Value {
    let empty = Block { kind: kind.clone(), text: String::new(), sealed: None };
    match kind {
        Kind::Text | Kind::Refusal => message(id, "in_progress", &[]),
        Kind::Reasoning => reasoning(&empty, id),
        Kind::ToolCall { id: call, name } => function_call(id, call, name, "", "in_progress"),
    }
}

/// The item as it is when it is complete.
pub(super) fn closed(block: &Block, id: &str) -> Value {
    match &block.kind {
        Kind::Text | Kind::Refusal => message(id, "completed", &[part(&block.kind, &block.text)]),
        Kind::Reasoning => reasoning(block, id),
        Kind::ToolCall { id: call, name } => {
            function_call(id, call, name, &arguments(&block.text), "completed")
        }
    }
}

/// A part of a message or of a summary.
pub(super) fn part(kind: &Kind, text: &str) -> Value {
    match kind {
        Kind::Refusal => json!({ "type": "refusal", "refusal": text }),
        Kind::Reasoning => json!({ "type": "summary_text", "text": text }),
        Kind::Text | Kind::ToolCall { .. } => {
            json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
        }
    }
}

/// What a call without arguments lacks: it is one with an empty object.
pub(super) fn lacking(text: &str) -> &'static str {
    if text.trim().is_empty() { "{}" } else { "" }
}

/// A call's arguments, which are JSON.
pub(super) fn arguments(text: &str) -> String {
    format!("{text}{}", lacking(text))
}

fn items(answer: &Answer) -> Vec<Value> {
    let item = |(at, block): (usize, &Block)| closed(block, &item_id(&block.kind, &answer.id, at));
    answer.blocks.iter().enumerate().map(item).collect()
}

fn message(id: &str, status: &str, content: &[Value]) -> Value {
    json!({
        "id": id,
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    })
}

fn function_call(id: &str, call: &str, name: &str, arguments: &str, status: &str) -> Value {
    json!({
        "id": id,
        "type": "function_call",
        "status": status,
        "call_id": call,
        "name": name,
        "arguments": arguments,
    })
}

fn reasoning(block: &Block, id: &str) -> Value {
    let summary =
        if block.text.is_empty() { Vec::new() } else { vec![part(&Kind::Reasoning, &block.text)] };
    let mut item = Map::new();
    item.insert("id".into(), id.into());
    item.insert("type".into(), "reasoning".into());
    item.insert("summary".into(), summary.into());
    if let Some(sealed) = &block.sealed {
        item.insert("encrypted_content".into(), encrypted(sealed, id).into());
    }
    Value::Object(item)
}

/// The API's own reasoning goes as it is, anything else with a tag; so does what its provider ties
/// to an id that is not the item's, since it checks the two against each other.
fn encrypted(sealed: &Sealed, id: &str) -> String {
    if sealed.is(Opaque::RESPONSES) && (sealed.id.is_empty() || sealed.id == id) {
        return sealed.data.clone();
    }
    sealed.to_tagged()
}

/// `usage`, with cached tokens inside `input_tokens` and reasoning inside `output_tokens`.
fn usage(usage: &Usage) -> Value {
    let (input, output) = (usage.input_total().unwrap_or(0), usage.output_total().unwrap_or(0));
    json!({
        "input_tokens": input,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read.unwrap_or(0),
            "cache_write_tokens": usage.cache_creation.unwrap_or(0),
        },
        "output_tokens": output,
        "output_tokens_details": { "reasoning_tokens": usage.reasoning.unwrap_or(0) },
        "total_tokens": input.saturating_add(output),
    })
}
