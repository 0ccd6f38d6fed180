//! One attempt, as the state of its target sees it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Health, Live, Probe};
use crate::target::Target;

/// What a failed attempt counts as in the time to the first content, at least: a target that fails
/// at once must not look like a fast one.
const FAULT_COST: Duration = Duration::from_secs(5);

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The target answered as it should.
    Good,
    /// The target, or its credential, failed.
    Fault,
    /// Nothing that says anything about the target: the caller left, or asked for the impossible.
    Neutral,
}

/// One attempt. Counts as in flight until dropped; dropped without a verdict, it says nothing.
#[derive(Debug)]
pub struct Flight {
    live: Arc<Live>,
    health: Option<Health>,
    began: Instant,
    /// The ejection that was in force when it began.
    until_ms: u64,
    waiting: bool,
    settled: bool,
    probe: Option<Probe>,
}

// === impl Flight ===

impl Flight {
    /// An attempt at `target` begins. `None` for a target without state.
    pub fn begin(target: &Target, probe: Option<Probe>, now: Instant) -> Option<Self> {
        let live = Arc::clone(target.live.get()?);
        live.in_flight.fetch_add(1, Ordering::Relaxed);
        live.waiting.fetch_add(1, Ordering::Relaxed);
        let until_ms = live.ejected_until_ms.load(Ordering::Acquire);
        let health = target.health;
        Some(Self { live, health, began: now, until_ms, waiting: true, settled: false, probe })
    }

    /// The first content came, or the head of an answer that is not streamed. Whoever had ejected
    /// the target may ask it again. Later calls do nothing.
    pub fn first_content(&mut self, now: Instant) {
        if self.settled || !self.stop_waiting() {
            return;
        }
        let took = now.saturating_duration_since(self.began);
        self.live.first_content.measure(took, self.live.since(now));
        if self.until_ms != 0 {
            self.live.restore(self.until_ms);
            self.until_ms = 0;
        }
        self.probe = None;
    }

    /// The attempt ended, or will in a way that is known. The first verdict counts.
    pub fn settle(&mut self, verdict: Verdict, now: Instant) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        let took = now.saturating_duration_since(self.began);
        let since = self.live.since(now);
        let waited = self.stop_waiting();
        match (verdict, &self.health) {
            (Verdict::Good, _) => {
                if waited {
                    self.live.first_content.measure(took, since);
                }
                self.live.restore(self.until_ms);
            }
            (Verdict::Fault, health) => {
                let cost = if waited { took.max(FAULT_COST) } else { FAULT_COST };
                self.live.first_content.raise(cost, since);
                if let Some(health) = health {
                    self.live.fault(self.until_ms, health, now);
                }
            }
            // It would have taken longer still.
            (Verdict::Neutral, _) if waited => self.live.first_content.raise(took, since),
            (Verdict::Neutral, _) => {}
        }
        self.probe = None;
    }

    fn stop_waiting(&mut self) -> bool {
        let waited = std::mem::replace(&mut self.waiting, false);
        if waited {
            self.live.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        waited
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.stop_waiting();
        self.live.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
