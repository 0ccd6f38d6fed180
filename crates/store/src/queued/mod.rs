//! A disk queue in front of ClickHouse: an insert is acknowledged when it is on the disk here, and
//! sent from there. ClickHouse may be away, slow or forgetful for as long as the queue has room.
//!
//! What is in the queue are the bytes that are sent, encoded once: a batch of the queue is the same
//! bytes whenever it is sent, so its token is the same too, also after a restart.

mod forwarder;
mod verdict;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;
use tollgate_queue::{Queue, QueueError, QueueSettings, Record};

use self::forwarder::{Ends, Progress, Receiver};
pub use self::forwarder::{Forwarder, Sent};
use crate::clickhouse::ClickHouse;
use crate::sql::{SqlQuery, Table};
use crate::{LogRow, MetricRow, SpanRow, SpanStore, StoreError, TraceFilter, TraceSummary};
pub use tollgate_queue::{Recovered, Stats};

/// Records of spans, as rows in ClickHouse's `RowBinary`.
const KIND_SPANS: u8 = 1;
/// The columns of spans that this version of tollgate writes.
const VERSION_SPANS: u8 = 1;
/// How long the end waits for what can still be sent. What cannot stays on the disk.
const CLOSE_MAX: Duration = Duration::from_secs(10);
/// How long the forwarder may take to let go of the disk.
const HALT_MAX: Duration = Duration::from_secs(1);

/// ClickHouse with a disk queue in front of it. Questions go to ClickHouse: what waits is not seen.
pub struct QueuedStore {
    store: Arc<ClickHouse>,
    queue: Queue,
    progress: Arc<Progress>,
    /// Ends the forwarder at once.
    halt: watch::Sender<bool>,
    /// Closed when the forwarder has ended.
    ended: watch::Receiver<()>,
}

// === impl QueuedStore ===

impl QueuedStore {
    /// Opens the queue in `folder`. Nothing is sent until the forwarder runs.
    ///
    /// # Errors
    /// [`StoreError::Queue`]: the folder cannot be used, or another process uses it.
    pub fn open(
        folder: &Path,
        bytes_max: u64,
        store: ClickHouse,
    ) -> Result<(Self, Forwarder), StoreError> {
        let settings = QueueSettings { bytes_max, ..QueueSettings::default() };
        let (queue, consumer) = Queue::open(folder, settings)?;
        let store = Arc::new(store);
        let progress = Arc::new(Progress::default());
        let (_running, ended) = watch::channel(());
        let (halt, halted) = watch::channel(false);
        let ends = Ends { halt: halted, _running };
        let receiver: Arc<dyn Receiver> = Arc::<ClickHouse>::clone(&store);
        let forwarder = Forwarder::new(consumer, receiver, Arc::clone(&progress), ends);
        Ok((Self { store, queue, progress, halt, ended }, forwarder))
    }

    /// How much there is in the queue, and what happened.
    pub fn stats(&self) -> Stats {
        self.queue.stats()
    }

    /// What became of what was sent.
    pub fn sent(&self) -> Sent {
        self.progress.sent()
    }

    /// What the queue found when it was opened.
    pub const fn recovered(&self) -> Recovered {
        self.queue.recovered()
    }

    /// Whether another insert would be taken.
    pub fn has_room(&self) -> bool {
        self.queue.has_room()
    }

    /// Waits for the forwarder's end, at most `max`. Whether it came.
    async fn has_ended(&self, max: Duration) -> bool {
        let mut ended = self.ended.clone();
        // An error means that it is gone.
        let end = async { while ended.changed().await.is_ok() {} };
        tokio::time::timeout(max, end).await.is_ok()
    }

    /// ClickHouse itself.
    pub fn store(&self) -> &ClickHouse {
        &self.store
    }
}

#[async_trait]
impl SpanStore for QueuedStore {
    /// Returns once the rows are on the disk here. The number is that of the distinct ones in `rows`.
    async fn insert(&self, rows: Vec<SpanRow>) -> Result<u64, StoreError> {
        let Some((items, data)) = ClickHouse::encode(&rows)? else {
            return Ok(0);
        };
        drop(rows);
        let record =
            Record { kind: KIND_SPANS, version: VERSION_SPANS, items, payload: Bytes::from(data) };
        self.queue.append(vec![record]).await?;
        Ok(u64::from(items))
    }

    /// Not through the queue: returns once ClickHouse has them.
    async fn insert_metrics(&self, rows: Vec<MetricRow>) -> Result<u64, StoreError> {
        self.store.insert_metrics(rows).await
    }

    /// Not through the queue: returns once ClickHouse has them.
    async fn insert_logs(&self, rows: Vec<LogRow>) -> Result<u64, StoreError> {
        self.store.insert_logs(rows).await
    }

    async fn recent(&self, filter: &TraceFilter) -> Result<Vec<TraceSummary>, StoreError> {
        self.store.recent(filter).await
    }

    async fn trace(&self, trace_id: &str) -> Result<Vec<SpanRow>, StoreError> {
        self.store.trace(trace_id).await
    }

    async fn query(&self, query: &SqlQuery) -> Result<Table, StoreError> {
        self.store.query(query).await
    }

    async fn prune(&self, now_ns: i64) -> Result<u64, StoreError> {
        self.store.prune(now_ns).await
    }

    /// Sends what waits as long as ClickHouse takes it, at most ten seconds.
    async fn close(&self) {
        self.queue.close();
        if !self.has_ended(CLOSE_MAX).await {
            let rows = self.stats().waiting_items;
            tracing::warn!(rows, "the store is too slow: the rest waits on the disk");
            self.halt.send_replace(true);
            self.has_ended(HALT_MAX).await;
        }
        self.store.close().await;
    }
}

impl std::fmt::Debug for QueuedStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueuedStore")
            .field("store", &self.store)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

impl From<QueueError> for StoreError {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Closed => Self::Closed,
            other => Self::Queue { retryable: other.is_retryable(), reason: other.to_string() },
        }
    }
}
