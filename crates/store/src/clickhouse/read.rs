//! The questions that the viewers ask. Spans that are there twice are read once.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::http::{Http, Statement};
use super::literal;
use super::schema::{Names, Prepared};
use crate::span_row::pairs;
use crate::{CONTENT_KEYS, EventRow, LinkRow, Pairs, SpanKind, SpanRow, StatusCode, StoreError};

/// How many candidates an ambiguous prefix is answered with.
const CANDIDATES_MAX: usize = 5;
/// How long our own questions may take.
const READ_MAX: Duration = Duration::from_secs(30);

/// An answer in `JSONCompact`: a struct takes its fields from a row in order.
#[derive(Deserialize)]
struct Answer<T> {
    data: Vec<T>,
}

/// An attribute list.
#[derive(Deserialize)]
struct Object(#[serde(with = "pairs")] Pairs);

/// A span as [`trace`] selects it.
#[derive(Deserialize)]
struct Found {
    timestamp_ns: i64,
    duration_ns: i64,
    trace_id: String,
    span_id: String,
    parent_span_id: String,
    trace_state: String,
    name: String,
    kind: String,
    service_name: String,
    resource_attributes: Object,
    scope_name: String,
    scope_version: String,
    attributes: Object,
    status: String,
    status_message: String,
    event_times: Vec<i64>,
    event_names: Vec<String>,
    event_attributes: Vec<Object>,
    link_traces: Vec<String>,
    link_spans: Vec<String>,
    link_states: Vec<String>,
    link_attributes: Vec<Object>,
}

/// The rows of one question of ours.
pub(super) async fn rows<T: DeserializeOwned>(
    http: &Http,
    sql: &str,
    mut settings: Vec<(&str, String)>,
) -> Result<Vec<T>, StoreError> {
    settings.extend([
        ("default_format", "JSONCompact".to_owned()),
        ("output_format_json_quote_64bit_integers", "0".to_owned()),
        ("max_execution_time", READ_MAX.as_secs().to_string()),
    ]);
    let body = http.run(Statement { sql, settings, data: None, time_max: Some(READ_MAX) }).await?;
    let answer: Answer<T> = serde_json::from_slice(&body).map_err(|error| StoreError::Failed {
        reason: format!("ClickHouse's answer cannot be read: {error}"),
    })?;
    Ok(answer.data)
}

/// The ids that begin with `prefix`, one more than are shown.
pub(super) async fn trace_ids(
    http: &Http,
    names: &Names,
    prepared: Prepared,
    prefix: &str,
) -> Result<Vec<String>, StoreError> {
    let table = if prepared.has_lookup { &names.lookup } else { &names.traces };
    // After every hexadecimal digit, so this is the end of the prefix's range.
    let sql = format!(
        "SELECT DISTINCT TraceId FROM {table} WHERE TraceId >= {} AND TraceId < {} \
         ORDER BY TraceId LIMIT {}",
        literal(prefix),
        literal(&format!("{prefix}g")),
        CANDIDATES_MAX + 1
    );
    let found: Vec<(String,)> = rows(http, &sql, Vec::new()).await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

/// The error for a prefix with several `candidates`.
pub(super) fn ambiguous(prefix: String, mut candidates: Vec<String>) -> StoreError {
    let more = candidates.len() > CANDIDATES_MAX;
    candidates.truncate(CANDIDATES_MAX);
    StoreError::AmbiguousTraceId { prefix, candidates, more }
}

/// A trace's spans by start, `spans_max` of them at most.
pub(super) async fn trace(
    http: &Http,
    names: &Names,
    prepared: Prepared,
    trace_id: &str,
    spans_max: usize,
) -> Result<Vec<SpanRow>, StoreError> {
    let id = literal(trace_id);
    let mut range = String::new();
    if prepared.has_lookup {
        // Whole seconds, cut off: the end is inside the second that it names.
        let sql = format!(
            "SELECT toInt64(toUnixTimestamp(min(Start))), toInt64(toUnixTimestamp(max(End))) \
             FROM {} WHERE TraceId = {id} HAVING count() > 0",
            names.lookup
        );
        let found: Vec<(i64, i64)> = rows(http, &sql, Vec::new()).await?;
        if let [(start, end)] = found.as_slice() {
            range = format!(
                " AND Timestamp >= fromUnixTimestamp64Nano({start}000000000) \
                 AND Timestamp < fromUnixTimestamp64Nano({}000000000)",
                end + 1
            );
        }
    }
    let sql = format!(
        "SELECT toUnixTimestamp64Nano(Timestamp), toInt64(Duration), TraceId, SpanId, \
         ParentSpanId, TraceState, SpanName, SpanKind, ServiceName, ResourceAttributes, ScopeName, \
         ScopeVersion, SpanAttributes, StatusCode, StatusMessage, \
         arrayMap(at -> toUnixTimestamp64Nano(at), `Events.Timestamp`), `Events.Name`, \
         `Events.Attributes`, `Links.TraceId`, `Links.SpanId`, `Links.TraceState`, \
         `Links.Attributes` FROM {} WHERE TraceId = {id}{range} \
         ORDER BY Timestamp, Duration DESC, SpanId LIMIT 1 BY SpanId LIMIT {spans_max}",
        names.traces
    );
    let found: Vec<Found> = rows(http, &sql, Vec::new()).await?;
    Ok(found.into_iter().map(SpanRow::from).collect())
}

// === impl SpanRow ===

impl From<Found> for SpanRow {
    fn from(found: Found) -> Self {
        let (content, mut attributes): (Vec<_>, Vec<_>) =
            found.attributes.0.into_iter().partition(|(key, _)| CONTENT_KEYS.contains(&&**key));
        attributes.extend(content);
        let events = found.event_times.into_iter().zip(found.event_names);
        let events = events.zip(found.event_attributes);
        let links = found.link_traces.into_iter().zip(found.link_spans);
        let links = links.zip(found.link_states).zip(found.link_attributes);
        Self {
            timestamp_ns: found.timestamp_ns,
            duration_ns: found.duration_ns,
            trace_id: found.trace_id,
            span_id: found.span_id,
            parent_span_id: found.parent_span_id,
            trace_state: found.trace_state,
            name: found.name,
            kind: SpanKind::parse(&found.kind).unwrap_or_default(),
            service_name: found.service_name,
            resource_attributes: Arc::new(found.resource_attributes.0),
            scope_name: found.scope_name,
            scope_version: found.scope_version,
            attributes,
            status: StatusCode::parse(&found.status).unwrap_or_default(),
            status_message: found.status_message,
            events: events
                .map(|((timestamp_ns, name), Object(attributes))| EventRow {
                    timestamp_ns,
                    name,
                    attributes,
                })
                .collect(),
            links: links
                .map(|(((trace_id, span_id), trace_state), Object(attributes))| LinkRow {
                    trace_id,
                    span_id,
                    trace_state,
                    attributes,
                })
                .collect(),
        }
    }
}
