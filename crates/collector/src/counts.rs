//! What became of what was received, by stage and reason.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::limit::Cut;
use crate::refusal::Refusal;
use crate::signal::SignalKind;

/// What became of what was received of one signal. Items are spans, points or log records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Items that arrived in requests that were read.
    pub received: u64,
    /// Items that are durable, those that were there already included.
    pub stored: u64,
    /// Items rejected because their request had too many.
    pub dropped_by_limit: u64,
    /// Items dropped for want of a `project.id`.
    pub dropped_by_filter: u64,
    /// Items dropped because no row can be made of them: a span without its ids, a point without a
    /// value.
    pub dropped_malformed: u64,
    /// Items that the store did not take.
    pub refused_by_store: u64,
    /// Requests, of whatever signal, refused because too much was in memory.
    pub refused_by_memory: u64,
    /// Attributes over the limit.
    pub cut_attributes: u64,
    /// Events and links over the limit.
    pub cut_events: u64,
    /// Texts, lists and maps that were cut.
    pub cut_values: u64,
    /// Lists and maps that lay too deep.
    pub cut_depths: u64,
}

#[derive(Default)]
pub(crate) struct Counts {
    /// In the order of [`SignalKind::ALL`].
    signals: [SignalCounts; SignalKind::ALL.len()],
    refused: [AtomicU64; Refusal::COUNTED.len()],
}

/// What became of one signal.
#[derive(Default)]
pub(crate) struct SignalCounts {
    pub(crate) received: AtomicU64,
    pub(crate) stored: AtomicU64,
    pub(crate) dropped_by_filter: AtomicU64,
    pub(crate) dropped_malformed: AtomicU64,
    pub(crate) refused_by_store: AtomicU64,
    dropped_by_limit: AtomicU64,
    cut_attributes: AtomicU64,
    cut_events: AtomicU64,
    cut_values: AtomicU64,
    cut_depths: AtomicU64,
}

// === impl SignalCounts ===

impl SignalCounts {
    pub(crate) fn cut(&self, cut: &Cut) {
        let Cut { items, attributes, events, values, depths } = *cut;
        add(&self.received, items);
        add(&self.dropped_by_limit, items);
        add(&self.cut_attributes, attributes);
        add(&self.cut_events, events);
        add(&self.cut_values, values);
        add(&self.cut_depths, depths);
    }
}

// === impl Counts ===

impl Counts {
    pub(crate) const fn of(&self, signal: SignalKind) -> &SignalCounts {
        let [traces, metrics, logs] = &self.signals;
        match signal {
            SignalKind::Traces => traces,
            SignalKind::Metrics => metrics,
            SignalKind::Logs => logs,
        }
    }

    /// A request was refused.
    pub(crate) fn refused(&self, refusal: Refusal) {
        let known = Refusal::COUNTED.into_iter().zip(&self.refused);
        if let Some((_, counter)) = known.into_iter().find(|(known, _)| *known == refusal) {
            add(counter, 1);
        }
    }

    /// Requests that were refused, by stage and reason; every reason is there.
    pub(crate) fn refusals(&self) -> Vec<(&'static str, &'static str, u64)> {
        let row = |(refusal, counter): (Refusal, &AtomicU64)| {
            let (stage, reason) = refusal.labels();
            (stage, reason, read(counter))
        };
        Refusal::COUNTED.into_iter().zip(&self.refused).map(row).collect()
    }

    pub(crate) fn counters(&self, signal: SignalKind) -> Counters {
        let of = |wanted: &[Refusal]| {
            let known = Refusal::COUNTED.iter().zip(&self.refused);
            known.filter(|(it, _)| wanted.contains(it)).map(|(_, counter)| read(counter)).sum()
        };
        let counts = self.of(signal);
        Counters {
            received: read(&counts.received),
            stored: read(&counts.stored),
            dropped_by_limit: read(&counts.dropped_by_limit),
            dropped_by_filter: read(&counts.dropped_by_filter),
            dropped_malformed: read(&counts.dropped_malformed),
            refused_by_store: read(&counts.refused_by_store),
            refused_by_memory: of(&[Refusal::MemoryFull, Refusal::MemoryNever]),
            cut_attributes: read(&counts.cut_attributes),
            cut_events: read(&counts.cut_events),
            cut_values: read(&counts.cut_values),
            cut_depths: read(&counts.cut_depths),
        }
    }
}

pub(crate) fn add(counter: &AtomicU64, number: usize) {
    counter.fetch_add(number as u64, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
