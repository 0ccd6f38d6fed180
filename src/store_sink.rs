//! Spans as rows of the store.

use std::sync::Arc;

use async_trait::async_trait;
use tollgate_store::{EventRow, LinkRow, Pairs, SpanRow, SpanStore, StatusCode};
use tollgate_telemetry::export::{ExportError, SpanSink};
use tollgate_telemetry::genai::attributes::PROJECT_ID;
use tollgate_telemetry::{Key, Span, SpanKind, Status, Value};

/// Writes spans to the store.
pub(crate) struct StoreSink {
    store: Arc<dyn SpanStore>,
    service_name: String,
    /// The resource of calls without a project.
    resource: Arc<Pairs>,
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

// === impl StoreSink ===

impl StoreSink {
    pub(crate) fn new(store: Arc<dyn SpanStore>, service_name: String) -> Self {
        let resource = Arc::new(vec![
            ("service.name".into(), service_name.clone()),
            ("service.version".into(), VERSION.to_owned()),
        ]);
        Self { store, service_name, resource }
    }

    fn row(&self, span: &Span) -> SpanRow {
        let (status, status_message) = match &span.status {
            Status::Unset => (StatusCode::Unset, String::new()),
            Status::Error(message) => (StatusCode::Error, message.clone()),
        };
        SpanRow {
            timestamp_ns: signed(span.start_ns),
            duration_ns: signed(span.end_ns.saturating_sub(span.start_ns)),
            trace_id: span.trace_id.to_hex(),
            span_id: span.span_id.to_hex(),
            parent_span_id: span.parent.map(|parent| parent.to_hex()).unwrap_or_default(),
            trace_state: span.trace_state.as_deref().unwrap_or_default().to_owned(),
            name: span.name.clone().into_owned(),
            kind: match span.kind {
                SpanKind::Internal => tollgate_store::SpanKind::Internal,
                SpanKind::Server => tollgate_store::SpanKind::Server,
                SpanKind::Client => tollgate_store::SpanKind::Client,
            },
            service_name: self.service_name.clone(),
            resource_attributes: self.resource(span),
            scope_name: "tollgate".to_owned(),
            scope_version: VERSION.to_owned(),
            attributes: texts(&span.attributes),
            status,
            status_message,
            events: span
                .events
                .iter()
                .map(|event| EventRow {
                    timestamp_ns: signed(event.at_ns),
                    name: event.name.to_owned(),
                    attributes: texts(&event.attributes),
                })
                .collect(),
            links: span
                .links
                .iter()
                .map(|link| LinkRow {
                    trace_id: link.trace_id.to_hex(),
                    span_id: link.span_id.to_hex(),
                    trace_state: String::new(),
                    attributes: texts(&link.attributes),
                })
                .collect(),
        }
    }

    /// A call with a key is its project's: rows are scoped by what the resource says.
    fn resource(&self, span: &Span) -> Arc<Pairs> {
        let mut resource = Arc::clone(&self.resource);
        if let Some(project) = span.attribute(PROJECT_ID) {
            Arc::make_mut(&mut resource).push((PROJECT_ID.into(), project.to_text()));
        }
        resource
    }
}

#[async_trait]
impl SpanSink for StoreSink {
    async fn export(&mut self, batch: &[Arc<Span>]) -> Result<(), ExportError> {
        let rows = batch.iter().map(|span| self.row(span)).collect();
        self.store.insert(rows).await.map(drop).map_err(|error| match error.is_retryable() {
            true => ExportError::unavailable(error),
            false => ExportError::Refused { message: error.to_string() },
        })
    }
}

fn texts(attributes: &[(Key, Value)]) -> Pairs {
    attributes.iter().map(|(name, value)| (name.clone(), value.to_text())).collect()
}

fn signed(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(i64::MAX)
}
