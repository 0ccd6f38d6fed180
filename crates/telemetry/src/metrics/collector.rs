//! The catalogue's rows about the collector, which counts for itself.

use super::metric::{Instrument, Metric, plain};

pub(super) const REQUESTS_REFUSED: Metric = plain(
    Instrument::Counter,
    "gateway.collector.requests_refused",
    "{request}",
    &["stage", "reason"],
    "Exports that were refused whole, by the stage that did it and why",
);

pub(super) const ITEMS: Metric = plain(
    Instrument::Counter,
    "gateway.collector.items",
    "{item}",
    &["signal", "result"],
    "Spans, points and log records that the collector received, stored, and could not store",
);

pub(super) const DROPPED: Metric = plain(
    Instrument::Counter,
    "gateway.collector.dropped",
    "{item}",
    &["signal", "stage", "reason"],
    "Items that the collector dropped and told their sender of, by stage and reason",
);

pub(super) const CUT: Metric = plain(
    Instrument::Counter,
    "gateway.collector.cut",
    "{cut}",
    &["signal", "limit"],
    "Attributes, events, texts and nested values that the collector cut, by the limit they were over",
);

pub(super) const WRITES: Metric = plain(
    Instrument::Counter,
    "gateway.collector.writes",
    "{write}",
    &["cause"],
    "Writes of the collector to the store, by what they were begun for",
);

pub(super) const MEMORY_BYTES: Metric = plain(
    Instrument::Gauge,
    "gateway.collector.memory_bytes",
    "By",
    &["of"],
    "Bytes of exports at work, and of the whole process",
);
