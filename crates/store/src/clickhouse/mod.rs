//! The store beyond one machine: ClickHouse over HTTP, in the OpenTelemetry Collector's schema.
//!
//! A batch has a deduplication token made from its bytes: however often it is sent, because an
//! answer was lost, it is stored once. So whoever gets a retryable error sends the same rows again,
//! and nothing else. A span that came in two batches is there twice, and read once.

mod failure;
mod http;
mod query;
mod read;
mod recent;
mod rowbinary;
mod schema;
mod signals;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ring::digest::{SHA256, digest};
use tokio::sync::OnceCell;

use self::http::{Http, Statement};
use self::schema::{Names, Prepared};
use self::signals::PreparedSignal;
pub use self::signals::SignalTableNames;
pub(crate) use self::signals::{Encoded, Kind as SignalTable};
use crate::sql::{SqlQuery, Table};
use crate::{LogRow, MetricRow, Signal, SpanRow, SpanStore, StoreError, TraceFilter, TraceSummary};

/// A server, or a cluster behind one address.
pub struct ClickHouse {
    http: Http,
    names: Names,
    settings: ClickHouseSettings,
    prepared: OnceCell<Prepared>,
    metrics: OnceCell<PreparedSignal>,
    logs: OnceCell<PreparedSignal>,
    closed: AtomicBool,
}

/// Where ClickHouse is and what is kept there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClickHouseSettings {
    /// Its HTTP interface, `http://` or `https://`, without user and password.
    pub url: String,
    /// The database; `otel` by default.
    pub database: String,
    /// The user; `default` by default.
    pub user: String,
    /// The user's password.
    pub password: Option<Password>,
    /// Authorities to trust instead of the system's (PEM).
    pub ca_file: Option<PathBuf>,
    /// The spans' table; `otel_traces` by default. The look-up table's name begins with it.
    pub traces_table: String,
    /// The tables of metrics and logs.
    pub signal_tables: SignalTableNames,
    /// How long tables that are created keep spans; 0 for ever. 90 by default.
    pub retention_days: u32,
    /// How long an insert may take. 30 seconds by default.
    pub timeout: Duration,
    /// The most spans of one trace that are read; of a larger trace these are the first by start.
    /// 10,000 by default.
    pub trace_spans_max: usize,
}

/// A password, which is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

// === impl Password ===

impl Password {
    fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Password {
    fn from(password: String) -> Self {
        Self(password)
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

// === impl ClickHouseSettings ===

impl Default for ClickHouseSettings {
    fn default() -> Self {
        Self {
            url: "http://localhost:8123".to_owned(),
            database: "otel".to_owned(),
            user: "default".to_owned(),
            password: None,
            ca_file: None,
            traces_table: "otel_traces".to_owned(),
            signal_tables: SignalTableNames::default(),
            retention_days: 90,
            timeout: Duration::from_secs(30),
            trace_spans_max: 10_000,
        }
    }
}

// === impl ClickHouse ===

impl ClickHouse {
    /// Connects to nothing yet: a server that is away comes back. Reads `ca_file`.
    ///
    /// # Errors
    /// [`StoreError::Schema`] for settings that can never work.
    pub fn new(settings: ClickHouseSettings) -> Result<Self, StoreError> {
        let http = Http::new(&settings)?;
        signals::check_names(&settings)?;
        let names = Names::new(&settings);
        Ok(Self {
            http,
            names,
            settings,
            prepared: OnceCell::new(),
            metrics: OnceCell::new(),
            logs: OnceCell::new(),
            closed: AtomicBool::new(false),
        })
    }

    /// Creates the tables if they are absent and checks them if they are there; once, and before
    /// anything else. Every other method does it too. Tables of metrics or logs that are of another
    /// form, or may not be created, are only warned of: spans do not need them.
    ///
    /// # Errors
    /// [`StoreError::Schema`] for tables of another form, or what ClickHouse says.
    pub async fn prepare(&self) -> Result<(), StoreError> {
        self.prepared().await?;
        for signal in [Signal::Metrics, Signal::Logs] {
            match self.prepared_signal(signal).await {
                Err(error) if !error.is_retryable() => {
                    tracing::warn!(%error, signal = signal.as_str(), "a signal cannot be kept");
                }
                other => drop(other?),
            }
        }
        Ok(())
    }

    /// Whether the tables were found or created.
    pub fn is_prepared(&self) -> bool {
        self.prepared.initialized()
    }

    /// The distinct ones of `rows` as they are sent, and how many they are.
    pub(crate) fn encode(rows: &[SpanRow]) -> Result<Option<(u32, Vec<u8>)>, StoreError> {
        rows.iter().try_for_each(SpanRow::check)?;
        let mut seen = HashSet::with_capacity(rows.len());
        let distinct: Vec<_> =
            rows.iter().filter(|row| seen.insert((&row.trace_id, &row.span_id))).collect();
        let count = u32::try_from(distinct.len()).unwrap_or(u32::MAX);
        Ok((count > 0).then(|| (count, rowbinary::encode(distinct))))
    }

    /// Inserts rows that [`ClickHouse::encode`] made.
    pub(crate) async fn insert_encoded(&self, data: Bytes) -> Result<(), StoreError> {
        self.prepared().await?;
        let columns: Vec<_> = rowbinary::COLUMNS.iter().map(|(name, _)| quoted(name)).collect();
        let sql =
            format!("INSERT INTO {} ({}) FORMAT RowBinary", self.names.traces, columns.join(", "));
        let settings = insert_settings(&data);
        let data = Some(data);
        self.http.run(Statement { sql: &sql, settings, data, time_max: None }).await.map(drop)
    }

    /// The rows of each table as they are sent.
    pub(crate) fn encode_metrics(rows: &[MetricRow]) -> Result<Vec<Encoded>, StoreError> {
        rows.iter().try_for_each(MetricRow::check)?;
        Ok(signals::encode_metrics(rows))
    }

    /// The rows as they are sent.
    pub(crate) fn encode_logs(rows: &[LogRow]) -> Result<Option<Encoded>, StoreError> {
        rows.iter().try_for_each(LogRow::check)?;
        Ok(signals::encode_logs(rows))
    }

    /// Inserts rows of metrics or logs that were encoded here.
    pub(crate) async fn insert_encoded_signal(
        &self,
        table: SignalTable,
        data: Bytes,
    ) -> Result<(), StoreError> {
        let prepared = self.prepared_signal(table.signal()).await?;
        signals::send(&self.http, &self.settings, prepared, table, data).await
    }

    async fn prepared(&self) -> Result<Prepared, StoreError> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(StoreError::Closed);
        }
        let prepare = || schema::prepare(&self.http, &self.names, &self.settings);
        self.prepared.get_or_try_init(prepare).await.copied()
    }

    /// The tables of metrics, or of logs: what is wrong with one signal's is not the other's.
    async fn prepared_signal(&self, signal: Signal) -> Result<PreparedSignal, StoreError> {
        self.prepared().await?;
        let cell = if signal == Signal::Logs { &self.logs } else { &self.metrics };
        let prepare = || signals::prepare(&self.http, &self.settings, signal);
        cell.get_or_try_init(prepare).await.copied()
    }
}

impl std::fmt::Debug for ClickHouse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClickHouse")
            .field("url", &self.http.url())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl SpanStore for ClickHouse {
    /// ClickHouse does not say which rows are new: the number is that of the distinct ones in `rows`.
    async fn insert(&self, rows: Vec<SpanRow>) -> Result<u64, StoreError> {
        let Some((count, data)) = Self::encode(&rows)? else {
            self.prepared().await?;
            return Ok(0);
        };
        drop(rows);
        self.insert_encoded(Bytes::from(data)).await?;
        Ok(u64::from(count))
    }

    async fn insert_metrics(&self, rows: Vec<MetricRow>) -> Result<u64, StoreError> {
        for Encoded { kind, data, .. } in Self::encode_metrics(&rows)? {
            self.insert_encoded_signal(kind, Bytes::from(data)).await?;
        }
        Ok(rows.len() as u64)
    }

    async fn insert_logs(&self, rows: Vec<LogRow>) -> Result<u64, StoreError> {
        if let Some(Encoded { kind, data, .. }) = Self::encode_logs(&rows)? {
            self.insert_encoded_signal(kind, Bytes::from(data)).await?;
        }
        Ok(rows.len() as u64)
    }

    async fn recent(&self, filter: &TraceFilter) -> Result<Vec<TraceSummary>, StoreError> {
        self.prepared().await?;
        recent::recent(&self.http, &self.names, filter, crate::now_ns()).await
    }

    async fn trace(&self, trace_id: &str) -> Result<Vec<SpanRow>, StoreError> {
        let prefix = crate::query::trace_id_prefix(trace_id)?;
        let prepared = self.prepared().await?;
        let mut candidates = match prefix.len() {
            32 => vec![prefix.clone()],
            _ => read::trace_ids(&self.http, &self.names, prepared, &prefix).await?,
        };
        match (candidates.pop(), candidates.is_empty()) {
            (None, _) => Ok(Vec::new()),
            (Some(id), true) => {
                let spans_max = self.settings.trace_spans_max;
                read::trace(&self.http, &self.names, prepared, &id, spans_max).await
            }
            (Some(last), false) => {
                candidates.push(last);
                Err(read::ambiguous(prefix, candidates))
            }
        }
    }

    async fn query(&self, query: &SqlQuery) -> Result<Table, StoreError> {
        self.prepared().await?;
        for signal in signals::asked_for(&self.settings, &query.text) {
            self.prepared_signal(signal).await?;
        }
        query::query(&self.http, &self.names, &self.settings, query, crate::now_ns()).await
    }

    /// Nothing to do: the tables' TTL drops whole parts.
    async fn prune(&self, _now_ns: i64) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

/// The settings of an insert of `data`.
fn insert_settings(data: &[u8]) -> Vec<(&'static str, String)> {
    vec![
        // An answer means that the rows are in the table.
        ("async_insert", "0".to_owned()),
        // The look-up table's rows too, if it was their insert that failed.
        ("deduplicate_blocks_in_dependent_materialized_views", "1".to_owned()),
        ("insert_deduplicate", "1".to_owned()),
        ("insert_deduplication_token", token(data)),
        // Days are partitions; rows of more than a hundred days are no reason to lose them.
        ("max_partitions_per_insert_block", "0".to_owned()),
    ]
}

/// The same for the same bytes: 128 bits of their SHA-256.
pub(crate) fn token(data: &[u8]) -> String {
    let digest = digest(&SHA256, data);
    digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// A text as a literal of ClickHouse's SQL.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A name as an identifier of ClickHouse's SQL.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}
