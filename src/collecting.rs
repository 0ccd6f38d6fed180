//! The collector without a gateway: receivers, store, and a control plane in front of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::watch;
use tollgate_config::Settings;
use tollgate_console::ConsoleState;
use tollgate_store::SpanStore;
use tollgate_telemetry::export::Exporters;
use tollgate_telemetry::metrics::Metrics;

use crate::intake::Intake;
use crate::running::{prune, signal};
use crate::span_store::{self, Opened};

/// How long exports that were begun may take to end.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// A running collector with its control plane. Dropping it stops everything.
pub struct Collecting {
    intake: Arc<Intake>,
    metrics: Arc<Metrics>,
    store: Arc<dyn SpanStore>,
    control: SocketAddr,
    collector: (SocketAddr, SocketAddr),
    stop: watch::Sender<bool>,
    runtime: Option<Runtime>,
}

// === impl Collecting ===

impl Collecting {
    /// Starts what `settings` say of the collector, its store and the control plane, and nothing else.
    ///
    /// # Errors
    /// There is no collector or no store in them, or something could not be started.
    pub fn start(settings: &Settings) -> Result<Self, String> {
        if settings.collector.is_none() {
            return Err("there is no collector: write `collector: {}`".to_owned());
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("collector")
            .enable_all()
            .build()
            .map_err(|error| format!("cannot start the collector's runtime: {error}"))?;
        let Opened { store, queue, ready } = span_store::open(settings.store.as_ref(), &runtime)?;
        let store = store.ok_or("the collector needs a store: `store: { kind: none }` has none")?;
        let intake = Arc::new(Intake::new(settings, Some(&store))?);
        let metrics = Arc::new(Metrics::new(|| 0, Exporters::default())?);
        if let Some(queue) = queue {
            metrics.observe_store_queue(move || span_store::counts(&queue));
        }
        let (stop, stopping) = watch::channel(false);
        let (control, keys_required) = (settings.control.addr, settings.keys.required);
        let (counted, shown, drained) =
            (Arc::clone(&intake), Arc::clone(&metrics), stopping.clone());
        let state = ConsoleState {
            store: Some(Arc::clone(&store)),
            metrics: Arc::new(move || shown.render() + &counted.metrics(None)),
            ready: Arc::new(move || match *drained.borrow() {
                true => Err("draining"),
                false => ready(),
            }),
            targets: Arc::new(|| serde_json::Value::Array(Vec::new())),
            query_keys: intake.query_keys(move || keys_required),
        };
        intake.serve_control(&runtime, state, control, stopping.clone())?;
        let collector = intake.serve_collector(&runtime, stopping)?;
        let collector = collector.ok_or("there is no collector")?;
        runtime.spawn(prune(Arc::clone(&store)));
        Ok(Self { intake, metrics, store, control, collector, stop, runtime: Some(runtime) })
    }

    /// Where the control plane listens.
    pub const fn control(&self) -> SocketAddr {
        self.control
    }

    /// The text of `/metrics`.
    pub fn metrics(&self) -> String {
        self.metrics.render() + &self.intake.metrics(None)
    }

    /// The lines that `collect` prints.
    pub fn describe(&self) -> String {
        let (control, (grpc, http)) = (self.control, self.collector);
        format!(
            "console    http://{control}/\n\
             collector  {grpc} (OTLP/gRPC), http://{http} (OTLP/HTTP)\n"
        )
    }

    /// Blocks until SIGTERM or SIGINT, then answers what was begun and stops.
    pub fn wait_for_signal(mut self) {
        if let Some(runtime) = &self.runtime {
            runtime.block_on(signal());
        }
        self.shut_down();
    }

    /// Answers what was begun, and stops.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        self.stop.send_replace(true);
        // What was taken is acknowledged before the store is closed.
        let closing = async {
            let _late = tokio::time::timeout(DRAIN_MAX, self.intake.ended()).await;
            self.store.close().await;
        };
        runtime.block_on(closing);
        runtime.shutdown_timeout(Duration::from_secs(1));
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        self.shut_down();
    }
}
