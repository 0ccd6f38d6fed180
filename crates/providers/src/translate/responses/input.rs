//! The conversation as callers write it: `instructions` and `input`.
//!
//! The API lists items: messages, calls, results and reasoning stand beside each other. What the
//! model said in a row becomes one turn of the assistant, results in a row one of the user.

use serde_json::Value;

use super::content::decode_parts;
use crate::event::Opaque;
use crate::translate::Untranslatable;
use crate::translate::request::{Content, Message, Part, Reasoning, Role, ToolCall, ToolResult};
use crate::translate::sealed::Sealed;

/// Between the parts of a summary, which are paragraphs.
const PARAGRAPH: &str = "\n\n";

/// Reads `instructions` and `input`.
pub(super) fn decode_input(
    instructions: Option<Value>,
    input: Option<Value>,
) -> Result<Vec<Message>, Untranslatable> {
    let mut messages = Vec::new();
    match instructions {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => {
            messages.push(Message { role: Role::System, parts: vec![Part::text(text)] });
        }
        Some(_) => return Err(Untranslatable::new("instructions", "must be a string")),
    }
    match input {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => {
            messages.push(Message { role: Role::User, parts: vec![Part::text(text)] });
        }
        Some(Value::Array(items)) => {
            for (at, item) in items.into_iter().enumerate() {
                decode_item(&format!("input[{at}]"), item, &mut messages)?;
            }
        }
        Some(_) => return Err(Untranslatable::new("input", "must be a string or a list of items")),
    }
    Ok(messages)
}

fn decode_item(
    place: &str,
    mut item: Value,
    messages: &mut Vec<Message>,
) -> Result<(), Untranslatable> {
    let kind = item.get("type").and_then(Value::as_str).unwrap_or("message").to_owned();
    match kind.as_str() {
        "message" => message(place, item, messages)?,
        "function_call" | "custom_tool_call" => {
            let custom = kind == "custom_tool_call";
            let call = call(&item, custom)
                .ok_or_else(|| Untranslatable::new(place, "is no call of a tool"))?;
            said(messages, vec![Part::new(Content::ToolCall(call))]);
        }
        "function_call_output" | "custom_tool_call_output" => {
            let id = item.get("call_id").and_then(Value::as_str).map(str::to_owned);
            let id = id.ok_or_else(|| Untranslatable::new(place, "lacks `call_id`"))?;
            let output = item.get_mut("output").map(Value::take).unwrap_or_default();
            let parts = decode_parts(&format!("{place}.output"), output)?;
            let custom = kind == "custom_tool_call_output";
            let result = ToolResult { id, parts, is_error: false, custom };
            results(messages, Part::new(Content::ToolResult(result)));
        }
        "reasoning" => said(messages, vec![Part::new(Content::Reasoning(reasoning(&item)))]),
        "item_reference" => {
            let reason = "refers to an item that the caller's own provider keeps";
            return Err(Untranslatable::new(place, reason));
        }
        _ => {
            return Err(Untranslatable::new(place, "is of a type that the target does not know"));
        }
    }
    Ok(())
}

fn message(
    place: &str,
    mut item: Value,
    messages: &mut Vec<Message>,
) -> Result<(), Untranslatable> {
    let content = item.get_mut("content").map(Value::take).unwrap_or_default();
    let parts = decode_parts(&format!("{place}.content"), content)?;
    let role = match item.get("role").and_then(Value::as_str) {
        Some("system" | "developer") => Role::System,
        Some("user") => Role::User,
        Some("assistant") => {
            said(messages, parts);
            return Ok(());
        }
        _ => return Err(Untranslatable::new(format!("{place}.role"), "is no role of this API")),
    };
    messages.push(Message { role, parts });
    Ok(())
}

/// More of the assistant's turn, or the beginning of one.
fn said(messages: &mut Vec<Message>, parts: Vec<Part>) {
    match messages.last_mut() {
        Some(last) if last.role == Role::Assistant => last.parts.extend(parts),
        _ => messages.push(Message { role: Role::Assistant, parts }),
    }
}

/// Results in a row are one turn.
fn results(messages: &mut Vec<Message>, part: Part) {
    let is_result = |part: &Part| matches!(part.content, Content::ToolResult(_));
    match messages.last_mut() {
        Some(last) if last.role == Role::User && last.parts.iter().all(is_result) => {
            last.parts.push(part);
        }
        _ => messages.push(Message { role: Role::User, parts: vec![part] }),
    }
}

fn call(item: &Value, custom: bool) -> Option<ToolCall> {
    let text = |name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(ToolCall {
        id: text("call_id")?,
        name: text("name")?,
        arguments: text(if custom { "input" } else { "arguments" })?,
        custom,
    })
}

fn reasoning(item: &Value) -> Reasoning {
    let texts = |name: &str| -> Vec<&str> {
        let parts = item.get(name).and_then(Value::as_array).into_iter().flatten();
        parts.filter_map(|part| part.get("text")?.as_str()).collect()
    };
    // Open models say what they thought, others only what it comes to.
    let (summary, content) = (texts("summary"), texts("content"));
    let text = if content.is_empty() { summary.join(PARAGRAPH) } else { content.concat() };
    let said = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
    let (id, data) = (said("id"), said("encrypted_content"));
    let own = || Sealed {
        format: Opaque::RESPONSES.to_owned(),
        signs: true,
        id: id.to_owned(),
        data: data.to_owned(),
    };
    let sealed = (!data.is_empty()).then(|| Sealed::from_tagged(data).unwrap_or_else(own));
    Reasoning { text, sealed }
}
