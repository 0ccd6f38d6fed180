//! Where finished requests are told: metrics, and a queue of spans for each destination.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tollgate_config::Settings;
use tollgate_filters::request::InFlight;
use tollgate_store::{QueuedStore, SpanStore};
use tollgate_telemetry::export::{
    self, Exporters, Filter, MetricsReader, OtlpSettings, OtlpSink, Queue, QueueSettings,
};
use tollgate_telemetry::genai::{Call, build_spans, span_tree};
use tollgate_telemetry::metrics::{
    CacheCounts, LimitCounts, Metrics, Reload, Retries, TargetGauges, ToolLinkCounts,
};
use tollgate_telemetry::{Pipeline, Profile, SpanId};

use crate::span_store;
use crate::store_sink::StoreSink;

/// Spans in one write to the store.
const STORE_BATCH_SPANS_MAX: usize = 2_048;
/// How long a span may wait before it is written to the store.
const STORE_LINGER: Duration = Duration::from_millis(200);
/// What the last metrics get at least, after the spans.
const METRICS_FLUSH_MIN: Duration = Duration::from_millis(500);

/// Metrics and exporters of the process.
pub(crate) struct Observe {
    metrics: Metrics,
    exporters: Exporters,
    readers: Vec<MetricsReader>,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

/// One OTLP exporter.
struct Destination<'s> {
    /// Of its queue, in metrics and logs.
    name: String,
    otlp: &'s OtlpSettings,
    pipeline: Pipeline,
    profiles: Vec<Profile>,
}

// === impl Observe ===

impl Observe {
    /// Starts a worker on `runtime` for each destination in `settings`; `stopping` ends them.
    ///
    /// # Errors
    /// An exporter that cannot be built.
    pub(crate) fn start(
        settings: &Settings,
        store: Option<Arc<dyn SpanStore>>,
        in_flight: InFlight,
        runtime: &Runtime,
        stopping: &watch::Receiver<bool>,
    ) -> Result<Self, String> {
        // gRPC channels are bound to the runtime they are made in.
        let _inside = runtime.enter();
        let mut exporters = Exporters::default();
        let mut workers = Vec::new();
        if let Some(store) = store {
            let queue = Queue::new(
                "store",
                QueueSettings {
                    batch_spans_max: STORE_BATCH_SPANS_MAX,
                    linger: STORE_LINGER,
                    ..QueueSettings::default()
                },
            );
            exporters.add(Arc::clone(&queue), None);
            let (sink, stop) =
                (StoreSink::new(store, settings.service_name.clone()), stopping.clone());
            workers.push(runtime.spawn(async move { queue.run(sink, stop).await }));
        }
        let mut readers = Vec::new();
        for destination in destinations(settings) {
            let Destination { name, otlp, pipeline, profiles } = destination;
            let failed = |error| format!("{name}: {error}");
            let sink = OtlpSink::new(otlp).map_err(failed)?.with_profiles(profiles.clone());
            let queue = Queue::new(
                &*name,
                QueueSettings {
                    spans_max: otlp.queue_spans_max,
                    sample_ratio: otlp.sample_ratio,
                    ..QueueSettings::default()
                },
            );
            exporters.add(Arc::clone(&queue), Filter { pipeline: Some(pipeline), profiles });
            let stop = stopping.clone();
            workers.push(runtime.spawn(async move { queue.run(sink, stop).await }));
            readers.extend(export::metrics_reader(&name, otlp, pipeline).map_err(failed)?);
        }
        let metrics =
            Metrics::pushing(move || in_flight.count(), exporters.clone(), readers.clone())?;
        Ok(Self { metrics, exporters, readers, workers: Mutex::new(workers) })
    }

    /// A request has ended: this is told exactly once.
    pub(crate) fn call(&self, call: &Call, retries: &Retries) {
        // Spans that nobody takes are not built.
        let wanted = self.exporters.queues().next().is_some();
        let build = |call: &Call| {
            if !wanted {
                return Vec::new();
            }
            span_tree(call, &mut || SpanId::new(fastrand::u64(1..)))
        };
        // What is counted is what the spans say.
        let (call, spans) = build_spans(call, build);
        // Before they are told: whoever reads a span finds it counted.
        self.metrics.record(&call, retries);
        self.exporters.submit(spans);
    }

    /// Asks for the state of targets whenever metrics are read; to be called once.
    pub(crate) fn watch_targets(
        &self,
        targets: impl Fn() -> Vec<TargetGauges> + Clone + Send + Sync + 'static,
    ) {
        self.metrics.observe_targets(targets);
    }

    /// Asks how many tool calls are remembered whenever metrics are read; to be called once.
    pub(crate) fn watch_tool_links(
        &self,
        counts: impl Fn() -> ToolLinkCounts + Clone + Send + Sync + 'static,
    ) {
        self.metrics.observe_tool_links(counts);
    }

    /// Asks what the response cache holds whenever metrics are read; to be called once.
    pub(crate) fn watch_cache(
        &self,
        counts: impl Fn() -> CacheCounts + Clone + Send + Sync + 'static,
    ) {
        self.metrics.observe_cache(counts);
    }

    /// From now on `/metrics` says how often Redis gave no answer.
    pub(crate) fn watch_redis(&self, failures: impl Fn() -> u64 + Send + Sync + 'static) {
        self.metrics.observe_redis(failures);
    }

    /// Asks for the state of the store's disk queue whenever metrics are read; to be called once.
    pub(crate) fn watch_store_queue(&self, queue: Arc<QueuedStore>) {
        self.metrics.observe_store_queue(move || span_store::counts(&queue));
    }

    /// From now on `/metrics` says what became of limits.
    pub(crate) fn watch_limits(
        &self,
        counts: impl Fn() -> LimitCounts + Clone + Send + Sync + 'static,
    ) {
        self.metrics.observe_limits(counts);
    }

    /// These models are configured; those of the configuration before stay known.
    pub(crate) fn configured(&self, models: impl Iterator<Item = Arc<str>>) {
        self.metrics.configured(models);
    }

    /// The configuration was read again.
    pub(crate) fn reloaded(&self, result: Reload) {
        self.metrics.reloaded(result);
    }

    pub(crate) fn render_metrics(&self) -> String {
        self.metrics.render()
    }

    /// Spans on their way.
    pub(crate) fn queued(&self) -> usize {
        self.exporters.queued()
    }

    /// Waits for the workers, which `stopping` has ended, at most `max`.
    pub(crate) fn finish(&self, max: Duration) {
        let until = Instant::now() + max;
        let workers =
            std::mem::take(&mut *self.workers.lock().unwrap_or_else(PoisonError::into_inner));
        while Instant::now() < until && workers.iter().any(|worker| !worker.is_finished()) {
            std::thread::sleep(Duration::from_millis(5));
        }
        // After the spans: their counts are among the metrics.
        for reader in &self.readers {
            let left = until.saturating_duration_since(Instant::now()).max(METRICS_FLUSH_MIN);
            if let Err(error) = export::end_metrics(reader, left) {
                tracing::warn!(%error, "the last metrics were not taken");
            }
        }
    }
}

/// Everything that the configuration exports to.
fn destinations(settings: &Settings) -> Vec<Destination<'_>> {
    let genai = &settings.genai;
    let of_genai = |name: String, otlp, profiles: &[_]| Destination {
        name,
        otlp,
        pipeline: Pipeline::GenAi,
        profiles: profiles.to_vec(),
    };
    let mut found = Vec::new();
    found.extend(settings.telemetry.as_ref().map(|otlp| Destination {
        name: "telemetry".to_owned(),
        otlp,
        pipeline: Pipeline::Application,
        // HTTP spans' names are the same in every vocabulary.
        profiles: Vec::new(),
    }));
    let own = genai.otlp.as_ref();
    found.extend(own.map(|otlp| of_genai("genai_telemetry".to_owned(), otlp, &genai.profiles)));
    found.extend(genai.exporters.iter().map(|further| {
        of_genai(format!("genai_telemetry.{}", further.name), &further.otlp, &further.profiles)
    }));
    found
}
