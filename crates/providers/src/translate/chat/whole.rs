//! A plain answer.

use serde_json::{Map, Value, json};

use crate::event::Usage;
use crate::translate::answer::{Answer, Block};
use crate::translate::blocks::Kind;
use crate::translate::sealed::Sealed;
use crate::translate::set;
use crate::translate::writer::Reply;

/// The `chat.completion` object.
pub(in crate::translate) fn whole(answer: &Answer, reply: &Reply) -> Value {
    json!({
        "id": answer.id,
        "object": "chat.completion",
        "created": reply.created,
        "model": answer.model,
        "choices": [{
            "index": 0,
            "message": message(answer),
            "logprobs": null,
            "finish_reason": answer.finish.chat(),
        }],
        "usage": answer.usage.as_ref().map(usage),
    })
}

fn message(answer: &Answer) -> Value {
    let text = answer.text_of(&Kind::Text);
    let refusal = answer.text_of(&Kind::Refusal);
    let reasoning = answer.text_of(&Kind::Reasoning);
    let mut message = Map::new();
    message.insert("role".into(), "assistant".into());
    let calls: Vec<Value> = answer.blocks.iter().filter_map(call).collect();
    let silent = text.is_empty() && !(calls.is_empty() && refusal.is_empty());
    message.insert("content".into(), if silent { Value::Null } else { text.into() });
    message.insert("refusal".into(), non_empty(refusal));
    if !reasoning.is_empty() {
        message.insert("reasoning_content".into(), reasoning.into());
    }
    let thoughts = answer.blocks.iter().filter(|block| block.kind == Kind::Reasoning);
    let details: Vec<Value> = (0..)
        .zip(thoughts)
        .filter_map(|(at, block)| Some(detail(at, Some(&block.text), block.sealed.as_ref()?)))
        .collect();
    if !details.is_empty() {
        message.insert("reasoning_details".into(), details.into());
    }
    if !calls.is_empty() {
        message.insert("tool_calls".into(), calls.into());
    }
    Value::Object(message)
}

fn call(block: &Block) -> Option<Value> {
    let Kind::ToolCall { id, name } = &block.kind else { return None };
    Some(json!({
        "id": id,
        "type": "function",
        "function": { "name": name, "arguments": arguments(&block.text) },
    }))
}

/// A call without arguments is one with an empty object.
pub(super) fn arguments(text: &str) -> &str {
    if text.trim().is_empty() { "{}" } else { text }
}

/// An element of `reasoning_details`, in the form that OpenRouter documents: a caller that sends its
/// messages back as they came gives the provider what it wants back.
///
/// A stream has sent the text before.
pub(super) fn detail(index: u32, text: Option<&str>, sealed: &Sealed) -> Value {
    let Sealed { format, signs, id, data } = sealed;
    let mut element = json!({ "index": index, "format": format });
    if *signs {
        set(&mut element, "type", "reasoning.text");
        if let Some(text) = text {
            set(&mut element, "text", text);
        }
        set(&mut element, "signature", data.as_str());
    } else {
        set(&mut element, "type", "reasoning.encrypted");
        set(&mut element, "data", data.as_str());
    }
    if !id.is_empty() {
        set(&mut element, "id", id.as_str());
    }
    element
}

fn non_empty(text: String) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

/// `usage`, with cached tokens inside `prompt_tokens` and reasoning inside `completion_tokens`.
pub(super) fn usage(usage: &Usage) -> Value {
    let (input, output) = (usage.input_total().unwrap_or(0), usage.output_total().unwrap_or(0));
    let mut cached = Map::new();
    cached.insert("cached_tokens".into(), usage.cache_read.unwrap_or(0).into());
    if let Some(written) = usage.cache_creation {
        cached.insert("cache_write_tokens".into(), written.into());
    }
    json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input.saturating_add(output),
        "prompt_tokens_details": cached,
        "completion_tokens_details": { "reasoning_tokens": usage.reasoning.unwrap_or(0) },
    })
}
