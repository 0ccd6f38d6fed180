//! The provider and the gateway in front of it, in this process and on real sockets.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::runtime::Runtime;
use tollgate::Running;
use tollgate_mock::{Mock, Received};
use tollgate_store::SpanRow;

use super::client::find;
use super::dialect::{CANARY, Dialect, UPSTREAMS};
use super::faults::next;
use super::script::Call;

/// How long the gateway may take to finish what it was given.
const PATIENCE: Duration = Duration::from_secs(30);
/// Requests that a provider may get for one call.
const ATTEMPTS_MAX: usize = 4;
/// The deadlines of a target that is short of patience, in milliseconds.
const HASTY_MS: u64 = 300;
/// Models of the endpoints that are no chat.
const MEDIA_MODELS: &str = "embed-7q, gpt-image-7q, speech-7q, hear-7q";

/// A provider, a gateway, and a store on disk.
pub(crate) struct World {
    mock: Mock,
    /// Keeps no connection open.
    frail: Mock,
    pub(crate) gateway: SocketAddr,
    running: Running,
    runtime: Runtime,
    folder: TempDir,
}

/// What `/metrics` says once everything has ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters {
    /// Requests by outcome.
    pub(crate) finished: Vec<(String, u64)>,
    pub(crate) stored: u64,
    pub(crate) dropped: u64,
    pub(crate) in_flight: u64,
}

// === impl World ===

impl World {
    /// Starts both; `port` gives ports that are free.
    ///
    /// # Errors
    /// What could not be started, and why.
    pub(crate) fn start(capture: bool, port: fn() -> u16) -> Result<Self, String> {
        let text_of = |error: std::io::Error| error.to_string();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(text_of)?;
        let mock = runtime.block_on(Mock::start(([127, 0, 0, 1], 0).into())).map_err(text_of)?;
        let frail = runtime.block_on(Mock::start(([127, 0, 0, 1], 0).into())).map_err(text_of)?;
        let folder = TempDir::new().map_err(text_of)?;
        let gateway = SocketAddr::from(([127, 0, 0, 1], port()));
        let text =
            configuration([&mock.url(""), &frail.url("")], gateway, port(), folder.path(), capture);
        let (settings, _warnings) = tollgate_config::load_str("truth.yaml", &text, |_| None)
            .map_err(|problems| format!("{problems}\n{text}"))?;
        let running = Running::start(settings)?;
        Ok(Self { mock, frail, gateway, running, runtime, folder })
    }

    /// Waits until so many requests have ended and their spans are stored; the counters then.
    pub(crate) fn settle(&self, requests: u64) -> Counters {
        let until = Instant::now() + PATIENCE;
        loop {
            self.running.flush(PATIENCE);
            let counters = Counters::read(&self.running.metrics());
            let finished: u64 = counters.finished.iter().map(|(_, count)| count).sum();
            if (finished >= requests && self.running.in_flight() == 0) || Instant::now() >= until {
                self.running.flush(PATIENCE);
                return Counters::read(&self.running.metrics());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What is stored of a trace.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn stored(&self, trace_id: &str) -> Result<Vec<SpanRow>, String> {
        let store = self.running.store().ok_or("there is no store")?;
        self.runtime.block_on(store.trace(trace_id)).map_err(|error| error.to_string())
    }

    /// What reached the provider.
    pub(crate) fn received(&self) -> Vec<Received> {
        let mut received = self.mock.log();
        received.append(&mut self.frail.log());
        received
    }

    /// Tells the providers what to answer, and has them remember all of it.
    pub(crate) fn teach(&self, calls: &[Call]) {
        for mock in [&self.mock, &self.frail] {
            mock.keep_log(calls.len() * ATTEMPTS_MAX);
        }
        for call in calls {
            let mock = if call.frail { &self.frail } else { &self.mock };
            for scenario in &call.scenarios {
                mock.push_trace(&call.trace_id, scenario.clone());
            }
        }
    }

    /// Stops everything; whether any file of the store has content in it.
    ///
    /// # Errors
    /// Of the file system.
    pub(crate) fn stop(self) -> std::io::Result<bool> {
        self.running.stop();
        self.runtime.block_on(self.mock.stop());
        self.runtime.block_on(self.frail.stop());
        let mut found = false;
        for entry in std::fs::read_dir(self.folder.path())? {
            let bytes = std::fs::read(entry?.path())?;
            found |= find(&bytes, CANARY.as_bytes()).is_some();
        }
        Ok(found)
    }
}

// === impl Counters ===

impl Counters {
    fn read(text: &str) -> Self {
        let mut counters = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let value = value.parse::<f64>().map_or(0, |value| value as u64);
            let name = series.split('{').next().unwrap_or_default();
            match name {
                "gateway_requests_finished_total" => {
                    let outcome = series.split("gateway_outcome=\"").nth(1);
                    let outcome = outcome.and_then(|rest| rest.split('"').next());
                    counters.finished.push((outcome.unwrap_or_default().to_owned(), value));
                }
                "gateway_spans_stored_total" => counters.stored += value,
                "gateway_spans_dropped_total" => counters.dropped += value,
                "gateway_in_flight" => counters.in_flight += value,
                _ => {}
            }
        }
        counters
    }
}

fn configuration(
    [mock, frail]: [&str; 2],
    gateway: SocketAddr,
    control: u16,
    folder: &Path,
    capture: bool,
) -> String {
    let mut providers = String::from("providers:\n");
    let mut targets = String::from("targets:\n");
    let mut routes = String::from("routes:\n");
    let mut functions = String::from("functions:\n");
    for dialect in UPSTREAMS {
        let (name, version) = (dialect.name(), dialect.version());
        let media = if dialect == Dialect::Chat { MEDIA_MODELS } else { "" };
        for (order, models, mock) in [
            ("one", format!("{name}, {media}"), mock),
            ("two", format!("two-{name}"), mock),
            ("frail", format!("frail-{name}"), frail),
            ("spare", format!("spare-{name}"), frail),
        ] {
            let models = models.trim_end_matches(", ");
            providers.push_str(&format!(
                "  {order}-{name}: {{ base_url: \"{mock}/@{order}-{name}/{version}\", models: [{models}], dialect: {name}, auth_type: none }}\n"
            ));
        }
        targets.push_str(&format!(
            "  one-{name}: {{ model: {name}, provider: one-{name} }}\n  two-{name}: {{ model: two-{name}, provider: two-{name} }}\n  a-{name}: {{ model: frail-{name}, provider: frail-{name} }}\n  b-{name}: {{ model: spare-{name}, provider: spare-{name} }}\n  hasty-{name}: {{ model: {name}, provider: one-{name}, timeout_ms: {HASTY_MS}, first_token_timeout_ms: {HASTY_MS}, idle_timeout_ms: {HASTY_MS} }}\n"
        ));
        let next = next(dialect).name();
        let once = "retry: { max_retries: 0 }";
        routes.push_str(&format!(
            "  again-{name}: {{ models: [again-{name}], strategy: single, targets: [a-{name}] }}\n  pair-{name}: {{ models: [pair-{name}], strategy: fallback, targets: [a-{name}, b-{name}], {once} }}\n  cross-{name}: {{ models: [cross-{name}], strategy: fallback, targets: [a-{name}, b-{next}], {once} }}\n  spread-{name}: {{ models: [spread-{name}], strategy: weighted, targets: [one-{name}, two-{name}] }}\n  solo-{name}: {{ models: [solo-{name}], strategy: single, targets: [one-{name}] }}\n  hasty-{name}: {{ models: [hasty-{name}], strategy: single, targets: [hasty-{name}], {once} }}\n"
        ));
        functions
            .push_str(&format!("  call-{name}: {{ strategy: single, targets: [one-{name}] }}\n"));
    }
    let port = gateway.port();
    let store = folder.join("spans.db");
    format!(
        "{providers}{targets}{routes}{functions}routing: {{ retry: {{ max_retries: 2, backoff_base_ms: 1 }} }}\n\
         genai_telemetry: {{ capture_content: {capture} }}\n\
         server: {{ port: {port}, threads: 1, work_stealing: true }}\n\
         control: {{ port: {control} }}\n\
         store: {{ kind: sqlite, path: \"{}\" }}\n",
        store.display()
    )
}
