//! The shapes of error bodies: where each keeps its message, type, code and parameter.
//!
//! No shape is chosen by the provider's name: compatible servers and proxies in front of them
//! answer in each other's shapes, so every place is looked at.

use serde_json::{Map, Value};

use super::{shortened, word};
use crate::error_class::Said;

/// Longest plain text that is taken for a message, in bytes; longer ones are pages.
const TEXT_BYTES_MAX: usize = 300;
/// How many errors within errors are opened: an aggregator's, and the one of its provider.
const DEPTH_MAX: usize = 4;

/// Reads a body.
pub(super) fn read_said(body: &[u8]) -> Said {
    let mut said = Said::default();
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => read_value(&value, &mut said, DEPTH_MAX),
        Err(_) => said.message = plain_text(body),
    }
    said
}

/// A short line of text; a page of HTML says nothing that a program should repeat.
fn plain_text(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let shows = !text.is_empty()
        && text.len() <= TEXT_BYTES_MAX
        && !text.starts_with(['<', '{', '['])
        && !text.contains(|c: char| c.is_control());
    shows.then(|| text.to_owned())
}

fn read_value(value: &Value, said: &mut Said, depth: usize) {
    let Some(depth) = depth.checked_sub(1) else { return };
    match value {
        Value::Object(object) => read_object(object, said, depth),
        // Gemini's streams wrap it in a list.
        Value::Array(list) => {
            if let Some(first) = list.first() {
                read_value(first, said, depth);
            }
        }
        Value::String(text) => say(said, text),
        _ => {}
    }
}

fn read_object(object: &Map<String, Value>, said: &mut Said, depth: usize) {
    // The innermost error knows best; what is around it fills the gaps.
    for key in ["error", "errors", "fault"] {
        if let Some(inner @ (Value::Object(_) | Value::Array(_) | Value::String(_))) =
            object.get(key)
        {
            read_value(inner, said, depth);
        }
    }
    names(object, said);
    metadata(object, said, depth);
    if let Some(details) = object.get("details").and_then(Value::as_array) {
        google_details(details, said);
    }
    if let Some(inner) = object.get("innererror").and_then(Value::as_object) {
        names(inner, said);
    }
    message(object, said, depth);
}

/// Type, code and parameter, under all their names.
fn names(object: &Map<String, Value>, said: &mut Said) {
    let text = |key: &str| object.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    for key in ["type", "error_type", "__type", "status"] {
        if let Some(kind) = text(key).filter(|kind| *kind != "error" && *kind != "None") {
            // AWS writes its namespace before the name.
            let kind = kind.rsplit('#').next().unwrap_or(kind);
            said.name(kind);
            said.kind = said.kind.take().or_else(|| word(kind));
        }
    }
    for key in ["code", "reason"] {
        if let Some(code) = text(key) {
            said.name(code);
            let number = code.bytes().all(|byte| byte.is_ascii_digit());
            said.code = said.code.take().or_else(|| word(code).filter(|_| !number));
        }
    }
    if let Some(number) = object.get("code").and_then(Value::as_u64) {
        said.name(&number.to_string());
    }
    if let Some(param) = text("param").filter(|param| *param != "None") {
        said.param = said.param.take().or_else(|| word(param));
    }
}

/// What OpenRouter adds: what the provider behind it said, as text or as JSON in a text.
fn metadata(object: &Map<String, Value>, said: &mut Said, depth: usize) {
    let Some(metadata) = object.get("metadata").and_then(Value::as_object) else { return };
    names(metadata, said);
    if metadata.get("flagged_input").is_some() {
        said.name("content_filter");
    }
    match metadata.get("raw") {
        Some(Value::String(raw)) => match serde_json::from_str::<Value>(raw) {
            Ok(inner) => read_value(&inner, said, depth),
            Err(_) => {
                if let Some(text) = plain_text(raw.as_bytes()) {
                    say(said, &text);
                }
            }
        },
        Some(inner) => read_value(inner, said, depth),
        None => {}
    }
}

/// Google's details: the reason, and which quota it was.
fn google_details(details: &[Value], said: &mut Said) {
    for detail in details.iter().filter_map(Value::as_object) {
        if let Some(reason) = detail.get("reason").and_then(Value::as_str) {
            said.name(reason);
        }
        if detail.get("retryDelay").is_some() {
            said.name("retry_info");
        }
        let violations = detail.get("violations").and_then(Value::as_array);
        for violation in violations.into_iter().flatten() {
            if let Some(id) = violation.get("quotaId").and_then(Value::as_str)
                && id.to_ascii_lowercase().contains("perday")
            {
                said.name("quota_per_day");
            }
        }
    }
}

fn message(object: &Map<String, Value>, said: &mut Said, depth: usize) {
    for key in ["message", "Message", "msg", "error_message", "faultstring", "detail", "title"] {
        match object.get(key) {
            Some(Value::String(text)) => say(said, text),
            // What pydantic found wrong: the place and the reason of each.
            Some(Value::Array(list)) => validation(list, said),
            Some(inner @ Value::Object(_)) => read_value(inner, said, depth),
            _ => {}
        }
    }
}

fn validation(list: &[Value], said: &mut Said) {
    let mut found = Vec::new();
    for problem in list.iter().filter_map(Value::as_object) {
        let Some(text) = problem.get("msg").and_then(Value::as_str) else { continue };
        let place: Vec<String> = problem
            .get("loc")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|part| match part {
                Value::String(name) => Some(name.clone()),
                Value::Number(index) => Some(index.to_string()),
                _ => None,
            })
            .filter(|part| part != "body")
            .collect();
        let place = place.join(".");
        said.param = said.param.take().or_else(|| word(&place));
        found.push(if place.is_empty() { text.to_owned() } else { format!("{place}: {text}") });
    }
    if !found.is_empty() {
        say(said, &found.join("; "));
    }
}

/// The first message is shown; what the others say still counts for the class.
fn say(said: &mut Said, text: &str) {
    let text = shortened(text);
    if text.is_empty() {
        return;
    }
    if said.message.is_none() {
        said.message = Some(text.to_owned());
    } else {
        said.also(text);
    }
}
