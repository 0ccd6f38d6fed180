//! `tools` and `tool_choice`, read and written.

use serde_json::{Map, Value, json};

use super::set;
use crate::provider::Capabilities;
use crate::translate::Untranslatable;
use crate::translate::request::{Draft, Request, Tool, ToolChoice};

/// Reads both into the request.
pub(super) fn decode_tools(
    body: &mut Map<String, Value>,
    request: &mut Request,
) -> Result<(), Untranslatable> {
    let listed = match body.remove("tools") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(tools)) => tools,
        Some(_) => return Err(Untranslatable::new("tools", "must be a list")),
    };
    for (at, tool) in listed.iter().enumerate() {
        let tool = decode_tool(tool)
            .ok_or_else(|| Untranslatable::new(format!("tools[{at}]"), "is no tool of this API"))?;
        request.tools.push(tool);
    }
    let choice = body.remove("tool_choice").unwrap_or_default();
    request.tool_choice = tool_choice(&choice, &mut request.tools)?;
    Ok(())
}

fn decode_tool(tool: &Value) -> Option<Tool> {
    let text = |name: &str| tool.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(match tool.get("type")?.as_str()? {
        "function" => Tool::Function {
            name: text("name")?,
            description: text("description"),
            parameters: tool.get("parameters").filter(|value| value.is_object()).cloned(),
            // Left out, the API makes the schema strict if it can: no promise that a target keeps.
            strict: tool.get("strict").and_then(Value::as_bool),
            cache: tool.get("cache_control").filter(|value| value.is_object()).cloned(),
        },
        "custom" => Tool::Custom {
            name: text("name")?,
            description: text("description"),
            format: tool.get("format").filter(|value| value.is_object()).map(nested),
        },
        kind => Tool::Hosted { kind: kind.to_owned(), raw: tool.clone() },
    })
}

fn tool_choice(
    choice: &Value,
    tools: &mut Vec<Tool>,
) -> Result<Option<ToolChoice>, Untranslatable> {
    let text = |name: &str| choice.get(name).and_then(Value::as_str);
    let (word, kind) = (choice.as_str(), text("type"));
    Ok(match (word, kind, text("name")) {
        (Some(word), _, _) => Some(mode(word)?),
        (_, Some("function" | "custom"), Some(name)) => Some(ToolChoice::Named(name.to_owned())),
        (_, Some("allowed_tools"), _) => Some(allowed(choice, tools)?),
        _ if choice.is_null() => None,
        _ => return Err(unknown_choice()),
    })
}

fn mode(word: &str) -> Result<ToolChoice, Untranslatable> {
    match word {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" => Ok(ToolChoice::Required),
        _ => Err(unknown_choice()),
    }
}

fn unknown_choice() -> Untranslatable {
    let reason = "the target knows `auto`, `none`, `required`, one named tool and allowed tools";
    Untranslatable::new("tool_choice", reason)
}

/// Tools that the model must not call need not be shown to it.
fn allowed(choice: &Value, tools: &mut Vec<Tool>) -> Result<ToolChoice, Untranslatable> {
    let Some(listed) = choice.get("tools").and_then(Value::as_array) else {
        return Err(Untranslatable::new("tool_choice.tools", "must be a list"));
    };
    let has = |member: &str, wanted: &str| {
        listed.iter().any(|tool| tool.get(member).and_then(Value::as_str) == Some(wanted))
    };
    tools.retain(|tool| match tool {
        Tool::Function { name, .. } | Tool::Custom { name, .. } => has("name", name),
        Tool::Hosted { kind, .. } => has("type", kind),
    });
    if tools.is_empty() {
        return Err(Untranslatable::new("tool_choice.tools", "names none of the tools"));
    }
    mode(choice.get("mode").and_then(Value::as_str).unwrap_or("auto"))
}

/// Writes both into the body.
pub(super) fn encode_tools(
    draft: &mut Draft,
    capabilities: Capabilities,
    body: &mut Map<String, Value>,
) -> Result<(), Untranslatable> {
    let request = &draft.request;
    let mut tools = Vec::new();
    for (at, tool) in request.tools.iter().enumerate() {
        tools.push(encode_tool(tool).ok_or_else(|| {
            let reason = "is run by the caller's own provider, and the target has no such tool";
            Untranslatable::new(format!("tools[{at}]"), reason)
        })?);
    }
    if tools.is_empty() {
        return Ok(());
    }
    if !capabilities.tools {
        return Err(Untranslatable::new("tools", "the target calls no tools"));
    }
    body.insert("tools".into(), tools.into());
    let custom = |name: &str| {
        request.tools.iter().any(|tool| matches!(tool, Tool::Custom { name: n, .. } if n == name))
    };
    let choice = request.tool_choice.as_ref().map(|choice| match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => {
            let kind = if custom(name) { "custom" } else { "function" };
            json!({ "type": kind, "name": name })
        }
    });
    if let Some(choice) = choice {
        body.insert("tool_choice".into(), choice);
    }
    if let Some(parallel) = request.parallel_tool_calls {
        body.insert("parallel_tool_calls".into(), parallel.into());
    }
    let marked = |tool: &Tool| matches!(tool, Tool::Function { cache: Some(_), .. });
    let marked = request.tools.iter().any(marked);
    draft.drop_if(marked, "cache_control");
    Ok(())
}

fn encode_tool(tool: &Tool) -> Option<Value> {
    let mut value = match tool {
        // The API would make a schema strict that does not say otherwise; no other does.
        Tool::Function { name, parameters, strict, .. } => json!({
            "type": "function",
            "name": name,
            "parameters": parameters.clone()
                .unwrap_or_else(|| json!({ "type": "object", "properties": {} })),
            "strict": strict.unwrap_or(false),
        }),
        Tool::Custom { name, format, .. } => {
            let mut value = json!({ "type": "custom", "name": name });
            if let Some(format) = format {
                set(&mut value, "format", grammar(format));
            }
            value
        }
        Tool::Hosted { .. } => return None,
    };
    if let Tool::Function { description: Some(text), .. }
    | Tool::Custom { description: Some(text), .. } = tool
    {
        set(&mut value, "description", text.as_str());
    }
    Some(value)
}

/// Chat completions nest a grammar's members, this API does not; requests keep the nested form.
fn nested(format: &Value) -> Value {
    match (format.get("type").and_then(Value::as_str), format.as_object()) {
        (Some("grammar"), Some(flat)) if !flat.contains_key("grammar") => {
            let mut inner = flat.clone();
            inner.shift_remove("type");
            json!({ "type": "grammar", "grammar": inner })
        }
        _ => format.clone(),
    }
}

/// The other way round.
fn grammar(format: &Value) -> Value {
    match format.get("grammar").and_then(Value::as_object) {
        Some(inner) => {
            let mut flat = inner.clone();
            flat.insert("type".into(), "grammar".into());
            Value::Object(flat)
        }
        None => format.clone(),
    }
}
