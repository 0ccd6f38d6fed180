//! `targets`, `routes`, `functions`, `routing`.

use tollgate_filters::cache::Mode;
use tollgate_providers::SecretSource;
use tollgate_routing::{EndpointKind, StatusSet, StickyBy, Strategy};

use crate::error::Problem;
use crate::fields::{Entry, Fields, Located};
use crate::suggest;

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
const STRATEGIES: [(&str, Strategy); 5] = [
    ("single", Strategy::Single),
    ("weighted", Strategy::Weighted),
    ("fallback", Strategy::Fallback),
    ("latency", Strategy::Latency),
    ("least_busy", Strategy::LeastBusy),
];
const STRATEGIES_HINT: &str = "one of `single`, `weighted`, `fallback`, `latency`, `least_busy`";
const STICKY_BY_HINT: &str = "one of `user`, `session`, `conversation`, `header:NAME`";
/// What stands before a header's name in `sticky_by`.
const HEADER_PREFIX: &str = "header:";
/// The most failed attempts in a row that a target may be allowed; 0 never ejects.
const EJECT_AFTER_MAX: u32 = 1_000;

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
    pub(crate) health: HealthEntry,
    pub(crate) capture_content: Option<bool>,
}

/// `routes.<name>`.
#[derive(Debug)]
pub(crate) struct RouteEntry {
    pub(crate) endpoint: Option<EndpointKind>,
    pub(crate) models: Option<Located<Vec<Located<String>>>>,
    pub(crate) strategy: Option<Located<Strategy>>,
    pub(crate) sticky_by: Option<Located<StickyBy>>,
    pub(crate) targets: Option<Located<Vec<Located<String>>>>,
    pub(crate) steps: Option<Located<Vec<Located<StepEntry>>>>,
    pub(crate) retry: RetryEntry,
    pub(crate) capture_content: Option<bool>,
    pub(crate) cache: Option<Mode>,
}

/// `functions.<name>`.
#[derive(Debug)]
pub(crate) struct FunctionEntry {
    pub(crate) endpoint: Option<EndpointKind>,
    pub(crate) strategy: Option<Located<Strategy>>,
    pub(crate) sticky_by: Option<Located<StickyBy>>,
    pub(crate) models: Option<Located<Vec<Located<String>>>>,
    pub(crate) targets: Option<Located<Vec<Located<String>>>>,
    pub(crate) steps: Option<Located<Vec<Located<StepEntry>>>>,
    pub(crate) variants: Vec<Entry<VariantEntry>>,
    pub(crate) retry: RetryEntry,
    pub(crate) capture_content: Option<bool>,
    pub(crate) cache: Option<Mode>,
    /// Which of the four ways to say where requests go are written, well or badly.
    pub(crate) written: Vec<&'static str>,
}

/// One of `steps`.
#[derive(Debug)]
pub(crate) struct StepEntry {
    pub(crate) strategy: Option<Located<Strategy>>,
    pub(crate) sticky_by: Option<Located<StickyBy>>,
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

/// `health`, under `routing` or a target.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HealthEntry {
    /// Whether the section is there.
    pub(crate) written: bool,
    pub(crate) eject_after: Option<u32>,
    pub(crate) eject_ms: Option<u64>,
}

/// `routing`: what routes, functions and targets have that say nothing themselves.
#[derive(Debug, Default)]
pub(crate) struct RoutingEntry {
    pub(crate) retry: RetryEntry,
    pub(crate) health: HealthEntry,
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
        health: health(fields),
        capture_content: super::capture::switch(fields),
    };
    fields.require("model", "name a model that a provider lists");
    target
}

pub(super) fn route(fields: &mut Fields<'_, '_>) -> RouteEntry {
    let route = RouteEntry {
        endpoint: fields.choice("endpoint", &ENDPOINTS).map(|endpoint| endpoint.value),
        models: fields.texts("models"),
        strategy: fields.choice("strategy", &STRATEGIES),
        sticky_by: sticky_by(fields),
        targets: fields.texts("targets"),
        steps: fields.list("steps", step),
        retry: retry(fields),
        capture_content: super::capture::switch(fields),
        cache: super::server::cache_mode(fields),
    };
    fields.require("models", "list the model names that the route answers to");
    match (fields.has("targets"), fields.has("steps")) {
        (true, true) => both_targets_and_steps(fields),
        (false, true) => fields.require("steps", STEPS_HINT),
        (targets, false) => {
            fields.require("targets", "list the targets in order: `targets: [...]`");
            if targets {
                fields.require("strategy", STRATEGIES_HINT);
            }
        }
    }
    route
}

fn both_targets_and_steps(fields: &mut Fields<'_, '_>) {
    let problem = Problem::new(fields.place(), "both `targets` and `steps`");
    fields.report(problem.hint("keep one: a chain of one stage is `targets`, of several `steps`"));
}

pub(super) fn function(fields: &mut Fields<'_, '_>) -> FunctionEntry {
    let strategies: Vec<(&str, Strategy)> =
        STRATEGIES.into_iter().chain([("experiment", Strategy::Experiment)]).collect();
    let ways = ["models", "targets", "steps", "variants"];
    let function = FunctionEntry {
        endpoint: fields.choice("endpoint", &ENDPOINTS).map(|endpoint| endpoint.value),
        strategy: fields.choice("strategy", &strategies),
        sticky_by: sticky_by(fields),
        models: fields.texts("models"),
        targets: fields.texts("targets"),
        steps: fields.list("steps", step),
        variants: fields.table("variants", variant),
        retry: retry(fields),
        capture_content: super::capture::switch(fields),
        cache: super::server::cache_mode(fields),
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
            fields.require("strategy", &format!("{STRATEGIES_HINT}, `experiment`"));
        }
    }
    function
}

fn step(fields: &mut Fields<'_, '_>) -> StepEntry {
    let step = StepEntry {
        strategy: fields.choice("strategy", &STRATEGIES),
        sticky_by: sticky_by(fields),
        targets: fields.texts("targets"),
    };
    fields.require("strategy", STRATEGIES_HINT);
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

/// What every route, function and target has that says nothing itself.
pub(super) fn defaults(fields: &mut Fields<'_, '_>) -> RoutingEntry {
    let defaults =
        |fields: &mut Fields<'_, '_>| RoutingEntry { retry: retry(fields), health: health(fields) };
    fields.section("routing", defaults).map(|routing| routing.value).unwrap_or_default()
}

fn health(fields: &mut Fields<'_, '_>) -> HealthEntry {
    let health = fields.section("health", |fields| HealthEntry {
        written: true,
        eject_after: super::small(fields, "eject_after", EJECT_AFTER_MAX).map(|it| it.value),
        eject_ms: super::timeout_ms(fields, "eject_ms"),
    });
    health.map(|health| health.value).unwrap_or_default()
}

fn sticky_by(fields: &mut Fields<'_, '_>) -> Option<Located<StickyBy>> {
    let Located { value, place } = fields.text("sticky_by")?;
    let by = match (&*value, value.strip_prefix(HEADER_PREFIX)) {
        ("user", _) => Some(StickyBy::User),
        ("session", _) => Some(StickyBy::Session),
        ("conversation", _) => Some(StickyBy::Conversation),
        (_, Some(name)) => name.trim().parse().ok().map(StickyBy::Header),
        _ => None,
    };
    if by.is_none() {
        let words = ["user", "session", "conversation"];
        let (message, hint) = if value.starts_with(HEADER_PREFIX) {
            let hint = "write a header's name behind it: `header:x-tenant`".to_owned();
            (format!("no header has the name in `{value}`"), Some(hint))
        } else {
            let closest = suggest::closest(&value, words);
            let hint = closest.map(|closest| format!("did you mean `{closest}`?"));
            (format!("must be {STICKY_BY_HINT}"), hint)
        };
        fields.report(Problem::new(&place, message).maybe_hint(hint));
    }
    by.map(|by| Located::new(by, place))
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
