//! One call, exported in the vocabularies that a backend reads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tollgate_mock::{Piece, Scenario};

use crate::client::post;
use crate::harness::{PATIENCE, USUAL, World, free_port};

const BODY: &str = r#"{"model":"gpt-4o-mini","stream":true,"stop":["END"],"user":"u-1","messages":[{"role":"user","content":"Which city?"}]}"#;

/// An OTLP backend over HTTP: the exports it got.
#[derive(Clone, Default)]
struct Backend(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

async fn receive(State(backend): State<Backend>, body: Bytes) {
    backend.0.lock().unwrap().push(ExportTraceServiceRequest::decode(body).unwrap());
}

/// What one call is exported as: the scopes' schemas, and the spans.
fn exported(profiles: &str, spans: usize) -> (Vec<String>, Vec<Span>) {
    let (backend, port) = (Backend::default(), free_port());
    let world = World::new(&format!(
        "{USUAL}genai_telemetry: {{ otlp_endpoint: \"http://127.0.0.1:{port}\", protocol: http, \
         capture_content: true, profiles: {profiles} }}\n"
    ));
    let router = axum::Router::new().route("/v1/traces", axum::routing::post(receive));
    let router = router.with_state(backend.clone());
    world.runtime().spawn(async move {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        axum::serve(listener, router).await.unwrap();
    });
    let content = vec![Piece::text("Rome."), Piece::tool("weather", r#"{"city":"Rome"}"#)];
    world.mock.push("/v1/", Scenario { content, ..Scenario::default() });
    assert_eq!(post(world.gateway, "/v1/chat/completions", &[], BODY).status, 200);
    let until = Instant::now() + PATIENCE;
    loop {
        let requests = backend.0.lock().unwrap().clone();
        let scopes = requests.iter().flat_map(|request| &request.resource_spans);
        let scopes: Vec<_> = scopes.flat_map(|resource| &resource.scope_spans).collect();
        let got: Vec<_> = scopes.iter().flat_map(|scope| scope.spans.clone()).collect();
        if got.len() >= spans {
            assert_eq!(got.len(), spans, "{got:#?}");
            let counts = world.running().metrics();
            let stored = counts.lines().any(|line| {
                line.contains("gateway_spans_stored_total")
                    && line.contains("genai_telemetry")
                    && line.ends_with(&format!(" {spans}"))
            });
            // The exporter learns of it just after the backend does.
            if stored {
                return (scopes.iter().map(|scope| scope.schema_url.clone()).collect(), got);
            }
        }
        assert!(Instant::now() < until, "{profiles}: {} spans of {spans}", got.len());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn attributes<'a>(spans: &'a [Span], name: &str) -> BTreeMap<&'a str, &'a Value> {
    let span = spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{spans:#?}"));
    let values = span.attributes.iter();
    values
        .filter_map(|attribute| {
            Some((attribute.key.as_str(), attribute.value.as_ref()?.value.as_ref()?))
        })
        .collect()
}

fn text(value: Option<&&Value>) -> String {
    match value {
        Some(Value::StringValue(text)) => text.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_call_arrives_in_two_vocabularies_at_once() {
    let (schemas, spans) = exported("[to11, semconv-1.41]", 2);
    assert!(schemas.iter().all(|url| url == "https://opentelemetry.io/schemas/1.41.1"));
    let call = attributes(&spans, "chat gpt-4o-mini");
    for (of_to11, of_semconv) in [
        ("gen_ai.user.id", "user.id"),
        ("gen_ai.server.time_to_first_token", "gen_ai.response.time_to_first_chunk"),
    ] {
        assert_eq!(call[of_to11], call[of_semconv], "{of_to11}");
    }
    assert_eq!(text(call.get("gen_ai.request.stop_sequences")), r#"["END"]"#, "the first has it");
    let tool = attributes(&spans, "tool_call.weather");
    assert_eq!(text(tool.get("gen_ai.tool.name")), "weather");
}

#[test]
fn the_conventions_have_real_lists_and_messages_and_no_span_of_a_tool_that_did_not_run() {
    let (schemas, spans) = exported("[semconv-1.41]", 1);
    assert_eq!(schemas, ["https://opentelemetry.io/schemas/1.41.1"]);
    let call = attributes(&spans, "chat gpt-4o-mini");
    let Value::ArrayValue(stops) = call["gen_ai.request.stop_sequences"] else {
        panic!("{call:#?}")
    };
    assert_eq!(stops.values.len(), 1);
    let input = text(call.get("gen_ai.input.messages"));
    let expected = r#"[{"role":"user","parts":[{"type":"text","content":"Which city?"}]}]"#;
    assert_eq!(input, expected);
    let output: serde_json::Value =
        serde_json::from_str(&text(call.get("gen_ai.output.messages"))).unwrap();
    let parts = &output[0]["parts"];
    assert_eq!(parts[0]["content"], "Rome.");
    assert_eq!(parts[1]["type"], "tool_call");
    assert_eq!(parts[1]["arguments"]["city"], "Rome");
    assert_eq!(output[0]["finish_reason"], "tool_call");
    assert!(!call.contains_key("gen_ai.user.id") && !call.contains_key("gen_ai.output.type"));
}

#[test]
fn a_backend_of_openinference_gets_one_llm_span_with_numbered_messages() {
    let (schemas, spans) = exported("[openinference]", 1);
    assert_eq!(schemas, [""], "nothing is published");
    let call = attributes(&spans, "chat gpt-4o-mini");
    for (name, value) in [
        ("openinference.span.kind", "LLM"),
        ("llm.provider", "openai"),
        ("user.id", "u-1"),
        ("input.mime_type", "application/json"),
        ("llm.input_messages.0.message.content", "Which city?"),
        ("llm.output_messages.0.message.content", "Rome."),
        (
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments",
            r#"{"city":"Rome"}"#,
        ),
    ] {
        assert_eq!(text(call.get(name)), value, "{name}");
    }
    assert!(matches!(call["llm.token_count.prompt"], Value::IntValue(1..)));
    assert!(!call.keys().any(|name| name.starts_with("gen_ai.")), "{call:#?}");
}
