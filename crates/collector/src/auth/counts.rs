//! How many senders were let in, and why the others were not.

use std::sync::atomic::{AtomicU64, Ordering};

use tollgate_keys::token::Rejected;

use super::Unauthenticated;

/// Reasons besides those of tokens.
const OTHERS: [Unauthenticated; 2] = [Unauthenticated::Missing, Unauthenticated::Unavailable];

/// One counter for each reason.
pub(super) struct Counts {
    accepted: AtomicU64,
    refused: Vec<(Unauthenticated, AtomicU64)>,
}

// === impl Counts ===

impl Counts {
    pub(super) fn count(&self, refused: Option<Unauthenticated>) {
        let counter = match refused {
            None => Some(&self.accepted),
            Some(why) => self.refused.iter().find(|(it, _)| *it == why).map(|(_, counter)| counter),
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    pub(super) fn refusals(&self) -> Vec<(&'static str, u64)> {
        let read = |(why, counter): &(Unauthenticated, AtomicU64)| {
            (why.reason(), counter.load(Ordering::Relaxed))
        };
        self.refused.iter().map(read).collect()
    }
}

impl Default for Counts {
    fn default() -> Self {
        let reasons = OTHERS.into_iter().chain(Rejected::ALL.map(Unauthenticated::from));
        Self { accepted: 0.into(), refused: reasons.map(|why| (why, 0.into())).collect() }
    }
}
