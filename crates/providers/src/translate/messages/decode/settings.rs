//! What is said beside the conversation: sampling, thinking, the form of the answer.

use serde_json::{Map, Value};

use crate::translate::Untranslatable;
use crate::translate::request::{Format, ReasoningBudget, Request, Sampling};

/// `max_tokens`, `temperature`, ...
pub(super) fn sampling(body: &mut Map<String, Value>) -> Result<Sampling, Untranslatable> {
    let stop = body.remove("stop_sequences").map(serde_json::from_value).transpose();
    let stop = stop
        .map_err(|_| Untranslatable::new("stop_sequences", "must be a list of strings"))?
        .unwrap_or_default();
    let mut count = |name: &str| body.remove(name).and_then(|value| value.as_u64());
    let (max_tokens, top_k) = (count("max_tokens"), count("top_k"));
    if max_tokens == Some(0) {
        let reason = "0 fills this API's own cache, and asks the target for nothing";
        return Err(Untranslatable::new("max_tokens", reason));
    }
    let mut number = |name: &str| body.remove(name).and_then(|value| value.as_f64());
    Ok(Sampling {
        max_tokens,
        temperature: number("temperature"),
        top_p: number("top_p"),
        top_k,
        stop,
        ..Sampling::default()
    })
}

/// `metadata.user_id`; other members stay.
pub(super) fn user(body: &mut Map<String, Value>) -> Option<String> {
    let metadata = body.get_mut("metadata")?.as_object_mut()?;
    let user = metadata.shift_remove("user_id");
    if metadata.is_empty() {
        body.shift_remove("metadata");
    }
    user?.as_str().map(str::to_owned)
}

/// `service_tier`, in the words that it has elsewhere.
pub(super) fn service_tier(body: &mut Map<String, Value>) {
    if let Some(tier) = body.get_mut("service_tier")
        && tier == "standard_only"
    {
        *tier = "default".into();
    }
}

/// `thinking` and `output_config`, and the older `output_format`.
pub(super) fn output(
    body: &mut Map<String, Value>,
    request: &mut Request,
) -> Result<(), Untranslatable> {
    let mut config = match body.remove("output_config") {
        Some(Value::Object(config)) => config,
        _ => Map::new(),
    };
    let older = body.remove("output_format");
    request.format = format(config.remove("format").or(older))?;
    let effort = match config.remove("effort") {
        // The highest that others know.
        Some(Value::String(effort)) if effort == "max" => Some("xhigh".to_owned()),
        Some(Value::String(effort)) => Some(effort),
        _ => None,
    };
    config.retain(|_, value| !value.is_null());
    for (name, value) in config {
        body.insert(format!("output_config.{name}"), value);
    }
    let mut budget = thinking(body)?;
    if budget.is_off() {
        // Effort without thinking is a thing of this API.
        if let Some(effort) = effort {
            body.insert("output_config.effort".into(), effort.into());
        }
    } else {
        budget.effort = effort;
    }
    request.reasoning = (budget != ReasoningBudget::default()).then_some(budget);
    Ok(())
}

fn thinking(body: &mut Map<String, Value>) -> Result<ReasoningBudget, Untranslatable> {
    let mut budget = ReasoningBudget::default();
    let Some(thinking) = body.remove("thinking") else { return Ok(budget) };
    let display = thinking.get("display").and_then(Value::as_str);
    match thinking.get("type").and_then(Value::as_str) {
        Some("disabled") => budget.tokens = Some(0),
        Some("enabled") => {
            let tokens = thinking.get("budget_tokens").and_then(Value::as_u64);
            budget.tokens = Some(
                tokens.ok_or_else(|| Untranslatable::new("thinking", "lacks `budget_tokens`"))?,
            );
            // Models that take a budget show what they think unless told not to.
            budget.summary = (display != Some("omitted")).then(|| "auto".to_owned());
        }
        Some("adaptive") => {
            budget.adaptive = true;
            budget.summary = (display == Some("summarized")).then(|| "auto".to_owned());
        }
        // When to think is for the target to say.
        Some("between_tools") => {
            budget.adaptive = true;
            body.insert("thinking".into(), thinking);
        }
        _ => return Err(Untranslatable::new("thinking", "is of no known type")),
    }
    Ok(budget)
}

fn format(value: Option<Value>) -> Result<Option<Format>, Untranslatable> {
    let Some(mut value) = value.filter(|value| !value.is_null()) else { return Ok(None) };
    let known = value.get("type").and_then(Value::as_str) == Some("json_schema");
    match value.get_mut("schema").map(Value::take) {
        Some(schema) if known => Ok(Some(Format::JsonSchema {
            name: None,
            description: None,
            schema,
            // This API always holds to the schema.
            strict: Some(true),
        })),
        _ => Err(Untranslatable::new("output_config.format", "must be a `json_schema`")),
    }
}
