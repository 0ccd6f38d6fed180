//! What became of limits and budgets, asked when metrics are read.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{MeterProvider, ObservableCounter};

use super::metric::{Instrument, Metric, plain};
use super::{METER, Metrics};

pub(super) const REFUSED: Metric = plain(
    Instrument::Counter,
    "gateway.limits.refused",
    "{request}",
    &["limit", "scope"],
    "Requests and streams that a limit or a budget had no room for, by what is limited and whose use it is",
);
pub(super) const TOKENS_RESERVED: Metric = plain(
    Instrument::Counter,
    "gateway.limits.tokens_reserved",
    "{token}",
    &[],
    "Tokens that were reserved before calls under a limit on tokens",
);
pub(super) const TOKENS_SETTLED: Metric = plain(
    Instrument::Counter,
    "gateway.limits.tokens_settled",
    "{token}",
    &[],
    "Tokens that calls under a limit or a budget used in the end",
);
pub(super) const STREAMS_CUT: Metric = plain(
    Instrument::Counter,
    "gateway.limits.streams_cut",
    "{stream}",
    &[],
    "Streams that were cut at a limit",
);
pub(super) const POOLED: Metric = plain(
    Instrument::Counter,
    "gateway.limits.pooled",
    "{request}",
    &[],
    "Requests that were counted with others because too many subjects are known",
);
pub(super) const UNPRICED: Metric = plain(
    Instrument::Counter,
    "gateway.limits.unpriced",
    "{request}",
    &[],
    "Requests under a budget whose model has no price",
);
pub(super) const REDIS_FAILURES: Metric = plain(
    Instrument::Counter,
    "gateway.limits.redis_failures",
    "{request}",
    &[],
    "Requests whose shared limits Redis gave no answer about, whatever was made of them",
);
pub(super) const SUBJECTS: Metric = plain(
    Instrument::Gauge,
    "gateway.limits.subjects",
    "{subject}",
    &[],
    "Keys, users, models and targets whose use is counted apart",
);

/// Limits and budgets since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitCounts {
    /// Requests and streams that had no room: by what is limited, and whose use.
    pub refused: Vec<(&'static str, &'static str, u64)>,
    /// Tokens that were reserved before calls.
    pub tokens_reserved: u64,
    /// Tokens that calls used in the end.
    pub tokens_settled: u64,
    /// Streams that were cut.
    pub cut: u64,
    /// Requests that were counted together for want of room.
    pub pooled: u64,
    /// Requests under a budget without a price.
    pub unpriced: u64,
    /// Requests that Redis gave no answer about.
    pub unreachable: u64,
    /// Subjects that are counted apart.
    pub subjects: u64,
}

// === impl Metrics ===

impl Metrics {
    /// Registers the instruments of limits; to be called once.
    pub fn observe_limits(&self, counts: impl Fn() -> LimitCounts + Clone + Send + Sync + 'static) {
        type Read = fn(&LimitCounts) -> u64;
        let meter = self.provider.meter(METER);
        let asked = counts.clone();
        let refused = REFUSED;
        let _refused = meter
            .u64_observable_counter(refused.name)
            .with_unit(refused.unit)
            .with_description(refused.note)
            .with_callback(move |counter| {
                for (kind, scope, count) in asked().refused {
                    let labels = [KeyValue::new("limit", kind), KeyValue::new("scope", scope)];
                    counter.observe(count, &labels);
                }
            })
            .build();
        let counters: [(Metric, Read); 6] = [
            (TOKENS_RESERVED, |counts| counts.tokens_reserved),
            (TOKENS_SETTLED, |counts| counts.tokens_settled),
            (STREAMS_CUT, |counts| counts.cut),
            (POOLED, |counts| counts.pooled),
            (UNPRICED, |counts| counts.unpriced),
            (REDIS_FAILURES, |counts| counts.unreachable),
        ];
        for (metric, read) in counters {
            let asked = counts.clone();
            let _counter: ObservableCounter<u64> = meter
                .u64_observable_counter(metric.name)
                .with_unit(metric.unit)
                .with_description(metric.note)
                .with_callback(move |counter| counter.observe(read(&asked()), &[]))
                .build();
        }
        let subjects = SUBJECTS;
        let _subjects = meter
            .u64_observable_gauge(subjects.name)
            .with_unit(subjects.unit)
            .with_description(subjects.note)
            .with_callback(move |gauge| gauge.observe(counts().subjects, &[]))
            .build();
    }
}
