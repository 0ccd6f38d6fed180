//! An OTLP backend inside the test, and what it got beside what the store has.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use prost::Message;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tollgate_store::SpanRow;
use tollgate_telemetry::genai::attributes::On;

use crate::harness::{PATIENCE, World};

/// Keeps every span that is sent to it.
pub(super) struct Receiver {
    spans: Kept,
    port: u16,
    _runtime: Runtime,
}

type Kept = Arc<Mutex<Vec<Span>>>;

/// What was told of one call: over OTLP, and in the store.
pub(super) struct Told {
    pub(super) spans: Vec<Span>,
    pub(super) rows: Vec<SpanRow>,
}

impl Receiver {
    pub(super) fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let spans = Kept::default();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = axum::Router::new().route("/v1/traces", axum::routing::post(keep));
        let router = router.with_state(Arc::clone(&spans));
        runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { spans, port, _runtime: runtime }
    }

    /// Both pipelines, to here.
    pub(super) fn sections(&self, capture_content: bool) -> String {
        let otlp = format!("otlp_endpoint: \"http://127.0.0.1:{}\", protocol: http", self.port);
        format!(
            "genai_telemetry: {{ {otlp}, capture_content: {capture_content} }}\n\
             telemetry: {{ enabled: true, {otlp} }}\n"
        )
    }

    /// Everything of one trace, once it is here and in the store.
    pub(super) fn told(&self, world: &World, trace: &str) -> Told {
        let rows = world.spans(trace);
        let until = Instant::now() + PATIENCE;
        loop {
            let spans: Vec<Span> = self
                .spans
                .lock()
                .unwrap()
                .iter()
                .filter(|span| hex(&span.trace_id) == trace)
                .cloned()
                .collect();
            if spans.len() >= rows.len() {
                assert_eq!(spans.len(), rows.len(), "the same spans here and in the store");
                return Told { spans, rows };
            }
            assert!(Instant::now() < until, "{} of {} spans came", spans.len(), rows.len());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

async fn keep(State(kept): State<Kept>, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    kept.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
}

impl Told {
    /// The span of this kind, if there is one.
    pub(super) fn span(&self, on: On) -> Option<&Span> {
        self.spans.iter().find(|span| stands_on(span) == on)
    }

    /// The same in the store.
    pub(super) fn row(&self, on: On) -> Option<&SpanRow> {
        let id = hex(&self.span(on)?.span_id);
        self.rows.iter().find(|row| row.span_id == id)
    }

    /// An attribute of the span of this kind, as protobuf has it.
    pub(super) fn value(&self, on: On, name: &str) -> Option<Value> {
        let attributes = match on {
            On::Attempt | On::Guardrail => {
                let events = &self.span(On::Call)?.events;
                &events.iter().find(|event| on_event(event) == on)?.attributes
            }
            _ => &self.span(on)?.attributes,
        };
        value_of(attributes, name)
    }
}

/// Which kind of event it is, by its name.
pub(super) fn on_event(event: &Event) -> On {
    if event.name == "gateway.guardrail" { On::Guardrail } else { On::Attempt }
}

/// Which kind of span it is, by what it has.
pub(super) fn stands_on(span: &Span) -> On {
    if span.name.starts_with("tool_call.") {
        On::ToolCall
    } else if value_of(&span.attributes, "gateway.outcome").is_some() {
        On::Call
    } else if value_of(&span.attributes, "gen_ai.operation.name").is_some() {
        On::Operation
    } else {
        On::Http
    }
}

pub(super) fn value_of(attributes: &[KeyValue], name: &str) -> Option<Value> {
    let mut found = attributes.iter().filter(|attribute| attribute.key == name);
    let value = found.next()?.value.as_ref()?.value.clone();
    assert!(found.next().is_none(), "{name} stands twice");
    value
}

/// A value as a map of strings has it.
pub(super) fn is_text_of(value: &Value, text: &str) -> bool {
    match value {
        Value::StringValue(own) => own == text,
        Value::IntValue(own) => own.to_string() == text,
        Value::BoolValue(own) => own.to_string() == text,
        Value::DoubleValue(own) => text.parse() == Ok(*own),
        _ => false,
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
