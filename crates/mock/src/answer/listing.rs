//! Embeddings and model lists.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::choosing::{BUILT_IN, MODEL_PREFIX};
use crate::log::body_hash;
use crate::ordered::{Json, object};
use crate::reading::Ask;
use crate::scenario::{CREATED_DEFAULT, Scenario};

/// Numbers in an embedding unless the caller says how many.
const DIMENSIONS_DEFAULT: usize = 8;
/// The most that the caller may ask for.
const DIMENSIONS_MAX: usize = 4096;
/// Models that every client knows, listed beside the built-in ones.
const MODELS: [&str; 3] = ["gpt-4o", "gpt-4o-mini", "claude-sonnet-4-6"];

/// One vector for each input; the same text has the same vector.
pub(crate) fn embeddings(scenario: &Scenario, ask: &Ask) -> Json {
    let dimensions = ask.dimensions.unwrap_or(DIMENSIONS_DEFAULT).min(DIMENSIONS_MAX);
    let data = ask.inputs.iter().enumerate().map(|(index, input)| {
        let vector = vector(input, dimensions);
        object! {
            "object" => "embedding",
            "index" => index,
            "embedding" => if ask.base64 { in_base64(&vector) } else { as_numbers(&vector) },
        }
    });
    let words: usize = ask.inputs.iter().map(|input| input.split_whitespace().count()).sum();
    let body = object! {
        "object" => "list",
        "data" => data.collect::<Vec<_>>(),
        "model" => scenario.model.clone().or_else(|| ask.model.clone()),
    };
    if scenario.usage.is_none() {
        return body;
    }
    body.with("usage", object! { "prompt_tokens" => words, "total_tokens" => words })
}

/// All models, or the one asked for (every id exists). Anthropic's shape for its own clients.
pub(crate) fn models(model_id: Option<&str>, anthropic: bool) -> Json {
    let entry = if anthropic { anthropic_model } else { openai_model };
    if let Some(id) = model_id {
        return entry(id);
    }
    let built_in = BUILT_IN.iter().map(|name| entry(&format!("{MODEL_PREFIX}{name}")));
    let data: Vec<Json> = MODELS.iter().map(|id| entry(id)).chain(built_in).collect();
    if !anthropic {
        return object! { "object" => "list", "data" => data };
    }
    let last = BUILT_IN.last().map(|name| format!("{MODEL_PREFIX}{name}"));
    object! {
        "data" => data,
        "has_more" => false,
        "first_id" => MODELS.first().copied(),
        "last_id" => last,
    }
}

fn openai_model(id: &str) -> Json {
    object! {
        "id" => id, "object" => "model", "created" => CREATED_DEFAULT, "owned_by" => "mock",
    }
}

fn anthropic_model(id: &str) -> Json {
    object! {
        "type" => "model",
        "id" => id,
        "display_name" => id,
        "created_at" => "2023-11-14T22:13:20Z",
    }
}

/// Sixteenths in [-0.5, 0.5): exact in decimal and in binary, so that both encodings agree.
fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let mut state = body_hash(text.as_bytes());
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        f32::from(u8::try_from(state >> 60).unwrap_or(0)) / 16.0 - 0.5
    };
    (0..dimensions).map(next).collect()
}

fn as_numbers(vector: &[f32]) -> Json {
    Json::Value(vector.iter().copied().map(serde_json::Value::from).collect())
}

fn in_base64(vector: &[f32]) -> Json {
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    BASE64_STANDARD.encode(bytes).into()
}
