//! Every metric once: the documented ones, and ours under `gateway.*`.

mod call;
pub mod catalog;
mod models;
mod reloads;
mod targets;

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter, MeterProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Encoder, TextEncoder};

use crate::export::Exporters;
use catalog::{FIRST_TOKEN, PER_TOKEN, SECONDS, THROUGHPUT, TOKENS};
use models::Models;
use reloads::Reloads;

pub use reloads::Reload;
pub use targets::TargetGauges;

#[cfg(test)]
mod tests;

/// The name of the instruments' scope.
const METER: &str = "tollgate";
/// What the attempts of one request add.
#[derive(Clone, Debug, Default)]
pub struct Retries {
    /// Attempts that asked the same target again.
    pub retries: u32,
    /// Targets that were left.
    pub exclusions: Vec<Arc<str>>,
    /// Times that all targets were excluded and one got another attempt.
    pub exhaustion_resets: u32,
}

/// All instruments, and the text of `/metrics`.
pub struct Metrics {
    registry: prometheus::Registry,
    /// Owns the instruments' readers.
    provider: SdkMeterProvider,
    models: Models,
    instruments: Instruments,
    reloads: Reloads,
}

/// One field for each metric that a call adds to.
struct Instruments {
    operation_duration: Histogram<f64>,
    token_usage: Histogram<u64>,
    first_token: Histogram<f64>,
    request_duration: Histogram<f64>,
    time_per_output_token: Histogram<f64>,
    throughput: Histogram<f64>,
    errors: Counter<u64>,
    finish_reasons: Counter<u64>,
    retry_attempts: Counter<u64>,
    target_exclusions: Counter<u64>,
    exhaustion_resets: Counter<u64>,
    requests_finished: Counter<u64>,
    requests_refused: Counter<u64>,
}

// === impl Metrics ===

impl Metrics {
    /// Registers every instrument. `in_flight` and `exporters` are asked when `/metrics` is read.
    ///
    /// # Errors
    /// The exporter's.
    pub fn new(
        in_flight: impl Fn() -> usize + Send + Sync + 'static,
        exporters: Exporters,
    ) -> Result<Self, String> {
        let registry = prometheus::Registry::new();
        let reader = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .without_target_info()
            .build()
            .map_err(|error| error.to_string())?;
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        let meter = provider.meter(METER);
        observe_gauges(&meter, in_flight, exporters);
        let instruments = Instruments::new(&meter);
        let reloads = Reloads::new(&meter);
        Ok(Self { registry, provider, models: Models::default(), instruments, reloads })
    }

    /// The text of `/metrics`.
    pub fn render(&self) -> String {
        let mut out = Vec::new();
        // Writing to memory fails only for metrics that the registry would not have taken.
        let _infallible = TextEncoder::new().encode(&self.registry.gather(), &mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}

// === impl Instruments ===

impl Instruments {
    fn new(meter: &Meter) -> Self {
        let seconds = |name, description, bounds: &[f64]| {
            let histogram = meter.f64_histogram(name).with_unit("s").with_description(description);
            histogram.with_boundaries(bounds.to_vec()).build()
        };
        let counter =
            |name, description| meter.u64_counter(name).with_description(description).build();
        Self {
            operation_duration: seconds(
                "gen_ai.client.operation.duration",
                "End-to-end latency of each model call",
                &SECONDS,
            ),
            token_usage: meter
                .u64_histogram("gen_ai.client.token.usage")
                .with_unit("tokens")
                .with_description("Tokens of each model call, by type")
                .with_boundaries(TOKENS.to_vec())
                .build(),
            first_token: seconds(
                "gen_ai.server.time_to_first_token",
                "Time from the start of a stream to its first content",
                &FIRST_TOKEN,
            ),
            request_duration: seconds(
                "gen_ai.server.request.duration",
                "Duration of the upstream request",
                &SECONDS,
            ),
            time_per_output_token: seconds(
                "gen_ai.server.time_per_output_token",
                "Time per output token after the first",
                &PER_TOKEN,
            ),
            throughput: meter
                .f64_histogram("gen_ai.server.output_tokens_per_second")
                .with_unit("tokens/sec")
                .with_description("Output tokens per second over a stream's life")
                .with_boundaries(THROUGHPUT.to_vec())
                .build(),
            errors: counter("gen_ai.client.errors", "Model calls that failed, by error type"),
            finish_reasons: counter(
                "gen_ai.client.finish_reasons",
                "Reasons for which answers ended",
            ),
            retry_attempts: counter(
                "gateway.retry.attempts",
                "Attempts that asked the same target again",
            ),
            target_exclusions: counter(
                "gateway.retry.target_exclusions",
                "Targets left for the rest of a request",
            ),
            exhaustion_resets: counter(
                "gateway.retry.exhaustion_resets",
                "Requests that got one more attempt after all their targets had failed",
            ),
            requests_finished: counter(
                "gateway.requests_finished",
                "Requests that ended, by outcome",
            ),
            requests_refused: counter(
                "gateway.requests_refused",
                "Requests that tollgate refused, by error code",
            ),
        }
    }
}

fn observe_gauges(
    meter: &Meter,
    in_flight: impl Fn() -> usize + Send + Sync + 'static,
    exporters: Exporters,
) {
    let _in_flight = meter
        .u64_observable_gauge("gateway.in_flight")
        .with_description("Requests whose responses have not ended")
        .with_callback(move |gauge| gauge.observe(in_flight() as u64, &[]))
        .build();
    let dropped = exporters.clone();
    let _dropped = meter
        .u64_observable_counter("gateway.spans_dropped")
        .with_description("Spans that never reached a destination, by queue and reason")
        .with_callback(move |counter| {
            for queue in dropped.queues() {
                let counts = queue.counts();
                let labels = |reason| {
                    [KeyValue::new("queue", queue.name()), KeyValue::new("reason", reason)]
                };
                counter.observe(counts.dropped_full, &labels("queue_full"));
                counter.observe(counts.dropped_shutdown, &labels("shutdown"));
            }
        })
        .build();
    let stored = exporters.clone();
    let _stored = meter
        .u64_observable_counter("gateway.spans_stored")
        .with_description("Spans that a destination has taken, by queue")
        .with_callback(move |counter| {
            for queue in stored.queues() {
                counter.observe(queue.counts().delivered, &[KeyValue::new("queue", queue.name())]);
            }
        })
        .build();
    let _queued = meter
        .u64_observable_gauge("gateway.spans_queued")
        .with_description("Spans that wait for a destination, by queue")
        .with_callback(move |gauge| {
            for queue in exporters.queues() {
                gauge
                    .observe(queue.counts().queued as u64, &[KeyValue::new("queue", queue.name())]);
            }
        })
        .build();
}
