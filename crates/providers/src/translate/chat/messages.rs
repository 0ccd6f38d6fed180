//! The turns of a conversation: `messages`.

use serde_json::{Map, Value, json};

use super::content::{decode_parts, encode_parts, plain_text};
use super::whole::detail;
use crate::translate::request::{
    Content, Draft, Message, Part, Reasoning, Role, ToolCall, ToolResult,
};
use crate::translate::sealed::Sealed;
use crate::translate::{Untranslatable, member};

/// Reads `messages`.
pub(super) fn decode_messages(value: Value) -> Result<Vec<Message>, Untranslatable> {
    let Value::Array(turns) = value else {
        return Err(Untranslatable::new("messages", "must be a list"));
    };
    let decode = |(at, turn)| {
        decode_message(turn).map_err(|error| error.within(&format!("messages[{at}].")))
    };
    turns.into_iter().enumerate().map(decode).collect()
}

fn decode_message(mut turn: Value) -> Result<Message, Untranslatable> {
    let content = turn.get_mut("content").map(Value::take).unwrap_or_default();
    let text = |name: &str| turn.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut parts = decode_parts("content", content)?;
    if let Some(cache) = member(&turn, "cache_control").filter(|cache| cache.is_object())
        && let Some(last) = parts.last_mut()
    {
        last.cache = Some(cache.clone());
    }
    let role = match member(&turn, "role").and_then(Value::as_str).unwrap_or_default() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => {
            parts = assistant(&turn, parts)?;
            Role::Assistant
        }
        "tool" | "function" => {
            let id = text("tool_call_id");
            let id = if id.is_empty() { text("name") } else { id };
            let cache = parts.last().and_then(|part| part.cache.clone());
            let result = ToolResult { id, parts, ..ToolResult::default() };
            parts = vec![Part { content: Content::ToolResult(result), cache }];
            Role::User
        }
        _ => return Err(Untranslatable::new("role", "is no role of this API")),
    };
    Ok(Message { role, parts })
}

/// What an assistant's turn has beside its content: thoughts before it, calls behind it.
fn assistant(turn: &Value, said: Vec<Part>) -> Result<Vec<Part>, Untranslatable> {
    if turn.get("audio").is_some_and(|audio| !audio.is_null()) {
        let reason = "an answer in audio is kept by the provider that gave it";
        return Err(Untranslatable::new("audio", reason));
    }
    let mut parts = thoughts(turn);
    parts.extend(said);
    if let Some(refusal) = turn.get("refusal").and_then(Value::as_str).filter(|r| !r.is_empty()) {
        parts.push(Part::new(Content::Refusal(refusal.to_owned())));
    }
    for (at, call) in
        turn.get("tool_calls").and_then(Value::as_array).into_iter().flatten().enumerate()
    {
        let call = decode_call(call).ok_or_else(|| {
            Untranslatable::new(format!("tool_calls[{at}]"), "is no call of a tool")
        })?;
        parts.push(Part::new(Content::ToolCall(call)));
    }
    if let Some(legacy) = turn.get("function_call").filter(|call| call.is_object()) {
        let text = |name: &str| legacy.get(name).and_then(Value::as_str).unwrap_or_default();
        parts.push(Part::new(Content::ToolCall(ToolCall {
            // The legacy form has no ids; its result names the function.
            id: text("name").to_owned(),
            name: text("name").to_owned(),
            arguments: text("arguments").to_owned(),
            custom: false,
        })));
    }
    Ok(parts)
}

fn decode_call(call: &Value) -> Option<ToolCall> {
    let id = call.get("id")?.as_str()?.to_owned();
    let (inner, custom) = match call.get("custom") {
        Some(inner) => (inner, true),
        None => (call.get("function")?, false),
    };
    let arguments = inner.get(if custom { "input" } else { "arguments" })?.as_str()?.to_owned();
    Some(ToolCall { id, name: inner.get("name")?.as_str()?.to_owned(), arguments, custom })
}

/// `reasoning_details` (OpenRouter's form, which we write too), else the bare text.
fn thoughts(turn: &Value) -> Vec<Part> {
    let text = |value: &Value, name: &str| {
        value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let part = |text, sealed| Part::new(Content::Reasoning(Reasoning { text, sealed }));
    let mut parts = Vec::new();
    for detail in turn.get("reasoning_details").and_then(Value::as_array).into_iter().flatten() {
        let (format, id) = (text(detail, "format"), text(detail, "id"));
        let sealed = |signs, data| Some(Sealed { format, signs, id, data });
        match text(detail, "type").as_str() {
            "reasoning.text" | "reasoning.summary" => {
                let said = text(detail, "text") + &text(detail, "summary");
                let signature = text(detail, "signature");
                let sealed = if signature.is_empty() { None } else { sealed(true, signature) };
                parts.push(part(said, sealed));
            }
            "reasoning.encrypted" => {
                parts.push(part(String::new(), sealed(false, text(detail, "data"))));
            }
            _ => {}
        }
    }
    let bare = text(turn, "reasoning_content") + &text(turn, "reasoning");
    if parts.is_empty() && !bare.is_empty() {
        parts.push(part(bare, None));
    }
    parts
}

/// Writes `messages`.
pub(super) fn encode_messages(
    draft: &mut Draft,
    reasoning_details: bool,
) -> Result<Value, Untranslatable> {
    let messages = std::mem::take(&mut draft.request.messages);
    let mut turns = Vec::with_capacity(messages.len());
    for (at, message) in messages.into_iter().enumerate() {
        let place = format!("messages[{at}]");
        draft.drop_if(message.parts.iter().any(|part| part.cache.is_some()), "cache_control");
        match message.role {
            Role::System => turns.push(json!({
                "role": "system",
                "content": plain_text(&place, &message.parts)?,
            })),
            Role::User => user(draft, &place, message.parts, &mut turns)?,
            Role::Assistant => {
                turns.extend(encode_assistant(draft, &place, message.parts, reasoning_details)?);
            }
        }
    }
    Ok(turns.into())
}

/// A user's turn: the results of tools first, each a message of its own, then what else is said.
fn user(
    draft: &mut Draft,
    place: &str,
    parts: Vec<Part>,
    turns: &mut Vec<Value>,
) -> Result<(), Untranslatable> {
    let mut said = Vec::new();
    for part in parts {
        let Content::ToolResult(result) = part.content else {
            said.push(part);
            continue;
        };
        draft.drop_if(result.is_error, "tool_result.is_error");
        // A tool's message holds text alone; what else a tool gave follows as the user's.
        let (texts, others): (Vec<_>, Vec<_>) =
            result.parts.into_iter().partition(|part| matches!(part.content, Content::Text(_)));
        turns.push(json!({
            "role": "tool",
            "tool_call_id": result.id,
            "content": plain_text(place, &texts)?,
        }));
        said.extend(others);
    }
    if !said.is_empty() {
        turns.push(json!({ "role": "user", "content": encode_parts(place, said)? }));
    }
    Ok(())
}

/// `None` for a turn of which nothing is left: the API refuses one without content and calls.
fn encode_assistant(
    draft: &mut Draft,
    place: &str,
    parts: Vec<Part>,
    reasoning_details: bool,
) -> Result<Option<Value>, Untranslatable> {
    let mut turn = Map::new();
    turn.insert("role".into(), "assistant".into());
    turn.insert("content".into(), Value::Null);
    let (mut said, mut calls, mut details) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        match part.content {
            Content::ToolCall(call) => calls.push(encode_call(&call)),
            Content::Refusal(text) => {
                turn.insert("refusal".into(), text.into());
            }
            // Only what its provider wants back; the API has no place for bare thoughts.
            Content::Reasoning(Reasoning { text, sealed: Some(sealed) }) => {
                let index = u32::try_from(details.len()).unwrap_or(u32::MAX);
                details.push(detail(index, Some(&text), &sealed));
            }
            Content::Reasoning(_) => draft.drop("reasoning"),
            _ => said.push(part),
        }
    }
    if !said.is_empty() {
        turn.insert("content".into(), plain_text(place, &said)?.into());
    }
    if !calls.is_empty() {
        turn.insert("tool_calls".into(), calls.into());
    }
    // Only some servers know what to do with it, and the others may refuse the field.
    if reasoning_details && !details.is_empty() {
        turn.insert("reasoning_details".into(), details.into());
    } else {
        draft.drop_if(!details.is_empty(), "reasoning");
    }
    // The role, and content that is null.
    let silent = turn.len() == 2 && said.is_empty();
    Ok((!silent).then_some(Value::Object(turn)))
}

fn encode_call(call: &ToolCall) -> Value {
    let ToolCall { id, name, arguments, custom } = call;
    if *custom {
        return json!({ "id": id, "type": "custom", "custom": { "name": name, "input": arguments } });
    }
    let arguments = super::whole::arguments(arguments);
    json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } })
}
