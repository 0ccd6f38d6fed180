//! Spans as rows of the store.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use tollgate_store::{EventRow, LinkRow, Pairs, SpanRow, SpanStore, StatusCode};
use tollgate_telemetry::export::{ExportError, SpanSink};
use tollgate_telemetry::genai::attributes::PROJECT_ID;
use tollgate_telemetry::{Key, Span, SpanKind, Status, Value};

#[cfg(test)]
mod tests;

/// Writes spans to the store.
pub(crate) struct StoreSink {
    store: Arc<dyn SpanStore>,
    service_name: String,
    resources: Resources,
}

/// What rows say of where they come from: made once for each project, and shared by its rows.
struct Resources {
    /// Of calls without a project.
    own: Arc<Pairs>,
    of_projects: HashMap<String, Arc<Pairs>>,
}

/// How many projects' resources are remembered; then it starts over.
const PROJECTS_MAX: usize = 1_024;
const VERSION: &str = env!("CARGO_PKG_VERSION");

// === impl StoreSink ===

impl StoreSink {
    pub(crate) fn new(store: Arc<dyn SpanStore>, service_name: String) -> Self {
        let resources = Resources::new(&service_name);
        Self { store, service_name, resources }
    }

    fn row(&mut self, span: &Span) -> SpanRow {
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
            resource_attributes: self.resources.of(span.attribute(PROJECT_ID)),
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
}

// === impl Resources ===

impl Resources {
    fn new(service_name: &str) -> Self {
        let own = vec![
            ("service.name".into(), service_name.to_owned()),
            ("service.version".into(), VERSION.to_owned()),
        ];
        Self { own: Arc::new(own), of_projects: HashMap::new() }
    }

    /// A call with a key is its project's: rows are scoped by what the resource says.
    fn of(&mut self, project: Option<&Value>) -> Arc<Pairs> {
        let Some(project) = project.map(Value::to_text) else { return Arc::clone(&self.own) };
        if let Some(known) = self.of_projects.get(&project) {
            return Arc::clone(known);
        }
        if self.of_projects.len() >= PROJECTS_MAX {
            self.of_projects.clear();
        }
        let mut resource = (*self.own).clone();
        resource.push((PROJECT_ID.into(), project.clone()));
        let resource = Arc::new(resource);
        self.of_projects.insert(project, Arc::clone(&resource));
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
