//! The only place where the order of the stages is written:
//! receivers → auth → memory limiter → filter → exporter (the store).
//!
//! Auth stands in the receivers' layers, before the body is read; what it found out is stamped here,
//! before anything else is done. An export is acknowledged when
//! its spans are durable, so there is no batch stage of its own: the store commits together what
//! waits together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prost::Message;
use tollgate_store::SpanStore;

use crate::CollectorSettings;
use crate::auth::{Auth, Sender, Unauthenticated};
use crate::convert::Converted;
use crate::memory_limiter::{Full, MemoryLimiter, Reservation};
use crate::signal::{Partial, Signal, SignalKind};

/// The resource attribute without which nothing is kept.
pub(crate) const PROJECT_ID: &str = "project.id";

/// What became of what was received of one signal: of spans, points or log records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Those that arrived.
    pub received: u64,
    /// Those that are durable, what was there already included.
    pub stored: u64,
    /// Those dropped for want of a `project.id`.
    pub dropped_by_filter: u64,
    /// Those dropped because no row can be made of them: a span without its ids, a point without a
    /// value.
    pub dropped_malformed: u64,
    /// Those that the store did not take.
    pub refused_by_store: u64,
    /// Requests, of whatever signal, refused because too much was in memory.
    pub refused_by_memory: u64,
}

/// Why an export was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Too much is in memory; worth another try.
    MemoryFull,
    /// Nobody knows who is sending.
    Unauthenticated(Unauthenticated),
    /// This request alone is over a limit.
    TooLarge,
    /// The store is not available; worth another try.
    StoreUnavailable,
    /// The store does not want it.
    StoreRefused,
}

pub(crate) struct Pipeline {
    pub(crate) settings: CollectorSettings,
    pub(crate) auth: Auth,
    memory_limiter: MemoryLimiter,
    store: Arc<dyn SpanStore>,
    /// In the order of [`SignalKind::ALL`].
    counts: [Counts; SignalKind::ALL.len()],
}

#[derive(Default)]
struct Counts {
    received: AtomicU64,
    stored: AtomicU64,
    dropped_by_filter: AtomicU64,
    dropped_malformed: AtomicU64,
    refused_by_store: AtomicU64,
}

// === impl Pipeline ===

impl Pipeline {
    pub(crate) fn new(settings: CollectorSettings, store: Arc<dyn SpanStore>, auth: Auth) -> Self {
        let memory_limiter = MemoryLimiter::new(settings.memory_limit_bytes);
        Self { settings, auth, memory_limiter, store, counts: Default::default() }
    }

    /// For a receiver to count in what it reads.
    pub(crate) fn reserve(&self) -> Reservation {
        self.memory_limiter.reserve()
    }

    /// Takes one export, whose bytes `reserved` holds. Without a sender it was never looked at.
    pub(crate) async fn take<S: Signal>(
        &self,
        sender: Option<&Sender>,
        mut request: S::Request,
        mut reserved: Reservation,
    ) -> Result<S::Response, Refusal> {
        let sender = sender.ok_or(Refusal::Unauthenticated(Unauthenticated::Missing))?;
        sender.stamp(S::resources(&mut request));
        limit_memory::<S>(&request, &mut reserved)?;
        let Converted { rows, malformed } = S::convert(request);
        let counts = self.counts(S::KIND);
        count(&counts.received, rows.len() + malformed);
        count(&counts.dropped_malformed, malformed);
        let (kept, filtered) = self.filter::<S>(rows);
        self.export::<S>(kept).await?;
        Ok(S::response(partial::<S>(malformed, filtered)))
    }

    pub(crate) fn counters(&self, signal: SignalKind) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counts = self.counts(signal);
        Counters {
            received: read(&counts.received),
            stored: read(&counts.stored),
            dropped_by_filter: read(&counts.dropped_by_filter),
            dropped_malformed: read(&counts.dropped_malformed),
            refused_by_store: read(&counts.refused_by_store),
            refused_by_memory: self.memory_limiter.refused(),
        }
    }

    const fn counts(&self, signal: SignalKind) -> &Counts {
        let [traces, metrics, logs] = &self.counts;
        match signal {
            SignalKind::Traces => traces,
            SignalKind::Metrics => metrics,
            SignalKind::Logs => logs,
        }
    }

    fn filter<S: Signal>(&self, mut rows: Vec<S::Row>) -> (Vec<S::Row>, usize) {
        let before = rows.len();
        rows.retain(|row| S::resource_attribute(row, PROJECT_ID).is_some_and(|id| !id.is_empty()));
        let dropped = before - rows.len();
        count(&self.counts(S::KIND).dropped_by_filter, dropped);
        (rows, dropped)
    }

    async fn export<S: Signal>(&self, rows: Vec<S::Row>) -> Result<(), Refusal> {
        let (items, counts) = (rows.len(), self.counts(S::KIND));
        let Err(error) = S::insert(&*self.store, rows).await else {
            count(&counts.stored, items);
            return Ok(());
        };
        count(&counts.refused_by_store, items);
        // The sender learns that it failed; how our disk is doing is the operator's business.
        let signal = S::KIND.name();
        tracing::warn!(%error, items, signal, "the store did not take an export");
        Err(if error.is_retryable() { Refusal::StoreUnavailable } else { Refusal::StoreRefused })
    }
}

/// Counts in what the request becomes: rows repeat their resource, so a small one can become large.
fn limit_memory<S: Signal>(
    request: &S::Request,
    reserved: &mut Reservation,
) -> Result<(), Refusal> {
    let bytes = request.encoded_len().saturating_add(S::repeated_bytes(request));
    Ok(reserved.grow(bytes)?)
}

fn count(counter: &AtomicU64, items: usize) {
    counter.fetch_add(items as u64, Ordering::Relaxed);
}

/// A partial success only where there is something to say: senders log it.
fn partial<S: Signal>(malformed: usize, filtered: usize) -> Option<Partial> {
    if malformed + filtered == 0 {
        return None;
    }
    let items = S::ITEMS;
    let mut reasons = Vec::new();
    if filtered > 0 {
        reasons.push(format!("{filtered} {items} lack the resource attribute {PROJECT_ID}"));
    }
    if malformed > 0 {
        reasons.push(format!("{malformed} {items} {}", S::MALFORMED));
    }
    let rejected = i64::try_from(malformed + filtered).unwrap_or(i64::MAX);
    Some(Partial { rejected, message: reasons.join("; ") })
}

// === impl Refusal ===

impl Refusal {
    /// What the sender is told.
    pub(crate) const fn message(&self) -> &'static str {
        match self {
            Self::MemoryFull => "the collector is at its memory limit; try again later",
            Self::Unauthenticated(why) => why.message(),
            Self::TooLarge => "the request is too large; send less at once",
            Self::StoreUnavailable => "the store is not available; try again later",
            Self::StoreRefused => "the store refuses these rows",
        }
    }
}

impl From<Full> for Refusal {
    fn from(full: Full) -> Self {
        match full {
            Full::Now => Self::MemoryFull,
            Full::Always => Self::TooLarge,
        }
    }
}
