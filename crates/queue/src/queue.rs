//! The queue as others use it: a thread that writes, and the consumer's end.
//!
//! Appends that come while a group is on its way to the disk form the next group: no timer, and
//! nobody waits longer than for the sync before and their own.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::{Notify, mpsc, oneshot};

use crate::disk::{Disk, Folder};
use crate::format::{PAYLOAD_BYTES_MAX, SEGMENT_HEADER_BYTES, length, record_bytes};
use crate::index::{Index, Stats};
use crate::reader::{Batch, Reader};
use crate::recovery::{self, Halves, Recovered};
use crate::writer::Writer;
use crate::{QueueError, Record};

/// The largest group, unless a single append has more.
const GROUP_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Segments are deleted whole: an eighth of the bound may be delivered and not deleted yet.
const SEGMENTS_OF_BOUND: u64 = 8;

/// What a queue may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// The most bytes on disk; 1 GiB by default.
    pub bytes_max: u64,
    /// The length at which a segment is followed by another; 64 MiB by default, and never more than
    /// an eighth of `bytes_max`.
    pub segment_bytes_max: u64,
    /// Appends that may wait for the disk; 1024 by default.
    pub appends_max: usize,
}

/// Where records go in.
pub struct Queue {
    /// `None` once closed.
    inbox: Mutex<Option<mpsc::Sender<Append>>>,
    index: Arc<Index>,
    arrived: Arc<Notify>,
    settings: QueueSettings,
    recovered: Recovered,
}

/// Where batches come out.
pub struct Consumer<D: Disk = Folder> {
    reader: Reader<D>,
    index: Arc<Index>,
    arrived: Arc<Notify>,
}

struct Append {
    records: Vec<Record>,
    /// What is reserved for it.
    bytes: u64,
    done: oneshot::Sender<Result<(), QueueError>>,
}

// === impl QueueSettings ===

impl Default for QueueSettings {
    fn default() -> Self {
        Self { bytes_max: 1 << 30, segment_bytes_max: 64 << 20, appends_max: 1_024 }
    }
}

impl QueueSettings {
    fn segment_bytes_max(&self) -> u64 {
        self.segment_bytes_max.min(self.bytes_max / SEGMENTS_OF_BOUND)
    }

    /// The most that one append can have, with the header of its segment: it fits when all else is
    /// delivered.
    fn append_bytes_max(&self) -> u64 {
        self.bytes_max.saturating_sub(self.segment_bytes_max())
    }
}

// === impl Queue ===

impl Queue {
    /// Opens the queue in a folder, which is made if it is absent. Reads the headers of what is there.
    ///
    /// # Errors
    /// [`QueueError::Locked`], or what the system says. Damage is no error.
    pub fn open(folder: &Path, settings: QueueSettings) -> Result<(Self, Consumer), QueueError> {
        Self::open_on(Folder::open(folder)?, settings)
    }

    /// As [`Queue::open`], on any disk.
    ///
    /// # Errors
    /// What the disk says.
    pub fn open_on<D: Disk>(
        disk: D,
        settings: QueueSettings,
    ) -> Result<(Self, Consumer<D>), QueueError> {
        let opened = recovery::open(disk, settings.segment_bytes_max())?;
        let Halves { writer, reader, index, recovered } = opened;
        let (sender, inbox) = mpsc::channel(settings.appends_max);
        let arrived = Arc::new(Notify::new());
        let (counted, told) = (Arc::clone(&index), Arc::clone(&arrived));
        thread::Builder::new()
            .name("queue-writer".to_owned())
            .spawn(move || write(writer, inbox, &counted, &told))?;
        let consumer =
            Consumer { reader, index: Arc::clone(&index), arrived: Arc::clone(&arrived) };
        let queue = Self { inbox: Mutex::new(Some(sender)), index, arrived, settings, recovered };
        Ok((queue, consumer))
    }

    /// Puts `records` in and returns when all of them would survive a power failure.
    ///
    /// # Errors
    /// None of them is in the queue: [`QueueError::is_retryable`] tells whether trying again may
    /// help. Only after a crash may records come out whose append never returned.
    pub async fn append(&self, records: Vec<Record>) -> Result<(), QueueError> {
        if records.is_empty() {
            return Ok(());
        }
        // It may be what begins a segment.
        let bytes = records.iter().map(record_bytes).sum::<u64>() + SEGMENT_HEADER_BYTES;
        let sender = self.admit(&records, bytes)?;
        let (done, durable) = oneshot::channel();
        if let Err(refused) = sender.try_send(Append { records, bytes, done }) {
            let mut state = self.index.lock();
            state.reserved_bytes -= bytes;
            state.stats.refused_disk += 1;
            return Err(match refused {
                mpsc::error::TrySendError::Full(_) => {
                    QueueError::Busy { appends_max: self.settings.appends_max }
                }
                mpsc::error::TrySendError::Closed(_) => QueueError::Closed,
            });
        }
        drop(sender);
        durable.await.unwrap_or(Err(QueueError::Closed))
    }

    /// How much there is, and what happened.
    pub fn stats(&self) -> Stats {
        self.index.lock().stats
    }

    /// What the start found.
    pub const fn recovered(&self) -> Recovered {
        self.recovered
    }

    /// Whether an append of a few bytes would be taken.
    pub fn has_room(&self) -> bool {
        let state = self.index.lock();
        let held = state.stats.bytes + state.reserved_bytes;
        !state.is_closed && held + SEGMENT_HEADER_BYTES < self.settings.bytes_max
    }

    /// Takes nothing more. What was handed over is still written.
    pub fn close(&self) {
        self.index.lock().is_closed = true;
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.arrived.notify_one();
    }

    /// Bytes that wait for the disk, as many as they can become there.
    pub fn pending_bytes(&self) -> u64 {
        self.index.lock().reserved_bytes
    }

    /// Reserves the room, so that no two appends get the same.
    fn admit(&self, records: &[Record], bytes: u64) -> Result<mpsc::Sender<Append>, QueueError> {
        let largest = records.iter().map(|record| length(&record.payload)).max();
        let bytes_max = self.settings.append_bytes_max().min(PAYLOAD_BYTES_MAX);
        if bytes > bytes_max || largest.is_some_and(|largest| largest > PAYLOAD_BYTES_MAX) {
            return Err(QueueError::TooLarge { bytes, bytes_max });
        }
        let inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let sender = inbox.ok_or(QueueError::Closed)?;
        let mut state = self.index.lock();
        let held = state.stats.bytes + state.reserved_bytes;
        if held + bytes > self.settings.bytes_max {
            state.stats.refused_full += 1;
            return Err(QueueError::Full { bytes: held, bytes_max: self.settings.bytes_max });
        }
        state.reserved_bytes += bytes;
        Ok(sender)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

// === impl Consumer ===

impl<D: Disk> Consumer<D> {
    /// The batch that was not acknowledged yet, or the next one: at least one record, and at most
    /// `bytes_max` unless it is a single one. `None` where nothing waits. Blocks on the disk.
    ///
    /// # Errors
    /// What the disk says; the same call may succeed later.
    pub fn next(&mut self, bytes_max: u64) -> Result<Option<Batch>, QueueError> {
        Ok(self.reader.next(bytes_max)?)
    }

    /// The batch has arrived and need not come again. This is durable with the next
    /// [`Consumer::next`]; until then a crash brings the same batch again.
    pub fn acknowledge(&mut self, batch: &Batch) {
        self.reader.acknowledge(batch);
    }

    /// Waits for something new since the last time, or for the queue to be closed.
    pub async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// How much there is, and what happened.
    pub fn stats(&self) -> Stats {
        self.index.lock().stats
    }

    /// Whether the queue was closed.
    pub fn is_closed(&self) -> bool {
        self.index.lock().is_closed
    }
}

/// The writing thread: until the queue is closed and empty.
fn write<D: Disk>(
    mut writer: Writer<D>,
    mut inbox: mpsc::Receiver<Append>,
    index: &Index,
    arrived: &Notify,
) {
    while let Some(first) = inbox.blocking_recv() {
        let mut bytes = first.bytes;
        let mut group = vec![first];
        while bytes < GROUP_BYTES_MAX
            && let Ok(next) = inbox.try_recv()
        {
            bytes += next.bytes;
            group.push(next);
        }
        let records: Vec<_> = group.iter().flat_map(|append| &append.records).collect();
        let written = writer.commit(&records, now_ms()).map_err(QueueError::from);
        drop(records);
        let mut state = index.lock();
        state.reserved_bytes -= bytes;
        if written.is_err() {
            state.stats.refused_disk += u64::try_from(group.len()).unwrap_or(u64::MAX);
        }
        drop(state);
        if let Err(error) = &written {
            tracing::warn!(%error, appends = group.len(), "the disk queue took nothing");
        }
        for append in group {
            // Whoever does not wait any more gets no answer.
            let _gone = append.done.send(written.clone());
        }
        arrived.notify_one();
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
