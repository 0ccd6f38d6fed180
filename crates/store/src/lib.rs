//! The span store: rows in, rows out, whatever keeps them.
//!
//! [`SpanRow`] is the one row type: what a row of `otel_traces` holds in the OpenTelemetry
//! Collector's ClickHouse schema. [`SpanStore`] is what a back end can do; [`Sqlite`] is the one
//! inside the binary.

mod calendar;
mod error;
mod query;
mod span_row;
pub mod sql;
mod sqlite;

use async_trait::async_trait;

pub use error::StoreError;
pub use query::{LIMIT_DEFAULT, LIMIT_MAX, PREFIX_HEX_MIN, TraceFilter, TraceSummary};
pub use span_row::{CONTENT_KEYS, EventRow, LinkRow, SpanKind, SpanRow, StatusCode};
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

    /// Answers a question in SQL: one `SELECT` over `otel_traces` in ClickHouse's dialect.
    ///
    /// # Errors
    /// [`StoreError::Sql`] for a query that is not known, [`StoreError::TimedOut`], or what the back
    /// end says.
    async fn query(&self, query: &sql::SqlQuery) -> Result<sql::Table, StoreError>;

    /// Drops every span that started longer ago than the retention, seen from `now_ns` (Unix time
    /// in nanoseconds). Returns how many.
    ///
    /// # Errors
    /// What the back end says; what was dropped until then stays dropped.
    async fn prune(&self, now_ns: i64) -> Result<u64, StoreError>;

    /// Finishes what was handed over and lets go of every file. Later calls fail with
    /// [`StoreError::Closed`].
    async fn close(&self);
}
