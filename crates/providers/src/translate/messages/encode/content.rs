//! The blocks of a turn.

use serde_json::{Value, json};

use super::base64;
use super::turns::plain;
use crate::event::Opaque;
use crate::translate::messages::set;
use crate::translate::request::{
    Content, Draft, Part, Reasoning, Role, Source, ToolCall, ToolResult,
};
use crate::translate::{Untranslatable, object};

/// Writes one part; `None` for what is left out: empty text, which the API refuses, and thoughts
/// that it cannot read.
pub(super) fn encode(
    draft: &mut Draft,
    place: &str,
    role: Role,
    part: Part,
) -> Result<Option<Value>, Untranslatable> {
    let Part { content, cache } = part;
    let misplaced = |what: &str| Err(Untranslatable::new(place, format!("is no place for {what}")));
    let block = match (content, role) {
        (Content::Text(text) | Content::Refusal(text), _) if text.trim().is_empty() => {
            draft.drop_if(cache.is_some(), "cache_control");
            return Ok(None);
        }
        (Content::Text(text) | Content::Refusal(text), _) => text_block(text),
        (Content::Reasoning(reasoning), Role::Assistant) => {
            draft.drop_if(cache.is_some(), "cache_control");
            let thought = thought(&reasoning);
            draft.drop_if(thought.is_none(), "reasoning");
            return Ok(thought);
        }
        (Content::ToolCall(call), Role::Assistant) => tool_use(place, &call)?,
        (Content::ToolResult(result), Role::User) => tool_result(draft, place, result)?,
        (Content::Reasoning(_), _) => return misplaced("a thought"),
        (Content::ToolCall(_), _) => return misplaced("a call of a tool"),
        (Content::ToolResult(_), _) => return misplaced("the result of a tool"),
        (other, Role::User) => media(draft, place, other)?,
        _ => return misplaced("anything but text"),
    };
    Ok(Some(marked(block, cache)))
}

fn text_block(text: String) -> Value {
    object([("type", "text".into()), ("text", text.into())])
}

fn marked(mut block: Value, cache: Option<Value>) -> Value {
    if let Some(cache) = cache {
        set(&mut block, "cache_control", cache);
    }
    block
}

/// Only thoughts of its own kind: the API checks them.
fn thought(reasoning: &Reasoning) -> Option<Value> {
    let sealed = reasoning.sealed.as_ref().filter(|sealed| sealed.is(Opaque::ANTHROPIC))?;
    let data = sealed.data.as_str();
    Some(if sealed.signs {
        json!({ "type": "thinking", "thinking": reasoning.text, "signature": data })
    } else {
        json!({ "type": "redacted_thinking", "data": data })
    })
}

fn tool_use(place: &str, call: &ToolCall) -> Result<Value, Untranslatable> {
    let wrong = |reason: &str| Err(Untranslatable::new(place, reason));
    if call.custom {
        return wrong("was called with free text, and the target's tools take JSON");
    }
    let text = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
    let Ok(input @ Value::Object(_)) = serde_json::from_str::<Value>(text) else {
        return wrong("the arguments of the call are no JSON object");
    };
    Ok(json!({ "type": "tool_use", "id": tool_id(&call.id), "name": call.name, "input": input }))
}

/// Ids hold letters, digits, `_` and `-` here; other dialects allow more. Calls and their results
/// are rewritten alike.
fn tool_id(id: &str) -> String {
    let mut written = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') {
            written.push(char::from(byte));
        } else {
            written.push_str(&format!("-{byte:02x}"));
        }
    }
    written
}

fn tool_result(
    draft: &mut Draft,
    place: &str,
    result: ToolResult,
) -> Result<Value, Untranslatable> {
    if result.custom {
        return Err(Untranslatable::new(place, "is of a tool that takes free text"));
    }
    let mut blocks = Vec::with_capacity(result.parts.len());
    for part in result.parts {
        let Part { content, cache } = part;
        match content {
            Content::Text(text) | Content::Refusal(text) => {
                // The API takes no empty text, and an empty result says the same.
                if text.trim().is_empty() {
                    draft.drop_if(cache.is_some(), "cache_control");
                } else {
                    blocks.push(marked(text_block(text), cache));
                }
            }
            other => blocks.push(marked(media(draft, place, other)?, cache)),
        }
    }
    let mut block = json!({ "type": "tool_result", "tool_use_id": tool_id(&result.id) });
    if !blocks.is_empty() {
        set(&mut block, "content", plain(blocks));
    }
    if result.is_error {
        set(&mut block, "is_error", true);
    }
    Ok(block)
}

fn media(draft: &mut Draft, place: &str, content: Content) -> Result<Value, Untranslatable> {
    let cannot =
        |what: &str| Err(Untranslatable::new(place, format!("the target takes no {what}")));
    match content {
        Content::Image { source, detail } => {
            draft.drop_if(detail.is_some_and(|detail| detail != "auto"), "detail");
            image(place, source)
        }
        Content::File { source: Source::Data { media_type, data }, name: _ }
            if media_type.starts_with("image/") =>
        {
            image(place, Source::Data { media_type, data })
        }
        Content::File { source, name } => {
            let source = match source {
                Source::Url(url) if is_web(&url) => json!({ "type": "url", "url": url }),
                Source::Data { media_type, data } if media_type == "application/pdf" => {
                    json!({ "type": "base64", "media_type": media_type, "data": data })
                }
                Source::Data { media_type, data } if media_type.starts_with("text/") => {
                    let Some(text) = base64::text(&data) else {
                        return cannot("text files but those in base64 and UTF-8");
                    };
                    json!({ "type": "text", "media_type": "text/plain", "data": text })
                }
                Source::Text(text) => {
                    json!({ "type": "text", "media_type": "text/plain", "data": text })
                }
                Source::Id(_) => return cannot("files by an id that another provider gave"),
                Source::Url(_) => return cannot("files without a media type"),
                Source::Data { .. } => return cannot("files but PDF, images and plain text"),
            };
            let mut block = json!({ "type": "document", "source": source });
            if let Some(name) = name {
                set(&mut block, "title", name);
            }
            Ok(block)
        }
        Content::Audio { .. } => cannot("audio"),
        _ => cannot("such a part here"),
    }
}

fn image(place: &str, source: Source) -> Result<Value, Untranslatable> {
    let source = match source {
        Source::Url(url) => json!({ "type": "url", "url": url }),
        Source::Data { media_type, data } => {
            json!({ "type": "base64", "media_type": media_type, "data": data })
        }
        Source::Id(_) | Source::Text(_) => {
            return Err(Untranslatable::new(place, "the target takes images by URL and as data"));
        }
    };
    Ok(json!({ "type": "image", "source": source }))
}

fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}
