//! The columns of `otel_traces`, and where the embedded store keeps each.

use super::Ty;
use super::signals::signal_table;

/// The table that can be asked, as the Collector's exporter names it.
pub(super) const TRACES: &str = "otel_traces";

/// The database that it is in there; here it may be named or left out.
pub(super) const DATABASE: &str = "otel";

/// Where a column is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A column of `spans`.
    Span(&'static str),
    /// The map of span attributes: `attributes` and `content` of `spans`.
    SpanAttributes,
    /// The map of resource attributes.
    ResourceAttributes,
    /// One member of each of the events, as a list.
    Events(&'static str),
    /// One member of each of the links, as a list.
    Links(&'static str),
    /// A map of metrics or logs: its text, with `@` for the relation.
    Signal(&'static str),
}

/// Name, type and place of every column, in the exporter's order.
pub(super) const COLUMNS: [(&str, Ty, Place); 22] = [
    ("Timestamp", Ty::Time, Place::Span("timestamp_ns")),
    ("TraceId", Ty::Str, Place::Span("trace_id")),
    ("SpanId", Ty::Str, Place::Span("span_id")),
    ("ParentSpanId", Ty::Str, Place::Span("parent_span_id")),
    ("TraceState", Ty::Str, Place::Span("trace_state")),
    ("SpanName", Ty::Str, Place::Span("name")),
    ("SpanKind", Ty::Str, Place::Span("kind")),
    ("ServiceName", Ty::Str, Place::Span("service_name")),
    ("ResourceAttributes", Ty::Map, Place::ResourceAttributes),
    ("ScopeName", Ty::Str, Place::Span("scope_name")),
    ("ScopeVersion", Ty::Str, Place::Span("scope_version")),
    ("SpanAttributes", Ty::Map, Place::SpanAttributes),
    ("Duration", Ty::UInt, Place::Span("duration_ns")),
    ("StatusCode", Ty::Str, Place::Span("status")),
    ("StatusMessage", Ty::Str, Place::Span("status_message")),
    ("Events.Timestamp", Ty::List, Place::Events("timestamp_ns")),
    ("Events.Name", Ty::List, Place::Events("name")),
    ("Events.Attributes", Ty::List, Place::Events("attributes")),
    ("Links.TraceId", Ty::List, Place::Links("trace_id")),
    ("Links.SpanId", Ty::List, Place::Links("span_id")),
    ("Links.TraceState", Ty::List, Place::Links("trace_state")),
    ("Links.Attributes", Ty::List, Place::Links("attributes")),
];

/// Attributes of spans that have a column with the very same text, NULL where they are absent.
pub(super) const TEXT_ATTRIBUTES: [(&str, &str); 5] = [
    ("gen_ai.operation.name", "operation"),
    ("gen_ai.provider.name", "provider"),
    ("gen_ai.request.model", "model"),
    ("gen_ai.session.id", "session"),
    ("gen_ai.user.id", "user"),
];

/// Attributes whose number has a column, NULL where the text is absent or no such number.
pub(super) const NUMBER_ATTRIBUTES: [(&str, &str, Ty); 3] = [
    ("gen_ai.usage.input_tokens", "input_tokens", Ty::UInt),
    ("gen_ai.usage.output_tokens", "output_tokens", Ty::UInt),
    ("gen_ai.server.time_to_first_token", "ttft_seconds", Ty::Float),
];

/// The column of a flag: 1 exactly where the text is `true`.
pub(super) const FLAG_ATTRIBUTE: (&str, &str) = ("gen_ai.request.stream", "stream");

/// Whether a table has this name.
pub(super) fn is_table(name: &str) -> bool {
    name == TRACES || signal_table(name).is_some()
}

/// The column of this name.
pub(super) fn column(name: &str) -> Option<(Ty, Place)> {
    COLUMNS.iter().find(|(known, _, _)| *known == name).map(|(_, ty, place)| (*ty, *place))
}
