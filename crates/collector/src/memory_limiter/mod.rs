//! Refuses new data before the process is in danger.
//!
//! Two things are looked at. Bytes in work are reserved as they arrive, not once they are all there,
//! and given back when the request they belong to is over. What the process holds is polled, and what
//! was reserved since is added. At the soft limit no new request is begun, at the hard one those at
//! work are refused, too.

mod process;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::MemoryLimits;

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

/// What is in memory, and how often there was no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// Bytes of requests at work.
    pub in_work_bytes: usize,
    /// What the process held when it was last looked at; 0 where the system does not say.
    pub process_bytes: usize,
    /// Requests that were not begun.
    pub refused_soft: u64,
    /// Requests that were given up.
    pub refused_hard: u64,
}

struct State {
    limits: MemoryLimits,
    used_bytes: AtomicUsize,
    process_bytes: AtomicUsize,
    /// What was in use when the process was last looked at: `process_bytes` holds it.
    used_then_bytes: AtomicUsize,
    refused_soft: AtomicU64,
    refused_hard: AtomicU64,
}

// === impl MemoryLimiter ===

impl MemoryLimiter {
    pub(crate) fn new(limits: MemoryLimits) -> Self {
        let (used_bytes, process_bytes, used_then_bytes) = Default::default();
        let (refused_soft, refused_hard) = Default::default();
        Self(Arc::new(State {
            limits,
            used_bytes,
            process_bytes,
            used_then_bytes,
            refused_soft,
            refused_hard,
        }))
    }

    /// Begins a request, with nothing so far.
    pub(crate) fn admit(&self) -> Result<Reservation, Full> {
        let State { limits, used_bytes, refused_soft, .. } = &*self.0;
        let used = used_bytes.load(Ordering::Relaxed);
        let held = self.0.held_bytes(used);
        // What an allocator keeps would refuse for ever: whoever comes alone may use it again.
        let is_alone = used == 0 && held < limits.hard_bytes;
        if is_alone || used.max(held) < limits.soft_bytes {
            return Ok(self.reserve());
        }
        refused_soft.fetch_add(1, Ordering::Relaxed);
        Err(Full::Now)
    }

    /// Goes on with a request that was begun.
    pub(crate) fn reserve(&self) -> Reservation {
        Reservation { state: Arc::clone(&self.0), bytes: 0 }
    }

    /// Looks at the process from time to time; never ends.
    pub(crate) async fn watch(&self) {
        let Some(poll_every) = self.0.limits.poll_every else {
            return std::future::pending().await;
        };
        let mut every = tokio::time::interval(poll_every);
        loop {
            every.tick().await;
            self.observe(process::resident_bytes().unwrap_or(0));
        }
    }

    pub(crate) fn usage(&self) -> MemoryUse {
        MemoryUse {
            in_work_bytes: self.0.used_bytes.load(Ordering::Relaxed),
            process_bytes: self.0.process_bytes.load(Ordering::Relaxed),
            refused_soft: self.0.refused_soft.load(Ordering::Relaxed),
            refused_hard: self.0.refused_hard.load(Ordering::Relaxed),
        }
    }

    fn observe(&self, process_bytes: usize) {
        let used = self.0.used_bytes.load(Ordering::Relaxed);
        self.0.used_then_bytes.store(used, Ordering::Relaxed);
        self.0.process_bytes.store(process_bytes, Ordering::Relaxed);
    }
}

// === impl State ===

impl State {
    /// What the process holds by now, if so much is in use.
    fn held_bytes(&self, used_bytes: usize) -> usize {
        let then = self.used_then_bytes.load(Ordering::Relaxed);
        let held = self.process_bytes.load(Ordering::Relaxed);
        held.saturating_add(used_bytes.saturating_sub(then))
    }
}

// === impl Reservation ===

impl Reservation {
    /// Takes `bytes` more. After a refusal the request is over: it counts once.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Full> {
        let state = &*self.state;
        let hard_bytes = state.limits.hard_bytes;
        let taken = state.used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            let used = used.checked_add(bytes)?;
            (used.max(state.held_bytes(used)) <= hard_bytes).then_some(used)
        });
        if taken.is_ok() {
            self.bytes += bytes;
            return Ok(());
        }
        state.refused_hard.fetch_add(1, Ordering::Relaxed);
        let alone = self.bytes.checked_add(bytes).filter(|total| *total <= hard_bytes);
        Err(if alone.is_some() { Full::Now } else { Full::Always })
    }

    /// Gives `bytes` of them back.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.state.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.state.used_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
