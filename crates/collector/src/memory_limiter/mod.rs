//! Refuses new data before the process is in danger.
//!
//! Bytes are reserved as they arrive, not once they are all there, and given back when the request
//! they belong to is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

#[cfg(test)]
mod tests;

/// How much may be in memory at once. A clone is the same limiter.
#[derive(Clone)]
pub(crate) struct MemoryLimiter(Arc<State>);

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// Others have it; later there may be some.
    Now,
    /// This request alone is over the limit.
    Always,
}

/// The bytes of one request, given back when dropped.
pub(crate) struct Reservation {
    state: Arc<State>,
    bytes: usize,
}

struct State {
    limit_bytes: usize,
    used_bytes: AtomicUsize,
    refused: AtomicU64,
}

// === impl MemoryLimiter ===

impl MemoryLimiter {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        let (used_bytes, refused) = Default::default();
        Self(Arc::new(State { limit_bytes, used_bytes, refused }))
    }

    /// Starts with nothing.
    pub(crate) fn reserve(&self) -> Reservation {
        Reservation { state: Arc::clone(&self.0), bytes: 0 }
    }

    /// Requests that were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }
}

// === impl Reservation ===

impl Reservation {
    /// Takes `bytes` more. After a refusal the request is over: it counts once.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Full> {
        let State { limit_bytes, used_bytes, refused } = &*self.state;
        let taken = used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|total| total <= limit_bytes)
        });
        match taken {
            Ok(_) => {
                self.bytes += bytes;
                Ok(())
            }
            Err(_) => {
                refused.fetch_add(1, Ordering::Relaxed);
                let alone = self.bytes.checked_add(bytes).filter(|total| total <= limit_bytes);
                Err(if alone.is_some() { Full::Now } else { Full::Always })
            }
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.state.used_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
