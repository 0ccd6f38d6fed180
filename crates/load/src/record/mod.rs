//! What was measured, as histograms that can be added up.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

#[cfg(test)]
mod tests;

/// The longest time that is told apart, in nanoseconds: ten minutes.
const LONGEST_NS: u64 = 600_000_000_000;
/// Three digits: off by a thousandth at most.
const DIGITS: u8 = 3;

/// Times of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Times(Histogram<u64>);

/// What one run, or a part of it, has shown. Times are those of answers that came whole.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Answers that came whole.
    pub requests: u64,
    /// Server-sent events in them.
    pub events: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// What went wrong, by its name: a status, or what the connection did.
    pub failures: BTreeMap<String, u64>,
    /// Answers that told the caller to come back later: 503 with `Retry-After`. Among the failures, too.
    pub refusals: u64,
    /// The most requests that were under way at one time.
    pub at_once_max: usize,
    /// How long the run took, without its warm-up.
    pub took: Duration,
    pub(crate) latency: Times,
    pub(crate) refusal: Times,
    pub(crate) first_byte: Times,
    pub(crate) first_content: Times,
    pub(crate) event_delay: Times,
}

/// A histogram's usual points, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Quantiles {
    /// Half of them were faster.
    pub p50: f64,
    /// 90 of 100 were faster.
    pub p90: f64,
    /// 99 of 100 were faster.
    pub p99: f64,
    /// 999 of 1,000 were faster.
    pub p999: f64,
    /// The slowest.
    pub max: f64,
}

// === impl Measured ===

impl Measured {
    /// From the moment a request was meant to be sent to its answer's end.
    pub fn latency(&self) -> Quantiles {
        self.latency.quantiles()
    }

    /// The same for refusals.
    pub fn refusal(&self) -> Quantiles {
        self.refusal.quantiles()
    }

    /// How many answers came whole within `max` of the moment their request was meant to be sent.
    pub fn answered_within(&self, max: Duration) -> u64 {
        self.latency.count_within(max)
    }

    /// From sending to the first byte of the answer's body.
    pub fn first_byte(&self) -> Quantiles {
        self.first_byte.quantiles()
    }

    /// From sending to the first event that has a stamp.
    pub fn first_content(&self) -> Quantiles {
        self.first_content.quantiles()
    }

    /// From the provider's sending of each event to its arrival, by its stamp.
    pub fn event_delay(&self) -> Quantiles {
        self.event_delay.quantiles()
    }

    /// How many requests did not end well.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// Requests that ended well, each second.
    pub fn per_second(&self) -> f64 {
        let seconds = self.took.as_secs_f64();
        if seconds > 0.0 { self.requests as f64 / seconds } else { 0.0 }
    }

    /// Adds what another part of the same run has shown.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.events += other.events;
        self.bytes += other.bytes;
        self.refusals += other.refusals;
        self.at_once_max = self.at_once_max.max(other.at_once_max);
        self.took = self.took.max(other.took);
        for (name, count) in &other.failures {
            *self.failures.entry(name.clone()).or_default() += count;
        }
        self.latency.add(&other.latency);
        self.refusal.add(&other.refusal);
        self.first_byte.add(&other.first_byte);
        self.first_content.add(&other.first_content);
        self.event_delay.add(&other.event_delay);
    }

    pub(crate) fn fail(&mut self, name: impl Into<String>) {
        *self.failures.entry(name.into()).or_default() += 1;
    }
}

// === impl Times ===

impl Times {
    pub(crate) fn record(&mut self, time: Duration) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(LONGEST_NS);
        // What is longer than the longest is the longest.
        self.0.saturating_record(ns);
    }

    fn count_within(&self, max: Duration) -> u64 {
        let ns = u64::try_from(max.as_nanos()).unwrap_or(LONGEST_NS);
        self.0.count_between(0, ns)
    }

    fn add(&mut self, other: &Self) {
        // Both have the same bounds, so that this cannot fail.
        let _same_bounds = self.0.add(&other.0);
    }

    fn quantiles(&self) -> Quantiles {
        let at = |share| self.0.value_at_quantile(share) as f64 / 1e3;
        Quantiles {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: self.0.max() as f64 / 1e3,
        }
    }
}

impl Default for Times {
    fn default() -> Self {
        #[allow(
            clippy::expect_used,
            reason = "constant bounds that hdrhistogram documents as good"
        )]
        let histogram =
            Histogram::new_with_bounds(1, LONGEST_NS, DIGITS).expect("the bounds are good");
        Self(histogram)
    }
}
