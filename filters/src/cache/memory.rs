//! Entries in this process's memory, bounded by bytes and by age.

use std::sync::Arc;
use std::time::Duration;

use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::{Answer, Counts, Key};

#[derive(Debug)]
pub(super) struct Memory(Cache<Key, Arc<Answer>>);

// === impl Memory ===

impl Memory {
    /// `bytes_max` is kept within the few entries that wait for the next cleaning.
    pub(super) fn new(bytes_max: usize, ttl: Duration, counts: Arc<Counts>) -> Self {
        let weight =
            |_: &Key, answer: &Arc<Answer>| u32::try_from(answer.weight()).unwrap_or(u32::MAX);
        let evicted = move |_, _, cause: RemovalCause| {
            if cause.was_evicted() {
                counts.evicted.add();
            }
        };
        let cache = Cache::builder()
            .max_capacity(bytes_max as u64)
            .weigher(weight)
            .time_to_live(ttl)
            // The newest answer is always let in: whoever waits for it comes next.
            .eviction_policy(EvictionPolicy::lru())
            .eviction_listener(evicted)
            .build();
        Self(cache)
    }

    pub(super) fn get(&self, key: &Key) -> Option<Arc<Answer>> {
        self.0.get(key)
    }

    pub(super) fn put(&self, key: Key, answer: Arc<Answer>) {
        self.0.insert(key, answer);
    }

    /// Entries and bytes.
    pub(super) fn size(&self) -> (u64, u64) {
        self.0.run_pending_tasks();
        (self.0.entry_count(), self.0.weighted_size())
    }
}
