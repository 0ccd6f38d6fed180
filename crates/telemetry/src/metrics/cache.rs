//! What the response cache holds and what came of its answers, asked when metrics are read.

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;

use super::catalog::Metric;
use super::{METER, Metrics};

/// The response cache at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// Answers in this process's memory.
    pub entries: u64,
    /// What they take, in bytes.
    pub bytes: u64,
    /// Answers that were admitted.
    pub admitted: u64,
    /// Answers that were recorded and not admitted.
    pub refused: u64,
    /// Answers that were too large to be recorded.
    pub too_large: u64,
    /// Answers that went to make room, or were too old.
    pub evicted: u64,
    /// Requests that waited for an equal one and got its answer.
    pub shared: u64,
    /// Requests that waited for an equal one in vain.
    pub waited_in_vain: u64,
    /// Answers that were not written to Redis, because it was away or slow.
    pub unwritten: u64,
}

type Count = fn(&CacheCounts) -> u64;

/// Gauges, by their names in the catalogue.
const GAUGES: [(&str, Count); 2] =
    [("gateway.cache.entries", |it| it.entries), ("gateway.cache.bytes", |it| it.bytes)];
/// What came of answers.
const ANSWERS: [(&str, Count); 5] = [
    ("admitted", |it| it.admitted),
    ("refused", |it| it.refused),
    ("too_large", |it| it.too_large),
    ("evicted", |it| it.evicted),
    ("unwritten", |it| it.unwritten),
];
/// What came of waiting.
const WAITS: [(&str, Count); 2] = [("shared", |it| it.shared), ("in_vain", |it| it.waited_in_vain)];

// === impl Metrics ===

impl Metrics {
    /// Registers the instruments of the response cache; to be called once.
    pub fn observe_cache(&self, counts: impl Fn() -> CacheCounts + Clone + Send + Sync + 'static) {
        let meter = self.provider.meter(METER);
        for (name, count) in GAUGES {
            let (metric, counts) = (Metric::own(name), counts.clone());
            let _gauge = meter
                .u64_observable_gauge(name)
                .with_unit(metric.unit)
                .with_description(metric.note)
                .with_callback(move |gauge| gauge.observe(count(&counts()), &[]))
                .build();
        }
        for (name, results) in
            [("gateway.cache.answers", &ANSWERS[..]), ("gateway.cache.waits", &WAITS[..])]
        {
            let (metric, counts) = (Metric::own(name), counts.clone());
            let _counter = meter
                .u64_observable_counter(name)
                .with_unit(metric.unit)
                .with_description(metric.note)
                .with_callback(move |counter| {
                    let counts = counts();
                    for (result, count) in results {
                        counter.observe(count(&counts), &[KeyValue::new("result", *result)]);
                    }
                })
                .build();
        }
    }
}
