//! Embeddings, images, speech, rerank, token counts: routed, and told as the matrix says.

use tollgate_mock::{Fault, Received, Scenario};
use tollgate_store::SpanRow;

use crate::client::{Answer, exchange, post, request};
use crate::harness::{OPENAI_KEY, World, attribute, trace_id, traceparent};

/// One model for each endpoint, passed through, and a fall-back for each of two.
pub(crate) const MEDIA: &str = r#"
providers:
  openai:
    base_url: "{mock}/v1"
    models: [embed-small, gpt-image-1, dall-e-3, gpt-4o-mini-tts, whisper-1, gpt-4o-transcribe, ranker]
    credential: "env::OPENAI_KEY"
  broken: { base_url: "{mock}/@broken/v1", models: [whisper-large, embed-large], auth_type: none }
  claude: { base_url: "{mock}/v1", models: [claude-sonnet-4-6, claude-rank], dialect: messages, auth_type: none }
targets:
  one:   { model: whisper-large, provider: broken }
  two:   { model: whisper-1, provider: openai }
  e-one: { model: embed-large, provider: broken }
  e-two: { model: embed-small, provider: openai }
  r-one: { model: ranker, provider: openai }
routes:
  speech: { endpoint: audio_transcription, models: [hear], strategy: fallback, targets: [one, two], retry: { max_retries: 0 } }
  vector: { endpoint: embeddings, models: [vector], strategy: fallback, targets: [e-one, e-two], retry: { max_retries: 0 } }
  rank:   { endpoint: rerank, models: [order], strategy: single, targets: [r-one] }
genai_telemetry: { capture_content: true }
"#;

/// The answer that the provider itself gives to what reached it.
pub(crate) fn direct(world: &World, sent: &Received) -> Answer {
    let headers: Vec<String> = sent
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("content-"))
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let head = request("POST", &sent.path_and_query, &headers, b"");
    exchange(world.mock.addr(), &[&head[..], &sent.body].concat())
}

pub(crate) fn assert_attributes(span: &SpanRow, expected: &[(&str, Option<&str>)]) {
    for (name, value) in expected {
        assert_eq!(attribute(span, name), *value, "{name} of {span:#?}");
    }
}

#[test]
fn embeddings_are_counted_and_their_input_is_kept() {
    let world = World::new(MEDIA);
    world.mock.set("broken", Scenario::status(429));
    let trace = trace_id();
    let body = r#"{"input":["one two","three"],"model":"vector","encoding_format":"base64","dimensions":4096}"#;
    let answer = post(world.gateway, "/v1/embeddings", &[&traceparent(&trace)], body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let log = world.upstream();
    assert_eq!(log[1].body, body.replace("vector", "embed-small"));
    assert_eq!(answer.text(), direct(&world, &log[1]).text(), "byte for byte");
    let span = world.genai(&trace);
    assert_eq!(span.name, "embeddings vector");
    assert_attributes(
        &span,
        &[
            ("gen_ai.output.type", Some("embeddings")),
            ("gen_ai.usage.input_tokens", Some("3")),
            ("gen_ai.usage.output_tokens", None),
            ("gen_ai.response.model", Some("embed-small")),
            ("gen_ai.input.messages", Some(r#"["one two","three"]"#)),
            ("gen_ai.output.messages", None),
            ("gateway.usage.source", Some("reported")),
        ],
    );
}

#[test]
fn images_keep_their_prompts_and_only_some_models_count() {
    let world = World::new(MEDIA);
    let scenario = Scenario { event_bytes: 900_000, ..Scenario::text("A cat, revised.") };
    for (model, output, source) in [
        ("dall-e-3", Some(r#"[{"role":"assistant","content":"A cat, revised."}]"#), "unknown"),
        ("gpt-image-1", None, "reported"),
    ] {
        world.mock.push("/v1/", scenario.clone());
        let trace = trace_id();
        let body = format!(r#"{{"model":"{model}","prompt":"a cat","n":1}}"#);
        let answer = post(world.gateway, "/v1/images/generations", &[&traceparent(&trace)], &body);
        assert!(answer.status == 200 && answer.body.len() > 1_200_000);
        let span = world.genai(&trace);
        assert_eq!(span.name, format!("image_generation {model}"));
        assert_attributes(
            &span,
            &[
                ("gen_ai.output.type", Some("image")),
                ("gen_ai.input.messages", Some("\"a cat\"")),
                ("gen_ai.output.messages", output),
                ("gateway.usage.source", Some(source)),
                ("gateway.outcome", Some("complete")),
            ],
        );
    }
}

#[test]
fn partial_images_of_megabytes_stream_through() {
    let world = World::new(MEDIA);
    let trace = trace_id();
    let scenario = Scenario {
        event_bytes: 1 << 20,
        stream_events: Some(3),
        gap_ms: 40,
        ..Scenario::default()
    };
    world.mock.push("/v1/", scenario.clone());
    let body = r#"{"model":"gpt-image-1","prompt":"a cat","stream":true,"partial_images":3}"#;
    let answer = post(world.gateway, "/v1/images/generations", &[&traceparent(&trace)], body);
    assert!(answer.complete);
    let took = answer.arrivals[answer.arrivals.len() - 1] - answer.arrivals[0];
    assert!(
        took.as_millis() >= 80,
        "each picture arrives when it is sent, not at the end: {took:?}"
    );
    world.mock.push("/v1/", scenario);
    assert!(answer.body == direct(&world, &world.upstream()[0]).body, "byte for byte");
    let span = world.genai(&trace);
    assert_attributes(
        &span,
        &[("gateway.usage.source", Some("reported")), ("gateway.outcome", Some("complete"))],
    );
    assert!(attribute(&span, "gen_ai.server.time_to_first_token").is_some());
}

#[test]
fn a_media_stream_that_breaks_off_is_told_as_broken() {
    let world = World::new(MEDIA);
    let trace = trace_id();
    world.mock.push("/v1/", Scenario::fault(Fault::CutAfterEvents(1)));
    let body = r#"{"model":"gpt-image-1","prompt":"a cat","stream":true}"#;
    let answer = post(world.gateway, "/v1/images/generations", &[&traceparent(&trace)], body);
    assert!(answer.text().contains("\"error\""), "{}", answer.text());
    let span = world.genai(&trace);
    assert_attributes(
        &span,
        &[
            ("gateway.outcome", Some("upstream_failed")),
            ("error.type", Some("connection_error")),
            ("gateway.usage.source", Some("unknown")),
        ],
    );
}

#[test]
fn speech_streams_through_as_bytes_and_as_events() {
    let world = World::new(MEDIA);
    let body =
        r#"{"model":"gpt-4o-mini-tts","input":"Say it.","voice":"alloy","instructions":"softly"}"#;
    let sse = body.replace('}', r#","stream_format":"sse"}"#);
    for (body, stream, source) in [(body, "false", "unknown"), (&*sse, "true", "reported")] {
        let trace = trace_id();
        let answer = post(world.gateway, "/v1/audio/speech", &[&traceparent(&trace)], body);
        let sent = world.upstream();
        assert!(answer.body == direct(&world, &sent[sent.len() - 1]).body, "byte for byte");
        let span = world.genai(&trace);
        assert_eq!(span.name, "audio_speech gpt-4o-mini-tts");
        assert_attributes(
            &span,
            &[
                ("gen_ai.output.type", Some("speech")),
                ("gen_ai.request.stream", Some(stream)),
                ("gen_ai.input.messages", Some("\"Say it.\"")),
                ("gen_ai.system_instructions", None),
                ("gen_ai.output.messages", None),
                ("gateway.outcome", Some("complete")),
                ("gateway.usage.source", Some(source)),
            ],
        );
        let timed = attribute(&span, "gen_ai.server.request.duration").is_some();
        assert_eq!(timed.to_string(), stream, "stream times belong to streams");
    }
}

#[test]
fn media_answers_of_5xx_lose_their_message() {
    let world = World::new(MEDIA);
    let secret = r#"{"error":{"message":"host 10.0.0.7 is down","type":"server_error"}}"#;
    let fault =
        Fault::Status { code: 500, body: Some(secret.to_owned()), headers: Default::default() };
    for (path, body) in [
        ("/v1/embeddings", r#"{"model":"embed-small","input":"x"}"#),
        ("/v1/rerank", r#"{"model":"ranker","query":"x","documents":[]}"#),
        ("/v1/audio/speech", r#"{"model":"gpt-4o-mini-tts","input":"x"}"#),
    ] {
        world.mock.push("/v1/", Scenario::fault(fault.clone()));
        let answer = post(world.gateway, path, &[], body);
        assert_eq!((answer.status, answer.header("x-to11-error-code")), (500, Some("upstream")));
        assert!(!answer.text().contains("10.0.0.7"), "{}", answer.text());
        assert_eq!(answer.header("x-to11-upstream-provider"), Some("openai"));
    }
}

#[test]
fn rerank_goes_to_any_provider_and_has_a_plain_span() {
    let world = World::new(MEDIA);
    for (model, name, path, key) in [
        ("order", "ranker", "/v1/rerank", Some(format!("Bearer {OPENAI_KEY}"))),
        ("claude-rank", "claude-rank", "/v1/rerank", None),
    ] {
        let trace = trace_id();
        let body = format!(r#"{{"query":"q","documents":["a","b"],"top_n":2,"model":"{model}"}}"#);
        let answer = post(world.gateway, "/v1/rerank", &[&traceparent(&trace)], &body);
        assert_eq!(answer.json()["results"][0]["index"], 1, "{}", answer.text());
        let log = world.upstream();
        let sent = &log[log.len() - 1];
        assert_eq!(sent.body, body.replace(model, name));
        assert_eq!((&*sent.path_and_query, sent.header("authorization")), (path, key.as_deref()));
        let spans = world.spans(&trace);
        assert_eq!(spans.len(), 1, "no GenAI span: {spans:#?}");
        assert_eq!(spans[0].name, "POST /v1/rerank");
    }
    let chat = r#"{"model":"order","messages":[]}"#;
    let answer = post(world.gateway, "/v1/chat/completions", &[], chat);
    assert_eq!(answer.status, 404, "a route of another kind does not answer");
}

#[test]
fn tokens_are_counted_by_who_speaks_messages_and_refused_elsewhere() {
    let world = World::new(MEDIA);
    let trace = trace_id();
    let body = r#"{"model":"claude-sonnet-4-6","messages":[{"role":"user","content":"hi"}]}"#;
    let path = "/v1/messages/count_tokens";
    let answer = post(world.gateway, path, &[&traceparent(&trace)], body);
    assert_eq!(answer.json()["input_tokens"], 12);
    let sent = &world.upstream()[0];
    assert_eq!(
        (&*sent.path_and_query, sent.header("anthropic-version")),
        (path, Some("2023-06-01"))
    );
    assert_eq!(world.spans(&trace).len(), 1, "no GenAI span");
    let other = body.replace("claude-sonnet-4-6", "gpt-4o-transcribe");
    let answer = post(world.gateway, path, &[], &other);
    assert_eq!((answer.status, answer.json()["type"].as_str()), (400, Some("error")));
    let message = answer.json()["error"]["message"].to_string();
    assert!(message.contains("`model`") && message.contains(path), "{message}");
    assert_eq!(world.upstream().len(), 1);
}

#[test]
fn media_report_a_duration_and_no_other_measure() {
    let world = World::new(MEDIA);
    let trace = trace_id();
    let body = r#"{"model":"gpt-image-1","prompt":"x"}"#;
    post(world.gateway, "/v1/images/generations", &[&traceparent(&trace)], body);
    world.genai(&trace);
    let bytes = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let metrics = exchange(world.control, bytes).text();
    let measures = metrics.lines().filter(|line| !line.starts_with("gateway_requests_finished"));
    let of_images: Vec<&str> = measures.filter(|line| line.contains("image_generation")).collect();
    assert!(of_images.iter().any(|line| line.starts_with("gen_ai_client_operation_duration")));
    let other = |line: &&&str| !line.starts_with("gen_ai_client_operation_duration");
    assert_eq!(of_images.iter().find(other), None);
}
