//! A point as the columns of `metric_points`.

use serde::Serialize;

use super::{Digest, Object, json};
use crate::{Distribution, ExemplarRow, MetricRow, Point};

/// What a point shares with the others of its series.
pub(super) struct Head {
    pub(super) kind: i64,
    pub(super) temporality: i64,
    pub(super) is_monotonic: bool,
}

/// What a point has of its own. SQLite has no place for NaN and takes NULL for it.
#[derive(Default)]
pub(super) struct Columns {
    pub(super) value: Option<f64>,
    pub(super) count: Option<i64>,
    pub(super) sum: Option<f64>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    /// JSON.
    pub(super) shape: Option<String>,
    /// JSON.
    pub(super) exemplars: Option<String>,
}

/// What only some kinds have, named as the columns that show it.
#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "PascalCase")]
enum Shape<'a> {
    Histogram {
        bucket_counts: &'a [u64],
        explicit_bounds: &'a [f64],
    },
    Exponential {
        scale: i32,
        zero_count: u64,
        positive_offset: i32,
        positive_bucket_counts: &'a [u64],
        negative_offset: i32,
        negative_bucket_counts: &'a [u64],
    },
    Summary {
        quantile: Vec<f64>,
        value: Vec<f64>,
    },
}

/// Exemplars as lists, as the columns show them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Exemplars<'a> {
    filtered_attributes: Vec<Object<'a>>,
    time_unix: Vec<i64>,
    value: Vec<f64>,
    span_id: Vec<&'a str>,
    trace_id: Vec<&'a str>,
}

pub(super) fn head(point: &Point) -> Head {
    let (kind, temporality, is_monotonic) = match point {
        Point::Gauge { .. } => (0, 0, false),
        Point::Sum { temporality, is_monotonic, .. } => (1, *temporality, *is_monotonic),
        Point::Histogram { temporality, .. } => (2, *temporality, false),
        Point::ExponentialHistogram { temporality, .. } => (3, *temporality, false),
        Point::Summary { .. } => (4, 0, false),
    };
    Head { kind, temporality: i64::from(temporality), is_monotonic }
}

// === impl Columns ===

impl Columns {
    pub(super) fn of(row: &MetricRow) -> rusqlite::Result<Self> {
        let mut columns = match &row.point {
            Point::Gauge { value } | Point::Sum { value, .. } => {
                Self { value: Some(*value), ..Self::default() }
            }
            Point::Histogram { summary, bucket_counts, explicit_bounds, .. } => {
                let shape = Shape::Histogram { bucket_counts, explicit_bounds };
                Self { shape: Some(json(&shape)?), ..Self::distribution(summary) }
            }
            Point::ExponentialHistogram {
                summary, scale, zero_count, positive, negative, ..
            } => {
                let shape = Shape::Exponential {
                    scale: *scale,
                    zero_count: *zero_count,
                    positive_offset: positive.offset,
                    positive_bucket_counts: &positive.counts,
                    negative_offset: negative.offset,
                    negative_bucket_counts: &negative.counts,
                };
                Self { shape: Some(json(&shape)?), ..Self::distribution(summary) }
            }
            Point::Summary { count, sum, quantiles } => {
                let (quantile, value) = quantiles.iter().copied().unzip();
                Self {
                    count: i64::try_from(*count).ok(),
                    sum: Some(*sum),
                    shape: Some(json(&Shape::Summary { quantile, value })?),
                    ..Self::default()
                }
            }
        };
        if !row.exemplars.is_empty() {
            columns.exemplars = Some(json(&Exemplars::of(&row.exemplars))?);
        }
        Ok(columns)
    }

    /// Over everything that is not the same in the whole series.
    pub(super) fn digest(&self, row: &MetricRow) -> i64 {
        let mut digest = Digest::new();
        digest.number(row.start_ns);
        digest.number(i64::from(row.flags));
        digest.number(self.count.unwrap_or_default());
        for number in [self.value, self.sum, self.min, self.max] {
            digest.number(number.unwrap_or_default().to_bits().cast_signed());
        }
        for text in [&self.shape, &self.exemplars] {
            digest.text(text.as_deref().unwrap_or_default());
        }
        digest.finish_short()
    }

    /// A count that was checked fits.
    fn distribution(summary: &Distribution) -> Self {
        Self {
            count: i64::try_from(summary.count).ok(),
            sum: Some(summary.sum),
            min: Some(summary.min),
            max: Some(summary.max),
            ..Self::default()
        }
    }
}

// === impl Exemplars ===

impl<'a> Exemplars<'a> {
    fn of(exemplars: &'a [ExemplarRow]) -> Self {
        Self {
            filtered_attributes: exemplars
                .iter()
                .map(|exemplar| Object(&exemplar.attributes))
                .collect(),
            time_unix: exemplars.iter().map(|exemplar| exemplar.time_ns).collect(),
            value: exemplars.iter().map(|exemplar| exemplar.value).collect(),
            span_id: exemplars.iter().map(|exemplar| exemplar.span_id.as_str()).collect(),
            trace_id: exemplars.iter().map(|exemplar| exemplar.trace_id.as_str()).collect(),
        }
    }
}
