//! A request for an upstream, written.

use serde_json::{Map, Value, json};

use super::messages;
use crate::provider::Capabilities;
use crate::translate::Untranslatable;
use crate::translate::request::{Draft, Format, Tool, ToolChoice};

/// The bounds of `p`.
const P_MIN: f64 = 0.01;
const P_MAX: f64 = 0.99;
/// What Cohere alone has: callers who know it may send it.
const OWN: [&str; 4] = ["documents", "citation_options", "safety_mode", "priority"];

/// Writes the body.
pub(in crate::translate) fn encode(
    draft: &mut Draft,
    _: Capabilities,
) -> Result<Value, Untranslatable> {
    draft.one_answer()?;
    let mut body = Map::new();
    body.insert("model".into(), draft.request.model.as_str().into());
    body.insert("messages".into(), messages::write(draft)?.into());
    tools(draft, &mut body)?;
    sampling(draft, &mut body);
    match &draft.request.format {
        None => {}
        Some(Format::JsonObject) => {
            body.insert("response_format".into(), json!({ "type": "json_object" }));
        }
        Some(Format::JsonSchema { schema, .. }) => {
            let format = json!({ "type": "json_object", "json_schema": schema });
            body.insert("response_format".into(), format);
        }
    }
    if let Some(budget) = &draft.request.reasoning {
        let thinking = match budget.tokens() {
            Some(0) => json!({ "type": "disabled" }),
            Some(tokens) => json!({ "type": "enabled", "token_budget": tokens }),
            None => json!({ "type": "enabled" }),
        };
        body.insert("thinking".into(), thinking);
    }
    for name in OWN {
        if let Some(value) = draft.extra(name) {
            body.insert(name.into(), value);
        }
    }
    if draft.request.stream {
        body.insert("stream".into(), true.into());
    }
    draft.drop_if(draft.request.user.is_some(), "user");
    Ok(Value::Object(body))
}

fn tools(draft: &mut Draft, body: &mut Map<String, Value>) -> Result<(), Untranslatable> {
    // One tool to be called is all the tools there are, one of which must be called.
    let named = match &draft.request.tool_choice {
        Some(ToolChoice::Named(name)) => Some(name.as_str()),
        _ => None,
    };
    let (mut tools, mut strictly) = (Vec::new(), false);
    for (at, tool) in draft.request.tools.iter().enumerate() {
        let Tool::Function { name, description, parameters, strict, cache: _ } = tool else {
            let reason = "the target knows functions alone";
            return Err(Untranslatable::new(format!("tools[{at}]"), reason));
        };
        if named.is_some_and(|named| named != name) {
            continue;
        }
        strictly |= *strict == Some(true);
        let mut function = Map::new();
        function.insert("name".into(), name.as_str().into());
        if let Some(description) = description {
            function.insert("description".into(), description.as_str().into());
        }
        let nothing = || json!({ "type": "object", "properties": {} });
        function.insert("parameters".into(), parameters.clone().unwrap_or_else(nothing));
        tools.push(json!({ "type": "function", "function": function }));
    }
    if tools.is_empty() {
        return Ok(());
    }
    body.insert("tools".into(), tools.into());
    if strictly {
        body.insert("strict_tools".into(), true.into());
    }
    let choice = match &draft.request.tool_choice {
        None | Some(ToolChoice::Auto) => None,
        Some(ToolChoice::None) => Some("NONE"),
        Some(ToolChoice::Required | ToolChoice::Named(_)) => Some("REQUIRED"),
    };
    if let Some(choice) = choice {
        body.insert("tool_choice".into(), choice.into());
    }
    draft.drop_if(draft.request.parallel_tool_calls == Some(false), "parallel_tool_calls");
    let marked = |tool: &Tool| matches!(tool, Tool::Function { cache: Some(_), .. });
    draft.drop_if(draft.request.tools.iter().any(marked), "cache_control");
    Ok(())
}

fn sampling(draft: &mut Draft, body: &mut Map<String, Value>) {
    let sampling = draft.request.sampling.clone();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.into(), value);
        }
    };
    put("max_tokens", sampling.max_tokens.map(Value::from));
    put("temperature", sampling.temperature.map(Value::from));
    // 1 is what everybody else takes for all tokens.
    put("p", sampling.top_p.map(|p| p.clamp(P_MIN, P_MAX).into()));
    put("k", sampling.top_k.map(Value::from));
    put("frequency_penalty", sampling.frequency_penalty.map(Value::from));
    put("presence_penalty", sampling.presence_penalty.map(Value::from));
    put("seed", sampling.seed.map(Value::from));
    put("stop_sequences", (!sampling.stop.is_empty()).then(|| sampling.stop.into()));
}
