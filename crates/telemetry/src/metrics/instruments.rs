//! The instruments that calls add to: unit, bounds and help of each are the catalogue's.

use opentelemetry::metrics::{Counter, Histogram, Meter};

use super::catalog::Metric;
use super::guardrails;

/// What has a distribution.
pub(super) struct Histograms {
    pub(super) operation_duration: Histogram<f64>,
    pub(super) token_usage: Histogram<u64>,
    pub(super) first_token: Histogram<f64>,
    pub(super) request_duration: Histogram<f64>,
    pub(super) time_per_output_token: Histogram<f64>,
    pub(super) throughput: Histogram<f64>,
    pub(super) guardrail_hold: Histogram<f64>,
}

/// What only grows.
pub(super) struct Counters {
    pub(super) stalls: Counter<u64>,
    pub(super) errors: Counter<u64>,
    pub(super) violations: Counter<u64>,
    pub(super) unanswered: Counter<u64>,
    pub(super) bounds_reached: Counter<u64>,
    pub(super) finish_reasons: Counter<u64>,
    pub(super) cost: Counter<f64>,
    pub(super) cache_lookups: Counter<u64>,
    pub(super) cache_saved_tokens: Counter<u64>,
    pub(super) cache_saved_cost: Counter<f64>,
    pub(super) retry_attempts: Counter<u64>,
    pub(super) target_exclusions: Counter<u64>,
    pub(super) exhaustion_resets: Counter<u64>,
    pub(super) requests_finished: Counter<u64>,
    pub(super) requests_refused: Counter<u64>,
}

// === impl Histograms ===

impl Histograms {
    pub(super) fn new(meter: &Meter) -> Self {
        let histogram = |name| {
            let it = Metric::own(name);
            let histogram = meter.f64_histogram(it.name).with_unit(it.unit);
            histogram.with_description(it.note).with_boundaries(it.bounds.to_vec()).build()
        };
        let tokens = Metric::own("gen_ai.client.token.usage");
        Self {
            operation_duration: histogram("gen_ai.client.operation.duration"),
            token_usage: meter
                .u64_histogram(tokens.name)
                .with_unit(tokens.unit)
                .with_description(tokens.note)
                .with_boundaries(tokens.bounds.to_vec())
                .build(),
            first_token: histogram("gen_ai.server.time_to_first_token"),
            request_duration: histogram("gen_ai.server.request.duration"),
            time_per_output_token: histogram("gen_ai.server.time_per_output_token"),
            throughput: histogram("gen_ai.server.output_tokens_per_second"),
            guardrail_hold: histogram("gateway.guardrail.hold"),
        }
    }
}

// === impl Counters ===

impl Counters {
    pub(super) fn new(meter: &Meter) -> Self {
        let counter = |name| {
            let it = Metric::own(name);
            meter.u64_counter(it.name).with_unit(it.unit).with_description(it.note).build()
        };
        let money = |name| {
            let it = Metric::own(name);
            meter.f64_counter(it.name).with_unit(it.unit).with_description(it.note).build()
        };
        Self {
            stalls: counter("gateway.stream.stalls"),
            errors: counter("gen_ai.client.errors"),
            violations: counter("gen_ai.client.guardrail_violations"),
            unanswered: counter("gateway.guardrail.unanswered"),
            bounds_reached: counter(guardrails::BOUNDS_REACHED.name),
            finish_reasons: counter("gen_ai.client.finish_reasons"),
            cost: money("gateway.usage.cost"),
            cache_lookups: counter("gateway.cache.lookups"),
            cache_saved_tokens: counter("gateway.cache.saved_tokens"),
            cache_saved_cost: money("gateway.cache.saved_cost"),
            retry_attempts: counter("gateway.retry.attempts"),
            target_exclusions: counter("gateway.retry.target_exclusions"),
            exhaustion_resets: counter("gateway.retry.exhaustion_resets"),
            requests_finished: counter("gateway.requests_finished"),
            requests_refused: counter("gateway.requests_refused"),
        }
    }
}
