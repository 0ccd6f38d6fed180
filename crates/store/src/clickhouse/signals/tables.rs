//! The exporter's tables of metrics and logs, column by column.

use crate::Signal;
use crate::clickhouse::schema::{ATTRIBUTES, ttl, with_settings};

/// The one column that older exporters' tables lack: the last one of log records.
pub(super) const EVENT_NAME: &str = "EventName";

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Gauge,
    Sum,
    Histogram,
    ExponentialHistogram,
    Summary,
    Logs,
}

/// Name, type and codec.
pub(super) type Column = (&'static str, &'static str, &'static str);

const PLAIN: &str = "CODEC(ZSTD(1))";
const DELTA: &str = "CODEC(Delta, ZSTD(1))";
pub(super) const LOW: &str = "LowCardinality(String)";
pub(super) const TIME: &str = "DateTime64(9)";

const METRIC_COLUMNS: &[Column] = &[
    ("ResourceAttributes", ATTRIBUTES, PLAIN),
    ("ResourceSchemaUrl", "String", PLAIN),
    ("ScopeName", "String", PLAIN),
    ("ScopeVersion", "String", PLAIN),
    ("ScopeAttributes", ATTRIBUTES, PLAIN),
    ("ScopeDroppedAttrCount", "UInt32", PLAIN),
    ("ScopeSchemaUrl", "String", PLAIN),
    ("ServiceName", LOW, PLAIN),
    ("MetricName", "String", PLAIN),
    ("MetricDescription", "String", PLAIN),
    ("MetricUnit", "String", PLAIN),
    ("Attributes", ATTRIBUTES, PLAIN),
    ("StartTimeUnix", TIME, DELTA),
    ("TimeUnix", TIME, DELTA),
];
const EXEMPLARS: &[Column] = &[
    ("Exemplars.FilteredAttributes", "Array(Map(LowCardinality(String), String))", PLAIN),
    ("Exemplars.TimeUnix", "Array(DateTime64(9))", PLAIN),
    ("Exemplars.Value", "Array(Float64)", PLAIN),
    ("Exemplars.SpanId", "Array(String)", PLAIN),
    ("Exemplars.TraceId", "Array(String)", PLAIN),
];
const VALUE: Column = ("Value", "Float64", PLAIN);
const FLAGS: Column = ("Flags", "UInt32", PLAIN);
const COUNT: Column = ("Count", "UInt64", DELTA);
const SUM: Column = ("Sum", "Float64", PLAIN);
const TEMPORALITY: Column = ("AggregationTemporality", "Int32", PLAIN);
const ENDS: &[Column] = &[FLAGS, ("Min", "Float64", PLAIN), ("Max", "Float64", PLAIN), TEMPORALITY];
const HISTOGRAM: &[Column] = &[
    COUNT,
    SUM,
    ("BucketCounts", "Array(UInt64)", PLAIN),
    ("ExplicitBounds", "Array(Float64)", PLAIN),
];
const EXPONENTIAL: &[Column] = &[
    COUNT,
    SUM,
    ("Scale", "Int32", PLAIN),
    ("ZeroCount", "UInt64", PLAIN),
    ("PositiveOffset", "Int32", PLAIN),
    ("PositiveBucketCounts", "Array(UInt64)", PLAIN),
    ("NegativeOffset", "Int32", PLAIN),
    ("NegativeBucketCounts", "Array(UInt64)", PLAIN),
];
const SUMMARY: &[Column] = &[
    COUNT,
    SUM,
    ("ValueAtQuantiles.Quantile", "Array(Float64)", PLAIN),
    ("ValueAtQuantiles.Value", "Array(Float64)", PLAIN),
    FLAGS,
];
const LOG_COLUMNS: &[Column] = &[
    ("Timestamp", TIME, "CODEC(Delta(8), ZSTD(1))"),
    ("TraceId", "String", PLAIN),
    ("SpanId", "String", PLAIN),
    ("TraceFlags", "UInt8", ""),
    ("SeverityText", LOW, PLAIN),
    ("SeverityNumber", "UInt8", ""),
    ("ServiceName", LOW, PLAIN),
    ("Body", "String", PLAIN),
    ("ResourceSchemaUrl", LOW, PLAIN),
    ("ResourceAttributes", ATTRIBUTES, PLAIN),
    ("ScopeSchemaUrl", LOW, PLAIN),
    ("ScopeName", "String", PLAIN),
    ("ScopeVersion", LOW, PLAIN),
    ("ScopeAttributes", ATTRIBUTES, PLAIN),
    ("LogAttributes", ATTRIBUTES, PLAIN),
    (EVENT_NAME, "String", PLAIN),
];

// === impl Kind ===

impl Kind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Gauge,
        Self::Sum,
        Self::Histogram,
        Self::ExponentialHistogram,
        Self::Summary,
        Self::Logs,
    ];

    pub(crate) const fn signal(self) -> Signal {
        match self {
            Self::Logs => Signal::Logs,
            _ => Signal::Metrics,
        }
    }

    /// The tables of a signal.
    pub(super) fn of(signal: Signal) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |kind| kind.signal() == signal)
    }

    /// As the exporter and our queries call it.
    pub(super) const fn usual_name(self) -> &'static str {
        match self {
            Self::Gauge => "otel_metrics_gauge",
            Self::Sum => "otel_metrics_sum",
            Self::Histogram => "otel_metrics_histogram",
            Self::ExponentialHistogram => "otel_metrics_exponential_histogram",
            Self::Summary => "otel_metrics_summary",
            Self::Logs => "otel_logs",
        }
    }

    /// What is written, in the order in which it is.
    pub(super) fn columns(self) -> Vec<Column> {
        let monotonic: &[Column] = &[TEMPORALITY, ("IsMonotonic", "Bool", DELTA)];
        let value: &[Column] = &[VALUE, FLAGS];
        let parts: &[&[Column]] = match self {
            Self::Gauge => &[METRIC_COLUMNS, value, EXEMPLARS],
            Self::Sum => &[METRIC_COLUMNS, value, EXEMPLARS, monotonic],
            Self::Histogram => &[METRIC_COLUMNS, HISTOGRAM, EXEMPLARS, ENDS],
            Self::ExponentialHistogram => &[METRIC_COLUMNS, EXPONENTIAL, EXEMPLARS, ENDS],
            Self::Summary => &[METRIC_COLUMNS, SUMMARY],
            Self::Logs => &[LOG_COLUMNS],
        };
        parts.concat()
    }

    /// The statement that creates it.
    pub(super) fn create(self, table: &str, retention_days: u32) -> String {
        let mut parts: Vec<_> = self.columns().into_iter().map(text).collect();
        if self == Self::Logs {
            parts.insert(1, "`TimestampTime` DateTime DEFAULT toDateTime(Timestamp)".to_owned());
            parts.push("INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1".into());
            parts.push("INDEX idx_body Body TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 8".into());
        }
        let own = if self == Self::Logs { "LogAttributes" } else { "Attributes" };
        let name = if self == Self::Logs { "log_attr" } else { "attr" };
        for (name, column) in
            [("res_attr", "ResourceAttributes"), ("scope_attr", "ScopeAttributes"), (name, own)]
        {
            for (which, function) in [("key", "mapKeys"), ("value", "mapValues")] {
                parts.push(format!(
                    "INDEX idx_{name}_{which} {function}({column}) TYPE bloom_filter(0.01) \
                     GRANULARITY 1"
                ));
            }
        }
        let keys = match self {
            Self::Logs => {
                "PARTITION BY toDate(TimestampTime)\nPRIMARY KEY (ServiceName, TimestampTime)\n\
                 ORDER BY (ServiceName, TimestampTime, Timestamp)"
            }
            _ => {
                "PARTITION BY toDate(TimeUnix)\n\
                 ORDER BY (ServiceName, MetricName, Attributes, toUnixTimestamp64Nano(TimeUnix))"
            }
        };
        let time = if self == Self::Logs { "TimestampTime" } else { "TimeUnix" };
        format!(
            "CREATE TABLE IF NOT EXISTS {table}\n({})\nENGINE = MergeTree\n{keys}\n{}{}",
            parts.join(",\n "),
            ttl(time, retention_days),
            with_settings(),
        )
    }
}

fn text((name, ty, codec): Column) -> String {
    format!("`{name}` {ty} {codec}")
}
