//! Who uses how much: entries by rule and subject, and the one way in.
//!
//! Entries are locked one by one and never two at a time. A request that one rule refuses gives back
//! what others had given it; in between they count it, so that at worst somebody else is refused who
//! would have fitted, and nobody admitted who does not.

mod keyed;

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Need;
use crate::entry::{Entry, Unheld};
use crate::lease::Ask;
use crate::reservation::{Claim, Exceeded, Hold, Reservation};
use crate::rule::{Kind, Rule, Scope};
use crate::sharing::{self, Sharing};
use keyed::Keyed;

#[cfg(test)]
mod tests;

/// Subjects whose use is counted apart, by default.
pub const SUBJECTS_MAX: usize = 50_000;
/// Entries are in so many maps, each with a lock of its own.
const SHARDS: usize = 16;
/// How often one map is searched for entries to forget, at most.
const SWEEP_MS: u64 = 1_000;
/// All subjects that there is no room for are this one.
const POOLED: &str = "\0rest";

/// What time it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since some moment, never going back.
    pub ms: u64,
    /// Seconds since 1970.
    pub unix_s: u64,
}

/// Tells what time it is.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;

/// Who uses how much. Outlives the configuration: counts go on under the rule's name.
pub struct Ledger {
    clock: Clock,
    subjects_max: usize,
    shards: [Mutex<Shard>; SHARDS],
    /// Keyed at random, so that no two subjects can be chosen to be one.
    hashers: [RandomState; 2],
    counters: Counters,
    sharing: Option<Sharing>,
    /// Entries with something to tell, each once.
    news: Mutex<Vec<Arc<Entry>>>,
}

/// Why a request is not held.
pub(crate) enum Unholdable {
    Exceeded(Exceeded),
    /// It may be, once this entry's questions are answered.
    Asks(Arc<Entry>, Arc<Rule>, Vec<Ask>),
}

#[derive(Default)]
struct Shard {
    entries: HashMap<u128, Arc<Entry>, Keyed>,
    swept_ms: u64,
}

#[derive(Default)]
struct Counters {
    refused: [[AtomicU64; Kind::ALL.len()]; Scope::ALL.len()],
    tokens_reserved: AtomicU64,
    tokens_settled: AtomicU64,
    cut: AtomicU64,
    pooled: AtomicU64,
    unpriced: AtomicU64,
    unreachable: AtomicU64,
}

/// What happened since the start, and how many subjects there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that did not fit, by scope and kind.
    pub refused: Vec<(Scope, Kind, u64)>,
    /// Tokens that were reserved.
    pub tokens_reserved: u64,
    /// Tokens that requests used in the end.
    pub tokens_settled: u64,
    /// Streams that were cut.
    pub cut: u64,
    /// Requests that were counted with others because there was no room for their subject.
    pub pooled: u64,
    /// Requests under a budget whose price nobody knows.
    pub unpriced: u64,
    /// Requests that those who share the counts gave no answer about.
    pub unreachable: u64,
    /// Subjects that are known.
    pub subjects: u64,
}

// === impl Ledger ===

impl Ledger {
    /// Knows of nobody. At most `subjects_max` are counted apart.
    pub fn new(subjects_max: usize, clock: Clock) -> Self {
        Self {
            clock,
            subjects_max,
            shards: Default::default(),
            hashers: Default::default(),
            counters: Counters::default(),
            sharing: None,
            news: Mutex::default(),
        }
    }

    /// The same, with counts that several gateways share.
    #[must_use]
    pub fn shared(self, sharing: Sharing) -> Self {
        Self { sharing: Some(sharing), ..self }
    }

    /// Admits a request if every rule that claims it has room for what it needs, by what this process
    /// knows.
    ///
    /// # Errors
    /// The first rule that has not.
    pub fn reserve(
        self: &Arc<Self>,
        claims: &[Claim<'_>],
        need: Need,
    ) -> Result<Reservation, Exceeded> {
        match self.hold(claims, &need, false) {
            Ok(holds) => Ok(self.admitted(holds, need)),
            Err(Unholdable::Exceeded(exceeded)) => Err(exceeded),
            // Nobody is asked by who does not share.
            Err(Unholdable::Asks(..)) => Ok(self.admitted(Vec::new(), need)),
        }
    }

    /// Holds what a request needs by every rule, or nothing.
    pub(crate) fn hold(
        &self,
        claims: &[Claim<'_>],
        need: &Need,
        shared: bool,
    ) -> Result<Vec<Hold>, Unholdable> {
        let now = self.now();
        let mut holds: Vec<Hold> = Vec::with_capacity(claims.len());
        for Claim { rule, subject } in claims {
            let entry = self.entry(rule, subject, now.ms);
            let nanos = rule.caps.budget.as_ref();
            let nanos = nanos.map_or(0, |budget| need.nanos(need.output, &budget.currency));
            let name: &dyn Fn() -> Box<str> = &|| sharing::name_of(&rule.name, subject);
            let held = entry.hold(&rule.caps, need.tokens(), nanos, now, shared.then_some(name));
            match held {
                Ok(held) => holds.push(Hold { entry, rule: Arc::clone(rule), held }),
                Err(unheld) => {
                    for hold in &holds {
                        hold.entry.release(&hold.held, now);
                        self.enqueue(&hold.entry);
                    }
                    return Err(match unheld {
                        Unheld::Refused(refusal) => {
                            self.count_refusal(rule.scope, refusal.kind);
                            Unholdable::Exceeded(Exceeded::new(rule, refusal, need.tokens()))
                        }
                        Unheld::Asks(asks) => Unholdable::Asks(entry, Arc::clone(rule), asks),
                    });
                }
            }
        }
        Ok(holds)
    }

    pub(crate) fn admitted(self: &Arc<Self>, holds: Vec<Hold>, need: Need) -> Reservation {
        if holds.iter().any(|hold| hold.rule.caps.tokens_per_minute.is_some()) {
            self.counters.tokens_reserved.fetch_add(need.tokens(), Ordering::Relaxed);
        }
        Reservation::new(Arc::clone(self), holds, need)
    }

    /// Whether several gateways share the counts.
    pub(crate) const fn sharing(&self) -> Option<&Sharing> {
        self.sharing.as_ref()
    }

    /// From now on an entry may have something to tell those who share the counts.
    pub(crate) fn enqueue(&self, entry: &Arc<Entry>) {
        if self.sharing.is_some() && entry.enqueue() {
            lock(&self.news).push(Arc::clone(entry));
        }
    }

    /// Takes all entries that may have something to tell.
    pub(crate) fn take_news(&self) -> Vec<Arc<Entry>> {
        std::mem::take(&mut *lock(&self.news))
    }

    pub(crate) fn count_unreachable(&self) {
        self.counters.unreachable.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a rule has room for one more request of this subject, however small.
    pub fn has_room(&self, rule: &Arc<Rule>, subject: &str) -> bool {
        let now = self.now();
        let key = self.key(rule, subject);
        let found = self.shard(key).entries.get(&key).map(Arc::clone);
        found.is_none_or(|entry| entry.has_room(&rule.caps, now))
    }

    /// A request under a budget was let through though nobody knows what it costs, or refused for it.
    pub fn count_unpriced(&self) {
        self.counters.unpriced.fetch_add(1, Ordering::Relaxed);
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut refused = Vec::new();
        for (scope, row) in Scope::ALL.into_iter().zip(&self.counters.refused) {
            for (kind, count) in Kind::ALL.into_iter().zip(row) {
                refused.push((scope, kind, read(count)));
            }
        }
        let subjects: usize = self.shards.iter().map(|shard| lock(shard).entries.len()).sum();
        Counts {
            refused,
            tokens_reserved: read(&self.counters.tokens_reserved),
            tokens_settled: read(&self.counters.tokens_settled),
            cut: read(&self.counters.cut),
            pooled: read(&self.counters.pooled),
            unpriced: read(&self.counters.unpriced),
            unreachable: read(&self.counters.unreachable),
            subjects: subjects as u64,
        }
    }

    pub(crate) fn now(&self) -> Now {
        (self.clock)()
    }

    pub(crate) fn count_refusal(&self, scope: Scope, kind: Kind) {
        let row = self.counters.refused.get(scope as usize);
        if let Some(count) = row.and_then(|row| row.get(kind as usize)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn count_settled(&self, tokens: u64) {
        self.counters.tokens_settled.fetch_add(tokens, Ordering::Relaxed);
    }

    pub(crate) fn count_cut(&self) {
        self.counters.cut.fetch_add(1, Ordering::Relaxed);
    }

    fn entry(&self, rule: &Rule, subject: &str, now_ms: u64) -> Arc<Entry> {
        let key = self.key(rule, subject);
        let mut shard = self.shard(key);
        if let Some(entry) = shard.entries.get(&key) {
            return Arc::clone(entry);
        }
        let max = (self.subjects_max / SHARDS).max(1);
        if shard.entries.len() >= max {
            shard.sweep(now_ms, self.now());
        }
        if shard.entries.len() < max {
            return Arc::clone(shard.entries.entry(key).or_default());
        }
        drop(shard);
        self.counters.pooled.fetch_add(1, Ordering::Relaxed);
        let key = self.key(rule, POOLED);
        // There are no more of these than rules.
        Arc::clone(self.shard(key).entries.entry(key).or_default())
    }

    fn key(&self, rule: &Rule, subject: &str) -> u128 {
        let [high, low] = &self.hashers;
        let hash = |hasher: &RandomState| u128::from(hasher.hash_one((&*rule.name, subject)));
        hash(high) << 64 | hash(low)
    }

    fn shard(&self, key: u128) -> MutexGuard<'_, Shard> {
        let at = (key % SHARDS as u128) as usize;
        let [first, ..] = &self.shards;
        lock(self.shards.get(at).unwrap_or(first))
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("subjects_max", &self.subjects_max).finish_non_exhaustive()
    }
}

// === impl Shard ===

impl Shard {
    /// Forgets entries of which nothing counts. Not too often: while all are in use, it is in vain.
    fn sweep(&mut self, now_ms: u64, now: Now) {
        if now_ms < self.swept_ms.saturating_add(SWEEP_MS) && self.swept_ms != 0 {
            return;
        }
        self.swept_ms = now_ms.max(1);
        // An entry that only the map knows stays so while the map is locked.
        self.entries.retain(|_, entry| Arc::strong_count(entry) > 1 || !entry.is_idle(now));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
