//! The tables of metrics and logs: their columns, and how the embedded store writes each.

use super::Ty;

/// A table besides that of spans, as the Collector's exporter names it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SignalTable {
    pub(super) name: &'static str,
    /// Its rows in the embedded store: a view and a condition.
    rows: &'static str,
    /// Its columns, in the exporter's order.
    parts: &'static [&'static [Column]],
}

/// Name, type, and SQLite's text with `@` for the relation.
type Column = (&'static str, Ty, &'static str);

/// The column that has a log record's trace.
pub(super) const RECORD_TRACE: &str = "of_trace";
/// The map that names the project.
pub(super) const RESOURCE: &str = "@.resource_attributes";

const METRIC_COLUMNS: &[Column] = &[
    ("ResourceAttributes", Ty::Map, RESOURCE),
    ("ResourceSchemaUrl", Ty::Str, "@.resource_schema_url"),
    ("ScopeName", Ty::Str, "@.scope_name"),
    ("ScopeVersion", Ty::Str, "@.scope_version"),
    ("ScopeAttributes", Ty::Map, "@.scope_attributes"),
    ("ScopeDroppedAttrCount", Ty::UInt, "@.scope_dropped"),
    ("ScopeSchemaUrl", Ty::Str, "@.scope_schema_url"),
    ("ServiceName", Ty::Str, "@.service_name"),
    ("MetricName", Ty::Str, "@.name"),
    ("MetricDescription", Ty::Str, "@.description"),
    ("MetricUnit", Ty::Str, "@.unit"),
    ("Attributes", Ty::Map, "@.attributes"),
    ("StartTimeUnix", Ty::Time, "@.start_ns"),
    ("TimeUnix", Ty::Time, "@.time_ns"),
];

const EXEMPLARS: &[Column] = &[
    (
        "Exemplars.FilteredAttributes",
        Ty::List,
        "coalesce(@.exemplars -> '$.FilteredAttributes', '[]')",
    ),
    ("Exemplars.TimeUnix", Ty::List, "ch_times(@.exemplars -> '$.TimeUnix')"),
    ("Exemplars.Value", Ty::List, "coalesce(@.exemplars -> '$.Value', '[]')"),
    ("Exemplars.SpanId", Ty::List, "coalesce(@.exemplars -> '$.SpanId', '[]')"),
    ("Exemplars.TraceId", Ty::List, "coalesce(@.exemplars -> '$.TraceId', '[]')"),
];

const VALUE: Column = ("Value", Ty::Float, "@.value");
const COUNT: Column = ("Count", Ty::UInt, "@.count");
const SUM: Column = ("Sum", Ty::Float, "@.sum");
const MIN: Column = ("Min", Ty::Float, "@.min");
const MAX: Column = ("Max", Ty::Float, "@.max");
const TEMPORALITY: Column = ("AggregationTemporality", Ty::Int, "@.temporality");

const FLAGS: Column = ("Flags", Ty::UInt, "@.flags");

const HISTOGRAM: &[Column] = &[
    COUNT,
    SUM,
    ("BucketCounts", Ty::List, "@.shape -> '$.BucketCounts'"),
    ("ExplicitBounds", Ty::List, "@.shape -> '$.ExplicitBounds'"),
];
const EXPONENTIAL: &[Column] = &[
    COUNT,
    SUM,
    ("Scale", Ty::Int, "@.shape ->> '$.Scale'"),
    ("ZeroCount", Ty::UInt, "@.shape ->> '$.ZeroCount'"),
    ("PositiveOffset", Ty::Int, "@.shape ->> '$.PositiveOffset'"),
    ("PositiveBucketCounts", Ty::List, "@.shape -> '$.PositiveBucketCounts'"),
    ("NegativeOffset", Ty::Int, "@.shape ->> '$.NegativeOffset'"),
    ("NegativeBucketCounts", Ty::List, "@.shape -> '$.NegativeBucketCounts'"),
];
const SUMMARY: &[Column] = &[
    COUNT,
    SUM,
    ("ValueAtQuantiles.Quantile", Ty::List, "@.shape -> '$.Quantile'"),
    ("ValueAtQuantiles.Value", Ty::List, "@.shape -> '$.Value'"),
    FLAGS,
];

const LOG_COLUMNS: &[Column] = &[
    ("Timestamp", Ty::Time, "@.timestamp_ns"),
    // Whole seconds of it.
    ("TimestampTime", Ty::DateTime, "(@.timestamp_ns / 1000000000 * 1000000000)"),
    ("TraceId", Ty::Str, "@.of_trace"),
    ("SpanId", Ty::Str, "@.of_span"),
    ("TraceFlags", Ty::UInt, "@.trace_flags"),
    ("SeverityText", Ty::Str, "@.severity_text"),
    ("SeverityNumber", Ty::UInt, "@.severity_number"),
    ("ServiceName", Ty::Str, "@.service_name"),
    ("Body", Ty::Str, "@.body"),
    ("ResourceSchemaUrl", Ty::Str, "@.resource_schema_url"),
    ("ResourceAttributes", Ty::Map, RESOURCE),
    ("ScopeSchemaUrl", Ty::Str, "@.scope_schema_url"),
    ("ScopeName", Ty::Str, "@.scope_name"),
    ("ScopeVersion", Ty::Str, "@.scope_version"),
    ("ScopeAttributes", Ty::Map, "@.scope_attributes"),
    ("LogAttributes", Ty::Map, "@.attributes"),
    ("EventName", Ty::Str, "@.event_name"),
];

/// Every table that can be asked besides that of spans.
pub(super) static SIGNAL_TABLES: [SignalTable; 6] = [
    SignalTable {
        name: "otel_metrics_gauge",
        rows: "metric_rows WHERE kind = 0",
        parts: &[METRIC_COLUMNS, &[VALUE, FLAGS], EXEMPLARS],
    },
    SignalTable {
        name: "otel_metrics_sum",
        rows: "metric_rows WHERE kind = 1",
        parts: &[
            METRIC_COLUMNS,
            &[VALUE, FLAGS],
            EXEMPLARS,
            &[TEMPORALITY, ("IsMonotonic", Ty::UInt, "@.is_monotonic")],
        ],
    },
    SignalTable {
        name: "otel_metrics_histogram",
        rows: "metric_rows WHERE kind = 2",
        parts: &[METRIC_COLUMNS, HISTOGRAM, EXEMPLARS, &[FLAGS, MIN, MAX, TEMPORALITY]],
    },
    SignalTable {
        name: "otel_metrics_exponential_histogram",
        rows: "metric_rows WHERE kind = 3",
        parts: &[METRIC_COLUMNS, EXPONENTIAL, EXEMPLARS, &[FLAGS, MIN, MAX, TEMPORALITY]],
    },
    SignalTable {
        name: "otel_metrics_summary",
        rows: "metric_rows WHERE kind = 4",
        parts: &[METRIC_COLUMNS, SUMMARY],
    },
    SignalTable { name: "otel_logs", rows: "log_rows WHERE true", parts: &[LOG_COLUMNS] },
];

/// The table of this name.
pub(super) fn signal_table(name: &str) -> Option<&'static SignalTable> {
    SIGNAL_TABLES.iter().find(|table| table.name == name)
}

// === impl SignalTable ===

impl SignalTable {
    /// Every column, in order.
    pub(super) fn columns(&self) -> impl Iterator<Item = &'static Column> + use<> {
        self.parts.iter().copied().flatten()
    }

    /// The type of a column, and its text for the relation `relation`.
    pub(super) fn column(&self, name: &str, relation: &str) -> Option<(Ty, String)> {
        let (_, ty, text) = self.columns().find(|(known, _, _)| *known == name)?;
        Some((*ty, text.replace('@', relation)))
    }

    /// The text of a map, with `@` for the relation.
    pub(super) fn map(&self, name: &str) -> Option<&'static str> {
        let mut maps = self.columns().filter(|(_, ty, _)| *ty == Ty::Map);
        maps.find(|(known, _, _)| *known == name).map(|(_, _, text)| *text)
    }

    /// The rows that `condition` lets through, as a subquery's text.
    pub(super) fn rows(&self, condition: Option<&str>) -> String {
        match condition {
            Some(condition) => format!("SELECT * FROM {} AND {condition}", self.rows),
            None => format!("SELECT * FROM {}", self.rows),
        }
    }
}
