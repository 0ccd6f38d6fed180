//! Instruments bound to the dimensions of calls, for the next call that has the same: the SDK looks
//! for a series by all its labels, which takes longer than everything else that is recorded.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use opentelemetry::metrics::{BoundCounter, BoundHistogram, Counter, Histogram};
use opentelemetry::{KeyValue, StringValue};

use super::gaps::{GapSeries, Gaps};
use super::quick_hash::Quick;
use crate::genai::attributes as a;

/// Sets of dimensions that are kept bound. With one more, all are let go and the next calls bind
/// theirs again: models and providers of a configuration that is no longer in force don't stay.
pub(super) const BOUND_MAX: usize = 256;

/// The six dimensions, as far as they are known, as labels show them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Dimensions {
    pub(super) operation: &'static str,
    /// `None` for one that was never known.
    pub(super) provider: Option<Arc<str>>,
    pub(super) request_model: Arc<str>,
    pub(super) response_model: Option<Arc<str>>,
    pub(super) server: Option<(Arc<str>, u16)>,
}

/// What was bound so far.
#[derive(Default)]
pub(super) struct BoundSeries {
    by_dimensions: RwLock<HashMap<Dimensions, Arc<Series>, Quick>>,
}

/// The instruments of one set of dimensions. Each is bound when it is first used: what is bound has a
/// series, and one that nothing was recorded in would be shown.
#[derive(Default)]
pub(super) struct Series {
    pub(super) labels: Vec<KeyValue>,
    pub(super) operation_duration: Seconds,
    pub(super) request_duration: Seconds,
    pub(super) first_token: Seconds,
    pub(super) time_per_output_token: Seconds,
    pub(super) throughput: Seconds,
    gaps: OnceLock<Arc<GapSeries>>,
    pub(super) input_tokens: Tokens,
    pub(super) output_tokens: Tokens,
    finish_reasons: RwLock<HashMap<Arc<str>, BoundCounter<u64>, Quick>>,
    /// By currency, of which a configuration has few.
    cost: RwLock<HashMap<Arc<str>, BoundCounter<f64>, Quick>>,
}

/// A counter whose labels are all words of our own, bound for each set of them.
#[derive(Default)]
pub(super) struct BoundWords {
    by_words: RwLock<HashMap<Words, BoundCounter<u64>, Quick>>,
}

/// An outcome, and the operation that had it where there was one.
type Words = (&'static str, Option<&'static str>);

type Seconds = OnceLock<BoundHistogram<f64>>;
type Tokens = OnceLock<BoundHistogram<u64>>;

// === impl BoundSeries ===

impl BoundSeries {
    /// The series of these dimensions; `labels` makes their labels if they are new.
    pub(super) fn of(
        &self,
        dimensions: Dimensions,
        labels: impl FnOnce(&Dimensions) -> Vec<KeyValue>,
    ) -> Arc<Series> {
        let known = self.by_dimensions.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = known.get(&dimensions) {
            return Arc::clone(series);
        }
        drop(known);
        let labels = labels(&dimensions);
        let mut known = self.by_dimensions.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= BOUND_MAX && !known.contains_key(&dimensions) {
            known.clear();
        }
        let series = || Arc::new(Series { labels, ..Series::default() });
        Arc::clone(known.entry(dimensions).or_insert_with(series))
    }

    /// How many sets of dimensions are bound.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.by_dimensions.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}

// === impl Series ===

impl Series {
    /// `histogram` with this series' labels, kept in `place`.
    pub(super) fn seconds<'s>(
        &'s self,
        place: &'s Seconds,
        histogram: &Histogram<f64>,
    ) -> &'s BoundHistogram<f64> {
        place.get_or_init(|| histogram.bind(&self.labels))
    }

    /// The same for tokens of this `kind`.
    pub(super) fn tokens<'s>(
        &'s self,
        place: &'s Tokens,
        histogram: &Histogram<u64>,
        kind: &'static str,
    ) -> &'s BoundHistogram<u64> {
        place.get_or_init(|| histogram.bind(&self.with(KeyValue::new(a::TOKEN_TYPE, kind))))
    }

    /// The gaps of this series' streams.
    pub(super) fn gaps(&self, gaps: &Gaps) -> &GapSeries {
        self.gaps.get_or_init(|| gaps.of(&self.labels))
    }

    /// One more answer ended for this reason, which is one of a bounded number of labels.
    pub(super) fn finished(&self, counter: &Counter<u64>, reason: Arc<str>) {
        let bound = self.finish_reasons.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(bound) = bound.get(&reason) {
            bound.add(1);
            return;
        }
        drop(bound);
        let label = KeyValue::new(a::RESPONSE_FINISH_REASON, StringValue::from(reason.clone()));
        let mut bound = self.finish_reasons.write().unwrap_or_else(PoisonError::into_inner);
        bound.entry(reason).or_insert_with(|| counter.bind(&self.with(label))).add(1);
    }

    /// So much was paid in this currency.
    pub(super) fn paid(&self, counter: &Counter<f64>, amount: f64, currency: &Arc<str>) {
        let bound = self.cost.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(bound) = bound.get(currency) {
            bound.add(amount);
            return;
        }
        drop(bound);
        let label = KeyValue::new(a::USAGE_CURRENCY, StringValue::from(Arc::clone(currency)));
        let mut bound = self.cost.write().unwrap_or_else(PoisonError::into_inner);
        let place = bound.entry(Arc::clone(currency));
        place.or_insert_with(|| counter.bind(&self.with(label))).add(amount);
    }

    /// This series' labels and one of an instrument's own.
    pub(super) fn with(&self, label: KeyValue) -> Vec<KeyValue> {
        let mut all = Vec::with_capacity(self.labels.len() + 2);
        all.extend_from_slice(&self.labels);
        all.push(label);
        all
    }
}

// === impl BoundWords ===

impl BoundWords {
    /// One more of these words.
    pub(super) fn add(&self, counter: &Counter<u64>, words: Words) {
        let bound = self.by_words.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(bound) = bound.get(&words) {
            bound.add(1);
            return;
        }
        drop(bound);
        let (outcome, operation) = words;
        let operation = operation.map(|operation| KeyValue::new(a::OPERATION_NAME, operation));
        let labels: Vec<_> =
            [KeyValue::new(a::OUTCOME, outcome)].into_iter().chain(operation).collect();
        let mut bound = self.by_words.write().unwrap_or_else(PoisonError::into_inner);
        bound.entry(words).or_insert_with(|| counter.bind(&labels)).add(1);
    }
}
