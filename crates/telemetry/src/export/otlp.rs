//! OTLP over gRPC or HTTP, by `opentelemetry-otlp`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use opentelemetry::trace::{Event, Link, SpanContext, TraceFlags, TraceState};
use opentelemetry::{Array, InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, WithExportConfig, WithHttpConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use tollgate_providers::Secret;
use tonic::metadata::{MetadataKey, MetadataMap, MetadataValue};

use super::{ExportError, SpanSink};
use crate::span::{Key, Span, SpanEvent, SpanKind, SpanLink, Status, Value};

/// gRPC or HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// gRPC.
    Grpc,
    /// HTTP with protobuf bodies.
    Http,
}

/// An OTLP backend.
#[derive(Clone, Debug)]
pub struct OtlpSettings {
    /// The endpoint as configured, for example `http://localhost:4317`.
    pub endpoint: String,
    /// gRPC or HTTP.
    pub protocol: OtlpProtocol,
    /// Headers sent with every export.
    pub headers: Vec<(http::HeaderName, Secret)>,
    /// The resource's `service.name`.
    pub service_name: String,
    /// How long one export may take.
    pub timeout: Duration,
}

/// Exports spans to an OTLP backend.
#[derive(Debug)]
pub struct OtlpSink {
    exporter: opentelemetry_otlp::SpanExporter,
    scope: InstrumentationScope,
}

// === impl OtlpSink ===

impl OtlpSink {
    /// Builds the exporter; needs a tokio runtime. Connects when there is something to send.
    ///
    /// # Errors
    /// An endpoint or header that cannot be used.
    pub fn new(settings: &OtlpSettings) -> Result<Self, ExportError> {
        let built = match settings.protocol {
            OtlpProtocol::Grpc => opentelemetry_otlp::SpanExporter::builder()
                .with_tonic()
                .with_endpoint(settings.endpoint.clone())
                .with_timeout(settings.timeout)
                .with_metadata(metadata(&settings.headers))
                .build(),
            OtlpProtocol::Http => opentelemetry_otlp::SpanExporter::builder()
                .with_http()
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(traces_url(&settings.endpoint))
                .with_timeout(settings.timeout)
                .with_headers(headers(&settings.headers))
                .build(),
        };
        let mut exporter = built.map_err(|error| ExportError(error.to_string()))?;
        exporter.set_resource(
            &Resource::builder_empty()
                .with_service_name(settings.service_name.clone())
                .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
                .build(),
        );
        let scope =
            InstrumentationScope::builder("tollgate").with_version(env!("CARGO_PKG_VERSION"));
        Ok(Self { exporter, scope: scope.build() })
    }
}

#[async_trait]
impl SpanSink for OtlpSink {
    async fn export(&mut self, batch: &[Arc<Span>]) -> Result<(), ExportError> {
        let batch = batch.iter().map(|span| span_data(span, &self.scope)).collect();
        self.exporter.export(batch).await.map_err(|error| ExportError(error.to_string()))
    }
}

/// A base URL gets the signal's path, a URL that has it stays.
fn traces_url(endpoint: &str) -> String {
    let base = endpoint.trim_end_matches('/');
    if base.ends_with("/v1/traces") { base.to_owned() } else { format!("{base}/v1/traces") }
}

fn metadata(headers: &[(http::HeaderName, Secret)]) -> MetadataMap {
    let mut map = MetadataMap::new();
    for (name, secret) in headers {
        let key = MetadataKey::from_bytes(name.as_str().as_bytes());
        if let (Ok(key), Ok(value)) = (key, MetadataValue::try_from(secret.expose())) {
            map.insert(key, value);
        }
    }
    map
}

fn headers(headers: &[(http::HeaderName, Secret)]) -> HashMap<String, String> {
    headers.iter().map(|(name, secret)| (name.to_string(), secret.expose().to_owned())).collect()
}

fn span_data(span: &Span, scope: &InstrumentationScope) -> SpanData {
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
