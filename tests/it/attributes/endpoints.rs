//! The endpoint matrix: which endpoint has a model call's span, under which name, with which kind of
//! output and content, and what it adds to the metrics.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use tollgate_mock::Scenario;
use tollgate_telemetry::genai::attributes::On;

use super::receiver::{Receiver, Told};
use crate::client::{exchange, request};
use crate::harness::{World, trace_id, traceparent};
use crate::transcriptions::{form, upload};

const SECTIONS: &str = r#"
providers:
  openai:
    base_url: "{mock}/v1"
    models: [gpt-4o, embed-small, dall-e-3, gpt-4o-mini-tts, gpt-4o-transcribe, ranker]
    auth_type: none
  anthropic: { base_url: "{mock}/v1", models: [claude-sonnet-4-6], dialect: messages, auth_type: none }
"#;

/// What the matrix says of an endpoint that has a model call's span.
struct Row {
    path: &'static str,
    body: &'static str,
    operation: &'static str,
    output_type: &'static str,
    streams: bool,
    input: bool,
    output: bool,
    counts_tokens: bool,
}

const ROWS: [Row; 9] = [
    chat(
        "/v1/chat/completions",
        r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}"#,
        "chat",
    ),
    chat(
        "/v1/messages",
        r#"{"model":"claude-sonnet-4-6","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#,
        "chat",
    ),
    chat("/v1/responses", r#"{"model":"gpt-4o","input":"hi"}"#, "chat"),
    chat(
        "/v1/chat/completions",
        r#"{"model":"gpt-4o","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:,"}}]}]}"#,
        "generate_content",
    ),
    chat(
        "/v1/messages",
        r#"{"model":"claude-sonnet-4-6","max_tokens":9,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"x"}}]}]}"#,
        "generate_content",
    ),
    Row {
        output_type: "embeddings",
        streams: false,
        output: false,
        ..chat("/v1/embeddings", r#"{"model":"embed-small","input":"one two"}"#, "embeddings")
    },
    Row {
        output_type: "image",
        streams: false,
        counts_tokens: false,
        ..chat(
            "/v1/images/generations",
            r#"{"model":"dall-e-3","prompt":"a cat"}"#,
            "image_generation",
        )
    },
    Row {
        output_type: "speech",
        streams: false,
        output: false,
        counts_tokens: false,
        ..chat(
            "/v1/audio/speech",
            r#"{"model":"gpt-4o-mini-tts","input":"say it","voice":"alloy"}"#,
            "audio_speech",
        )
    },
    Row {
        streams: false,
        input: false,
        counts_tokens: false,
        ..chat("/v1/audio/transcriptions", "", "audio_transcription")
    },
];

const fn chat(path: &'static str, body: &'static str, operation: &'static str) -> Row {
    Row {
        path,
        body,
        operation,
        output_type: "text",
        streams: true,
        input: true,
        output: true,
        counts_tokens: true,
    }
}

fn send(world: &World, row: &Row, stream: bool) -> String {
    let trace = trace_id();
    let parent = traceparent(&trace);
    let bytes = if row.body.is_empty() {
        let form = form(&[("model", "gpt-4o-transcribe")], b"ID3", &[]);
        upload("POST", row.path, &[&parent], &form)
    } else {
        let stream = if stream { r#"{"stream":true,"# } else { "{" };
        let body = row.body.replacen('{', stream, 1);
        request("POST", row.path, &[&parent], body.as_bytes())
    };
    world.mock.push("/v1/", Scenario::text("What was said."));
    let answer = exchange(world.gateway, &bytes);
    assert_eq!(answer.status, 200, "{}: {}", row.path, answer.text());
    trace
}

fn text(told: &Told, name: &str) -> Option<String> {
    match told.value(On::Call, name)? {
        Value::StringValue(text) => Some(text),
        other => panic!("{name}: {other:?}"),
    }
}

fn check(row: &Row, told: &Told, stream: bool) {
    let what = format!("{} {} stream={stream}", row.path, row.operation);
    let span = told.span(On::Call).unwrap_or_else(|| panic!("{what}: no span"));
    let model = text(told, "gen_ai.request.model").unwrap();
    assert_eq!(span.name, format!("{} {model}", row.operation), "{what}");
    assert_eq!(text(told, "gen_ai.operation.name").as_deref(), Some(row.operation), "{what}");
    assert_eq!(text(told, "gen_ai.output.type").as_deref(), Some(row.output_type), "{what}");
    assert!(text(told, "gen_ai.provider.name").is_some(), "{what}");
    let streamed = told.value(On::Call, "gen_ai.request.stream");
    assert_eq!(streamed, Some(Value::BoolValue(stream)), "{what}");
    assert_eq!(text(told, "gen_ai.input.messages").is_some(), row.input, "{what}: input");
    assert_eq!(text(told, "gen_ai.output.messages").is_some(), row.output, "{what}: output");
    let timed = told.value(On::Call, "gen_ai.server.time_to_first_token").is_some();
    assert_eq!(timed, stream, "{what}: times are of streams alone");
    assert_eq!(span.status.as_ref().map_or(0, |status| status.code), 0, "{what}: unset");
    assert_eq!(told.spans.len(), 2, "{what}: the HTTP span and this one");
}

#[test]
fn every_endpoint_of_the_matrix_has_its_span_its_content_and_its_metrics() {
    let receiver = Receiver::start();
    let world = World::new(&format!("{SECTIONS}{}", receiver.sections(true)));
    let mut sent = Vec::new();
    for row in &ROWS {
        sent.push((row, send(&world, row, false), false));
        if row.streams {
            sent.push((row, send(&world, row, true), true));
        }
    }
    for (row, trace, stream) in &sent {
        check(row, &receiver.told(&world, trace), *stream);
    }
    let metrics = world.running().metrics();
    let of = |row: &Row, metric: &str| {
        let operation = format!("gen_ai_operation_name=\"{}\"", row.operation);
        metrics.lines().any(|line| line.starts_with(metric) && line.contains(&operation))
    };
    for row in &ROWS {
        assert!(of(row, "gen_ai_client_operation_duration_seconds_count"), "{}", row.path);
        let tokens = of(row, "gen_ai_client_token_usage_count");
        assert_eq!(tokens, row.counts_tokens, "{}: tokens", row.path);
        let streams = of(row, "gen_ai_server_time_to_first_token_seconds_count");
        assert_eq!(streams, row.streams, "{}: first token", row.path);
    }
}

#[test]
fn endpoints_outside_the_matrix_have_an_http_span_and_nothing_else() {
    let receiver = Receiver::start();
    let world = World::new(&format!("{SECTIONS}{}", receiver.sections(true)));
    let count = r#"{"model":"claude-sonnet-4-6","messages":[{"role":"user","content":"hi"}]}"#;
    let rank = r#"{"model":"ranker","query":"q","documents":["a"]}"#;
    let mut sent = Vec::new();
    for (method, path, body) in [
        ("POST", "/v1/messages/count_tokens", count),
        ("POST", "/v1/rerank", rank),
        ("GET", "/v1/models", ""),
        ("GET", "/v1/models/gpt-4o", ""),
        ("GET", "/health", ""),
    ] {
        let trace = trace_id();
        let headers = [&*traceparent(&trace), "x-to11-context-operation: retrieval"];
        let answer = exchange(world.gateway, &request(method, path, &headers, body.as_bytes()));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        sent.push((method, path, trace));
    }
    for (method, path, trace) in sent {
        let told = receiver.told(&world, &trace);
        let [span] = &told.spans[..] else { panic!("{path}: {:#?}", told.spans) };
        let route = path.replace("gpt-4o", "{model_id}");
        assert_eq!(span.name, format!("{method} {route}"));
        let genai = span.attributes.iter().find(|it| it.key.starts_with("gen_ai."));
        assert_eq!(genai, None, "{path}");
    }
    let metrics = world.running().metrics();
    let genai = metrics.lines().find(|line| line.starts_with("gen_ai_"));
    assert_eq!(genai, None, "no metric of calls");
}
