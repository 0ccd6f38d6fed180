//! Takes batches out of the queue and sends them, as often as it needs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use tokio::sync::watch;
use tokio::time::Instant;
use tollgate_queue::{Batch, Consumer, Record};

use super::rows::Rows;
use super::set_aside::{Found, SetAside};
use super::verdict::{self, Verdict};
use crate::{Signal, StoreError};

/// The largest batch, unless a single record has more.
const BATCH_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// How long a record waits for others: every insert is a part that ClickHouse has to merge.
const LINGER: Duration = Duration::from_millis(500);
/// The first wait after a failure; each further one doubles.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// Short enough that what is acknowledged is there seconds after the server is.
const BACKOFF_MAX: Duration = Duration::from_secs(3);
/// How often a disk is asked to set a record aside, in two seconds: it may be full of this very queue,
/// which gets shorter only when others go on.
const SET_ASIDE_TRIES: u32 = 6;

/// Whoever takes batches in the end.
#[async_trait]
pub(super) trait Receiver: Send + Sync {
    /// Whether it is worth asking: a newer tollgate may have left what this one does not know.
    fn knows(&self, rows: Rows) -> bool;

    /// Takes rows of one kind and version. The same bytes twice are one batch.
    async fn receive(&self, rows: Rows, data: Bytes) -> Result<(), StoreError>;
}

/// What became of what was sent, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Rows that were taken.
    pub rows: u64,
    /// Rows that will never be taken, and were dropped.
    pub dropped_rows: u64,
    /// Rows that only another version of tollgate knows, set aside for it.
    pub set_aside_rows: u64,
    /// Sends that failed and were, or will be, tried again.
    pub retries: u64,
}

/// Shared with whoever asks.
#[derive(Debug, Default)]
pub(super) struct Progress(Mutex<Sent>);

/// The sending end of the queue. Blocks on the disk: it wants a thread of its own.
pub struct Forwarder {
    signal: Signal,
    consumer: Consumer,
    receiver: Arc<dyn Receiver>,
    set_aside: SetAside,
    progress: Arc<Progress>,
    ends: Ends,
    /// The last failure that was logged: the same every time is said once.
    told: Option<String>,
    /// Until when what waits may wait for more.
    lingering: Option<Instant>,
}

/// How the forwarder and its store tell each other that it is over.
pub(super) struct Ends {
    /// Says that it is to stop at once, whatever it does; so does its end.
    pub(super) halt: watch::Receiver<bool>,
    /// Dropped when it has stopped.
    pub(super) _running: watch::Sender<()>,
}

/// The queue was closed while the receiver takes nothing: the rest is for the next start.
struct Stopped;

// === impl Progress ===

impl Progress {
    pub(super) fn sent(&self) -> Sent {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, change: impl FnOnce(&mut Sent)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

// === impl Forwarder ===

impl Forwarder {
    pub(super) fn new(
        signal: Signal,
        consumer: Consumer,
        receiver: Arc<dyn Receiver>,
        set_aside: SetAside,
        progress: Arc<Progress>,
        ends: Ends,
    ) -> Self {
        let (told, lingering) = (None, None);
        Self { signal, consumer, receiver, set_aside, progress, ends, told, lingering }
    }

    /// What it sends.
    pub const fn signal(&self) -> Signal {
        self.signal
    }

    /// Sends until the store is closed.
    pub async fn run(mut self) {
        let mut halt = self.ends.halt.clone();
        tokio::select! {
            () = self.work() => {}
            // What is on its way goes out again after the next start, as the same batch.
            _halted = halt.wait_for(|halt| *halt) => {}
        }
    }

    async fn work(&mut self) {
        let mut backoff = BACKOFF_MIN;
        if let Err(Stopped) = self.take_back().await {
            return;
        }
        loop {
            if self.wait_for_batch().await {
                continue;
            }
            match self.consumer.next(BATCH_BYTES_MAX) {
                Ok(None) if self.consumer.is_closed() => return,
                Ok(None) => self.consumer.arrived().await,
                Ok(Some(batch)) => {
                    if let Err(Stopped) = self.deliver(&batch).await {
                        return;
                    }
                    self.consumer.acknowledge(&batch);
                    backoff = BACKOFF_MIN;
                }
                Err(error) => {
                    self.failed(&error.to_string());
                    if self.pause(&mut backoff).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Waits until a batch is worth sending. `true` if it is to be looked at again.
    async fn wait_for_batch(&mut self) -> bool {
        let waiting_bytes = self.consumer.stats().waiting_bytes;
        if waiting_bytes == 0 {
            self.lingering = None;
            return false;
        }
        // Not by the records' own times: somebody may set the clock.
        let until = *self.lingering.get_or_insert_with(|| Instant::now() + LINGER);
        let is_due = Instant::now() >= until || waiting_bytes >= BATCH_BYTES_MAX;
        if is_due || self.consumer.is_closed() {
            self.lingering = None;
            return false;
        }
        // More may come, or the end.
        tokio::select! {
            () = self.consumer.arrived() => {}
            () = tokio::time::sleep_until(until) => {}
        }
        true
    }

    async fn deliver(&mut self, batch: &Batch) -> Result<(), Stopped> {
        let mut by_rows: BTreeMap<Rows, Vec<&Record>> = BTreeMap::new();
        for record in &batch.records {
            by_rows.entry(Rows::of(record)).or_default().push(record);
        }
        for (rows, records) in by_rows {
            if !self.receiver.knows(rows) {
                self.move_aside(&records).await?;
                continue;
            }
            if self.send(rows, &records).await? == Verdict::Never && records.len() > 1 {
                // The others need not go with the one that is not wanted.
                for record in records {
                    self.send(rows, &[record]).await?;
                }
            }
        }
        Ok(())
    }

    /// Sends until it is taken, or never will be.
    async fn send(&mut self, rows: Rows, records: &[&Record]) -> Result<Verdict, Stopped> {
        let items = records.iter().map(|record| u64::from(record.items)).sum::<u64>();
        let data = data(records);
        let mut backoff = BACKOFF_MIN;
        loop {
            let Err(error) = self.receiver.receive(rows, data.clone()).await else {
                if self.told.take().is_some() {
                    tracing::info!(signal = self.signal.as_str(), "the store takes rows again");
                }
                self.progress.count(|sent| sent.rows += items);
                return Ok(Verdict::Again);
            };
            if verdict::of(&error) == Verdict::Never {
                if records.len() == 1 {
                    let signal = self.signal.as_str();
                    tracing::error!(%error, signal, rows = items, "the store will never take these");
                    self.progress.count(|sent| sent.dropped_rows += items);
                }
                return Ok(Verdict::Never);
            }
            self.failed(&error.to_string());
            self.pause(&mut backoff).await?;
        }
    }

    /// Nobody here knows what they are: others need not wait for who does.
    async fn move_aside(&mut self, records: &[&Record]) -> Result<(), Stopped> {
        for record in records {
            let (signal, kind, version) = (self.signal.as_str(), record.kind, record.version);
            let rows = u64::from(record.items);
            if self.set_aside(record).await? {
                self.progress.count(|sent| sent.set_aside_rows += rows);
                tracing::error!(signal, kind, version, rows, "set aside: of a newer tollgate");
            } else {
                self.progress.count(|sent| sent.dropped_rows += rows);
                tracing::error!(signal, kind, version, rows, "dropped: cannot be set aside");
            }
        }
        Ok(())
    }

    /// Whether the record is on the disk elsewhere now.
    async fn set_aside(&mut self, record: &Record) -> Result<bool, Stopped> {
        let mut backoff = BACKOFF_MIN;
        for _ in 0..SET_ASIDE_TRIES {
            match self.set_aside.keep(record) {
                Ok(is_kept) => return Ok(is_kept),
                Err(error) => self.failed(&format!("cannot set rows aside: {error}")),
            }
            self.pause(&mut backoff).await?;
        }
        Ok(false)
    }

    /// Sends what was set aside and is known now.
    async fn take_back(&mut self) -> Result<(), Stopped> {
        let found = self.set_aside.found().unwrap_or_else(|error| {
            tracing::error!(%error, "cannot look at what was set aside");
            Vec::new()
        });
        let known: Vec<Found> =
            found.into_iter().filter(|found| self.receiver.knows(found.rows)).collect();
        for found in known {
            match self.set_aside.read(&found) {
                Ok(record) => {
                    self.send(found.rows, &[&record]).await?;
                    if let Err(error) = self.set_aside.remove(&found) {
                        tracing::error!(%error, "what was set aside is sent once more next time");
                    }
                }
                Err(error) => tracing::error!(%error, "cannot read what was set aside"),
            }
        }
        Ok(())
    }

    fn failed(&mut self, text: &str) {
        self.progress.count(|sent| sent.retries += 1);
        if self.told.as_deref() != Some(text) {
            let signal = self.signal.as_str();
            tracing::warn!(signal, error = text, "rows wait on the disk for the store");
            self.told = Some(text.to_owned());
        }
    }

    /// Waits before the next try; longer each time, and never in step with other gateways.
    async fn pause(&self, backoff: &mut Duration) -> Result<(), Stopped> {
        if self.consumer.is_closed() {
            return Err(Stopped);
        }
        let wait = backoff.mul_f64(0.5 + fastrand::f64() / 2.0);
        *backoff = (*backoff * 2).min(BACKOFF_MAX);
        let until = Instant::now() + wait;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return Ok(()),
                () = self.consumer.arrived() => {
                    if self.consumer.is_closed() {
                        // One more try, now.
                        return Ok(());
                    }
                }
            }
        }
    }
}

impl std::fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forwarder").field("sent", &self.progress.sent()).finish_non_exhaustive()
    }
}

/// The rows of all records, one after the other.
fn data(records: &[&Record]) -> Bytes {
    if let [record] = records {
        return record.payload.clone();
    }
    let mut data = BytesMut::new();
    for record in records {
        data.extend_from_slice(&record.payload);
    }
    data.freeze()
}
