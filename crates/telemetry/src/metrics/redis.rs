//! How Redis, where gateways share what they know, answers.

use opentelemetry::metrics::MeterProvider;

use super::{METER, Metrics};

// === impl Metrics ===

impl Metrics {
    /// From now on `/metrics` says how often Redis gave no answer, asked for at each scrape.
    pub fn observe_redis(&self, failures: impl Fn() -> u64 + Send + Sync + 'static) {
        let _failures = self
            .provider
            .meter(METER)
            .u64_observable_counter("gateway.redis.failures")
            .with_unit("{failure}")
            .with_description(
                "Times that Redis gave no answer; requests that did not ask are not counted",
            )
            .with_callback(move |counter| counter.observe(failures(), &[]))
            .build();
    }
}
