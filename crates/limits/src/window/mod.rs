//! What was used in the last minute: a sliding window in slots of two seconds.
//!
//! A minute touches at most [`SLOTS`] slots, all of which count: in no minute, wherever it begins, is
//! more than the limit admitted. The price is that what was used comes back up to two seconds late.

#[cfg(test)]
mod tests;

/// The length of a slot, in milliseconds.
pub(crate) const SLOT_MS: u64 = 2_000;
/// Slots that any minute may touch: 30 whole ones, or parts of 31.
pub(crate) const SLOTS: u64 = 60_000 / SLOT_MS + 1;

/// Amounts by slot.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    slots: [u32; SLOTS as usize],
    /// The latest slot that was seen.
    newest: u64,
    sum: u64,
}

// === impl Window ===

impl Window {
    /// What counts at `now_ms`.
    pub(crate) fn used(&mut self, now_ms: u64) -> u64 {
        self.advance(now_ms);
        self.sum
    }

    /// Adds to the slot of `now_ms`, which is returned; what does not fit 32 bits is cut off.
    pub(crate) fn add(&mut self, amount: u64, now_ms: u64) -> u64 {
        self.advance(now_ms);
        let slot = self.newest;
        if let Some(kept) = self.slots.get_mut((slot % SLOTS) as usize) {
            let after = u32::try_from(u64::from(*kept).saturating_add(amount)).unwrap_or(u32::MAX);
            self.sum += u64::from(after - *kept);
            *kept = after;
        }
        slot
    }

    /// Takes an amount back out of the slot it was added to, if that still counts.
    pub(crate) fn take_back(&mut self, slot: u64, amount: u64) {
        if slot + SLOTS <= self.newest || slot > self.newest {
            return;
        }
        if let Some(kept) = self.slots.get_mut((slot % SLOTS) as usize) {
            let less = u32::try_from(amount).unwrap_or(u32::MAX).min(*kept);
            *kept -= less;
            self.sum -= u64::from(less);
        }
    }

    /// In how many milliseconds at most `most` counts, if nothing is added; 0 if that is so now.
    pub(crate) fn wait_ms(&mut self, most: u64, now_ms: u64) -> u64 {
        self.advance(now_ms);
        let mut left = self.sum;
        let mut slot = self.newest.saturating_sub(SLOTS - 1);
        while left > most && slot <= self.newest {
            left -= u64::from(self.slots.get((slot % SLOTS) as usize).copied().unwrap_or(0));
            slot += 1;
        }
        if left == self.sum { 0 } else { ((slot - 1 + SLOTS) * SLOT_MS).saturating_sub(now_ms) }
    }

    /// Forgets the slots that no longer count. A clock read earlier by another thread moves nothing.
    fn advance(&mut self, now_ms: u64) {
        let now = now_ms / SLOT_MS;
        if now <= self.newest {
            return;
        }
        for slot in self.newest.max(now.saturating_sub(SLOTS)) + 1..=now {
            if let Some(kept) = self.slots.get_mut((slot % SLOTS) as usize) {
                self.sum -= u64::from(std::mem::take(kept));
            }
        }
        self.newest = now;
    }
}
