//! What the file says, compiled: every reference resolved, every default filled in, every secret
//! fetched. Plain data; immutable once built.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use tollgate_filters::{cache, guard};
use tollgate_providers::{BaseUrl, Provider, Secret};
use tollgate_routing::Table;
use tollgate_telemetry::Profile;
use tollgate_telemetry::export::OtlpSettings;

use crate::auth::Keys;
use crate::capture::Capture;
use crate::collector::Collector;
use crate::fingerprint::Fingerprint;
use crate::limits::Limits;
use crate::log::Log;
use crate::redis::Redis;

/// Everything the gateway runs by.
#[derive(Debug)]
pub struct Settings {
    /// The gateway's listener.
    pub server: Server,
    /// The control plane's listener: console, token exchange, metrics.
    pub control: Control,
    /// The providers, in file order.
    pub providers: Vec<Arc<Provider>>,
    /// Where requests go.
    pub table: Arc<Table>,
    /// Where each managed target's credential comes from, by target name; never its value.
    pub credential_sources: BTreeMap<Arc<str>, String>,
    /// What one request, and all together, may take.
    pub limits: Limits,
    /// The resource's `service.name` in the store; `tollgate` by default.
    pub service_name: String,
    /// The exporter of application spans and metrics.
    pub telemetry: Option<OtlpSettings>,
    /// GenAI spans.
    pub genai: GenAi,
    /// Where spans are kept.
    pub store: Option<StoreSettings>,
    /// The OTLP receivers.
    pub collector: Option<Collector>,
    /// Guardrails.
    pub security: Security,
    /// The response cache.
    pub cache: Option<Cache>,
    /// What several gateways know together.
    pub redis: Option<Redis>,
    /// Keys of our own.
    pub keys: Keys,
    /// Prices by model name.
    pub pricing: BTreeMap<Arc<str>, Price>,
    /// What all of this was made from.
    pub fingerprint: Fingerprint,
    /// The SHA-256 of the file's text and of every secret that was fetched: the same in every
    /// process that was given the same.
    pub version: [u8; 32],
}

/// `server`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where the gateway listens; 127.0.0.1:4000 by default.
    pub addr: SocketAddr,
    /// Certificate and key; plain text without.
    pub tls: Option<TlsFiles>,
    /// Worker threads; as many as there are cores by default.
    pub threads: Option<usize>,
    /// Whether HTTP/2 without TLS is accepted; on by default.
    pub h2c: bool,
    /// Whether worker threads take requests from each other; off by default, which saves wake-ups.
    /// A process that starts more than one server must turn it on: Pingora remembers workers by
    /// thread ids, which the system gives out again.
    pub work_stealing: bool,
    /// How long running requests may go on after the signal to stop; 30 s by default.
    pub drain: Duration,
    /// Whether `x-to11-route` tells callers where their request went; off by default.
    pub route_header: bool,
    /// What the process tells of itself.
    pub log: Log,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlsFiles {
    /// PEM file with the certificate chain.
    pub cert_file: PathBuf,
    /// PEM file with the private key.
    pub key_file: PathBuf,
}

/// `control`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Where the control plane listens; 127.0.0.1:4500 by default.
    pub addr: SocketAddr,
}

/// `genai_telemetry`.
#[derive(Clone, Debug)]
pub struct GenAi {
    /// Whether GenAI spans are made at all; on by default.
    pub enabled: bool,
    /// Whether prompts and answers are put into spans; off by default.
    pub capture_content: bool,
    /// Where it is otherwise, and what is taken out.
    pub capture: Capture,
    /// The vocabularies, each once; `to11` by default.
    pub profiles: Vec<Profile>,
    /// How long the ids of tool calls are remembered.
    pub tool_links: ToolLinks,
    /// Where spans are exported to, besides the store.
    pub otlp: Option<OtlpSettings>,
    /// Where else, in file order.
    pub exporters: Vec<GenAiExporter>,
}

/// `genai_telemetry.exporters.<name>`: one more exporter of GenAI spans.
#[derive(Clone, Debug)]
pub struct GenAiExporter {
    /// Its name in the file.
    pub name: Arc<str>,
    /// The vocabularies of its spans, each once; the section's by default.
    pub profiles: Vec<Profile>,
    /// Where it exports to.
    pub otlp: OtlpSettings,
}

/// `genai_telemetry.tool_links`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToolLinks {
    /// The most ids of tool calls that are remembered; 10,000 by default.
    pub ids_max: usize,
    /// How long each of them is; one hour by default.
    pub ttl: Duration,
}

/// `store`.
#[derive(Clone, Debug)]
pub enum StoreSettings {
    /// In the binary.
    Sqlite {
        /// The database file; `data/tollgate.db` by default.
        path: PathBuf,
        /// How long spans are kept, in days; 90 by default.
        retention_days: u32,
        /// How many bytes of the file may be in use before the oldest rows go; no limit by default.
        bytes_max: Option<u64>,
    },
    /// ClickHouse over HTTP.
    ClickHouse {
        /// Its HTTP interface.
        url: String,
        /// The database; `otel` by default.
        database: String,
        /// The user; `default` by default.
        user: String,
        /// The user's password.
        password: Option<Secret>,
        /// Authorities to trust instead of the system's (PEM).
        ca_file: Option<PathBuf>,
        /// The names of the tables.
        tables: Box<Tables>,
        /// How long spans are kept, in days; 90 by default.
        retention_days: u32,
        /// What rows wait in; there is one by default.
        queue: Option<StoreQueue>,
    },
}

/// `store.queue`: the disk queue in front of ClickHouse.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoreQueue {
    /// The folder, on a local disk; `data/queue` by default.
    pub path: PathBuf,
    /// The most bytes in it: half for spans, a quarter each for metrics and logs. 2 GiB by default.
    pub bytes_max: u64,
}
/// `store.tables`: the Collector's exporter's names by default.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tables {
    /// Spans; `otel_traces` by default.
    pub traces: String,
    /// Gauges; `otel_metrics_gauge` by default.
    pub metrics_gauge: String,
    /// Sums; `otel_metrics_sum` by default.
    pub metrics_sum: String,
    /// Histograms; `otel_metrics_histogram` by default.
    pub metrics_histogram: String,
    /// Exponential histograms; `otel_metrics_exponential_histogram` by default.
    pub metrics_exponential_histogram: String,
    /// Summaries; `otel_metrics_summary` by default.
    pub metrics_summary: String,
    /// Log records; `otel_logs` by default.
    pub logs: String,
}

/// `security`.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// Whether requests and answers are looked through; off by default.
    pub enabled: bool,
    /// What for, and what a finding leads to.
    pub guard: guard::Settings,
    /// Who else is asked of requests, in file order.
    pub webhooks: Vec<WebhookSettings>,
}

/// `security.webhooks.<name>`.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// Its name in the file.
    pub name: Arc<str>,
    /// Where it is.
    pub url: BaseUrl,
    /// What it is sent besides, credentials mostly.
    pub headers: Vec<(HeaderName, Secret)>,
    /// How long it may take; 1 s by default.
    pub timeout: Duration,
    /// Whether what it blocks is only flagged, to try it out; off by default.
    pub only_flags: bool,
    /// Whether a request goes on that it gave no answer for; by default it does not.
    pub fails_open: bool,
}

/// Where cached answers are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheKind {
    /// In this process.
    #[default]
    Memory,
    /// In Redis, for all gateways that share it.
    Redis,
}

/// `cache`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// Where entries are kept; in this process by default.
    pub kind: CacheKind,
    /// What it works by: 256 MiB of answers of at most 1 MiB, which live for 600 s, no streams, and 30 s
    /// of waiting for an equal request by default.
    pub settings: cache::Settings,
}

/// `pricing.<model>`: what a million tokens cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    /// ISO 4217; `USD` by default.
    pub currency: Arc<str>,
    /// Input tokens that no cache had.
    pub input: Option<f64>,
    /// Generated tokens.
    pub output: Option<f64>,
    /// Input tokens read from a cache.
    pub cache_read: Option<f64>,
    /// Input tokens written to a cache; for five minutes, where the provider says for how long.
    pub cache_write: Option<f64>,
    /// Input tokens written to a cache for an hour.
    pub cache_write_1h: Option<f64>,
    /// Reasoning tokens; `output` by default.
    pub reasoning: Option<f64>,
}
