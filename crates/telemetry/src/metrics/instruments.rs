//! The instruments that calls add to: name, unit, bounds and help of each.

use opentelemetry::metrics::{Counter, Histogram, Meter};

use super::catalog::{FIRST_TOKEN, GAPS, PER_TOKEN, SECONDS, THROUGHPUT, TOKENS};

/// What has a distribution.
pub(super) struct Histograms {
    pub(super) operation_duration: Histogram<f64>,
    pub(super) token_usage: Histogram<u64>,
    pub(super) first_token: Histogram<f64>,
    pub(super) request_duration: Histogram<f64>,
    pub(super) time_per_output_token: Histogram<f64>,
    pub(super) throughput: Histogram<f64>,
    pub(super) gaps: Histogram<f64>,
}

/// What only grows.
pub(super) struct Counters {
    pub(super) stalls: Counter<u64>,
    pub(super) errors: Counter<u64>,
    pub(super) violations: Counter<u64>,
    pub(super) finish_reasons: Counter<u64>,
    pub(super) cost: Counter<f64>,
    pub(super) cache_lookups: Counter<u64>,
    pub(super) retry_attempts: Counter<u64>,
    pub(super) target_exclusions: Counter<u64>,
    pub(super) exhaustion_resets: Counter<u64>,
    pub(super) requests_finished: Counter<u64>,
    pub(super) requests_refused: Counter<u64>,
}

// === impl Histograms ===

impl Histograms {
    pub(super) fn new(meter: &Meter) -> Self {
        let histogram = |name, unit, bounds: &[f64], description| {
            let histogram = meter.f64_histogram(name).with_unit(unit).with_description(description);
            histogram.with_boundaries(bounds.to_vec()).build()
        };
        Self {
            operation_duration: histogram(
                "gen_ai.client.operation.duration",
                "s",
                &SECONDS,
                "End-to-end latency of each model call",
            ),
            token_usage: meter
                .u64_histogram("gen_ai.client.token.usage")
                .with_unit("tokens")
                .with_description("Tokens of each model call, by type")
                .with_boundaries(TOKENS.to_vec())
                .build(),
            first_token: histogram(
                "gen_ai.server.time_to_first_token",
                "s",
                &FIRST_TOKEN,
                "Time from the start of a stream to its first content",
            ),
            request_duration: histogram(
                "gen_ai.server.request.duration",
                "s",
                &SECONDS,
                "Duration of the upstream request",
            ),
            time_per_output_token: histogram(
                "gen_ai.server.time_per_output_token",
                "s",
                &PER_TOKEN,
                "Time per output token after the first",
            ),
            throughput: histogram(
                "gen_ai.server.output_tokens_per_second",
                "tokens/sec",
                &THROUGHPUT,
                "Output tokens per second over a stream's life",
            ),
            gaps: histogram(
                "gateway.stream.gap",
                "s",
                &GAPS,
                "Time between arrivals of content in streams",
            ),
        }
    }
}

// === impl Counters ===

impl Counters {
    pub(super) fn new(meter: &Meter) -> Self {
        let counter = |name, unit, description| {
            meter.u64_counter(name).with_unit(unit).with_description(description).build()
        };
        Self {
            stalls: counter(
                "gateway.stream.stalls",
                "{stall}",
                "Gaps between content in streams that lasted two seconds or more",
            ),
            errors: counter(
                "gen_ai.client.errors",
                "{error}",
                "Model calls that failed, by error type",
            ),
            violations: counter(
                "gen_ai.client.guardrail_violations",
                "{violation}",
                "Findings of guardrails, by detector and direction",
            ),
            finish_reasons: counter(
                "gen_ai.client.finish_reasons",
                "{choice}",
                "Reasons for which answers ended",
            ),
            cost: meter
                .f64_counter("gateway.usage.cost")
                .with_unit("{currency}")
                .with_description("Cost of tokens at the configured prices, by model and currency")
                .build(),
            cache_lookups: counter(
                "gateway.cache.lookups",
                "{request}",
                "Requests that the response cache decided on, by status",
            ),
            retry_attempts: counter(
                "gateway.retry.attempts",
                "{attempt}",
                "Attempts that asked the same target again",
            ),
            target_exclusions: counter(
                "gateway.retry.target_exclusions",
                "{target}",
                "Targets left for the rest of a request",
            ),
            exhaustion_resets: counter(
                "gateway.retry.exhaustion_resets",
                "{request}",
                "Requests that got one more attempt after all their targets had failed",
            ),
            requests_finished: counter(
                "gateway.requests_finished",
                "{request}",
                "Requests that ended, by outcome",
            ),
            requests_refused: counter(
                "gateway.requests_refused",
                "{request}",
                "Requests that tollgate refused, by error code",
            ),
        }
    }
}
