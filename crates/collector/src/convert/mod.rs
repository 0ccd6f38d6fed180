//! OTLP as rows, with attribute values as the Collector's ClickHouse exporter writes them.

pub(crate) mod logs;
pub(crate) mod metrics;
mod origin;

use std::fmt::Write;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message;
use tollgate_store::{EventRow, LinkRow, Pairs, SpanKind, SpanRow, StatusCode};

#[cfg(test)]
mod tests;

/// How many attributes, events and links a span once had beside those that it has, as OpenTelemetry
/// names it where there is no field for it ("Mapping to non-OTLP Formats").
const DROPPED: [&str; 3] =
    ["otel.dropped_attributes_count", "otel.dropped_events_count", "otel.dropped_links_count"];
const TRACE_ID_BYTES: usize = 16;
const SPAN_ID_BYTES: usize = 8;

/// What a request has.
pub(crate) struct Converted<R> {
    pub(crate) rows: Vec<R>,
    /// What no row can be made of: spans without a valid trace id or span id, points without a value.
    pub(crate) malformed: usize,
}

/// Every span with valid ids.
pub(crate) fn rows(request: ExportTraceServiceRequest) -> Converted<SpanRow> {
    let mut converted = Converted { rows: Vec::new(), malformed: 0 };
    for ResourceSpans { resource, scope_spans, .. } in request.resource_spans {
        let resource = Arc::new(pairs(resource.unwrap_or_default().attributes));
        for scope_spans in scope_spans {
            let scope = scope_spans.scope.unwrap_or_default();
            for span in scope_spans.spans {
                match row(span, &scope, &resource) {
                    Some(row) => converted.rows.push(row),
                    None => converted.malformed += 1,
                }
            }
        }
    }
    converted
}

/// How many bytes the rows add: each has its scope. The resource is shared.
pub(crate) fn repeated_bytes(request: &ExportTraceServiceRequest) -> usize {
    let mut bytes = 0_usize;
    for resource_spans in &request.resource_spans {
        for scope_spans in &resource_spans.scope_spans {
            let scope = scope_spans.scope.as_ref().map_or(0, Message::encoded_len);
            let each = size_of::<SpanRow>() + scope;
            bytes = bytes.saturating_add(each.saturating_mul(scope_spans.spans.len()));
        }
    }
    bytes
}

fn row(span: Span, scope: &InstrumentationScope, resource: &Arc<Pairs>) -> Option<SpanRow> {
    let status = span.status.unwrap_or_default();
    let service = resource.iter().find(|(key, _)| key == "service.name");
    let dropped =
        [span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count];
    let dropped = DROPPED.into_iter().zip(dropped).filter(|(_, count)| *count > 0);
    let mut attributes = pairs(span.attributes);
    attributes.extend(dropped.map(|(name, count)| (name.into(), count.to_string())));
    Some(SpanRow {
        timestamp_ns: signed(span.start_time_unix_nano),
        duration_ns: signed(span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano)),
        trace_id: id(&span.trace_id, TRACE_ID_BYTES)?,
        span_id: id(&span.span_id, SPAN_ID_BYTES)?,
        // A broken parent makes a root: better than no span.
        parent_span_id: id(&span.parent_span_id, SPAN_ID_BYTES).unwrap_or_default(),
        trace_state: span.trace_state,
        name: span.name,
        kind: kind(span.kind),
        service_name: service.map(|(_, name)| name.clone()).unwrap_or_default(),
        resource_attributes: Arc::clone(resource),
        scope_name: scope.name.clone(),
        scope_version: scope.version.clone(),
        attributes,
        status: match status.code {
            1 => StatusCode::Ok,
            2 => StatusCode::Error,
            _ => StatusCode::Unset,
        },
        status_message: status.message,
        events: span.events.into_iter().map(event).collect(),
        links: span.links.into_iter().map(link).collect(),
    })
}

fn event(event: Event) -> EventRow {
    EventRow {
        timestamp_ns: signed(event.time_unix_nano),
        name: event.name,
        attributes: pairs(event.attributes),
    }
}

fn link(link: Link) -> LinkRow {
    LinkRow {
        trace_id: id(&link.trace_id, TRACE_ID_BYTES).unwrap_or_default(),
        span_id: id(&link.span_id, SPAN_ID_BYTES).unwrap_or_default(),
        trace_state: link.trace_state,
        attributes: pairs(link.attributes),
    }
}

const fn kind(number: i32) -> SpanKind {
    match number {
        1 => SpanKind::Internal,
        2 => SpanKind::Server,
        3 => SpanKind::Client,
        4 => SpanKind::Producer,
        5 => SpanKind::Consumer,
        _ => SpanKind::Unspecified,
    }
}

/// An id of the right length that is not all zeros.
fn id(bytes: &[u8], length: usize) -> Option<String> {
    if bytes.len() != length || bytes.iter().all(|byte| *byte == 0) {
        return None;
    }
    let mut text = String::with_capacity(length * 2);
    for byte in bytes {
        // Writing to a string does not fail.
        let _infallible = write!(text, "{byte:02x}");
    }
    Some(text)
}

fn signed(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(i64::MAX)
}

fn pairs(attributes: Vec<KeyValue>) -> Pairs {
    attributes.into_iter().map(|KeyValue { key, value, .. }| (key.into(), text(value))).collect()
}

/// A value as text: a string as it is, nothing as nothing, everything structured as JSON.
fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        None => String::new(),
        Some(Value::StringValue(text)) => text,
        Some(Value::BytesValue(bytes)) => BASE64.encode(bytes),
        Some(Value::DoubleValue(number)) => double(number)
            // Not a number in JSON; the exporter writes what Go's encoder complains about.
            .unwrap_or_else(|word| format!("json: unsupported value: {word}")),
        Some(value) => {
            let mut json = String::new();
            write_json(&mut json, Some(&value));
            json
        }
    }
}

/// Depth is bounded by the decoders, which refuse deeper nesting than the stack bears.
fn write_json(json: &mut String, value: Option<&Value>) {
    match value {
        Some(Value::StringValue(text)) => write_string(json, text),
        Some(Value::BoolValue(yes)) => json.push_str(if *yes { "true" } else { "false" }),
        Some(Value::IntValue(number)) => json.push_str(&number.to_string()),
        Some(Value::DoubleValue(number)) => {
            json.push_str(double(*number).as_deref().unwrap_or("null"));
        }
        Some(Value::BytesValue(bytes)) => write_string(json, &BASE64.encode(bytes)),
        Some(Value::ArrayValue(array)) => {
            json.push('[');
            for (n, value) in array.values.iter().enumerate() {
                if n > 0 {
                    json.push(',');
                }
                write_json(json, value.value.as_ref());
            }
            json.push(']');
        }
        Some(Value::KvlistValue(list)) => {
            // By key, as Go writes maps.
            let mut values: Vec<&KeyValue> = list.values.iter().collect();
            values.sort_by(|a, b| a.key.cmp(&b.key));
            json.push('{');
            for (n, KeyValue { key, value, .. }) in values.into_iter().enumerate() {
                if n > 0 {
                    json.push(',');
                }
                write_string(json, key);
                json.push(':');
                write_json(json, value.as_ref().and_then(|value| value.value.as_ref()));
            }
            json.push('}');
        }
        // Nothing, or a kind of value that later versions of OTLP add.
        _ => json.push_str("null"),
    }
}

fn write_string(json: &mut String, text: &str) {
    json.push_str(&serde_json::Value::from(text).to_string());
}

/// The shortest decimal, without a point if it is whole and with an exponent only if it is very
/// small or very large: as ECMAScript has it. What is no number gives its name.
fn double(number: f64) -> Result<String, &'static str> {
    const SMALL: f64 = 1e-6;
    const LARGE: f64 = 1e21;
    if number.is_nan() {
        return Err("NaN");
    }
    if number.is_infinite() {
        return Err(if number > 0.0 { "+Inf" } else { "-Inf" });
    }
    let magnitude = number.abs();
    if magnitude == 0.0 || (SMALL..LARGE).contains(&magnitude) {
        return Ok(number.to_string());
    }
    let text = format!("{number:e}");
    Ok(if magnitude < SMALL { text } else { text.replace('e', "e+") })
}
