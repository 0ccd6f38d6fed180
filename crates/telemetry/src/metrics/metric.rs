//! What a metric is: a row of the catalogue.

use super::catalog::METRICS;

/// What the catalogue says of a metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The name; Prometheus writes it with underscores, and its unit or `_total` behind it.
    pub name: &'static str,
    /// What kind of instrument it is.
    pub instrument: Instrument,
    /// Its unit, by UCUM; in braces the name of what is counted.
    pub unit: &'static str,
    /// Whether it has [`CALL_DIMENSIONS`](super::catalog::CALL_DIMENSIONS).
    pub of_calls: bool,
    /// Its own dimensions.
    pub dimensions: &'static [&'static str],
    /// Upper bounds of a histogram's buckets, in its unit.
    pub bounds: &'static [f64],
    /// The description, as exported.
    pub note: &'static str,
}

/// The kinds of instruments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instrument {
    /// How often which values were seen.
    Histogram,
    /// A number that only grows.
    Counter,
    /// A number of the moment.
    Gauge,
}

/// A metric without buckets that calls have no part in.
pub(super) const fn plain(
    instrument: Instrument,
    name: &'static str,
    unit: &'static str,
    dimensions: &'static [&'static str],
    note: &'static str,
) -> Metric {
    Metric { name, instrument, unit, of_calls: false, dimensions, bounds: &[], note }
}

/// A metric of calls.
pub(super) const fn of_calls(
    instrument: Instrument,
    name: &'static str,
    unit: &'static str,
    note: &'static str,
) -> Metric {
    Metric { of_calls: true, ..plain(instrument, name, unit, &[], note) }
}

// === impl Metric ===

impl Metric {
    /// The metric of a name in this folder, all of which are in the catalogue: a test sees to that.
    pub(super) fn own(name: &'static str) -> Self {
        Self::named(name).copied().unwrap_or(plain(Instrument::Counter, name, "", &[], ""))
    }

    /// The metric of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        METRICS.iter().find(|metric| metric.name == name)
    }

    /// The name that Prometheus shows: dots become underscores, the unit and `total` follow.
    pub fn prometheus_name(&self) -> String {
        let mut name = self.name.replace('.', "_");
        if self.unit == "s" {
            name.push_str("_seconds");
        }
        if self.instrument == Instrument::Counter {
            name.push_str("_total");
        }
        name
    }
}

// === impl Instrument ===

impl Instrument {
    /// The kind's name in the documentation, and in the text of `/metrics`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Histogram => "histogram",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}
