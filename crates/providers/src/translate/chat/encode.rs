//! A chat completion request for an upstream, written.

use serde_json::{Map, Value, json};

use super::messages::encode_messages;
use crate::provider::Capabilities;
use crate::translate::Untranslatable;
use crate::translate::request::{Draft, Format, Tool, ToolChoice};
use crate::translate::set;

/// Members that callers of other dialects may give and that mean the same here.
const SHARED: [&str; 7] = [
    "metadata",
    "store",
    "service_tier",
    "prompt_cache_key",
    "safety_identifier",
    "logit_bias",
    "verbosity",
];

/// Writes the body.
pub(in crate::translate) fn encode(
    draft: &mut Draft,
    capabilities: Capabilities,
) -> Result<Value, Untranslatable> {
    let mut body = Map::new();
    body.insert("model".into(), draft.request.model.as_str().into());
    body.insert("messages".into(), encode_messages(draft, capabilities.reasoning_details)?);
    tools(draft, capabilities, &mut body)?;
    format(draft, capabilities, &mut body)?;
    sampling(draft, capabilities, &mut body);
    reasoning(draft, &mut body);
    for name in SHARED {
        if let Some(value) = draft.extra(name) {
            body.insert(name.into(), value);
        }
    }
    if let Some(user) = draft.user_for_openai() {
        body.insert("user".into(), user.into());
    }
    if draft.request.stream {
        body.insert("stream".into(), true.into());
        // What the caller's dialect says of usage is read from the stream.
        if capabilities.stream_options {
            body.insert("stream_options".into(), json!({ "include_usage": true }));
        }
    }
    Ok(Value::Object(body))
}

fn sampling(draft: &mut Draft, capabilities: Capabilities, body: &mut Map<String, Value>) {
    let sampling = draft.request.sampling.clone();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.into(), value);
        }
    };
    let newer = capabilities.max_completion_tokens;
    let name = if newer { "max_completion_tokens" } else { "max_tokens" };
    put(name, sampling.max_tokens.map(Value::from));
    put("temperature", sampling.temperature.map(Value::from));
    put("top_p", sampling.top_p.map(Value::from));
    put("frequency_penalty", sampling.frequency_penalty.map(Value::from));
    put("presence_penalty", sampling.presence_penalty.map(Value::from));
    put("seed", sampling.seed.map(Value::from));
    put("n", sampling.n.map(Value::from));
    put("stop", (!sampling.stop.is_empty()).then(|| sampling.stop.into()));
    draft.drop_if(sampling.top_k.is_some(), "top_k");
}

fn reasoning(draft: &mut Draft, body: &mut Map<String, Value>) {
    let Some(budget) = draft.request.reasoning.clone() else { return };
    if let Some(effort) = budget.effort() {
        body.insert("reasoning_effort".into(), effort.into());
    }
    draft.drop_if(budget.summary.is_some(), "reasoning.summary");
}

fn tools(
    draft: &mut Draft,
    capabilities: Capabilities,
    body: &mut Map<String, Value>,
) -> Result<(), Untranslatable> {
    let mut tools = Vec::new();
    for (at, tool) in draft.request.tools.iter().enumerate() {
        tools.push(self::tool(tool).ok_or_else(|| {
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
    let custom = |name: &str| {
        draft.request.tools.iter().any(|t| matches!(t, Tool::Custom { name: n, .. } if n == name))
    };
    let choice = draft.request.tool_choice.as_ref().map(|choice| match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => {
            let kind = if custom(name) { "custom" } else { "function" };
            json!({ "type": kind, kind: { "name": name } })
        }
    });
    body.insert("tools".into(), tools.into());
    if let Some(choice) = choice {
        body.insert("tool_choice".into(), choice);
    }
    if let Some(parallel) = draft.request.parallel_tool_calls {
        body.insert("parallel_tool_calls".into(), parallel.into());
    }
    let marked = |tool: &Tool| matches!(tool, Tool::Function { cache: Some(_), .. });
    draft.drop_if(draft.request.tools.iter().any(marked), "cache_control");
    Ok(())
}

fn tool(tool: &Tool) -> Option<Value> {
    match tool {
        Tool::Function { name, description, parameters, strict, .. } => {
            let mut function = json!({ "name": name });
            if let Some(description) = description {
                set(&mut function, "description", description.as_str());
            }
            if let Some(parameters) = parameters {
                set(&mut function, "parameters", parameters.clone());
            }
            if let Some(strict) = strict {
                set(&mut function, "strict", *strict);
            }
            Some(json!({ "type": "function", "function": function }))
        }
        Tool::Custom { name, description, format } => {
            let mut custom = json!({ "name": name });
            if let Some(description) = description {
                set(&mut custom, "description", description.as_str());
            }
            if let Some(format) = format {
                set(&mut custom, "format", format.clone());
            }
            Some(json!({ "type": "custom", "custom": custom }))
        }
        Tool::Hosted { .. } => None,
    }
}

fn format(
    draft: &Draft,
    capabilities: Capabilities,
    body: &mut Map<String, Value>,
) -> Result<(), Untranslatable> {
    let value = match &draft.request.format {
        None => return Ok(()),
        Some(Format::JsonObject) => json!({ "type": "json_object" }),
        Some(Format::JsonSchema { name, description, schema, strict }) => {
            if !capabilities.json_schema {
                let reason = "the target takes no JSON schema for its answers";
                return Err(Untranslatable::new("response_format", reason));
            }
            let mut inner =
                json!({ "name": name.as_deref().unwrap_or("answer"), "schema": schema });
            if let Some(description) = description {
                set(&mut inner, "description", description.as_str());
            }
            if let Some(strict) = strict {
                set(&mut inner, "strict", *strict);
            }
            json!({ "type": "json_schema", "json_schema": inner })
        }
    };
    body.insert("response_format".into(), value);
    Ok(())
}
