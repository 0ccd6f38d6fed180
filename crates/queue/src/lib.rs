//! A queue on disk between those who hand data over and the one who sends it on.
//!
//! What [`Queue::append`] acknowledged is on disk, and [`Consumer::next`] delivers it until it was
//! acknowledged there, across crashes, at least once. Records are bytes with a kind: the queue knows
//! nothing of what is in them. A batch is named by its place, and its bounds are on disk before it is
//! handed out, so that a batch is the same bytes however often it is delivered: whoever receives it
//! can know it again.
//!
//! The queue is a folder with segment files, which only grow and are deleted whole, and a file
//! `cursor`, which says how far the consumer is. The formats are described in `format.rs` and
//! `cursor.rs`, the reasons in `docs/adr/0011-disk-queue.md`.

mod cursor;
mod disk;
mod format;
mod index;
mod queue;
mod reader;
mod recovery;
mod scan;
mod writer;

#[cfg(test)]
mod histories;
#[cfg(test)]
mod tests;

use bytes::Bytes;

pub use disk::{Disk, DiskFile, Folder};
pub use index::Stats;
pub use queue::{Consumer, Queue, QueueSettings};
pub use reader::Batch;
pub use recovery::Recovered;

/// What goes in and comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What the payload is; the queue does not look at it.
    pub kind: u8,
    /// In which version of its form; the queue does not look at it.
    pub version: u8,
    /// How many things the payload holds; for counters only.
    pub items: u32,
    /// The bytes.
    pub payload: Bytes,
}

/// Why the queue did not take something, or cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// No room until the consumer has got further.
    #[error("the disk queue is full: it holds {bytes} of at most {bytes_max} bytes")]
    Full {
        /// What it holds.
        bytes: u64,
        /// What it may hold.
        bytes_max: u64,
    },
    /// More appends wait for the disk than may.
    #[error("the disk queue's disk is too slow: {appends_max} appends wait for it")]
    Busy {
        /// How many may wait.
        appends_max: usize,
    },
    /// More than could ever have room.
    #[error("{bytes} bytes are more than the disk queue takes at once, which is {bytes_max}")]
    TooLarge {
        /// What was handed over.
        bytes: u64,
        /// What can be at most.
        bytes_max: u64,
    },
    /// Another process uses the folder.
    #[error("the disk queue {path} is in use by another process")]
    Locked {
        /// The folder.
        path: String,
    },
    /// The disk refused. Nothing was acknowledged.
    #[error("the disk queue failed: {reason}")]
    Failed {
        /// What the system said.
        reason: String,
    },
    /// The queue was closed.
    #[error("the disk queue is closed")]
    Closed,
}

// === impl QueueError ===

impl QueueError {
    /// Whether the same append may succeed later.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Full { .. } | Self::Busy { .. } | Self::Failed { .. } | Self::Closed => true,
            Self::TooLarge { .. } | Self::Locked { .. } => false,
        }
    }
}

impl From<std::io::Error> for QueueError {
    fn from(error: std::io::Error) -> Self {
        Self::Failed { reason: error.to_string() }
    }
}
