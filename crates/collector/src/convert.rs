//! OTLP spans as rows, with attribute values as the Collector's ClickHouse exporter writes them.

use std::fmt::Write;

use base64::Engine;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use tollgate_store::{EventRow, LinkRow, SpanKind, SpanRow, StatusCode};

/// Attributes kept of one span, event or link.
const ATTRIBUTES_MAX: usize = 128;
/// Longest attribute value, in bytes.
const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Deepest nesting of a value that is written out.
const DEPTH_MAX: usize = 16;

/// Every span with valid ids.
pub(crate) fn rows(request: ExportTraceServiceRequest) -> Vec<SpanRow> {
    let mut rows = Vec::new();
    for resource_spans in request.resource_spans {
        let resource =
            resource_spans.resource.map(|resource| pairs(resource.attributes)).unwrap_or_default();
        let service = resource.iter().find(|(name, _)| name == "service.name");
        let service = service.map(|(_, value)| value.clone()).unwrap_or_default();
        for scope_spans in resource_spans.scope_spans {
            let scope = scope_spans.scope.unwrap_or_default();
            let spans = scope_spans.spans.into_iter();
            rows.extend(spans.filter_map(|span| row(span, &scope, &resource, &service)));
        }
    }
    rows
}

fn row(
    span: Span,
    scope: &InstrumentationScope,
    resource: &[(String, String)],
    service: &str,
) -> Option<SpanRow> {
    let status = span.status.unwrap_or_default();
    Some(SpanRow {
        timestamp_ns: signed(span.start_time_unix_nano),
        duration_ns: signed(span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano)),
        trace_id: id(&span.trace_id, 16)?,
        span_id: id(&span.span_id, 8)?,
        parent_span_id: id(&span.parent_span_id, 8).unwrap_or_default(),
        trace_state: span.trace_state,
        name: span.name,
        kind: match span.kind {
            1 => SpanKind::Internal,
            2 => SpanKind::Server,
            3 => SpanKind::Client,
            4 => SpanKind::Producer,
            5 => SpanKind::Consumer,
            _ => SpanKind::Unspecified,
        },
        service_name: service.to_owned(),
        resource_attributes: resource.to_vec(),
        scope_name: scope.name.clone(),
        scope_version: scope.version.clone(),
        attributes: pairs(span.attributes),
        status: match status.code {
            1 => StatusCode::Ok,
            2 => StatusCode::Error,
            _ => StatusCode::Unset,
        },
        status_message: status.message,
        events: span
            .events
            .into_iter()
            .take(ATTRIBUTES_MAX)
            .map(|event| EventRow {
                timestamp_ns: signed(event.time_unix_nano),
                name: event.name,
                attributes: pairs(event.attributes),
            })
            .collect(),
        links: span
            .links
            .into_iter()
            .take(ATTRIBUTES_MAX)
            .filter_map(|link| {
                Some(LinkRow {
                    trace_id: id(&link.trace_id, 16)?,
                    span_id: id(&link.span_id, 8)?,
                    trace_state: link.trace_state,
                    attributes: pairs(link.attributes),
                })
            })
            .collect(),
    })
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

fn pairs(attributes: Vec<KeyValue>) -> Vec<(String, String)> {
    attributes
        .into_iter()
        .take(ATTRIBUTES_MAX)
        .map(|attribute| {
            let mut text = attribute.value.as_ref().map(|value| text(value, 0)).unwrap_or_default();
            text.truncate(text.floor_char_boundary(VALUE_BYTES_MAX));
            (attribute.key, text)
        })
        .collect()
}

/// A value as text: strings as they are, everything structured as JSON.
fn text(value: &AnyValue, depth: usize) -> String {
    match &value.value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::BytesValue(bytes)) => base64::engine::general_purpose::STANDARD.encode(bytes),
        _ => json(value, depth).to_string(),
    }
}

fn json(value: &AnyValue, depth: usize) -> serde_json::Value {
    let Some(value) = &value.value else { return serde_json::Value::Null };
    if depth > DEPTH_MAX {
        return serde_json::Value::Null;
    }
    match value {
        Value::StringValue(text) => text.as_str().into(),
        Value::BoolValue(yes) => (*yes).into(),
        Value::IntValue(number) => (*number).into(),
        // Go writes 2.0 as 2.
        #[allow(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
        Value::DoubleValue(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            (*number as i64).into()
        }
        Value::DoubleValue(number) => (*number).into(),
        Value::ArrayValue(array) => {
            array.values.iter().map(|value| json(value, depth + 1)).collect()
        }
        Value::KvlistValue(list) => list
            .values
            .iter()
            .map(|pair| {
                let value =
                    pair.value.as_ref().map_or(serde_json::Value::Null, |v| json(v, depth + 1));
                (pair.key.clone(), value)
            })
            .collect(),
        Value::BytesValue(bytes) => base64::engine::general_purpose::STANDARD.encode(bytes).into(),
        #[allow(unreachable_patterns, reason = "kinds of values that later versions add")]
        _ => serde_json::Value::Null,
    }
}

fn signed(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(i64::MAX)
}
