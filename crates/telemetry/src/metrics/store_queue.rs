//! The disk queue in front of the store, asked when metrics are read: one for each signal.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;

use super::metric::{Instrument, Metric, plain};
use super::{METER, Metrics};

/// Which of the queue's lanes.
const SIGNAL: &str = "signal";

pub(super) const BYTES: Metric = plain(
    Instrument::Gauge,
    "gateway.store_queue.bytes",
    "{byte}",
    &[SIGNAL],
    "Bytes of the store's disk queue",
);

pub(super) const WAITING_RECORDS: Metric = plain(
    Instrument::Gauge,
    "gateway.store_queue.waiting_records",
    "{record}",
    &[SIGNAL],
    "Records on the disk that wait for the store",
);

pub(super) const WAITING: Metric = plain(
    Instrument::Gauge,
    "gateway.store_queue.waiting",
    "{row}",
    &[SIGNAL],
    "Rows on the disk that wait for the store",
);

pub(super) const OLDEST_AGE: Metric = plain(
    Instrument::Gauge,
    "gateway.store_queue.oldest_age",
    "s",
    &[SIGNAL],
    "How long the oldest row on the disk has waited for the store",
);

pub(super) const ROWS: Metric = plain(
    Instrument::Counter,
    "gateway.store_queue.rows",
    "{row}",
    &["result", SIGNAL],
    "Rows of the store's disk queue, by what became of them",
);

pub(super) const REFUSALS: Metric = plain(
    Instrument::Counter,
    "gateway.store_queue.refusals",
    "{insert}",
    &["reason", SIGNAL],
    "Inserts that the store's disk queue did not take, by reason",
);

pub(super) const RETRIES: Metric = plain(
    Instrument::Counter,
    "gateway.store_queue.retries",
    "{send}",
    &[SIGNAL],
    "Sends to the store that failed and are tried again",
);

pub(super) const LOST: Metric = plain(
    Instrument::Counter,
    "gateway.store_queue.lost",
    "{byte}",
    &["reason", SIGNAL],
    "Bytes of the store's disk queue that could not be read, by reason",
);

/// The queue of a signal at the moment, and what happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreQueueCounts {
    /// `traces`, `metrics` or `logs`.
    pub signal: &'static str,
    /// Bytes on the disk.
    pub bytes: u64,
    /// Records that wait for the store.
    pub waiting_records: u64,
    /// Rows in them.
    pub waiting_rows: u64,
    /// How long the oldest of them has waited.
    pub oldest: Duration,
    /// Rows that are, or were, on the disk.
    pub appended_rows: u64,
    /// Rows that the store has taken.
    pub sent_rows: u64,
    /// Rows that the store will never take.
    pub dropped_rows: u64,
    /// Rows of another version of tollgate, set aside for it.
    pub set_aside_rows: u64,
    /// Sends that failed and are tried again.
    pub retries: u64,
    /// Inserts that found the queue full.
    pub refused_full: u64,
    /// Inserts that the disk did not take.
    pub refused_disk: u64,
    /// Bytes that the start cut off.
    pub cut_bytes: u64,
    /// Bytes that were skipped as damaged.
    pub damaged_bytes: u64,
}

type Value = fn(&StoreQueueCounts) -> f64;
type Values = fn(&StoreQueueCounts) -> Vec<(&'static str, u64)>;

/// The gauges, which have no other dimension.
const GAUGES: [(&str, Value); 4] = [
    ("gateway.store_queue.bytes", |it| it.bytes as f64),
    ("gateway.store_queue.waiting_records", |it| it.waiting_records as f64),
    ("gateway.store_queue.waiting", |it| it.waiting_rows as f64),
    ("gateway.store_queue.oldest_age", |it| it.oldest.as_secs_f64()),
];
/// The counters, by the value of their other dimension, if there is one.
const COUNTERS: [(&str, Values); 4] = [
    ("gateway.store_queue.rows", |it| {
        vec![
            ("appended", it.appended_rows),
            ("sent", it.sent_rows),
            ("dropped", it.dropped_rows),
            ("set_aside", it.set_aside_rows),
        ]
    }),
    ("gateway.store_queue.refusals", |it| {
        vec![("full", it.refused_full), ("disk", it.refused_disk)]
    }),
    ("gateway.store_queue.retries", |it| vec![("", it.retries)]),
    ("gateway.store_queue.lost", |it| vec![("cut", it.cut_bytes), ("damaged", it.damaged_bytes)]),
];

// === impl Metrics ===

impl Metrics {
    /// Registers the instruments of the store's disk queue, which has `counts` of each signal; to be
    /// called once.
    pub fn observe_store_queue<const N: usize>(
        &self,
        counts: impl Fn() -> [StoreQueueCounts; N] + Clone + Send + Sync + 'static,
    ) {
        let meter = self.provider.meter(METER);
        for (name, value) in GAUGES {
            let (metric, counts) = (Metric::own(name), counts.clone());
            let _registered = meter
                .f64_observable_gauge(name)
                .with_unit(metric.unit)
                .with_description(metric.note)
                .with_callback(move |gauge| {
                    for lane in counts() {
                        gauge.observe(value(&lane), &[KeyValue::new(SIGNAL, lane.signal)]);
                    }
                })
                .build();
        }
        for (name, values) in COUNTERS {
            let (metric, counts) = (Metric::own(name), counts.clone());
            let _registered = meter
                .u64_observable_counter(name)
                .with_unit(metric.unit)
                .with_description(metric.note)
                .with_callback(move |counter| {
                    for lane in counts() {
                        for (label, value) in values(&lane) {
                            let of = |name| match name {
                                SIGNAL => KeyValue::new(name, lane.signal),
                                _ => KeyValue::new(name, label),
                            };
                            let labels: Vec<_> =
                                metric.dimensions.iter().map(|name| of(*name)).collect();
                            counter.observe(value, &labels);
                        }
                    }
                })
                .build();
        }
    }
}
