//! What became of limits and budgets, asked when metrics are read.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{MeterProvider, ObservableCounter};

use super::catalog::Metric;
use super::{METER, Metrics};

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
        let refused = Metric::own("gateway.limits.refused");
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
        let plain: [(&'static str, Read); 6] = [
            ("gateway.limits.tokens_reserved", |counts| counts.tokens_reserved),
            ("gateway.limits.tokens_settled", |counts| counts.tokens_settled),
            ("gateway.limits.streams_cut", |counts| counts.cut),
            ("gateway.limits.pooled", |counts| counts.pooled),
            ("gateway.limits.unpriced", |counts| counts.unpriced),
            ("gateway.limits.redis_failures", |counts| counts.unreachable),
        ];
        for (name, read) in plain {
            let (asked, metric) = (counts.clone(), Metric::own(name));
            let _counter: ObservableCounter<u64> = meter
                .u64_observable_counter(metric.name)
                .with_unit(metric.unit)
                .with_description(metric.note)
                .with_callback(move |counter| counter.observe(read(&asked()), &[]))
                .build();
        }
        let subjects = Metric::own("gateway.limits.subjects");
        let _subjects = meter
            .u64_observable_gauge(subjects.name)
            .with_unit(subjects.unit)
            .with_description(subjects.note)
            .with_callback(move |gauge| gauge.observe(counts().subjects, &[]))
            .build();
    }
}
