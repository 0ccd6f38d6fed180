//! Messages of any dialect that callers speak: chat completions, messages, responses; also a
//! plain prompt, and the texts of an embeddings request.

use serde_json::{Map, Value as Json};

use super::{Message, Part, Source};

type Object = Map<String, Json>;

/// The messages in `json`; `None` if that is none, or no text at all. `role` is for those that
/// name none.
pub(super) fn messages(json: &str, role: &str) -> Option<Vec<Message>> {
    let items = match serde_json::from_str(json).ok()? {
        Json::String(text) => return Some(vec![Message::new(role, vec![Part::Text(text)])]),
        item @ Json::Object(_) => vec![item],
        Json::Array(items) => items,
        _ => return None,
    };
    let mut messages = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Json::String(text) => messages.push(Message::new(role, vec![Part::Text(text)])),
            Json::Object(item) => read_item(item, role, &mut messages),
            // Tokens, which are no text.
            _ => return None,
        }
    }
    Some(messages)
}

/// A system prompt: a plain text, or blocks as JSON. `None` for blocks that were cut off, which
/// `is_cut` tells from a plain text that happens to begin like them.
pub(super) fn system(text: &str, is_cut: bool) -> Option<Vec<Part>> {
    let is_block = |block: &Json| block.get("type").is_some_and(Json::is_string);
    match serde_json::from_str(text) {
        Ok(Json::Array(blocks)) if blocks.iter().all(is_block) => {
            Some(blocks.into_iter().map(part).collect())
        }
        Err(_) if is_cut && text.starts_with('[') => None,
        _ => Some(vec![Part::Text(text.to_owned())]),
    }
}

/// JSON as it is meant: a text that holds JSON is that JSON.
fn unwrapped(value: Json) -> Json {
    match value {
        Json::String(text) => serde_json::from_str(&text).unwrap_or(Json::String(text)),
        value => value,
    }
}

fn text_of(object: &Object, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| object.get(*name)?.as_str()).map(str::to_owned)
}

fn is(object: &Object, kind: &str) -> bool {
    object.get("type").and_then(Json::as_str) == Some(kind)
}

/// One item of a list: a message, a choice around one, or a call, result or thought by itself.
fn read_item(mut item: Object, role: &str, messages: &mut Vec<Message>) {
    if let Some(Json::Object(inner)) = item.remove("message") {
        let before = messages.len();
        read_item(inner, role, messages);
        if let Some(message) = messages.get_mut(before..).and_then(<[_]>::last_mut) {
            message.finish_reason = text_of(&item, &["finish_reason"]);
        }
    } else if is(&item, "function_call") {
        messages.push(Message::new("assistant", vec![tool_call(item)]));
    } else if is(&item, "function_call_output") {
        let id = text_of(&item, &["call_id"]);
        let response = item.remove("output").unwrap_or_default();
        messages.push(Message::new("tool", vec![Part::ToolResult { id, response }]));
    } else if is(&item, "reasoning") {
        messages.push(Message::new("assistant", vec![reasoning(item)]));
    } else if item.contains_key("role") || item.contains_key("content") {
        read_message(item, role, messages);
    } else {
        messages.push(Message::new(role, vec![Part::Other(Json::Object(item))]));
    }
}

fn read_message(mut item: Object, role: &str, messages: &mut Vec<Message>) {
    let written = text_of(&item, &["role"]);
    let role = match written.as_deref() {
        Some("developer") => "system",
        Some("function") => "tool",
        Some(written) => written,
        None => role,
    };
    let mut parts = Vec::new();
    if let Some(text) = text_of(&item, &["reasoning", "reasoning_content"]) {
        parts.push(Part::Reasoning(text));
    }
    let id = text_of(&item, &["tool_call_id"]);
    match item.remove("content") {
        Some(response) if role == "tool" && id.is_some() => {
            parts.push(Part::ToolResult { id, response });
        }
        Some(Json::String(text)) if !text.is_empty() => parts.push(Part::Text(text)),
        Some(Json::Array(blocks)) => parts.extend(blocks.into_iter().map(part)),
        Some(block @ Json::Object(_)) => parts.push(part(block)),
        _ => {}
    }
    if let Some(text) = text_of(&item, &["refusal"]) {
        parts.push(Part::Text(text));
    }
    if let Some(Json::Array(calls)) = item.remove("tool_calls") {
        parts.extend(calls.into_iter().map(|call| match call {
            Json::Object(call) => tool_call(call),
            call => Part::Other(call),
        }));
    }
    let name = text_of(&item, &["name"]);
    let finish_reason = text_of(&item, &["finish_reason", "stop_reason"]);
    let first = messages.len();
    split(role, parts, messages);
    for message in messages.iter_mut().skip(first) {
        message.name.clone_from(&name);
        message.finish_reason.clone_from(&finish_reason);
    }
}

/// Results that stand among a user's own words are messages of their tools.
fn split(role: &str, parts: Vec<Part>, messages: &mut Vec<Message>) {
    let first = messages.len();
    for part in parts {
        let is_result = matches!(part, Part::ToolResult { .. });
        let role = if is_result { "tool" } else { role };
        match messages.get_mut(first..).and_then(<[_]>::last_mut) {
            Some(last) if !is_result && last.role == role => last.parts.push(part),
            _ => messages.push(Message::new(role, vec![part])),
        }
    }
    if messages.len() == first {
        messages.push(Message::new(role, Vec::new()));
    }
}

fn part(block: Json) -> Part {
    let Json::Object(mut block) = block else {
        return match block {
            Json::String(text) => Part::Text(text),
            other => Part::Other(other),
        };
    };
    let kind = text_of(&block, &["type"]).unwrap_or_default();
    let read = match kind.as_str() {
        "text" | "input_text" | "output_text" => text_of(&block, &["text"]).map(Part::Text),
        "refusal" => text_of(&block, &["refusal"]).map(Part::Text),
        "thinking" => text_of(&block, &["thinking"]).map(Part::Reasoning),
        "reasoning" => return reasoning(block),
        "tool_use" => return tool_call(block),
        "tool_result" => {
            let id = text_of(&block, &["tool_use_id"]);
            let response = block.remove("content").unwrap_or_default();
            return Part::ToolResult { id, response };
        }
        "image_url" | "input_image" | "image" => media("image", &block),
        "input_audio" => media("audio", &block),
        "document" | "file" | "input_file" => media("document", &block),
        _ => None,
    };
    read.unwrap_or(Part::Other(Json::Object(block)))
}

fn tool_call(mut call: Object) -> Part {
    let id = text_of(&call, &["call_id", "id"]);
    if let Some(Json::Object(function)) = call.remove("function") {
        call.extend(function);
    }
    let arguments = call.remove("arguments").or_else(|| call.remove("input")).unwrap_or_default();
    let name = text_of(&call, &["name"]).unwrap_or_default();
    Part::ToolCall { id, name, arguments: unwrapped(arguments) }
}

fn reasoning(item: Object) -> Part {
    let texts = |name| match item.get(name) {
        Some(Json::Array(blocks)) => {
            let texts: Vec<_> =
                blocks.iter().filter_map(|block| block.get("text")?.as_str()).collect();
            (!texts.is_empty()).then(|| texts.join("\n"))
        }
        _ => None,
    };
    let text = texts("content").or_else(|| texts("summary"));
    match text.or_else(|| text_of(&item, &["text"])) {
        Some(text) => Part::Reasoning(text),
        None => Part::Other(Json::Object(item)),
    }
}

/// An image, a sound or a document; `None` for one that is written in an unknown way.
fn media(modality: &'static str, block: &Object) -> Option<Part> {
    let inner = |name| block.get(name).and_then(Json::as_object);
    let made = |mime_type, source| Some(Part::Media { modality, mime_type, source });
    if let Some(source) = inner("source") {
        let mime_type = text_of(source, &["media_type"]);
        return if let Some(uri) = text_of(source, &["url"]) {
            made(mime_type, Source::Uri(uri))
        } else if let Some(id) = text_of(source, &["file_id"]) {
            made(mime_type, Source::File(id))
        } else if is(source, "base64") {
            made(mime_type, Source::Inline(text_of(source, &["data"])?))
        } else {
            text_of(source, &["data"]).map(Part::Text)
        };
    }
    if let Some(audio) = inner("input_audio") {
        let mime_type = text_of(audio, &["format"]).map(|format| format!("audio/{format}"));
        return made(mime_type, Source::Inline(text_of(audio, &["data"])?));
    }
    let about = inner("file").or_else(|| inner("image_url")).unwrap_or(block);
    if let Some(id) = text_of(about, &["file_id"]) {
        return made(None, Source::File(id));
    }
    let uri = text_of(about, &["url", "image_url", "file_url", "file_data"])?;
    match uri.strip_prefix("data:").and_then(|data| data.split_once(";base64,")) {
        Some((mime_type, data)) => {
            made(Some(mime_type.to_owned()), Source::Inline(data.to_owned()))
        }
        None => made(None, Source::Uri(uri)),
    }
}
