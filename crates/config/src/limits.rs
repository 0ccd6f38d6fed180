//! `limits`, compiled: what one request, one caller and all together may take.

use std::sync::Arc;

use tollgate_filters::request::Unpriced;
use tollgate_limits::{Budget, Caps, OnExceed, Patterns, Rule, SUBJECTS_MAX};

use crate::fields::Entry;
use crate::model::{LimitsEntry, RuleEntry};

const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
const IN_FLIGHT_MAX: usize = 4096;
const JSON_DEPTH_MAX: usize = 64;
const OUTPUT_TOKENS_DEFAULT: u64 = 1_024;
/// Of prices and budgets that name none.
pub(crate) const CURRENCY: &str = "USD";

/// `limits`.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// The largest request body, in bytes; 32 MiB by default.
    pub body_bytes_max: usize,
    /// The most requests at a time; 4096 by default.
    pub in_flight_max: usize,
    /// The deepest nesting of a JSON body; 64 by default.
    pub json_depth_max: usize,
    /// How much keys, users, models, targets and all together may use, in file order.
    pub rules: Arc<[Arc<Rule>]>,
    /// Output tokens that are reserved for a request that sets no limit itself; 1,024 by default.
    pub output_tokens_default: u64,
    /// Subjects whose use is counted apart; 50,000 by default.
    pub subjects_max: usize,
    /// What is done with a request under a budget whose price is not known; let through by default.
    pub unpriced: Unpriced,
    /// What becomes of a stream that uses more than is left, where a rule does not say; it is finished by
    /// default.
    pub on_exceed: OnExceed,
    /// Whether gateways share the counts through Redis, and what is done while it is away; each counts
    /// for itself by default.
    pub shared: Option<OnRedisDown>,
}

/// What is done while Redis is away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnRedisDown {
    /// Each gateway counts for itself.
    #[default]
    Open,
    /// What needs more than this gateway has left is refused.
    Closed,
}

// === impl Limits ===

impl Limits {
    pub(crate) fn of(entry: &LimitsEntry) -> Self {
        let on_exceed = entry.on_exceed.unwrap_or_default();
        let is_shared = entry.shared.as_ref().is_some_and(|shared| shared.value);
        Self {
            body_bytes_max: entry.body_bytes_max.unwrap_or(BODY_BYTES_MAX),
            in_flight_max: entry.in_flight_max.unwrap_or(IN_FLIGHT_MAX),
            json_depth_max: entry.json_depth_max.unwrap_or(JSON_DEPTH_MAX),
            rules: entry.rules.iter().filter_map(|it| rule(it, on_exceed)).collect(),
            output_tokens_default: entry.output_tokens_default.unwrap_or(OUTPUT_TOKENS_DEFAULT),
            subjects_max: entry.subjects_max.unwrap_or(SUBJECTS_MAX),
            unpriced: entry.unpriced.unwrap_or_default(),
            on_exceed,
            shared: is_shared.then(|| entry.on_redis_down.unwrap_or_default()),
        }
    }
}

fn rule(entry: &Entry<RuleEntry>, on_exceed: OnExceed) -> Option<Arc<Rule>> {
    let written = &entry.value;
    let names = written.matching.as_ref().map(|names| names.value.iter());
    let budget = written.budget.as_ref().and_then(|budget| {
        let currency = budget.value.currency.as_ref().map_or(CURRENCY, |it| &it.value);
        Budget::new(budget.value.day, budget.value.month, currency)
    });
    Some(Arc::new(Rule {
        name: entry.name.as_str().into(),
        scope: written.per.as_ref()?.value,
        matching: names.map(|names| Patterns::new(names.map(|name| name.value.as_str()))),
        caps: Caps {
            requests_per_minute: written.requests_per_minute,
            tokens_per_minute: written.tokens_per_minute,
            concurrency_max: written.concurrency_max,
            budget,
        },
        on_exceed: written.on_exceed.unwrap_or(on_exceed),
    }))
}
