//! What is known of each target right now: requests in flight, how soon content comes, health.
//!
//! Atomics that all workers share. Strategies see them as plain numbers ([`Load`]); nothing here
//! reads a clock.

mod decaying;
mod flight;
mod registry;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::target::Target;
use decaying::Decaying;
pub use flight::{Flight, Verdict};
pub use registry::{Registry, TargetState};

/// When a target is left alone for a while (`health`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Failed attempts in a row that eject it.
    pub eject_after: u32,
    /// How long it is left alone; then one request tries it.
    pub eject: Duration,
}

/// A target's state as plain numbers, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Attempts that have not ended.
    pub in_flight: u32,
    /// Those among them that have shown no content yet.
    pub waiting: u32,
    /// The decaying time to the first content; none where it was never measured.
    pub first_content: Option<Duration>,
    /// Whether it may be asked.
    pub standing: Standing,
}

/// Whether a target may be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It may.
    #[default]
    InService,
    /// One request may, to find out whether it is well again.
    HalfOpen,
    /// Only if no other one may.
    Ejected,
}

/// How the state of targets is seen where one is chosen.
pub trait View {
    /// The target's numbers.
    fn load(&self, target: &Target) -> Load;

    /// Takes the place of the one request that tries a half-open target; `None` if it is taken.
    fn claim(&self, target: &Target) -> Option<Probe>;
}

/// The state as it is at a moment.
#[derive(Clone, Copy, Debug)]
pub struct At(pub Instant);

/// Nothing is known: every target is idle and well.
#[derive(Clone, Copy, Debug)]
pub struct Unknown;

/// The state of one target. Outlives the configuration that named it first.
#[derive(Debug)]
pub struct Live {
    /// All times count from here.
    origin: Instant,
    in_flight: AtomicU32,
    waiting: AtomicU32,
    first_content: Decaying,
    /// Failed attempts in a row.
    faults: AtomicU32,
    /// When the ejection runs out, in milliseconds since `origin`; 0 while in service. The number
    /// also tells one ejection from the next.
    ejected_until_ms: AtomicU64,
    /// Whether a request is trying the half-open target.
    probed: AtomicBool,
    /// Ejections ever.
    ejections: AtomicU64,
}

/// Where a target's state is found, without a look-up on the way.
#[derive(Clone, Debug, Default)]
pub struct LiveSlot(OnceLock<Arc<Live>>);

/// The place of the one request that tries a half-open target. Given back when dropped.
#[derive(Debug)]
pub struct Probe(Arc<Live>);

// === impl Health ===

impl Health {
    /// Failures in a row where only the time is configured.
    pub const EJECT_AFTER: u32 = 5;
    /// The time where only the failures are configured.
    pub const EJECT: Duration = Duration::from_secs(30);
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { eject_after, eject } = self;
        write!(f, "ejected for {} ms after {eject_after} faults in a row", eject.as_millis())
    }
}

// === impl Standing ===

impl Standing {
    /// The name in metrics and on the control plane.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InService => "in_service",
            Self::HalfOpen => "half_open",
            Self::Ejected => "ejected",
        }
    }
}

// === impl At ===

impl View for At {
    fn load(&self, target: &Target) -> Load {
        let live = target.live.get();
        live.map_or_else(Load::default, |live| live.load(target.health.as_ref(), self.0))
    }

    fn claim(&self, target: &Target) -> Option<Probe> {
        Live::claim(target.live.get()?, target.health.as_ref(), self.0)
    }
}

// === impl Unknown ===

impl View for Unknown {
    fn load(&self, _target: &Target) -> Load {
        Load::default()
    }

    fn claim(&self, _target: &Target) -> Option<Probe> {
        None
    }
}

// === impl LiveSlot ===

impl LiveSlot {
    /// The state, once there is one.
    pub fn get(&self) -> Option<&Arc<Live>> {
        self.0.get()
    }

    /// Sets the state; one that is there stays.
    fn fill(&self, live: &Arc<Live>) {
        self.0.get_or_init(|| Arc::clone(live));
    }
}

// === impl Live ===

impl Live {
    fn new(origin: Instant) -> Self {
        Self {
            origin,
            in_flight: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
            first_content: Decaying::default(),
            faults: AtomicU32::new(0),
            ejected_until_ms: AtomicU64::new(0),
            probed: AtomicBool::new(false),
            ejections: AtomicU64::new(0),
        }
    }

    /// The numbers at `now`. Without a policy a target is always in service.
    pub fn load(&self, health: Option<&Health>, now: Instant) -> Load {
        Load {
            in_flight: self.in_flight.load(Ordering::Relaxed),
            waiting: self.waiting.load(Ordering::Relaxed),
            first_content: self.first_content.read(self.since(now)),
            standing: health.map_or(Standing::InService, |_| self.standing(now)),
        }
    }

    /// How often the target was ejected.
    pub fn ejections(&self) -> u64 {
        self.ejections.load(Ordering::Relaxed)
    }

    fn standing(&self, now: Instant) -> Standing {
        match self.ejected_until_ms.load(Ordering::Acquire) {
            0 => Standing::InService,
            until if millis(self.since(now)) < until => Standing::Ejected,
            _ if self.probed.load(Ordering::Acquire) => Standing::Ejected,
            _ => Standing::HalfOpen,
        }
    }

    fn claim(this: &Arc<Self>, health: Option<&Health>, now: Instant) -> Option<Probe> {
        health?;
        if this.probed.swap(true, Ordering::AcqRel) {
            return None;
        }
        let probe = Probe(Arc::clone(this));
        // Looked at once more: whoever had the place may have given it back with a verdict.
        let until = this.ejected_until_ms.load(Ordering::Acquire);
        (until != 0 && millis(this.since(now)) >= until).then_some(probe)
    }

    fn since(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.origin)
    }

    /// The target answers again: the ejection that was in force at `until_ms` is over.
    fn restore(&self, until_ms: u64) {
        let restored = until_ms == self.ejected_until_ms.load(Ordering::Acquire)
            && (until_ms == 0 || self.eject(until_ms, 0));
        if restored {
            self.faults.store(0, Ordering::Relaxed);
        }
    }

    /// An attempt failed that began while `until_ms` was in force.
    fn fault(&self, until_ms: u64, health: &Health, now: Instant) {
        // What began before an ejection says nothing about the time after it.
        if self.ejected_until_ms.load(Ordering::Acquire) != until_ms {
            return;
        }
        let now_ms = millis(self.since(now));
        let due = if until_ms == 0 {
            let faults = self.faults.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            faults >= health.eject_after
        } else {
            now_ms >= until_ms
        };
        let next_ms = now_ms.saturating_add(millis(health.eject)).max(1);
        if due && self.eject(until_ms, next_ms) {
            self.faults.store(0, Ordering::Relaxed);
            self.ejections.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Replaces one ejection by another; `false` if someone else did.
    fn eject(&self, from_ms: u64, to_ms: u64) -> bool {
        let until = &self.ejected_until_ms;
        until.compare_exchange(from_ms, to_ms, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

// === impl Probe ===

impl Drop for Probe {
    fn drop(&mut self) {
        self.0.probed.store(false, Ordering::Release);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
