//! `targets`, `routes`, `functions`, `routing`.

use tollgate_providers::SecretSource;
use tollgate_routing::{EndpointKind, StatusSet, Strategy};

use crate::fields::{Entry, Fields, Located};

/// The largest weight. Sums stay far from overflow and shares readable.
const WEIGHT_MAX: u32 = 1_000_000;
/// The most retries of one target.
const RETRIES_MAX: u32 = 10;
/// The longest first pause, in milliseconds: the cap of all pauses.
const BACKOFF_BASE_MS_MAX: u64 = 10_000;
/// The highest sampling temperature that any provider takes.
const TEMPERATURE_MAX: f64 = 2.0;

const STEPS_HINT: &str = "list the steps in order: `steps: [{ strategy: ..., targets: [...] }]`";

const ENDPOINTS: [(&str, EndpointKind); 6] = [
    ("chat", EndpointKind::Chat),
    ("embeddings", EndpointKind::Embeddings),
    ("audio_speech", EndpointKind::AudioSpeech),
    ("audio_transcription", EndpointKind::AudioTranscription),
    ("image_generation", EndpointKind::ImageGeneration),
    ("rerank", EndpointKind::Rerank),
];
const STRATEGIES: [(&str, Strategy); 3] = [
    ("single", Strategy::Single),
    ("weighted", Strategy::Weighted),
    ("fallback", Strategy::Fallback),
];

/// `targets.<name>`.
#[derive(Debug)]
pub(crate) struct TargetEntry {
    pub(crate) model: Option<Located<String>>,
    pub(crate) provider: Option<Located<String>>,
    pub(crate) credential: Option<Located<SecretSource>>,
    pub(crate) weight: Option<Located<u32>>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) first_token_timeout_ms: Option<u64>,
    pub(crate) idle_timeout_ms: Option<u64>,
    pub(crate) total_timeout_ms: Option<u64>,
}

/// `routes.<name>`.
#[derive(Debug)]
pub(crate) struct RouteEntry {
    pub(crate) endpoint: Option<EndpointKind>,
    pub(crate) models: Option<Located<Vec<Located<String>>>>,
    pub(crate) strategy: Option<Located<Strategy>>,
    pub(crate) targets: Option<Located<Vec<Located<String>>>>,
    pub(crate) steps: Option<Located<Vec<Located<StepEntry>>>>,
    pub(crate) retry: RetryEntry,
}

/// `functions.<name>`.
#[derive(Debug)]
pub(crate) struct FunctionEntry {
    pub(crate) endpoint: Option<EndpointKind>,
    pub(crate) strategy: Option<Located<Strategy>>,
    pub(crate) models: Option<Located<Vec<Located<String>>>>,
    pub(crate) targets: Option<Located<Vec<Located<String>>>>,
    pub(crate) steps: Option<Located<Vec<Located<StepEntry>>>>,
    pub(crate) variants: Vec<Entry<VariantEntry>>,
    pub(crate) retry: RetryEntry,
    /// Which of the four ways to say where requests go are written, well or badly.
    pub(crate) written: Vec<&'static str>,
}

/// One of `steps`.
#[derive(Debug)]
pub(crate) struct StepEntry {
    pub(crate) strategy: Option<Located<Strategy>>,
    pub(crate) targets: Option<Located<Vec<Located<String>>>>,
}

/// `functions.<name>.variants.<name>`.
#[derive(Debug)]
pub(crate) struct VariantEntry {
    pub(crate) model: Option<Located<String>>,
    pub(crate) provider: Option<Located<String>>,
    pub(crate) weight: Option<Located<u32>>,
    pub(crate) temperature: Option<f64>,
    pub(crate) max_tokens: Option<u32>,
}

/// `retry`, under `routing`, a route or a function.
#[derive(Debug, Default)]
pub(crate) struct RetryEntry {
    pub(crate) max_retries: Option<u32>,
    pub(crate) backoff_base_ms: Option<u64>,
    pub(crate) retryable_status: Option<StatusSet>,
}

pub(super) fn target(fields: &mut Fields<'_, '_>) -> TargetEntry {
    let target = TargetEntry {
        model: fields.text("model"),
        provider: fields.text("provider"),
        credential: fields.secret("credential"),
        weight: super::small(fields, "weight", WEIGHT_MAX),
        timeout_ms: super::timeout_ms(fields, "timeout_ms"),
        first_token_timeout_ms: super::timeout_ms(fields, "first_token_timeout_ms"),
        idle_timeout_ms: super::timeout_ms(fields, "idle_timeout_ms"),
        total_timeout_ms: super::timeout_ms(fields, "total_timeout_ms"),
    };
    fields.require("model", "name a model that a provider lists");
    target
}

pub(super) fn route(fields: &mut Fields<'_, '_>) -> RouteEntry {
    let route = RouteEntry {
        endpoint: fields.choice("endpoint", &ENDPOINTS).map(|endpoint| endpoint.value),
        models: fields.texts("models"),
        strategy: fields.choice("strategy", &STRATEGIES),
        targets: fields.texts("targets"),
        steps: fields.list("steps", step),
        retry: retry(fields),
    };
    fields.require("models", "list the model names that the route answers to");
    match (fields.has("targets"), fields.has("steps")) {
        (true, true) => both_targets_and_steps(fields),
        (false, true) => fields.require("steps", STEPS_HINT),
        (targets, false) => {
            fields.require("targets", "list the targets in order: `targets: [...]`");
            if targets {
                fields.require("strategy", "one of `single`, `weighted`, `fallback`");
            }
        }
    }
    route
}

fn both_targets_and_steps(fields: &mut Fields<'_, '_>) {
    let problem = crate::error::Problem::new(fields.place(), "both `targets` and `steps`");
    fields.report(problem.hint("keep one: a chain of one stage is `targets`, of several `steps`"));
}

pub(super) fn function(fields: &mut Fields<'_, '_>) -> FunctionEntry {
    let strategies: Vec<(&str, Strategy)> =
        STRATEGIES.into_iter().chain([("experiment", Strategy::Experiment)]).collect();
    let ways = ["models", "targets", "steps", "variants"];
    let function = FunctionEntry {
        endpoint: fields.choice("endpoint", &ENDPOINTS).map(|endpoint| endpoint.value),
        strategy: fields.choice("strategy", &strategies),
        models: fields.texts("models"),
        targets: fields.texts("targets"),
        steps: fields.list("steps", step),
        variants: fields.table("variants", variant),
        retry: retry(fields),
        written: ways.into_iter().filter(|way| fields.has(way)).collect(),
    };
    if let [way] = function.written[..] {
        // A field without a value says nowhere where requests go, either. Variants are counted later.
        match way {
            "models" => fields.require(way, "list the models in order: `models: [...]`"),
            "targets" => fields.require(way, "list the targets in order: `targets: [...]`"),
            "steps" => fields.require(way, STEPS_HINT),
            _ => {}
        }
        if way != "steps" {
            let words = "one of `single`, `weighted`, `fallback`, `experiment`";
            fields.require("strategy", words);
        }
    }
    function
}

fn step(fields: &mut Fields<'_, '_>) -> StepEntry {
    let step = StepEntry {
        strategy: fields.choice("strategy", &STRATEGIES),
        targets: fields.texts("targets"),
    };
    fields.require("strategy", "one of `single`, `weighted`, `fallback`");
    fields.require("targets", "list the step's targets: `targets: [...]`");
    step
}

fn variant(fields: &mut Fields<'_, '_>) -> VariantEntry {
    let variant = VariantEntry {
        model: fields.text("model"),
        provider: fields.text("provider"),
        weight: super::small(fields, "weight", WEIGHT_MAX),
        temperature: fields
            .decimal("temperature", 0.0..=TEMPERATURE_MAX, "")
            .map(|temperature| temperature.value),
        max_tokens: fields
            .integer("max_tokens", 1..=u64::from(u32::MAX), "tokens")
            .and_then(|tokens| u32::try_from(tokens.value).ok()),
    };
    fields.require("model", "name a model that a provider lists");
    variant
}

/// `routing`: the retry policy of every route and function without one.
pub(super) fn defaults(fields: &mut Fields<'_, '_>) -> RetryEntry {
    fields.section("routing", retry).map(|retry| retry.value).unwrap_or_default()
}

fn retry(fields: &mut Fields<'_, '_>) -> RetryEntry {
    let retry = fields.section("retry", |fields| {
        let range = u64::from(StatusSet::MIN)..=u64::from(StatusSet::MAX);
        let statuses = fields.integers("retryable_status_codes", &range);
        let statuses = statuses.map(|list| {
            list.value.iter().filter_map(|status| u16::try_from(status.value).ok()).collect()
        });
        RetryEntry {
            max_retries: super::small(fields, "max_retries", RETRIES_MAX).map(|it| it.value),
            backoff_base_ms: fields
                .integer("backoff_base_ms", 0..=BACKOFF_BASE_MS_MAX, "ms")
                .map(|base| base.value),
            retryable_status: statuses,
        }
    });
    retry.map(|retry| retry.value).unwrap_or_default()
}
