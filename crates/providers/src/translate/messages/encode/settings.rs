//! What is said beside the conversation: the answer's form, thinking, sampling.

use serde_json::{Map, Value, json};

use super::model;
use crate::provider::Capabilities;
use crate::translate::Untranslatable;
use crate::translate::messages::kind_of;
use crate::translate::request::{Draft, Format, ToolChoice};

/// What `max_tokens` is where neither the caller nor the target says: the API insists on a number,
/// and this is the most that every model of it, however old, can be asked for. Thinking comes on top.
pub(super) const MAX_TOKENS_DEFAULT: u64 = 4_096;
/// The smallest budget for thinking that the API takes.
pub(super) const BUDGET_TOKENS_MIN: u64 = 1_024;
/// The highest temperature that the API takes.
const TEMPERATURE_MAX: f64 = 1.0;
/// The lowest `top_p` that goes with thinking.
const THINKING_TOP_P_MIN: f64 = 0.95;

/// `output_config.format`.
pub(super) fn format(
    draft: &Draft,
    capabilities: Capabilities,
    config: &mut Map<String, Value>,
) -> Result<(), Untranslatable> {
    let wrong = |reason: &str| Err(Untranslatable::new("response_format", reason));
    match &draft.request.format {
        None => Ok(()),
        Some(Format::JsonObject) => {
            wrong("the target takes a JSON schema, and cannot promise JSON without one")
        }
        Some(Format::JsonSchema { .. }) if !capabilities.json_schema => {
            wrong("the target takes no JSON schema for its answers")
        }
        Some(Format::JsonSchema { description, schema, .. }) => {
            let mut schema = schema.clone();
            // The API has a place for a description in the schema alone.
            if let (Some(description), Some(members)) = (description, schema.as_object_mut()) {
                members.entry("description").or_insert_with(|| description.as_str().into());
            }
            let format = json!({ "type": "json_schema", "schema": schema });
            config.insert("format".into(), format);
            Ok(())
        }
    }
}

/// `thinking`, `output_config.effort` and `max_tokens`, which has to hold the thinking too.
///
/// Where the API refuses to think (the answer is begun, a tool is forced, or the calls that are
/// being answered were made without a thought that it could check) the rest matters more.
pub(super) fn thinking(
    draft: &mut Draft,
    prefilled: bool,
    unsigned: bool,
    config: &mut Map<String, Value>,
    body: &mut Map<String, Value>,
) {
    let given = draft.request.sampling.max_tokens;
    body.insert("max_tokens".into(), given.unwrap_or(MAX_TOKENS_DEFAULT).into());
    let Some(budget) = draft.request.reasoning.clone() else { return };
    if budget.is_off() {
        body.insert("thinking".into(), json!({ "type": "disabled" }));
        return;
    }
    let adaptive = budget.adaptive || model::thinks_adaptively(&draft.request.model);
    let choice = &draft.request.tool_choice;
    let forced = matches!(choice, Some(ToolChoice::Required | ToolChoice::Named(_)))
        && body.contains_key("tool_choice");
    if prefilled || forced || (unsigned && !adaptive) {
        draft.drop("reasoning");
        return;
    }
    let tokens = budget.tokens().unwrap_or(BUDGET_TOKENS_MIN);
    let mut thinking = Map::new();
    if adaptive {
        thinking.insert("type".into(), "adaptive".into());
        if let Some(effort) = budget.effort() {
            config.insert("effort".into(), effort_here(effort).into());
        }
        draft.drop_if(budget.tokens.is_some(), "reasoning.max_tokens");
        if given.is_none() {
            body.insert("max_tokens".into(), (MAX_TOKENS_DEFAULT.saturating_add(tokens)).into());
        }
    } else {
        let tokens = tokens.max(BUDGET_TOKENS_MIN);
        let (max, tokens) = match given {
            None => (tokens.saturating_add(MAX_TOKENS_DEFAULT), tokens),
            Some(max) => (max, tokens.min(max.saturating_sub(1))),
        };
        if tokens < BUDGET_TOKENS_MIN {
            draft.drop("reasoning");
            return;
        }
        body.insert("max_tokens".into(), max.into());
        thinking.insert("type".into(), "enabled".into());
        thinking.insert("budget_tokens".into(), tokens.into());
    }
    // Models that think adaptively show nothing of it unless asked to.
    if adaptive && budget.summary.is_some() {
        thinking.insert("display".into(), "summarized".into());
    }
    body.insert("thinking".into(), Value::Object(thinking));
}

/// The effort in this API's words, which know nothing less than `low`.
fn effort_here(effort: &str) -> &str {
    match effort {
        "minimal" => "low",
        other => other,
    }
}

/// `temperature`, `top_p`, `top_k`, `stop_sequences`.
pub(super) fn sampling(
    draft: &mut Draft,
    body: &mut Map<String, Value>,
) -> Result<(), Untranslatable> {
    let sampling = draft.request.sampling.clone();
    let thinks = body.get("thinking").is_some_and(|t| kind_of(t) != "disabled");
    let refuses = model::refuses_sampling(&draft.request.model);
    let by_one = model::samples_by_one(&draft.request.model);
    if let Some(temperature) = sampling.temperature {
        // 1 is the default, and all that goes with thinking.
        let fits = temperature <= TEMPERATURE_MAX;
        let kept = temperature.min(TEMPERATURE_MAX);
        let is_default = kept >= TEMPERATURE_MAX;
        draft.drop_if(!fits || ((thinks || refuses) && !is_default), "temperature");
        if !(thinks || refuses) {
            body.insert("temperature".into(), kept.into());
        }
    }
    if let Some(top_p) = sampling.top_p {
        let beside = by_one && body.contains_key("temperature");
        let takes = !refuses && !beside && (!thinks || top_p >= THINKING_TOP_P_MIN);
        draft.drop_if(!takes && top_p < 1.0, "top_p");
        if takes {
            body.insert("top_p".into(), top_p.into());
        }
    }
    if let Some(top_k) = sampling.top_k {
        draft.drop_if(thinks || refuses, "top_k");
        if !(thinks || refuses) {
            body.insert("top_k".into(), top_k.into());
        }
    }
    if sampling.stop.iter().any(|stop| stop.trim().is_empty()) {
        return Err(Untranslatable::new("stop", "the target stops at no sequence of white space"));
    }
    if !sampling.stop.is_empty() {
        body.insert("stop_sequences".into(), sampling.stop.into());
    }
    draft.drop_if(sampling.frequency_penalty.is_some_and(|p| p != 0.0), "frequency_penalty");
    draft.drop_if(sampling.presence_penalty.is_some_and(|p| p != 0.0), "presence_penalty");
    draft.drop_if(sampling.seed.is_some(), "seed");
    Ok(())
}

/// The user, the tier, and where the prompt is cached.
pub(super) fn shared(draft: &mut Draft, body: &mut Map<String, Value>) {
    // The newer name of `user` at OpenAI.
    let user = draft.request.user.clone();
    if let Some(user) = user.map(Value::String).or_else(|| draft.extra("safety_identifier")) {
        body.insert("metadata".into(), json!({ "user_id": user }));
    }
    if let Some(tier) = draft.extra("service_tier") {
        match tier.as_str() {
            Some("auto") => {
                body.insert("service_tier".into(), tier);
            }
            Some("default") => {
                body.insert("service_tier".into(), "standard_only".into());
            }
            _ => draft.drop("service_tier"),
        }
    }
    if let Some(cache) = draft.extra("cache_control") {
        body.insert("cache_control".into(), cache);
    }
}
