//! Messages as the semantic conventions have them: one JSON text, each message made of parts.

use serde_json::{Map, Value as Json, json};

use super::{Captured, Content, Message, Part, Source, read};
use crate::genai::attributes as a;
use crate::profile::written::Written;

/// Kinds of parts whose members the conventions fix.
const KINDS: [&str; 7] =
    ["text", "reasoning", "tool_call", "tool_call_response", "blob", "uri", "file"];

pub(super) fn write(captured: &Captured<'_>, content: &Content, written: &mut Written) {
    let mut add = |name, messages: Option<Vec<Json>>| match messages {
        Some(messages) => written.add(name, Json::Array(messages).to_string()),
        None => written.leave_out(name),
    };
    if let Some(system) = captured.system {
        let parts = read::system(system, captured.is_cut);
        add(a::SYSTEM_INSTRUCTIONS, parts.map(|them| them.into_iter().map(part).collect()));
    }
    if let Some(input) = captured.input {
        let messages = read::messages(input, "user");
        add(a::INPUT_MESSAGES, messages.map(|them| them.into_iter().map(message).collect()));
    }
    if captured.output.is_some() {
        let answers = captured.answers();
        let answers = answers
            .map(|them| them.into_iter().map(|it| answer(it, captured.outcome, content)).collect());
        add(a::OUTPUT_MESSAGES, answers);
    }
    if let Some(tools) = captured.tools {
        add(a::TOOL_DEFINITIONS, definitions(tools));
    }
}

fn message(message: Message) -> Json {
    let mut object = Map::new();
    object.insert("role".to_owned(), message.role.into());
    object.insert("parts".to_owned(), message.parts.into_iter().map(part).collect());
    if let Some(name) = message.name {
        object.insert("name".to_owned(), name.into());
    }
    Json::Object(object)
}

fn answer(mut answer: Message, outcome: &str, content: &Content) -> Json {
    let reason = answer.finish_reason.take();
    let mut answer = message(answer);
    if content.finish_reason {
        // It has to say something: without a reason it did not end by itself, and that is known.
        let reason = match &reason {
            Some(reason) => content.finish_word(reason),
            None if outcome.is_empty() || outcome == "complete" => "unknown".to_owned(),
            None => outcome.to_owned(),
        };
        answer["finish_reason"] = reason.into();
    }
    answer
}

fn part(part: Part) -> Json {
    match part {
        Part::Text(text) => json!({ "type": "text", "content": text }),
        Part::Reasoning(text) => json!({ "type": "reasoning", "content": text }),
        Part::ToolCall { id, name, arguments } => {
            with("id", id, json!({ "type": "tool_call", "name": name, "arguments": arguments }))
        }
        Part::ToolResult { id, response } => {
            with("id", id, json!({ "type": "tool_call_response", "response": response }))
        }
        Part::Media { modality, mime_type, source } => with(
            "mime_type",
            mime_type,
            match source {
                Source::Inline(data) => {
                    json!({ "type": "blob", "modality": modality, "content": data })
                }
                Source::Uri(uri) => json!({ "type": "uri", "modality": modality, "uri": uri }),
                Source::File(id) => {
                    json!({ "type": "file", "modality": modality, "file_id": id })
                }
            },
        ),
        // Blocks of a kind of their own are allowed; one that only looks like a known kind is not.
        Part::Other(other) => match other.get("type").and_then(Json::as_str) {
            Some(kind) if !KINDS.contains(&kind) => other,
            _ => json!({ "type": "generic", "content": other }),
        },
    }
}

fn with(name: &str, value: Option<String>, mut object: Json) -> Json {
    if let Some(value) = value {
        object[name] = value.into();
    }
    object
}

/// Tools on offer: functions by name, description and parameters, others by type and name.
fn definitions(tools: &str) -> Option<Vec<Json>> {
    let Json::Array(tools) = serde_json::from_str(tools).ok()? else { return None };
    Some(tools.into_iter().map(definition).collect())
}

fn definition(tool: Json) -> Json {
    let about = tool.get("function").unwrap_or(&tool);
    let parameters = about.get("parameters").or_else(|| about.get("input_schema"));
    let kind = tool.get("type").and_then(Json::as_str);
    let name = about.get("name").and_then(Json::as_str);
    let (Some(name), "function" | "custom") = (name, kind.unwrap_or("function")) else {
        return tool;
    };
    let mut definition = json!({ "type": "function", "name": name });
    if let Some(description) = about.get("description") {
        definition["description"] = description.clone();
    }
    if let Some(parameters) = parameters {
        definition["parameters"] = parameters.clone();
    }
    definition
}
