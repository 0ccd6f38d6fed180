//! The conversation for an upstream: `instructions` and the items of `input`.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::content::encode_parts;
use super::set;
use super::whole::arguments;
use crate::event::Opaque;
use crate::translate::Untranslatable;
use crate::translate::request::{
    Content, Draft, Message, Part, Reasoning, Role, ToolCall, ToolResult,
};

/// Writes `instructions` and `input`.
pub(super) fn encode_input(
    draft: &mut Draft,
    body: &mut Map<String, Value>,
) -> Result<(), Untranslatable> {
    let messages = std::mem::take(&mut draft.request.messages);
    let custom_calls = custom_calls(&messages);
    let mut items = Vec::with_capacity(messages.len());
    for (at, mut message) in messages.into_iter().enumerate() {
        for part in &mut message.parts {
            if let Content::ToolResult(result) = &mut part.content {
                result.custom |= custom_calls.contains(&result.id);
            }
        }
        draft.drop_if(message.parts.iter().any(|part| part.cache.is_some()), "cache_control");
        if let Some(text) = only_text(&message).filter(|_| at == 0) {
            body.insert("instructions".into(), text.into());
            continue;
        }
        encode_message(draft, &format!("messages[{at}]"), message, &mut items)?;
    }
    body.insert("input".into(), items.into());
    Ok(())
}

/// Not every dialect says with a result of what kind the call was; here the two must agree.
fn custom_calls(messages: &[Message]) -> HashSet<String> {
    let custom = |part: &Part| match &part.content {
        Content::ToolCall(call) if call.custom => Some(call.id.clone()),
        _ => None,
    };
    messages.iter().flat_map(|message| &message.parts).filter_map(custom).collect()
}

/// A system prompt that is one text.
fn only_text(message: &Message) -> Option<&str> {
    match message.parts.as_slice() {
        [Part { content: Content::Text(text), .. }] if message.role == Role::System => Some(text),
        _ => None,
    }
}

/// An item for each call, result and thought; what is said between them in messages.
fn encode_message(
    draft: &mut Draft,
    place: &str,
    message: Message,
    items: &mut Vec<Value>,
) -> Result<(), Untranslatable> {
    let role = message.role;
    let mut said = Vec::new();
    for part in message.parts {
        let item = match part.content {
            Content::ToolCall(call) => Some(encode_call(call)),
            Content::ToolResult(result) => Some(encode_result(draft, place, result)?),
            Content::Reasoning(reasoning) => encode_reasoning(draft, reasoning),
            _ => {
                said.push(part);
                continue;
            }
        };
        if let Some(item) = item {
            flush(place, role, &mut said, items)?;
            items.push(item);
        }
    }
    flush(place, role, &mut said, items)
}

fn flush(
    place: &str,
    role: Role,
    said: &mut Vec<Part>,
    items: &mut Vec<Value>,
) -> Result<(), Untranslatable> {
    let parts = std::mem::take(said);
    let item = match role {
        Role::Assistant => spoken(place, parts, items.len())?,
        _ if parts.is_empty() => None,
        Role::System => Some(turn("system", &encode_parts(place, parts)?)),
        Role::User => Some(turn("user", &encode_parts(place, parts)?)),
    };
    items.extend(item);
    Ok(())
}

fn turn(role: &str, content: &Value) -> Value {
    json!({ "type": "message", "role": role, "content": content })
}

/// What the model said: one text in the short form, anything else as the output that it was, whose
/// form insists on an id. Nothing said beside calls is no item.
fn spoken(place: &str, parts: Vec<Part>, at: usize) -> Result<Option<Value>, Untranslatable> {
    let mut pieces = Vec::with_capacity(parts.len());
    let mut texts = Vec::new();
    for part in parts {
        pieces.push(match part.content {
            Content::Text(text) if text.is_empty() => continue,
            Content::Text(text) => {
                texts.push(text.clone());
                json!({ "type": "output_text", "text": text, "annotations": [] })
            }
            Content::Refusal(text) => json!({ "type": "refusal", "refusal": text }),
            _ => {
                let reason = "the target takes text alone from the assistant";
                return Err(Untranslatable::new(place, reason));
            }
        });
    }
    Ok(match (pieces.len(), texts.pop()) {
        (0, _) => None,
        (1, Some(text)) => Some(turn("assistant", &text.into())),
        _ => {
            let mut item = turn("assistant", &pieces.into());
            set(&mut item, "id", format!("msg_{at}"));
            set(&mut item, "status", "completed");
            Some(item)
        }
    })
}

fn encode_call(call: ToolCall) -> Value {
    let ToolCall { id, name, arguments: text, custom } = call;
    if custom {
        return json!({ "type": "custom_tool_call", "call_id": id, "name": name, "input": text });
    }
    let text = arguments(&text);
    json!({ "type": "function_call", "call_id": id, "name": name, "arguments": text })
}

fn encode_result(
    draft: &mut Draft,
    place: &str,
    result: ToolResult,
) -> Result<Value, Untranslatable> {
    let ToolResult { id, parts, is_error, custom } = result;
    draft.drop_if(is_error, "tool_result.is_error");
    draft.drop_if(parts.iter().any(|part| part.cache.is_some()), "cache_control");
    let kind = if custom { "custom_tool_call_output" } else { "function_call_output" };
    let output = if parts.is_empty() { "".into() } else { encode_parts(place, parts)? };
    Ok(json!({ "type": kind, "call_id": id, "output": output }))
}

/// Only what the provider gave itself: it takes no thoughts from others.
fn encode_reasoning(draft: &mut Draft, reasoning: Reasoning) -> Option<Value> {
    let Reasoning { text, sealed } = reasoning;
    let Some(sealed) = sealed.filter(|sealed| sealed.is(Opaque::RESPONSES)) else {
        draft.drop("reasoning");
        return None;
    };
    let summary = if text.is_empty() {
        Vec::new()
    } else {
        vec![json!({ "type": "summary_text", "text": text })]
    };
    let mut item = json!({
        "type": "reasoning",
        "summary": summary,
        "encrypted_content": sealed.data,
    });
    if !sealed.id.is_empty() {
        set(&mut item, "id", sealed.id);
    }
    Some(item)
}
