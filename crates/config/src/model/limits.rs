//! `limits`: what one request, one caller and all together may take.

use tollgate_filters::request::Unpriced;
use tollgate_limits::{OnExceed, Scope};

use crate::fields::{Entry, Fields, Located};
use crate::limits::OnRedisDown;

/// The largest body that can be allowed: it is held in memory, whole.
const BODY_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// The most requests at a time that can be allowed.
const IN_FLIGHT_MAX: u64 = 1_000_000;
/// The deepest JSON that can be allowed; the parser's own stack ends at 128.
const JSON_DEPTH_MAX: u64 = 127;
/// The highest number that a rule can allow: what is counted fits 32 bits.
const PER_MINUTE_MAX: u64 = 1_000_000_000;
/// The most money that a budget can be, in units of its currency.
const BUDGET_MAX: f64 = 1_000_000_000.0;
/// The most output tokens that can be reserved for a request that says nothing of them.
const OUTPUT_TOKENS_MAX: u64 = 1_000_000;
/// The most subjects that can be counted apart.
const SUBJECTS_MAX: u64 = 10_000_000;

/// `limits`.
#[derive(Debug, Default)]
pub(crate) struct LimitsEntry {
    pub(crate) body_bytes_max: Option<usize>,
    pub(crate) in_flight_max: Option<usize>,
    pub(crate) json_depth_max: Option<usize>,
    pub(crate) output_tokens_default: Option<u64>,
    pub(crate) subjects_max: Option<usize>,
    pub(crate) unpriced: Option<Unpriced>,
    pub(crate) on_exceed: Option<OnExceed>,
    pub(crate) shared: Option<Located<bool>>,
    pub(crate) on_redis_down: Option<OnRedisDown>,
    pub(crate) rules: Vec<Entry<RuleEntry>>,
}

/// `limits.rules.<name>`.
#[derive(Debug)]
pub(crate) struct RuleEntry {
    pub(crate) per: Option<Located<Scope>>,
    pub(crate) matching: Option<Located<Vec<Located<String>>>>,
    pub(crate) requests_per_minute: Option<u64>,
    pub(crate) tokens_per_minute: Option<u64>,
    pub(crate) concurrency_max: Option<u64>,
    pub(crate) budget: Option<Located<BudgetEntry>>,
    pub(crate) on_exceed: Option<OnExceed>,
    /// Whether anything is limited, well or badly written.
    pub(crate) limits_any: bool,
}

/// `budget` of a rule.
#[derive(Debug)]
pub(crate) struct BudgetEntry {
    pub(crate) day: Option<f64>,
    pub(crate) month: Option<f64>,
    pub(crate) currency: Option<Located<String>>,
}

pub(super) fn limits(fields: &mut Fields<'_, '_>) -> LimitsEntry {
    LimitsEntry {
        body_bytes_max: super::count(fields, "body_bytes_max", BODY_BYTES_MAX, "bytes"),
        in_flight_max: super::count(fields, "in_flight_max", IN_FLIGHT_MAX, "requests"),
        json_depth_max: super::count(fields, "json_depth_max", JSON_DEPTH_MAX, "levels"),
        output_tokens_default: fields
            .integer("output_tokens_default", 0..=OUTPUT_TOKENS_MAX, "tokens")
            .map(|tokens| tokens.value),
        subjects_max: super::count(fields, "subjects_max", SUBJECTS_MAX, ""),
        unpriced: fields
            .choice("unpriced", &[("allow", Unpriced::Allow), ("refuse", Unpriced::Refuse)])
            .map(|unpriced| unpriced.value),
        on_exceed: on_exceed(fields),
        shared: fields.flag("shared"),
        on_redis_down: fields
            .choice(
                "on_redis_down",
                &[("open", OnRedisDown::Open), ("closed", OnRedisDown::Closed)],
            )
            .map(|it| it.value),
        rules: fields.table("rules", rule),
    }
}

fn rule(fields: &mut Fields<'_, '_>) -> RuleEntry {
    let mut per_minute =
        |name, unit| fields.integer(name, 1..=PER_MINUTE_MAX, unit).map(|number| number.value);
    let (requests_per_minute, tokens_per_minute) =
        (per_minute("requests_per_minute", "requests"), per_minute("tokens_per_minute", "tokens"));
    let concurrency_max = fields.integer("concurrency_max", 1..=IN_FLIGHT_MAX, "requests");
    let rule = RuleEntry {
        per: fields.choice("per", &Scope::ALL.map(|scope| (scope.name(), scope))),
        matching: fields.texts("match"),
        requests_per_minute,
        tokens_per_minute,
        concurrency_max: concurrency_max.map(|number| number.value),
        budget: fields.section("budget", budget),
        on_exceed: on_exceed(fields),
        limits_any: ["requests_per_minute", "tokens_per_minute", "concurrency_max", "budget"]
            .iter()
            .any(|name| fields.has_value(name)),
    };
    fields.require("per", "what is counted apart: `key`, `user`, `model`, `target` or `all`");
    rule
}

fn budget(fields: &mut Fields<'_, '_>) -> BudgetEntry {
    let mut amount = |name| fields.decimal(name, 0.0..=BUDGET_MAX, "").map(|amount| amount.value);
    let (day, month) = (amount("day"), amount("month"));
    if !fields.has_value("month") {
        fields.require("day", "an amount for a `day`, for a `month`, or both");
    }
    BudgetEntry { day, month, currency: fields.text("currency") }
}

fn on_exceed(fields: &mut Fields<'_, '_>) -> Option<OnExceed> {
    let words = [("finish", OnExceed::Finish), ("cut", OnExceed::Cut)];
    fields.choice("on_exceed", &words).map(|on_exceed| on_exceed.value)
}
