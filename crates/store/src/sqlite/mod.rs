//! The store inside the binary: one SQLite file, one thread that writes, a few that read.
//!
//! `insert` hands its rows to the writer through a bounded queue and waits. The writer takes
//! whatever has piled up, writes it in one transaction with `synchronous=FULL`, and only then
//! answers everyone: many small inserts share one flush to the disk, and nobody is told that rows
//! are safe before they are. Readers have connections of their own and, in WAL mode, never wait for
//! the writer.

mod failure;
mod functions;
mod insert;
mod inserter;
mod lists;
mod packing;
mod promoted;
mod read;
mod readers;
mod resources;
mod retention;
mod schema;
mod signals;
mod sql;
mod summary;
mod texts;
mod words;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use self::failure::Place;
use self::readers::Readers;
use self::writer::{Prune, Writer};
use crate::sql::{SqlQuery, Table};
use crate::{LogRow, MetricRow, SpanRow, SpanStore, StoreError, TraceFilter, TraceSummary};

/// The embedded store.
///
/// Dropping it lets what was handed over be written, without waiting for it; [`SpanStore::close`]
/// waits.
pub struct Sqlite {
    writer: Option<Writer>,
    readers: Readers,
    place: Arc<Place>,
    settings: SqliteSettings,
    /// Every thread holds a receiver: closed means that all have ended.
    threads: watch::Sender<()>,
}

/// How the embedded store behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteSettings {
    /// Spans that started longer ago are dropped by `prune`; 0 keeps them for ever. 90 by default.
    pub retention_days: u32,
    /// When more bytes than this are in use, `prune` drops the oldest spans, points and log records; 0
    /// for no limit, which is the default. The write-ahead log (up to 64 MiB) comes on top, and what is inserted until the
    /// next `prune`.
    pub bytes_max: u64,
    /// Neither create nor change anything: for tools that look at the database of a running
    /// gateway. Off by default.
    pub read_only: bool,
    /// How many inserts may wait for the writer; further ones wait for a place. 1024 by default.
    pub queue_inserts_max: usize,
    /// How many questions are answered at once. 2 by default.
    pub readers: usize,
    /// How long to wait for another process's lock. 5000 by default.
    pub busy_timeout_ms: u64,
    /// The most spans of one trace that are read; of a larger trace these are the first by start.
    /// 10,000 by default.
    pub trace_spans_max: usize,
}

// === impl SqliteSettings ===

impl Default for SqliteSettings {
    fn default() -> Self {
        Self {
            retention_days: 90,
            bytes_max: 0,
            read_only: false,
            queue_inserts_max: 1024,
            readers: 2,
            busy_timeout_ms: 5000,
            trace_spans_max: 10_000,
        }
    }
}

// === impl Sqlite ===

impl Sqlite {
    /// Opens the database at `path`, or creates it (mode 0600) and the folders above it, and brings
    /// its schema up to date. Blocks: for start-up.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`], [`StoreError::Foreign`], [`StoreError::Corrupt`],
    /// [`StoreError::Busy`], [`StoreError::Unusable`]; with `read_only` also
    /// [`StoreError::OlderSchema`].
    pub fn open(path: &Path, settings: SqliteSettings) -> Result<Self, StoreError> {
        let place = Arc::new(Place::new(path, settings.busy_timeout_ms));
        let (threads, running) = watch::channel(());
        let writer = if settings.read_only {
            None
        } else {
            let connection = schema::open_for_writing(&place)?;
            let queue = settings.queue_inserts_max.max(1);
            Some(Writer::start(connection, Arc::clone(&place), queue, running.clone())?)
        };
        let readers = Readers::start(&place, settings.readers.max(1), &running)?;
        Ok(Self { writer, readers, place, settings, threads })
    }

    fn writer(&self) -> Result<&Writer, StoreError> {
        self.writer.as_ref().ok_or_else(|| StoreError::ReadOnly { path: self.place.name() })
    }
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sqlite")
            .field("path", &self.place.name())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl SpanStore for Sqlite {
    async fn insert(&self, rows: Vec<SpanRow>) -> Result<u64, StoreError> {
        let writer = self.writer()?;
        rows.iter().try_for_each(SpanRow::check)?;
        if rows.is_empty() {
            return Ok(0);
        }
        writer.insert(rows).await
    }

    async fn insert_metrics(&self, rows: Vec<MetricRow>) -> Result<u64, StoreError> {
        let writer = self.writer()?;
        rows.iter().try_for_each(MetricRow::check)?;
        match rows.is_empty() {
            true => Ok(0),
            false => writer.insert_signals(signals::Rows::Metrics(rows)).await,
        }
    }

    async fn insert_logs(&self, rows: Vec<LogRow>) -> Result<u64, StoreError> {
        let writer = self.writer()?;
        rows.iter().try_for_each(LogRow::check)?;
        match rows.is_empty() {
            true => Ok(0),
            false => writer.insert_signals(signals::Rows::Logs(rows)).await,
        }
    }

    async fn recent(&self, filter: &TraceFilter) -> Result<Vec<TraceSummary>, StoreError> {
        let filter = filter.clone();
        self.readers.ask(move |connection| read::recent(connection, &filter)).await
    }

    async fn trace(&self, trace_id: &str) -> Result<Vec<SpanRow>, StoreError> {
        let prefix = crate::query::trace_id_prefix(trace_id)?;
        let spans_max = self.settings.trace_spans_max;
        self.readers
            .ask(move |connection| {
                let candidates = read::trace_ids(connection, &prefix)?;
                match candidates.as_slice() {
                    [] => Ok(Ok(Vec::new())),
                    [id] => read::trace(connection, id, spans_max).map(Ok),
                    _ => Ok(Err(read::ambiguous(prefix.clone(), candidates))),
                }
            })
            .await?
    }

    async fn query(&self, query: &SqlQuery) -> Result<Table, StoreError> {
        let compiled = crate::sql::compile(&query.text, &query.scope, crate::now_ns())?;
        let query = query.clone();
        self.readers.ask(move |connection| sql::run(connection, &compiled, &query)).await?
    }

    async fn prune(&self, now_ns: i64) -> Result<u64, StoreError> {
        let writer = self.writer()?;
        let mut dropped = 0;
        if let Some(cutoff_ns) = retention::cutoff_ns(now_ns, self.settings.retention_days) {
            // One slice a transaction, so that inserts get their turn in between.
            loop {
                let slice = writer.prune(Prune::Older(cutoff_ns)).await?;
                dropped += slice;
                if slice < u64::from(retention::SLICE_SPANS) {
                    break;
                }
            }
            loop {
                let slice = writer.prune(Prune::SignalsOlder(cutoff_ns)).await?;
                dropped += slice;
                if slice < u64::from(signals::SLICE_ROWS) {
                    break;
                }
            }
        }
        let mut bytes = self.settings.bytes_max;
        while bytes > 0 {
            let slice = writer.prune(Prune::Larger(bytes)).await?;
            dropped += slice;
            if slice == 0 {
                break;
            }
            bytes = retention::bytes_kept(self.settings.bytes_max);
        }
        if dropped > 0 {
            writer.prune(Prune::Unused).await?;
        }
        Ok(dropped)
    }

    async fn close(&self) {
        if let Some(writer) = &self.writer {
            writer.close();
        }
        self.readers.close();
        self.threads.closed().await;
    }
}
