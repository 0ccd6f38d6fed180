//! What a store takes: whatever it can give back.

use super::{ExemplarRow, LogRow, MetricRow, Point};
use crate::StoreError;
use crate::span_row::is_hex;

/// The embedded store's integers have 63 bits.
const COUNT_MAX: u64 = i64::MAX as u64;

// === impl MetricRow ===

impl MetricRow {
    /// Whether a store can give this row back.
    ///
    /// # Errors
    /// [`StoreError::BadRow`] for a time before 1970, a count above 2^63 or an id of the wrong form.
    pub fn check(&self) -> Result<(), StoreError> {
        let count = match &self.point {
            Point::Gauge { .. } | Point::Sum { .. } => 0,
            Point::Histogram { summary, .. } => summary.count,
            Point::ExponentialHistogram { summary, zero_count, .. } => {
                summary.count.max(*zero_count)
            }
            Point::Summary { count, .. } => *count,
        };
        let is_known = |exemplar: &ExemplarRow| {
            is_id(&exemplar.trace_id, 32) && is_id(&exemplar.span_id, 16) && exemplar.time_ns >= 0
        };
        let reason = if self.time_ns < 0 || self.start_ns < 0 {
            "a point's time is negative"
        } else if count > COUNT_MAX {
            "a point counts more than 2^63"
        } else if !self.exemplars.iter().all(is_known) {
            "an exemplar's time is negative, or its ids are not lower-case hexadecimal digits"
        } else {
            return Ok(());
        };
        Err(StoreError::BadRow { reason: reason.to_owned() })
    }
}

// === impl LogRow ===

impl LogRow {
    /// Whether a store can give this row back.
    ///
    /// # Errors
    /// [`StoreError::BadRow`] for a time before 1970 or an id of the wrong form.
    pub fn check(&self) -> Result<(), StoreError> {
        let reason = if self.timestamp_ns < 0 {
            "a log record's time is negative"
        } else if !is_id(&self.trace_id, 32) || !is_id(&self.span_id, 16) {
            "a log record's ids are neither empty nor lower-case hexadecimal digits"
        } else {
            return Ok(());
        };
        Err(StoreError::BadRow { reason: reason.to_owned() })
    }
}

fn is_id(text: &str, digits: usize) -> bool {
    text.is_empty() || is_hex(text, digits)
}
