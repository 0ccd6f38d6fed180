//! The turns of a conversation: `messages`.

use serde_json::{Map, Value, json};

use crate::translate::Untranslatable;
use crate::translate::chat::url_of_source;
use crate::translate::request::{Content, Draft, Part, Reasoning, Role, Source, ToolCall};

/// Writes `messages`.
pub(super) fn write(draft: &mut Draft) -> Result<Vec<Value>, Untranslatable> {
    let messages = std::mem::take(&mut draft.request.messages);
    let mut turns = Vec::with_capacity(messages.len());
    for (at, message) in messages.into_iter().enumerate() {
        let place = format!("messages[{at}]");
        draft.drop_if(message.parts.iter().any(|part| part.cache.is_some()), "cache_control");
        match message.role {
            Role::System => {
                turns.push(json!({ "role": "system", "content": said(&place, message.parts)? }));
            }
            Role::User => user(draft, &place, message.parts, &mut turns)?,
            Role::Assistant => turns.extend(assistant(draft, &place, message.parts)?),
        }
    }
    Ok(turns)
}

/// Results of tools are messages of their own, and come before what else is said.
fn user(
    draft: &mut Draft,
    place: &str,
    parts: Vec<Part>,
    turns: &mut Vec<Value>,
) -> Result<(), Untranslatable> {
    let mut rest = Vec::new();
    for part in parts {
        let Content::ToolResult(result) = part.content else {
            rest.push(part);
            continue;
        };
        draft.drop_if(result.is_error, "tool_result.is_error");
        let (texts, others): (Vec<_>, Vec<_>) =
            result.parts.into_iter().partition(|part| matches!(part.content, Content::Text(_)));
        let text: Vec<&str> = texts.iter().filter_map(text_of).collect();
        let content = text.join("\n");
        turns.push(json!({ "role": "tool", "tool_call_id": result.id, "content": content }));
        rest.extend(others);
    }
    if !rest.is_empty() {
        turns.push(json!({ "role": "user", "content": said(place, rest)? }));
    }
    Ok(())
}

fn text_of(part: &Part) -> Option<&str> {
    match &part.content {
        Content::Text(text) => Some(text),
        _ => None,
    }
}

/// `None` for a turn of which nothing is left: the API refuses one without content and calls.
fn assistant(
    draft: &mut Draft,
    place: &str,
    parts: Vec<Part>,
) -> Result<Option<Value>, Untranslatable> {
    let (mut content, mut calls) = (Vec::new(), Vec::new());
    for part in parts {
        match part.content {
            Content::ToolCall(call) => calls.push(self::call(place, &call)?),
            // Plain thoughts have a place; what only another provider can read has none.
            Content::Reasoning(Reasoning { text, sealed: None }) => {
                content.push(json!({ "type": "thinking", "thinking": text }));
            }
            Content::Reasoning(_) => draft.drop("reasoning"),
            other => content.push(piece(place, other)?),
        }
    }
    let mut turn = Map::new();
    turn.insert("role".into(), "assistant".into());
    if !content.is_empty() {
        turn.insert("content".into(), content.into());
    }
    if !calls.is_empty() {
        turn.insert("tool_calls".into(), calls.into());
    }
    Ok((turn.len() > 1).then_some(Value::Object(turn)))
}

fn call(place: &str, call: &ToolCall) -> Result<Value, Untranslatable> {
    let ToolCall { id, name, arguments, custom } = call;
    if *custom {
        return Err(Untranslatable::new(place, "the target has no tools that take free text"));
    }
    let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
    let function = json!({ "name": name, "arguments": arguments });
    Ok(json!({ "id": id, "type": "function", "function": function }))
}

/// A plain string where there is but one text.
fn said(place: &str, parts: Vec<Part>) -> Result<Value, Untranslatable> {
    if let [Part { content: Content::Text(text), .. }] = parts.as_slice() {
        return Ok(text.as_str().into());
    }
    parts.into_iter().map(|part| piece(place, part.content)).collect()
}

fn piece(place: &str, content: Content) -> Result<Value, Untranslatable> {
    let cannot =
        |what: &str| Err(Untranslatable::new(place, format!("the target takes no {what}")));
    Ok(match content {
        Content::Text(text) | Content::Refusal(text) => json!({ "type": "text", "text": text }),
        Content::Image { source, detail } => {
            let Some(url) = url_of_source(&source) else { return cannot("images by id") };
            let mut image = Map::new();
            image.insert("url".into(), url.into());
            if let Some(detail) = detail {
                image.insert("detail".into(), detail.into());
            }
            json!({ "type": "image_url", "image_url": image })
        }
        Content::File { source: Source::Text(text), name } => {
            let title = name.map(|name| format!("{name}\n\n")).unwrap_or_default();
            json!({ "type": "text", "text": title + &text })
        }
        Content::File { .. } => return cannot("files"),
        Content::Audio { .. } => return cannot("audio"),
        Content::Reasoning(_) | Content::ToolCall(_) | Content::ToolResult(_) => {
            return cannot("such a part in this turn");
        }
    })
}
