//! A span as the SDK's exporters take it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{Event, Link, SpanContext, TraceFlags, TraceState};
use opentelemetry::{Array, InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use crate::profile::{self, Profile};
use crate::span::{Key, Span, SpanEvent, SpanKind, SpanLink, Status, Value};

#[cfg(test)]
mod tests;

/// Who made the spans, and whose names they bear.
pub(super) fn scope(profiles: &[Profile]) -> InstrumentationScope {
    let scope = InstrumentationScope::builder("tollgate").with_version(env!("CARGO_PKG_VERSION"));
    match profile::schema_url(profiles) {
        Some(url) => scope.with_schema_url(url).build(),
        None => scope.build(),
    }
}

pub(super) fn span_data(span: &Span, scope: &InstrumentationScope) -> SpanData {
    let state = span.trace_state.as_ref().and_then(|state| state.parse::<TraceState>().ok());
    let span_context = SpanContext::new(
        opentelemetry::TraceId::from_bytes(span.trace_id.to_bytes()),
        opentelemetry::SpanId::from_bytes(span.span_id.to_bytes()),
        TraceFlags::SAMPLED,
        false,
        state.unwrap_or_default(),
    );
    let mut events = SpanEvents::default();
    events.events = span.events.iter().map(event).collect();
    let mut links = SpanLinks::default();
    links.links = span.links.iter().map(link).collect();
    SpanData {
        span_context,
        parent_span_id: span.parent.map_or(opentelemetry::SpanId::INVALID, |parent| {
            opentelemetry::SpanId::from_bytes(parent.to_bytes())
        }),
        parent_span_is_remote: span.kind == SpanKind::Server && span.parent.is_some(),
        span_kind: match span.kind {
            SpanKind::Internal => opentelemetry::trace::SpanKind::Internal,
            SpanKind::Server => opentelemetry::trace::SpanKind::Server,
            SpanKind::Client => opentelemetry::trace::SpanKind::Client,
        },
        name: span.name.clone(),
        start_time: time(span.start_ns),
        end_time: time(span.end_ns),
        attributes: key_values(&span.attributes),
        dropped_attributes_count: 0,
        events,
        links,
        status: match &span.status {
            Status::Unset => opentelemetry::trace::Status::Unset,
            Status::Error(message) => opentelemetry::trace::Status::error(message.clone()),
        },
        instrumentation_scope: scope.clone(),
    }
}

fn event(event: &SpanEvent) -> Event {
    Event::new(event.name, time(event.at_ns), key_values(&event.attributes), 0)
}

fn link(link: &SpanLink) -> Link {
    let context = SpanContext::new(
        opentelemetry::TraceId::from_bytes(link.trace_id.to_bytes()),
        opentelemetry::SpanId::from_bytes(link.span_id.to_bytes()),
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    Link::new(context, key_values(&link.attributes), 0)
}

fn key_values(attributes: &[(Key, Value)]) -> Vec<KeyValue> {
    attributes
        .iter()
        .map(|(name, value)| match value {
            Value::Str(text) => KeyValue::new(name.clone(), text.clone().into_owned()),
            Value::Int(number) => KeyValue::new(name.clone(), *number),
            Value::Float(number) => KeyValue::new(name.clone(), *number),
            Value::Bool(yes) => KeyValue::new(name.clone(), *yes),
            Value::Strs(texts) => {
                let texts = texts.iter().map(|text| text.clone().into()).collect();
                KeyValue::new(name.clone(), opentelemetry::Value::Array(Array::String(texts)))
            }
        })
        .collect()
}

fn time(unix_ns: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(unix_ns)
}
