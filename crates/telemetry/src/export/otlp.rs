//! OTLP over gRPC or HTTP, by `opentelemetry-otlp`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, WithExportConfig, WithHttpConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanExporter as _;
use tollgate_providers::Secret;
use tonic::metadata::{MetadataKey, MetadataMap, MetadataValue};

use super::span_data::{scope, span_data};
use super::{ExportError, SpanSink};
use crate::profile::{self, Profile};
use crate::span::Span;

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
    profiles: Vec<Profile>,
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
        Ok(Self { exporter, scope: scope(&[]), profiles: Vec::new() })
    }

    /// In these vocabularies, all at once. Without any, spans are exported as they are made.
    #[must_use]
    pub fn with_profiles(mut self, profiles: Vec<Profile>) -> Self {
        self.scope = scope(&profiles);
        self.profiles = profiles;
        self
    }
}

#[async_trait]
impl SpanSink for OtlpSink {
    async fn export(&mut self, batch: &[Arc<Span>]) -> Result<(), ExportError> {
        // A span that no profile takes is kept out of the queue already.
        let batch = batch.iter().filter_map(|span| profile::apply(&self.profiles, span));
        let batch = batch.map(|span| span_data(&span, &self.scope)).collect();
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
