//! `tools` and `tool_choice`.

use serde_json::{Map, Value};

use super::content::Lost;
use crate::translate::Untranslatable;
use crate::translate::request::{Tool, ToolChoice};

/// Members of a tool that only this API has.
const OWN: [&str; 3] = ["input_examples", "allowed_callers", "defer_loading"];

pub(super) fn tools(
    body: &mut Map<String, Value>,
    lost: &mut Lost,
) -> Result<Vec<Tool>, Untranslatable> {
    let listed = match body.remove("tools") {
        None => return Ok(Vec::new()),
        Some(Value::Array(listed)) => listed,
        Some(_) => return Err(Untranslatable::new("tools", "must be a list")),
    };
    let mut tools = Vec::with_capacity(listed.len());
    for (at, tool) in listed.into_iter().enumerate() {
        let kind = tool.get("type").and_then(Value::as_str).unwrap_or("custom").to_owned();
        if kind != "custom" {
            tools.push(Tool::Hosted { kind, raw: tool });
            continue;
        }
        for name in OWN {
            let nothing = |value: &Value| value.is_null() || value == false;
            if tool.get(name).is_some_and(|value| !nothing(value)) {
                lost.note(name);
            }
        }
        let function = function(&tool);
        let place = || format!("tools[{at}]");
        tools.push(function.ok_or_else(|| Untranslatable::new(place(), "is no tool of this API"))?);
    }
    Ok(tools)
}

fn function(tool: &Value) -> Option<Tool> {
    Some(Tool::Function {
        name: tool.get("name")?.as_str()?.to_owned(),
        description: tool.get("description").and_then(Value::as_str).map(str::to_owned),
        parameters: Some(tool.get("input_schema").filter(|value| value.is_object())?.clone()),
        strict: tool.get("strict").and_then(Value::as_bool),
        cache: tool.get("cache_control").filter(|value| value.is_object()).cloned(),
    })
}

/// The choice, and whether several tools may be called at once.
pub(super) fn choice(
    body: &mut Map<String, Value>,
) -> Result<(Option<ToolChoice>, Option<bool>), Untranslatable> {
    let Some(choice) = body.remove("tool_choice") else { return Ok((None, None)) };
    let name = || choice.get("name").and_then(Value::as_str).map(str::to_owned);
    let said = match choice.get("type").and_then(Value::as_str) {
        Some("auto") => Some(ToolChoice::Auto),
        Some("any") => Some(ToolChoice::Required),
        Some("none") => Some(ToolChoice::None),
        Some("tool") => name().map(ToolChoice::Named),
        _ => None,
    };
    let reason = "must be `auto`, `any`, `none` or one named tool";
    let said = said.ok_or_else(|| Untranslatable::new("tool_choice", reason))?;
    let disabled = choice.get("disable_parallel_tool_use").and_then(Value::as_bool);
    Ok((Some(said), disabled.map(|disabled| !disabled)))
}
