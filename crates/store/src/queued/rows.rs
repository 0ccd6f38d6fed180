//! What the bytes of a record are, as it stands on the disk: numbers are never given twice.

use async_trait::async_trait;
use bytes::Bytes;
use tollgate_queue::Record;

use super::forwarder::Receiver;
use crate::StoreError;
use crate::clickhouse::{ClickHouse, SignalTable};

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rows {
    /// The table they are for.
    pub(super) kind: u8,
    /// Which columns this kind had when they were written.
    pub(super) version: u8,
}

// === impl Rows ===

impl Rows {
    /// Spans, as rows in ClickHouse's `RowBinary`.
    pub(super) const SPANS: Self = Self { kind: 1, version: 1 };

    pub(super) const fn of_table(table: SignalTable) -> Self {
        let kind = match table {
            SignalTable::Gauge => 2,
            SignalTable::Sum => 3,
            SignalTable::Histogram => 4,
            SignalTable::ExponentialHistogram => 5,
            SignalTable::Summary => 6,
            SignalTable::Logs => 7,
        };
        Self { kind, version: 1 }
    }

    pub(super) const fn of(record: &Record) -> Self {
        Self { kind: record.kind, version: record.version }
    }

    /// The other way round; `None` for spans and for what is not known.
    fn table(self) -> Option<SignalTable> {
        SignalTable::ALL.into_iter().find(|table| Self::of_table(*table) == self)
    }
}

#[async_trait]
impl Receiver for ClickHouse {
    fn knows(&self, rows: Rows) -> bool {
        rows == Rows::SPANS || rows.table().is_some()
    }

    async fn receive(&self, rows: Rows, data: Bytes) -> Result<(), StoreError> {
        match rows.table() {
            Some(table) => self.insert_encoded_signal(table, data).await,
            None => self.insert_encoded(data).await,
        }
    }
}
