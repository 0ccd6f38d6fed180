//! Spans to an OTLP backend.

use std::sync::Arc;

use async_trait::async_trait;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;

use super::connection::Connection;
use super::span_data::{scope, span_data};
use super::{ExportError, OtlpSettings, SpanSink};
use crate::profile::{self, Profile};
use crate::span::Span;

/// The method of the trace service.
const METHOD: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// Exports spans to an OTLP backend.
pub struct OtlpSink {
    connection: Connection,
    resource: ResourceAttributesWithSchema,
    scope: InstrumentationScope,
    profiles: Vec<Profile>,
}

// === impl OtlpSink ===

impl OtlpSink {
    /// Builds the exporter; needs a tokio runtime. Connects when there is something to send. Blocks
    /// on the file system, where certificates are.
    ///
    /// # Errors
    /// An endpoint, header or certificate that cannot be used.
    pub fn new(settings: &OtlpSettings) -> Result<Self, ExportError> {
        Ok(Self {
            connection: Connection::new(&settings.traces)?,
            resource: (&resource(settings)).into(),
            scope: scope(&[]),
            profiles: Vec::new(),
        })
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
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let request = ExportTraceServiceRequest { resource_spans };
        let answer: ExportTraceServiceResponse = self.connection.send(METHOD, request).await?;
        match answer.partial_success {
            // Zero with a text is a remark, not a refusal.
            Some(part) if part.rejected_spans > 0 => Err(ExportError::Partial {
                rejected: usize::try_from(part.rejected_spans).unwrap_or(usize::MAX),
                message: part.error_message,
            }),
            _ => Ok(()),
        }
    }
}

/// Who exports: never anything from the environment, which the configuration has read.
pub(super) fn resource(settings: &OtlpSettings) -> Resource {
    let further = settings.resource.iter();
    Resource::builder_empty()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attributes(further.map(|(name, value)| KeyValue::new(name.clone(), value.clone())))
        .with_service_name(settings.service_name.clone())
        .build()
}
