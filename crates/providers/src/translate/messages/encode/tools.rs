//! `tools` and `tool_choice`.

use serde_json::{Map, Value, json};

use crate::provider::Capabilities;
use crate::translate::Untranslatable;
use crate::translate::messages::{kind_of, set};
use crate::translate::request::{Draft, Tool, ToolChoice};

pub(super) fn encode(
    draft: &Draft,
    capabilities: Capabilities,
    body: &mut Map<String, Value>,
) -> Result<(), Untranslatable> {
    let tools: Result<Vec<Value>, _> =
        draft.request.tools.iter().enumerate().map(|(at, tool)| encode_tool(at, tool)).collect();
    let tools = tools?;
    if tools.is_empty() {
        return Ok(());
    }
    if !capabilities.tools {
        return Err(Untranslatable::new("tools", "the target calls no tools"));
    }
    body.insert("tools".into(), tools.into());
    let one = draft.request.parallel_tool_calls == Some(false);
    let mut choice = match &draft.request.tool_choice {
        None if !one => return Ok(()),
        None | Some(ToolChoice::Auto) => json!({ "type": "auto" }),
        Some(ToolChoice::Required) => json!({ "type": "any" }),
        Some(ToolChoice::Named(name)) => json!({ "type": "tool", "name": name }),
        Some(ToolChoice::None) => json!({ "type": "none" }),
    };
    if one && kind_of(&choice) != "none" {
        set(&mut choice, "disable_parallel_tool_use", true);
    }
    body.insert("tool_choice".into(), choice);
    Ok(())
}

fn encode_tool(at: usize, tool: &Tool) -> Result<Value, Untranslatable> {
    let wrong = |reason: &str| Err(Untranslatable::new(format!("tools[{at}]"), reason));
    let (name, description, parameters, strict, cache) = match tool {
        Tool::Function { name, description, parameters, strict, cache } => {
            (name, description, parameters, strict, cache)
        }
        Tool::Custom { .. } => return wrong("takes free text, and the target's tools take JSON"),
        Tool::Hosted { .. } => {
            return wrong("is run by the caller's own provider, and the target has no such tool");
        }
    };
    let mut written = json!({ "name": name });
    if let Some(description) = description {
        set(&mut written, "description", description.as_str());
    }
    let mut schema = parameters.clone().unwrap_or_else(|| json!({ "properties": {} }));
    // The API insists on it, OpenAI's does not.
    if schema.get("type").is_none() {
        set(&mut schema, "type", "object");
    }
    set(&mut written, "input_schema", schema);
    // `false` is the default, and servers that copy the API may not know the member.
    if *strict == Some(true) {
        set(&mut written, "strict", true);
    }
    if let Some(cache) = cache {
        set(&mut written, "cache_control", cache.clone());
    }
    Ok(written)
}
