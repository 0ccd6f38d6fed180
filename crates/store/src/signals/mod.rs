//! Rows of the other two signals: a point of a metric, and a log record, as the Collector's
//! ClickHouse schema has them.
//!
//! Points are many and small, and what they come from repeats: rows share it.

mod check;

use std::sync::Arc;

use crate::Pairs;

#[cfg(test)]
mod tests;

/// What a row is of, as OTLP has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Points.
    Metrics,
    /// Log records.
    Logs,
}

/// Where rows come from: a resource and an instrumentation scope in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The resource's `service.name`, or empty.
    pub service_name: String,
    /// The resource's attributes, `service.name` included.
    pub resource_attributes: Pairs,
    /// The schema that the resource's attributes follow.
    pub resource_schema_url: String,
    /// The instrumentation scope.
    pub scope_name: String,
    /// Its version.
    pub scope_version: String,
    /// Its attributes, each value as text.
    pub scope_attributes: Pairs,
    /// How many attributes of the scope its sender dropped.
    pub scope_dropped_attributes_count: u32,
    /// The schema that the scope's attributes follow.
    pub scope_schema_url: String,
}

/// What a point is a point of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// What it says of itself.
    pub description: String,
    /// Its unit, in UCUM.
    pub unit: String,
}

/// One point of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricRow {
    /// Where it comes from.
    pub origin: Arc<Origin>,
    /// What it is a point of.
    pub metric: Arc<Metric>,
    /// Its attributes, each value as text.
    pub attributes: Pairs,
    /// Since when it was counted, Unix time in nanoseconds; 0 if not said.
    pub start_ns: i64,
    /// When it was taken, Unix time in nanoseconds.
    pub time_ns: i64,
    /// The flags of OTLP; bit 0: no value was recorded.
    pub flags: u32,
    /// Its value or its distribution.
    pub point: Point,
    /// Single measurements that went into it.
    pub exemplars: Vec<ExemplarRow>,
}

/// What was measured. Sums and bounds that were not sent are 0, as the exporter writes them.
#[derive(Clone, Debug, PartialEq)]
pub enum Point {
    /// The latest value.
    Gauge {
        /// It.
        value: f64,
    },
    /// What has added up.
    Sum {
        /// The sum.
        value: f64,
        /// 1 since the last point, 2 since the start, 0 if not said.
        temporality: i32,
        /// Whether it only grows.
        is_monotonic: bool,
    },
    /// How many measurements fell between fixed bounds.
    Histogram {
        /// What all distributions have.
        summary: Distribution,
        /// Measurements in each bucket; one more than there are bounds, or none.
        bucket_counts: Vec<u64>,
        /// The bounds between buckets, ascending.
        explicit_bounds: Vec<f64>,
        /// As for sums.
        temporality: i32,
    },
    /// How many measurements fell between powers of a base.
    ExponentialHistogram {
        /// What all distributions have.
        summary: Distribution,
        /// The base is 2 to the power of 2 to the power of -scale.
        scale: i32,
        /// Measurements that are as good as 0.
        zero_count: u64,
        /// Buckets of positive measurements.
        positive: Buckets,
        /// Buckets of negative measurements.
        negative: Buckets,
        /// As for sums.
        temporality: i32,
    },
    /// Quantiles that the sender has computed.
    Summary {
        /// Measurements.
        count: u64,
        /// Their sum.
        sum: f64,
        /// Quantile and value.
        quantiles: Vec<(f64, f64)>,
    },
}

/// What all distributions have.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Distribution {
    /// Measurements.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The least one.
    pub min: f64,
    /// The greatest one.
    pub max: f64,
}

/// Buckets of an exponential histogram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buckets {
    /// The index of the first bucket.
    pub offset: i32,
    /// Measurements in each bucket.
    pub counts: Vec<u64>,
}

/// A measurement that went into a point.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExemplarRow {
    /// Attributes that the point does not have, each value as text.
    pub attributes: Pairs,
    /// When it was measured, Unix time in nanoseconds.
    pub time_ns: i64,
    /// The measurement.
    pub value: f64,
    /// 16 lower-case hexadecimal digits, or empty.
    pub span_id: String,
    /// 32 lower-case hexadecimal digits, or empty.
    pub trace_id: String,
}

/// One log record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogRow {
    /// Where it comes from.
    pub origin: Arc<Origin>,
    /// When it happened, or else when it was seen, Unix time in nanoseconds.
    pub timestamp_ns: i64,
    /// 32 lower-case hexadecimal digits, or empty.
    pub trace_id: String,
    /// 16 lower-case hexadecimal digits, or empty.
    pub span_id: String,
    /// The W3C trace flags.
    pub trace_flags: u8,
    /// The severity in the sender's words.
    pub severity_text: String,
    /// The severity as OTLP's number, 0 to 24.
    pub severity_number: u8,
    /// What was logged, as text.
    pub body: String,
    /// The record's attributes, each value as text.
    pub attributes: Pairs,
    /// What kind of event it is, or empty.
    pub event_name: String,
}

// === impl Signal ===

impl Signal {
    /// All of them, spans first.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];

    /// As labels of metrics and OTLP's paths have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }
}

// === impl Origin ===

impl Origin {
    /// The value of a resource attribute.
    pub fn resource_attribute(&self, key: &str) -> Option<&str> {
        let found = self.resource_attributes.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    }
}

// === impl Point ===

impl Point {
    /// The table of this kind of point, after `otel_metrics_`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Gauge { .. } => "gauge",
            Self::Sum { .. } => "sum",
            Self::Histogram { .. } => "histogram",
            Self::ExponentialHistogram { .. } => "exponential_histogram",
            Self::Summary { .. } => "summary",
        }
    }
}
