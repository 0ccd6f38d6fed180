//! A plain answer.

use serde_json::{Map, Value, json};

use super::writer::carried;
use crate::event::Usage;
use crate::translate::answer::{Answer, Block};
use crate::translate::blocks::Kind;
use crate::translate::finish::Finish;
use crate::translate::writer::Reply;

/// The answer as one object.
pub(in crate::translate) fn whole(answer: &Answer, _reply: &Reply) -> Value {
    let content: Vec<Value> = answer.blocks.iter().filter_map(block).collect();
    let refused = answer.blocks.iter().any(|b| b.kind == Kind::Refusal && !b.text.is_empty());
    json!({
        "id": answer.id,
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
        "stop_reason": stop_reason(answer.finish, refused),
        "stop_sequence": null,
        "usage": usage(answer.usage.as_ref()),
    })
}

/// `None` for a block that says nothing.
fn block(block: &Block) -> Option<Value> {
    let Block { kind, text, sealed } = block;
    match (kind, sealed) {
        (Kind::ToolCall { id, name }, _) => Some(json!({
            "type": "tool_use",
            "id": id,
            "name": name,
            "input": input(text),
        })),
        (Kind::Reasoning, Some(sealed)) if !sealed.signs && text.is_empty() => {
            Some(json!({ "type": "redacted_thinking", "data": carried(sealed) }))
        }
        (Kind::Reasoning, sealed) if sealed.is_some() || !text.is_empty() => {
            let signature = sealed.as_ref().map(carried).unwrap_or_default();
            Some(json!({ "type": "thinking", "thinking": text, "signature": signature }))
        }
        (Kind::Text | Kind::Refusal, _) if !text.is_empty() => {
            Some(json!({ "type": "text", "text": text }))
        }
        _ => None,
    }
}

/// A call's arguments. What is no JSON, since the model erred or was cut off, is given as the text
/// that it is: a caller that checks its input notices, and nothing is made up.
fn input(text: &str) -> Value {
    if text.trim().is_empty() {
        return Value::Object(Map::new());
    }
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// `stop_reason`; a refusal is text here, and only the reason says what it is.
pub(super) const fn stop_reason(finish: Finish, refused: bool) -> &'static str {
    match finish {
        Finish::Stop if refused => Finish::Refused.messages(),
        other => other.messages(),
    }
}

/// `usage`: input without what was read from and written to a cache. Without a report it is zeros,
/// since the SDKs insist on numbers.
pub(super) fn usage(reported: Option<&Usage>) -> Value {
    let usage = reported.copied().unwrap_or_default();
    let cached = usage.cache_read.unwrap_or(0).saturating_add(usage.cache_creation.unwrap_or(0));
    let input = usage.input_total().unwrap_or(0).saturating_sub(cached);
    let mut object = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            object.insert(name.into(), value);
        }
    };
    put("input_tokens", Some(input.into()));
    put("cache_creation_input_tokens", usage.cache_creation.map(Value::from));
    put("cache_read_input_tokens", usage.cache_read.map(Value::from));
    put("output_tokens", Some(usage.output_total().unwrap_or(0).into()));
    let (short, long) = (usage.cache_creation_5m, usage.cache_creation_1h);
    let lifetimes = (short.is_some() || long.is_some()).then(|| {
        json!({
            "ephemeral_5m_input_tokens": short.unwrap_or(0),
            "ephemeral_1h_input_tokens": long.unwrap_or(0),
        })
    });
    put("cache_creation", lifetimes);
    put(
        "output_tokens_details",
        usage.reasoning.map(|reasoning| json!({ "thinking_tokens": reasoning })),
    );
    Value::Object(object)
}
