//! When something began, so that what follows is read from one clock alone.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// One moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    pub(crate) at: Instant,
    pub(crate) unix_ns: u64,
}

// === impl Started ===

impl Started {
    pub(crate) fn now() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unix_ns = u64::try_from(unix.as_nanos()).unwrap_or(u64::MAX);
        Self { at: Instant::now(), unix_ns }
    }

    /// The wall clock's reading for a later instant of the steady clock.
    pub(crate) fn unix_ns_at(&self, at: Instant) -> u64 {
        self.unix_ns + nanos(at.saturating_duration_since(self.at))
    }
}

/// A duration in whole nanoseconds.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
