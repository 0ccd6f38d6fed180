//! Messages as OpenInference has them: an attribute for each leaf, numbered.

use serde_json::Value as Json;

use super::{Captured, Message, Part, Source, read};
use crate::profile::span_type::SpanType;
use crate::profile::written::Written;

const INPUT: &str = "llm.input_messages";
/// The first message of the input, where a system prompt is kept apart.
const SYSTEM: &str = "llm.input_messages.0";
const OUTPUT: &str = "llm.output_messages";
const TOOLS: &str = "llm.tools";
const EMBEDDINGS: &str = "embedding.embeddings";

pub(super) fn write(captured: &Captured<'_>, of: SpanType, written: &mut Written) {
    whole("input", captured.input, written);
    whole("output", captured.output, written);
    if of == SpanType::Embeddings {
        embeddings(captured, written);
        return;
    }
    let mut at = 0;
    if let Some(system) = captured.system {
        match read::system(system, captured.is_cut) {
            None => written.leave_out(SYSTEM),
            Some(parts) => message(INPUT, at, Message::new("system", parts), written),
        }
        at += 1;
    }
    if let Some(input) = captured.input {
        match read::messages(input, "user") {
            None => written.leave_out(INPUT),
            Some(messages) => {
                for (number, it) in messages.into_iter().enumerate() {
                    message(INPUT, at + number, it, written);
                }
            }
        }
    }
    if captured.output.is_some() {
        match captured.answers() {
            None => written.leave_out(OUTPUT),
            Some(answers) => {
                for (number, it) in answers.into_iter().enumerate() {
                    message(OUTPUT, number, it, written);
                }
            }
        }
    }
    if let Some(tools) = captured.tools {
        offered(tools, written);
    }
}

/// What was captured, as it is, and whether it is still JSON.
fn whole(side: &str, captured: Option<&str>, written: &mut Written) {
    let Some(text) = captured else { return };
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    let mime_type = if is_json { "application/json" } else { "text/plain" };
    written.add(format!("{side}.value"), text.to_owned());
    written.add(format!("{side}.mime_type"), mime_type);
}

fn embeddings(captured: &Captured<'_>, written: &mut Written) {
    let Some(input) = captured.input else { return };
    let Some(messages) = read::messages(input, "user") else {
        written.leave_out(EMBEDDINGS);
        return;
    };
    let texts = messages.into_iter().flat_map(|message| message.parts);
    for (at, part) in texts.enumerate() {
        if let Part::Text(text) = part {
            written.add(format!("{EMBEDDINGS}.{at}.embedding.text"), text);
        }
    }
}

fn offered(tools: &str, written: &mut Written) {
    let Ok(Json::Array(tools)) = serde_json::from_str(tools) else {
        written.leave_out(TOOLS);
        return;
    };
    for (at, tool) in tools.into_iter().enumerate() {
        let about = tool.get("function").unwrap_or(&tool);
        for field in ["name", "description"] {
            if let Some(text) = about.get(field).and_then(Json::as_str) {
                written.add(format!("{TOOLS}.{at}.tool.{field}"), text.to_owned());
            }
        }
        written.add(format!("{TOOLS}.{at}.tool.json_schema"), tool.to_string());
    }
}

fn message(list: &str, at: usize, message: Message, written: &mut Written) {
    let prefix = format!("{list}.{at}.message");
    written.add(format!("{prefix}.role"), message.role);
    if let Some(name) = message.name {
        written.add(format!("{prefix}.name"), name);
    }
    let (mut calls, mut contents) = (0, Vec::new());
    for part in message.parts {
        match part {
            Part::ToolCall { id, name, arguments } => {
                let call = format!("{prefix}.tool_calls.{calls}.tool_call");
                if let Some(id) = id {
                    written.add(format!("{call}.id"), id);
                }
                written.add(format!("{call}.function.name"), name);
                written.add(format!("{call}.function.arguments"), json_text(arguments));
                calls += 1;
            }
            Part::ToolResult { id, response } => {
                if let Some(id) = id {
                    written.add(format!("{prefix}.tool_call_id"), id);
                }
                contents.push(Part::Text(json_text(response)));
            }
            part => contents.push(part),
        }
    }
    if let [Part::Text(text)] = contents.as_mut_slice() {
        written.add(format!("{prefix}.content"), std::mem::take(text));
        return;
    }
    for (number, part) in contents.into_iter().enumerate() {
        content(&format!("{prefix}.contents.{number}.message_content"), part, written);
    }
}

/// One of several contents of a message.
fn content(prefix: &str, part: Part, written: &mut Written) {
    let mut add = |leaf: &str, text: String| written.add(format!("{prefix}.{leaf}"), text);
    match part {
        Part::Text(text) => {
            add("type", "text".to_owned());
            add("text", text);
        }
        Part::Reasoning(text) => {
            add("type", "reasoning".to_owned());
            add("text", text);
        }
        Part::Media { modality, mime_type, source } => {
            add("type", modality.to_owned());
            match source {
                Source::Inline(data) => {
                    let mime_type = mime_type.as_deref().unwrap_or("application/octet-stream");
                    add(
                        &format!("{modality}.{modality}.url"),
                        format!("data:{mime_type};base64,{data}"),
                    );
                }
                Source::Uri(uri) => add(&format!("{modality}.{modality}.url"), uri),
                Source::File(id) => add("id", id),
            }
        }
        Part::Other(other) => {
            let kind = other.get("type").and_then(Json::as_str).unwrap_or("other");
            add("type", kind.to_owned());
            add("data", other.to_string());
        }
        // These are no contents here.
        Part::ToolCall { .. } | Part::ToolResult { .. } => {}
    }
}

/// A JSON value as text; a text is itself.
fn json_text(value: Json) -> String {
    match value {
        Json::String(text) => text,
        value => value.to_string(),
    }
}
