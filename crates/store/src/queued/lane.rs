//! A queue of one signal with its own forwarder: what holds one signal up holds up no other.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tollgate_queue::{Queue, QueueError, QueueSettings, Record, Recovered, Stats};

use super::forwarder::{Ends, Forwarder, Progress, Receiver, Sent};
use super::set_aside::SetAside;
use crate::{Signal, StoreError};

/// How long the end waits for what can still be sent. What cannot stays on the disk.
const CLOSE_MAX: Duration = Duration::from_secs(10);
/// How long the forwarder may take to let go of the disk.
const HALT_MAX: Duration = Duration::from_secs(1);

/// The disk queue of one signal.
pub struct Lane {
    signal: Signal,
    queue: Queue,
    progress: Arc<Progress>,
    /// Ends the forwarder at once.
    halt: watch::Sender<bool>,
    /// Closed when the forwarder has ended.
    ended: watch::Receiver<()>,
}

// === impl Lane ===

impl Lane {
    /// Opens the queue in `folder`. Nothing is sent until the forwarder runs.
    pub(super) fn open(
        signal: Signal,
        folder: &Path,
        bytes_max: u64,
        receiver: Arc<dyn Receiver>,
    ) -> Result<(Self, Forwarder), QueueError> {
        let settings = QueueSettings { bytes_max, ..QueueSettings::default() };
        let (queue, consumer) = Queue::open(folder, settings)?;
        let set_aside = SetAside::open(folder, bytes_max);
        let progress = Arc::new(Progress::default());
        let (_running, ended) = watch::channel(());
        let (halt, halted) = watch::channel(false);
        let ends = Ends { halt: halted, _running };
        let forwarder =
            Forwarder::new(signal, consumer, receiver, set_aside, Arc::clone(&progress), ends);
        Ok((Self { signal, queue, progress, halt, ended }, forwarder))
    }

    /// What is in it.
    pub const fn signal(&self) -> Signal {
        self.signal
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

    /// Returns when all of `records` are on the disk; otherwise none is.
    pub(super) async fn append(&self, records: Vec<Record>) -> Result<(), QueueError> {
        self.queue.append(records).await
    }

    /// Sends what waits as long as it is taken, at most ten seconds.
    pub(super) async fn close(&self) {
        self.queue.close();
        if !self.has_ended(CLOSE_MAX).await {
            let (signal, rows) = (self.signal.as_str(), self.stats().waiting_items);
            tracing::warn!(signal, rows, "the store is too slow: the rest waits on the disk");
            self.halt.send_replace(true);
            self.has_ended(HALT_MAX).await;
        }
    }

    /// Waits for the forwarder's end, at most `max`. Whether it came.
    async fn has_ended(&self, max: Duration) -> bool {
        let mut ended = self.ended.clone();
        // An error means that it is gone.
        let end = async { while ended.changed().await.is_ok() {} };
        tokio::time::timeout(max, end).await.is_ok()
    }
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane")
            .field("signal", &self.signal)
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
