//! The same spans as exports of a client, made by a thread of its own at a steady pace.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use tokio::sync::mpsc::Sender;
use tollgate_store::{Pairs, SpanKind, SpanRow, StatusCode};

use crate::spans::{self, Numbers};

/// An export, and when it was due.
pub(crate) struct Export {
    pub(crate) body: Vec<u8>,
    pub(crate) spans: u64,
    pub(crate) due: Duration,
}

/// Sends `spans_max` spans, so many a second.
pub(crate) fn send(exports: &Sender<Export>, started: Instant, spans_max: u64, a_second: u64) {
    let (mut numbers, mut sent) = (Numbers(7), 0);
    while sent < spans_max {
        let due = Duration::from_secs_f64(sent as f64 / a_second as f64);
        let rows = spans::batch(&mut numbers);
        let spans = rows.len() as u64;
        let body = encoded(rows);
        if let Some(early) = due.checked_sub(started.elapsed()) {
            std::thread::sleep(early);
        }
        sent += spans;
        if exports.blocking_send(Export { body, spans, due }).is_err() {
            return;
        }
    }
}

/// One request, grouped by resource as an SDK or a collector sends it.
fn encoded(rows: Vec<SpanRow>) -> Vec<u8> {
    let mut resources: BTreeMap<Arc<Pairs>, Vec<Span>> = BTreeMap::new();
    let mut scope = InstrumentationScope::default();
    for row in rows {
        scope.name.clone_from(&row.scope_name);
        scope.version.clone_from(&row.scope_version);
        let resource = row.resource_attributes.clone();
        resources.entry(resource).or_default().push(span(row));
    }
    let resource_spans = resources.into_iter().map(|(resource, spans)| ResourceSpans {
        resource: Some(Resource {
            attributes: attributes(Arc::unwrap_or_clone(resource)),
            ..Resource::default()
        }),
        scope_spans: vec![ScopeSpans {
            scope: Some(scope.clone()),
            spans,
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    });
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }.encode_to_vec()
}

fn span(row: SpanRow) -> Span {
    Span {
        trace_id: bytes(&row.trace_id),
        span_id: bytes(&row.span_id),
        parent_span_id: bytes(&row.parent_span_id),
        name: row.name,
        kind: if row.kind == SpanKind::Client { 3 } else { 1 },
        start_time_unix_nano: row.timestamp_ns.unsigned_abs(),
        end_time_unix_nano: (row.timestamp_ns + row.duration_ns).unsigned_abs(),
        attributes: attributes(row.attributes),
        status: (row.status == StatusCode::Error)
            .then_some(Status { message: row.status_message, code: 2 }),
        ..Span::default()
    }
}

fn attributes(pairs: Pairs) -> Vec<KeyValue> {
    let typed = |(key, text): (Cow<'static, str>, String)| KeyValue {
        key: key.into_owned(),
        value: Some(AnyValue { value: Some(value(text)) }),
        ..KeyValue::default()
    };
    pairs.into_iter().map(typed).collect()
}

/// With the type that an SDK gives it.
fn value(text: String) -> Value {
    if let Ok(whole) = text.parse() {
        return Value::IntValue(whole);
    }
    match text.parse() {
        Ok(number) => Value::DoubleValue(number),
        Err(_) if text == "true" || text == "false" => Value::BoolValue(text == "true"),
        Err(_) => Value::StringValue(text),
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    digits.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}
