//! A disk queue in front of ClickHouse: an insert is acknowledged when it is on the disk here, and
//! sent from there. ClickHouse may be away, slow or forgetful for as long as the queue has room.
//!
//! What is in the queue are the bytes that are sent, encoded once: a batch of the queue is the same
//! bytes whenever it is sent, so its token is the same too, also after a restart.
//!
//! Each signal has a lane of its own: a table of metrics that nobody repairs holds up no span.

mod forwarder;
mod lane;
mod rows;
mod set_aside;
mod verdict;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tollgate_queue::{QueueError, Record};

use self::forwarder::Receiver;
pub use self::forwarder::{Forwarder, Sent};
pub use self::lane::Lane;
use self::rows::Rows;
use crate::clickhouse::{ClickHouse, Encoded};
use crate::sql::{SqlQuery, Table};
use crate::{LogRow, MetricRow, Signal, SpanRow, SpanStore, StoreError, TraceFilter, TraceSummary};
pub use tollgate_queue::{Recovered, Stats};

/// What the spans' lane may have of the whole: a half, and the other two lanes a quarter each. Fixed,
/// so that no signal can take another's room.
const PART_OF_SPANS: u64 = 2;
const PART_OF_OTHERS: u64 = 4;

/// ClickHouse with a disk queue in front of it. Questions go to ClickHouse: what waits is not seen.
#[derive(Debug)]
pub struct QueuedStore {
    store: Arc<ClickHouse>,
    spans: Lane,
    metrics: Lane,
    logs: Lane,
}

// === impl QueuedStore ===

impl QueuedStore {
    /// Opens the queue in `folder`: spans in it, where they always were, metrics and logs in folders
    /// of their own inside it. All together have at most `bytes_max`. Nothing is sent until the
    /// forwarders run, one for each signal.
    ///
    /// # Errors
    /// [`StoreError::Queue`]: the folder cannot be used, or another process uses it.
    pub fn open(
        folder: &Path,
        bytes_max: u64,
        store: ClickHouse,
    ) -> Result<(Self, [Forwarder; 3]), StoreError> {
        let store = Arc::new(store);
        let open = |signal: Signal| {
            let receiver: Arc<dyn Receiver> = Arc::<ClickHouse>::clone(&store);
            match signal {
                Signal::Traces => Lane::open(signal, folder, bytes_max / PART_OF_SPANS, receiver),
                Signal::Metrics | Signal::Logs => {
                    let folder = folder.join(signal.as_str());
                    Lane::open(signal, &folder, bytes_max / PART_OF_OTHERS, receiver)
                }
            }
        };
        let (spans, of_spans) = open(Signal::Traces)?;
        let (metrics, of_metrics) = open(Signal::Metrics)?;
        let (logs, of_logs) = open(Signal::Logs)?;
        Ok((Self { store, spans, metrics, logs }, [of_spans, of_metrics, of_logs]))
    }

    /// The lanes: spans, metrics, logs.
    pub const fn lanes(&self) -> [&Lane; 3] {
        [&self.spans, &self.metrics, &self.logs]
    }

    /// Whether another insert of spans would be taken.
    pub fn has_room(&self) -> bool {
        self.spans.has_room()
    }

    /// Bytes that wait for ClickHouse.
    pub fn waiting_bytes(&self) -> u64 {
        self.lanes().iter().map(|lane| lane.stats().waiting_bytes).sum()
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
        self.spans.append(vec![record(Rows::SPANS, items, data)]).await?;
        Ok(u64::from(items))
    }

    /// Returns once the rows are on the disk here, those of all tables or none.
    async fn insert_metrics(&self, rows: Vec<MetricRow>) -> Result<u64, StoreError> {
        let encoded = ClickHouse::encode_metrics(&rows)?;
        drop(rows);
        Ok(append(&self.metrics, encoded).await?)
    }

    /// Returns once the rows are on the disk here.
    async fn insert_logs(&self, rows: Vec<LogRow>) -> Result<u64, StoreError> {
        let encoded = ClickHouse::encode_logs(&rows)?;
        drop(rows);
        Ok(append(&self.logs, encoded).await?)
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
        tokio::join!(self.spans.close(), self.metrics.close(), self.logs.close());
        self.store.close().await;
    }
}

async fn append(
    lane: &Lane,
    encoded: impl IntoIterator<Item = Encoded>,
) -> Result<u64, QueueError> {
    let records = encoded
        .into_iter()
        .map(|Encoded { kind, items, data }| record(Rows::of_table(kind), items, data));
    let records: Vec<_> = records.collect();
    let items = records.iter().map(|record| u64::from(record.items)).sum();
    lane.append(records).await?;
    Ok(items)
}

fn record(rows: Rows, items: u32, data: Vec<u8>) -> Record {
    Record { kind: rows.kind, version: rows.version, items, payload: Bytes::from(data) }
}
