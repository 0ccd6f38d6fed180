//! The span store: rows in, rows out, whatever keeps them.
//!
//! [`SpanRow`] is the one row type: what a row of `otel_traces` holds in the OpenTelemetry
//! Collector's ClickHouse schema. [`SpanStore`] is what a back end can do; [`Sqlite`] is the one
//! inside the binary, [`ClickHouse`] the one for those who outgrow it, and [`QueuedStore`] a disk queue
//! in front of that.

mod calendar;
mod clickhouse;
mod error;
mod query;
mod questions;
mod queued;
mod signals;
mod span_row;
pub mod sql;
mod sqlite;

use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;

pub use clickhouse::{ClickHouse, ClickHouseSettings, Password, SignalTableNames};
pub use error::StoreError;
pub use query::{LIMIT_DEFAULT, LIMIT_MAX, PREFIX_HEX_MIN, TraceFilter, TraceSummary};
pub use questions::{
    GROUPS_MAX, ModelLatency, Percentiles, ProviderErrors, Usage, UsageBy, Window,
};
pub use queued::{Forwarder, Lane, QueuedStore, Recovered, Sent, Stats as QueueStats};
pub use signals::{
    Buckets, Distribution, ExemplarRow, LogRow, Metric, MetricRow, Origin, Point, Signal,
};
pub use span_row::{CONTENT_KEYS, EventRow, LinkRow, Pairs, SpanKind, SpanRow, StatusCode};
pub use sqlite::{Sqlite, SqliteSettings};

/// A place where spans are kept. Every method may be called from any runtime.
#[async_trait]
pub trait SpanStore: Send + Sync {
    /// Keeps `rows` and returns how many of them were new: a span that is there already (same trace
    /// id and span id) is left as it is. Returns only once the rows would survive a power failure.
    ///
    /// # Errors
    /// All rows are kept or none. [`StoreError::is_retryable`] tells whether trying again may help.
    async fn insert(&self, rows: Vec<SpanRow>) -> Result<u64, StoreError>;

    /// Keeps `rows` and returns how many of them were new where the back end can tell: the very same
    /// point is kept once. Returns only once the rows would survive a power failure.
    ///
    /// # Errors
    /// All rows are kept or none, but for ClickHouse without a queue, where that holds for each kind of
    /// point.
    /// [`StoreError::is_retryable`] tells whether trying again may help.
    async fn insert_metrics(&self, rows: Vec<MetricRow>) -> Result<u64, StoreError>;

    /// Keeps `rows` and returns how many. A record has no id: the same one sent twice is there twice,
    /// unless the back end knows the batch again. Returns only once the rows would survive a power
    /// failure.
    ///
    /// # Errors
    /// All rows are kept or none. [`StoreError::is_retryable`] tells whether trying again may help.
    async fn insert_logs(&self, rows: Vec<LogRow>) -> Result<u64, StoreError>;

    /// The traces that match, newest start first.
    ///
    /// # Errors
    /// What the back end says.
    async fn recent(&self, filter: &TraceFilter) -> Result<Vec<TraceSummary>, StoreError>;

    /// A trace's spans by start time; empty if there is no such trace. Upper case is fine, and so is
    /// an unambiguous prefix of at least [`PREFIX_HEX_MIN`] digits.
    ///
    /// # Errors
    /// [`StoreError::BadTraceId`], [`StoreError::AmbiguousTraceId`], or what the back end says.
    async fn trace(&self, trace_id: &str) -> Result<Vec<SpanRow>, StoreError>;

    /// Answers a question in SQL: one `SELECT` over `otel_traces`, `otel_metrics_*` and
    /// `otel_logs` in ClickHouse's dialect.
    ///
    /// # Errors
    /// [`StoreError::Sql`] for a query that is not known, [`StoreError::TimedOut`], or what the back
    /// end says.
    async fn query(&self, query: &sql::SqlQuery) -> Result<sql::Table, StoreError>;

    /// How fast each model answered; the most called first, up to [`GROUPS_MAX`].
    ///
    /// # Errors
    /// As [`SpanStore::query`].
    async fn latency_by_model(&self, window: &Window) -> Result<Vec<ModelLatency>, StoreError> {
        questions::latency_by_model(self, window).await
    }

    /// Calls, tokens and cost by model, session or user; the most calls first, up to [`GROUPS_MAX`].
    ///
    /// # Errors
    /// As [`SpanStore::query`].
    async fn usage(&self, by: UsageBy, window: &Window) -> Result<Vec<Usage>, StoreError> {
        questions::usage(self, by, window).await
    }

    /// How often each provider's calls failed; the most called first, up to [`GROUPS_MAX`].
    ///
    /// # Errors
    /// As [`SpanStore::query`].
    async fn errors_by_provider(&self, window: &Window) -> Result<Vec<ProviderErrors>, StoreError> {
        questions::errors_by_provider(self, window).await
    }

    /// Drops every span that started longer ago than the retention, and every point and log record
    /// that is as old, seen from `now_ns` (Unix time in nanoseconds). Returns how many.
    ///
    /// # Errors
    /// What the back end says; what was dropped until then stays dropped.
    async fn prune(&self, now_ns: i64) -> Result<u64, StoreError>;

    /// Finishes what was handed over and lets go of every file. Later calls fail with
    /// [`StoreError::Closed`].
    async fn close(&self);
}

/// The time by which the store's rows, retention and queries go: nanoseconds since 1970.
pub fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
