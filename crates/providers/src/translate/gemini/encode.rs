//! A request for an upstream, written.

use serde_json::{Map, Value, json};

use super::contents;
use super::generation::{thinking_tokens_min, thinks_by_level};
use crate::provider::Capabilities;
use crate::translate::Untranslatable;
use crate::translate::request::{Draft, Format, Request, Tool, ToolChoice};

/// Lets the model think as much as it finds right.
const THINKING_DYNAMIC: i64 = -1;

/// Writes the body. The model and whether to stream stand in the path.
pub(in crate::translate) fn encode(
    draft: &mut Draft,
    _: Capabilities,
) -> Result<Value, Untranslatable> {
    draft.one_answer()?;
    let (system, turns) = contents::write(draft)?;
    let mut body = Map::new();
    if !system.is_empty() {
        body.insert("systemInstruction".into(), json!({ "parts": system }));
    }
    body.insert("contents".into(), turns.into());
    tools(draft, &mut body)?;
    let config = config(draft);
    if !config.is_empty() {
        body.insert("generationConfig".into(), config.into());
    }
    draft.drop_if(draft.request.user.is_some(), "user");
    Ok(Value::Object(body))
}

fn tools(draft: &mut Draft, body: &mut Map<String, Value>) -> Result<(), Untranslatable> {
    let (mut functions, mut strictly) = (Vec::new(), false);
    for (at, tool) in draft.request.tools.iter().enumerate() {
        let Tool::Function { name, description, parameters, strict, cache: _ } = tool else {
            let reason = "the target knows functions alone";
            return Err(Untranslatable::new(format!("tools[{at}]"), reason));
        };
        strictly |= *strict == Some(true);
        let mut function = Map::new();
        function.insert("name".into(), name.as_str().into());
        if let Some(description) = description {
            function.insert("description".into(), description.as_str().into());
        }
        if let Some(parameters) = parameters {
            // Takes JSON schema as it is, where `parameters` takes a part of it.
            function.insert("parametersJsonSchema".into(), parameters.clone());
        }
        functions.push(Value::Object(function));
    }
    if functions.is_empty() {
        return Ok(());
    }
    body.insert("tools".into(), json!([{ "functionDeclarations": functions }]));
    let config = match &draft.request.tool_choice {
        None => None,
        Some(ToolChoice::Auto) => Some(json!({ "mode": "AUTO" })),
        Some(ToolChoice::None) => Some(json!({ "mode": "NONE" })),
        Some(ToolChoice::Required) => Some(json!({ "mode": "ANY" })),
        Some(ToolChoice::Named(name)) => {
            Some(json!({ "mode": "ANY", "allowedFunctionNames": [name] }))
        }
    };
    if let Some(config) = config {
        body.insert("toolConfig".into(), json!({ "functionCallingConfig": config }));
    }
    draft.drop_if(strictly, "strict");
    draft.drop_if(draft.request.parallel_tool_calls == Some(false), "parallel_tool_calls");
    let marked = |tool: &Tool| matches!(tool, Tool::Function { cache: Some(_), .. });
    draft.drop_if(draft.request.tools.iter().any(marked), "cache_control");
    Ok(())
}

fn config(draft: &mut Draft) -> Map<String, Value> {
    let request = &draft.request;
    let sampling = &request.sampling;
    let mut config = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            config.insert(name.into(), value);
        }
    };
    put("maxOutputTokens", sampling.max_tokens.map(Value::from));
    put("temperature", sampling.temperature.map(Value::from));
    put("topP", sampling.top_p.map(Value::from));
    put("topK", sampling.top_k.map(Value::from));
    put("frequencyPenalty", sampling.frequency_penalty.map(Value::from));
    put("presencePenalty", sampling.presence_penalty.map(Value::from));
    let seed = sampling.seed.map(i32::try_from);
    put("seed", seed.and_then(Result::ok).map(Value::from));
    put("stopSequences", (!sampling.stop.is_empty()).then(|| sampling.stop.clone().into()));
    put("responseMimeType", request.format.as_ref().map(|_| "application/json".into()));
    if let Some(Format::JsonSchema { schema, .. }) = &request.format {
        put("responseJsonSchema", Some(schema.clone()));
    }
    let (thinking, as_asked) = thinking(request);
    put("thinkingConfig", thinking);
    draft.drop_if(!as_asked, "reasoning_effort");
    draft.drop_if(matches!(seed, Some(Err(_))), "seed");
    config
}

/// How much to think: in tokens up to the second generation, by level from the third on. `false` if
/// the model cannot think as little as is asked for.
fn thinking(request: &Request) -> (Option<Value>, bool) {
    let Some(budget) = request.reasoning.as_ref() else { return (None, true) };
    let model = request.model.as_str();
    let by_level = thinks_by_level(model);
    let shown = !budget.is_off();
    let amount = if budget.adaptive {
        (!by_level).then(|| ("thinkingBudget", THINKING_DYNAMIC.into()))
    } else if by_level {
        budget.effort().map(|effort| ("thinkingLevel", level(effort, model).into()))
    } else {
        let tokens = budget.tokens();
        let tokens = tokens.map(|tokens| tokens.max(thinking_tokens_min(model)));
        tokens.map(|tokens| ("thinkingBudget", tokens.into()))
    };
    let as_asked = shown || !(by_level || thinking_tokens_min(model) > 0);
    if amount.is_none() && !budget.adaptive {
        return (None, true);
    }
    let mut config: Map<String, Value> =
        amount.into_iter().map(|(name, value): (&str, Value)| (name.to_owned(), value)).collect();
    config.insert("includeThoughts".into(), shown.into());
    (Some(Value::Object(config)), as_asked)
}

/// No model of a third generation thinks not at all, and few of them take `MINIMAL`; `LOW` is taken
/// by all.
fn level(effort: &str, model: &str) -> &'static str {
    match effort {
        "none" | "minimal" if model.contains("-lite") => "MINIMAL",
        "none" | "minimal" | "low" => "LOW",
        "medium" => "MEDIUM",
        _ => "HIGH",
    }
}
