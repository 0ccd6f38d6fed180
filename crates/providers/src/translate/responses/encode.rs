//! A request for an upstream, written.

use serde_json::{Map, Value, json};

use super::items::encode_input;
use super::set;
use super::tools::encode_tools;
use crate::event::Opaque;
use crate::provider::Capabilities;
use crate::translate::Untranslatable;
use crate::translate::request::{Content, Draft, Format};

/// The least that may be asked for, in tokens.
const OUTPUT_TOKENS_MIN: u64 = 16;
/// Members that callers of other dialects may give and that mean the same here.
const SHARED: [&str; 7] = [
    "metadata",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "truncation",
    "store",
];

/// Writes the body.
pub(in crate::translate) fn encode(
    draft: &mut Draft,
    capabilities: Capabilities,
) -> Result<Value, Untranslatable> {
    draft.one_answer()?;
    if !draft.request.sampling.stop.is_empty() {
        return Err(Untranslatable::new("stop", "the target knows no stop sequences"));
    }
    let mut body = Map::new();
    body.insert("model".into(), draft.request.model.as_str().into());
    // Nothing is kept unless the caller wants it: what the model thought comes back with the answer.
    body.insert("store".into(), false.into());
    reasoning(draft, &mut body);
    encode_input(draft, &mut body)?;
    encode_tools(draft, capabilities, &mut body)?;
    text(draft, capabilities, &mut body)?;
    sampling(draft, &mut body);
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
    }
    Ok(Value::Object(body))
}

/// How much to think, and that the thoughts be given encrypted: models that do not think refuse
/// to, so only where the caller shows that this one does.
fn reasoning(draft: &Draft, body: &mut Map<String, Value>) {
    let request = &draft.request;
    let sealed = request.messages.iter().flat_map(|message| &message.parts).any(|part| {
        let Content::Reasoning(reasoning) = &part.content else { return false };
        reasoning.sealed.as_ref().is_some_and(|sealed| sealed.is(Opaque::RESPONSES))
    });
    let asked = request.reasoning.as_ref();
    if sealed || asked.is_some_and(|budget| !budget.is_off()) {
        body.insert("include".into(), json!(["reasoning.encrypted_content"]));
    }
    let Some(budget) = asked else { return };
    let mut value = Map::new();
    if let Some(effort) = budget.effort() {
        value.insert("effort".into(), effort.into());
    }
    if let Some(summary) = &budget.summary {
        value.insert("summary".into(), summary.as_str().into());
    }
    if !value.is_empty() {
        body.insert("reasoning".into(), Value::Object(value));
    }
}

fn text(
    draft: &mut Draft,
    capabilities: Capabilities,
    body: &mut Map<String, Value>,
) -> Result<(), Untranslatable> {
    let mut text = Map::new();
    match &draft.request.format {
        None => {}
        Some(Format::JsonObject) => {
            text.insert("format".into(), json!({ "type": "json_object" }));
        }
        Some(Format::JsonSchema { name, description, schema, strict }) => {
            if !capabilities.json_schema {
                let reason = "the target takes no JSON schema for its answers";
                return Err(Untranslatable::new("response_format", reason));
            }
            let mut format = json!({
                "type": "json_schema",
                "name": name.as_deref().unwrap_or("answer"),
                "schema": schema,
            });
            if let Some(description) = description {
                set(&mut format, "description", description.as_str());
            }
            if let Some(strict) = strict {
                set(&mut format, "strict", *strict);
            }
            text.insert("format".into(), format);
        }
    }
    if let Some(verbosity) = draft.extra("verbosity") {
        text.insert("verbosity".into(), verbosity);
    }
    if !text.is_empty() {
        body.insert("text".into(), Value::Object(text));
    }
    Ok(())
}

fn sampling(draft: &mut Draft, body: &mut Map<String, Value>) {
    let sampling = draft.request.sampling.clone();
    if let Some(tokens) = sampling.max_tokens {
        // A little more than was wanted is still an answer; a refusal is none.
        draft.drop_if(tokens < OUTPUT_TOKENS_MIN, "max_tokens");
        body.insert("max_output_tokens".into(), tokens.max(OUTPUT_TOKENS_MIN).into());
    }
    if let Some(temperature) = sampling.temperature {
        body.insert("temperature".into(), temperature.into());
    }
    if let Some(top_p) = sampling.top_p {
        body.insert("top_p".into(), top_p.into());
    }
    draft.drop_if(sampling.top_k.is_some(), "top_k");
    draft.drop_if(sampling.frequency_penalty.is_some(), "frequency_penalty");
    draft.drop_if(sampling.presence_penalty.is_some(), "presence_penalty");
    draft.drop_if(sampling.seed.is_some(), "seed");
}
