//! Every metric once: the documented ones, and ours under `gateway.*`.

mod bounds;
mod cache;
mod call;
pub mod catalog;
mod collector;
mod gaps;
mod guardrails;
mod instruments;
mod limits;
mod metric;
mod names;
mod quick_hash;
mod redis;
mod reloads;
mod series;
mod store_queue;
mod targets;
mod tool_links;

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::metrics::{Instrument, MeterProviderBuilder, SdkMeterProvider, Stream};
use prometheus::{Encoder, TextEncoder};

use crate::export::{Exporters, MetricsReader};
use instruments::{Counters, Histograms};
use names::Names;
use reloads::Reloads;
use series::{BoundSeries, BoundWords};

pub use cache::CacheCounts;
pub(crate) use gaps::Gaps;
pub use limits::LimitCounts;
pub use reloads::Reload;
pub use store_queue::StoreQueueCounts;
pub use targets::TargetGauges;
pub use tool_links::ToolLinkCounts;

#[cfg(test)]
mod tests;

/// The name of the instruments' scope.
const METER: &str = "tollgate";
/// Most series of one instrument, the one for all that is too much included.
pub(crate) const SERIES_MAX: usize = 2_000;
/// Models that are labels without being configured: what providers call theirs, and what callers
/// ask for by a prefix or the one provider's own name.
const MODELS_UNKNOWN_MAX: usize = 64;
/// Reasons for which answers end, as labels: the dialects know about thirty.
const FINISH_REASONS_MAX: usize = 48;
/// Targets as labels: they are configured, but a reload can bring others.
const TARGETS_MAX: usize = 512;

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
    models: Names,
    finish_reasons: Names,
    targets: Names,
    series: BoundSeries,
    finished: BoundWords,
    histograms: Histograms,
    gaps: Gaps,
    counters: Counters,
    reloads: Reloads,
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
        Self::pushing(in_flight, exporters, Vec::new())
    }

    /// The same, with readers that export besides.
    ///
    /// # Errors
    /// The exporter's.
    pub fn pushing(
        in_flight: impl Fn() -> usize + Send + Sync + 'static,
        exporters: Exporters,
        readers: Vec<MetricsReader>,
    ) -> Result<Self, String> {
        let registry = prometheus::Registry::new();
        let gaps = Gaps::new()?;
        registry.register(Box::new(gaps.clone())).map_err(|error| error.to_string())?;
        readers.iter().for_each(|reader| reader.push_besides(&gaps));
        let reader = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .without_target_info()
            .build()
            .map_err(|error| error.to_string())?;
        // Exporters have their own resources; the SDK's would be read from the environment.
        let provider = SdkMeterProvider::builder()
            .with_resource(opentelemetry_sdk::Resource::builder_empty().build())
            .with_reader(reader)
            .with_view(series_limit);
        let readers = readers.into_iter().map(MetricsReader::into_periodic);
        let provider = readers.fold(provider, MeterProviderBuilder::with_reader).build();
        let meter = provider.meter(METER);
        observe_gauges(&meter, in_flight, exporters);
        Ok(Self {
            registry,
            models: Names::new(MODELS_UNKNOWN_MAX),
            finish_reasons: Names::new(FINISH_REASONS_MAX),
            targets: Names::new(TARGETS_MAX),
            series: BoundSeries::default(),
            finished: BoundWords::default(),
            histograms: Histograms::new(&meter),
            gaps,
            counters: Counters::new(&meter),
            reloads: Reloads::new(&meter),
            provider,
        })
    }

    /// The models of the configuration in force: each is a label of its own from now on.
    pub fn configured(&self, models: impl Iterator<Item = Arc<str>>) {
        self.models.configure(models);
    }

    /// The text of `/metrics`.
    pub fn render(&self) -> String {
        let mut out = Vec::new();
        // Writing to memory fails only for metrics that the registry would not have taken.
        let _infallible = TextEncoder::new().encode(&self.registry.gather(), &mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}

/// The SDK puts what is beyond into one series, `otel_metric_overflow`, and that one counts, too.
fn series_limit(_every: &Instrument) -> Option<Stream> {
    Stream::builder().with_cardinality_limit(SERIES_MAX - 1).build().ok()
}

fn observe_gauges(
    meter: &Meter,
    in_flight: impl Fn() -> usize + Send + Sync + 'static,
    exporters: Exporters,
) {
    let _in_flight = meter
        .u64_observable_gauge("gateway.in_flight")
        .with_unit("{request}")
        .with_description("Requests whose responses have not ended")
        .with_callback(move |gauge| gauge.observe(in_flight() as u64, &[]))
        .build();
    let dropped = exporters.clone();
    let _dropped = meter
        .u64_observable_counter("gateway.spans_dropped")
        .with_unit("{span}")
        .with_description("Spans that never reached a destination, by queue and reason")
        .with_callback(move |counter| {
            for queue in dropped.queues() {
                let counts = queue.counts();
                let labels = |reason| {
                    let queue = KeyValue::new("queue", Arc::clone(queue.name()));
                    [queue, KeyValue::new("reason", reason)]
                };
                counter.observe(counts.dropped_full, &labels("queue_full"));
                counter.observe(counts.dropped_shutdown, &labels("shutdown"));
                counter.observe(counts.dropped_refused, &labels("refused"));
            }
        })
        .build();
    let stored = exporters.clone();
    let _stored = meter
        .u64_observable_counter("gateway.spans_stored")
        .with_unit("{span}")
        .with_description("Spans that a destination has taken, by queue")
        .with_callback(move |counter| {
            for queue in stored.queues() {
                counter.observe(
                    queue.counts().delivered,
                    &[KeyValue::new("queue", Arc::clone(queue.name()))],
                );
            }
        })
        .build();
    let unsampled = exporters.clone();
    let _unsampled = meter
        .u64_observable_counter("gateway.spans_unsampled")
        .with_unit("{span}")
        .with_description("Spans of traces that a destination is not to get, by queue")
        .with_callback(move |counter| {
            for queue in unsampled.queues() {
                let label = KeyValue::new("queue", Arc::clone(queue.name()));
                counter.observe(queue.counts().unsampled, &[label]);
            }
        })
        .build();
    let _queued = meter
        .u64_observable_gauge("gateway.spans_queued")
        .with_unit("{span}")
        .with_description("Spans that wait for a destination, by queue")
        .with_callback(move |gauge| {
            for queue in exporters.queues() {
                gauge.observe(
                    queue.counts().queued as u64,
                    &[KeyValue::new("queue", Arc::clone(queue.name()))],
                );
            }
        })
        .build();
}
