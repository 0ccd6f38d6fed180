//! What writer and reader both know: which segments there are, how far they are durable, and the
//! counts.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Shared between the halves of a queue. Never held while the disk works.
#[derive(Debug, Default)]
pub(crate) struct Index(Mutex<State>);

#[derive(Debug, Default)]
pub(crate) struct State {
    /// In order of their numbers.
    pub(crate) segments: VecDeque<Extent>,
    /// The segment that is being written.
    pub(crate) active: Option<u64>,
    pub(crate) stats: Stats,
    /// Bytes of appends that are on their way to the disk.
    pub(crate) reserved_bytes: u64,
    pub(crate) is_closed: bool,
}

/// A segment that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) number: u64,
    /// Up to here it is durable; also what it counts for in the queue's bound.
    pub(crate) end: u64,
}

/// How much there is, and what happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes on disk, with what was delivered and is not deleted yet.
    pub bytes: u64,
    /// Bytes that wait for the consumer.
    pub waiting_bytes: u64,
    /// Records that wait for the consumer.
    pub waiting_records: u64,
    /// Things in those records.
    pub waiting_items: u64,
    /// When the oldest of them came, Unix time in milliseconds.
    pub oldest_ms: Option<u64>,
    /// Things that were acknowledged.
    pub appended_items: u64,
    /// Things that the consumer acknowledged.
    pub delivered_items: u64,
    /// Appends that were refused because the queue was full.
    pub refused_full: u64,
    /// Appends that were refused because of the disk: it failed, or was too slow.
    pub refused_disk: u64,
    /// Bytes cut off at the start: writes that a crash left half done.
    pub cut_bytes: u64,
    /// Bytes that were skipped because they are damaged.
    pub damaged_bytes: u64,
}

// === impl Index ===

impl Index {
    pub(crate) fn new(state: State) -> Self {
        Self(Mutex::new(state))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in there can be half changed by a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    /// The first segment from `number` on.
    pub(crate) fn from(&self, number: u64) -> Option<Extent> {
        self.segments.iter().find(|extent| extent.number >= number).copied()
    }

    pub(crate) fn is_sealed(&self, number: u64) -> bool {
        self.active != Some(number)
    }

    /// Forgets a segment that was deleted.
    pub(crate) fn forget(&mut self, number: u64) {
        if let Some(at) = self.segments.iter().position(|extent| extent.number == number) {
            let gone = self.segments.remove(at);
            let bytes = gone.map_or(0, |extent| extent.end);
            self.stats.bytes = self.stats.bytes.saturating_sub(bytes);
        }
    }
}
