//! What the spans and metrics of a call say.

use tollgate_mock::{Piece, Scenario};
use tollgate_store::SpanRow;

use crate::client::{exchange, post, request};
use crate::faults::counter;
use crate::harness::{ANTHROPIC_KEY, OPENAI_KEY, World, attribute, trace_id, traceparent};

const TOOLS: &str = r#"{"model":"gpt-4o-mini","stream":true,"temperature":0.5,"max_tokens":99,"stop":"END","user":"body-user","messages":[{"role":"user","content":"two cities"}]}"#;

fn find<'a>(spans: &'a [SpanRow], name: &str) -> Vec<&'a SpanRow> {
    spans.iter().filter(|span| span.name == name).collect()
}

#[test]
fn a_stream_with_two_parallel_tool_calls_is_one_tree_with_real_times() {
    let world = World::usual();
    let trace = trace_id();
    world.mock.push(
        "/v1/",
        Scenario {
            content: vec![
                Piece::text("I will look."),
                Piece::tool("weather", r#"{"city":"Paris"}"#),
                Piece::tool("news", r#"{"city":"Tokyo"}"#),
            ],
            gap_ms: 100,
            first_delay_ms: 30,
            ..Scenario::default()
        },
    );
    let answer = post(world.gateway, "/v1/chat/completions", &[&traceparent(&trace)], TOOLS);
    assert_eq!(answer.status, 200);
    let spans = world.spans(&trace);
    assert_eq!(spans.len(), 4, "{spans:#?}");
    let http = find(&spans, "POST /v1/chat/completions")[0];
    let genai = find(&spans, "chat gpt-4o-mini")[0];
    let (first, second) = (find(&spans, "tool_call.weather")[0], find(&spans, "tool_call.news")[0]);
    assert_eq!(http.parent_span_id, "00f067aa0ba902b7", "part of the caller's trace");
    assert_eq!(genai.parent_span_id, http.span_id);
    for call in [first, second] {
        assert_eq!(call.parent_span_id, genai.span_id);
        assert_eq!(attribute(call, "gen_ai.tool.type"), Some("function"));
        assert!(attribute(call, "gen_ai.tool.call.id").is_some());
        assert_eq!(
            attribute(call, "gen_ai.tool.call.arguments"),
            None,
            "content is off by default"
        );
    }
    let end = |span: &SpanRow| span.timestamp_ns + span.duration_ns;
    assert!(first.duration_ns > 4_000_000 && second.duration_ns > 4_000_000, "real times");
    assert!(end(first) <= second.timestamp_ns, "one after the other");
    assert!(genai.timestamp_ns < first.timestamp_ns && end(second) <= end(genai));
    for (name, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "gpt-4o-mini"),
        ("gen_ai.request.stream", "true"),
        ("gen_ai.request.temperature", "0.5"),
        ("gen_ai.request.max_tokens", "99"),
        ("gen_ai.request.stop_sequences", r#"["END"]"#),
        ("gen_ai.response.finish_reasons", r#"["tool_calls"]"#),
        ("gen_ai.output.type", "text"),
        ("gen_ai.user.id", "body-user"),
        ("gateway.outcome", "complete"),
        ("gateway.usage.source", "reported"),
        ("gateway.routing.path", "passthrough"),
        ("server.address", "127.0.0.1"),
    ] {
        assert_eq!(attribute(genai, name), Some(value), "{name}");
    }
    let ttft: f64 = attribute(genai, "gen_ai.server.time_to_first_token").unwrap().parse().unwrap();
    let half = genai.duration_ns as f64 / 2e9;
    assert!((0.03..half).contains(&ttft), "first token after {ttft} s, half of it after {half} s");
    for name in [
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.server.request.duration",
        "gen_ai.server.output_tokens_per_second",
        "gateway.stream.gap.p50_seconds",
        "gateway.stream.first_byte_seconds",
    ] {
        assert!(attribute(genai, name).is_some(), "{name}");
    }
    assert_eq!(attribute(genai, "gateway.routing.target"), None, "passthrough has the path alone");
}

#[test]
fn the_trace_goes_upstream_and_comes_back() {
    let world = World::usual();
    let trace = trace_id();
    let body = r#"{"model":"gpt-4o-mini","messages":[]}"#;
    let answer = post(
        world.gateway,
        "/v1/chat/completions",
        &[&traceparent(&trace), "tracestate: a=1"],
        body,
    );
    let spans = world.spans(&trace);
    let genai = world.genai(&trace);
    let upstream = world.upstream();
    assert_eq!(
        upstream[0].header("traceparent"),
        Some(&*format!("00-{trace}-{}-01", genai.span_id))
    );
    assert_eq!(upstream[0].header("tracestate"), Some("a=1"));
    let back = answer.header("traceparent").unwrap();
    assert!(spans.iter().any(|span| format!("00-{trace}-{}-01", span.span_id) == back));
    let invalid = post(world.gateway, "/v1/chat/completions", &["traceparent: 00-zz-1-01"], body);
    assert!(invalid.header("traceparent").unwrap().len() == 55, "a new trace begins");
}

#[test]
fn declared_work_is_a_sibling_and_headers_are_attributes() {
    let world = World::usual();
    let trace = trace_id();
    let headers = [
        &*traceparent(&trace),
        "x-to11-user-id: ada",
        "x-to11-session-id: s-1",
        "x-to11-environment: old",
        "x-to11-env: new",
        "X-Conversation-Id: c-1",
        "x-to11-context-operation: execute_tool",
        "x-to11-context-tool-name: search",
        "x-to11-context-tool-duration-ms: 250",
    ];
    let body = r#"{"model":"gpt-4o-mini","user":"body","messages":[{"role":"user","content":[{"type":"image_url"}]}]}"#;
    assert_eq!(post(world.gateway, "/v1/chat/completions", &headers, body).status, 200);
    let spans = world.spans(&trace);
    let genai = world.genai(&trace);
    assert_eq!(genai.name, "generate_content gpt-4o-mini", "an image makes it so");
    assert_eq!(attribute(&genai, "gen_ai.user.id"), Some("ada"), "the header wins");
    assert_eq!(attribute(&genai, "gen_ai.session.id"), Some("s-1"));
    assert_eq!(attribute(&genai, "deployment.environment.name"), Some("new"));
    assert_eq!(attribute(&genai, "gen_ai.conversation.id"), Some("c-1"));
    let work = find(&spans, "execute_tool search")[0];
    assert_eq!(work.parent_span_id, genai.parent_span_id);
    assert_eq!(work.duration_ns, 250_000_000);
    let sent = &world.upstream()[0];
    assert!(
        sent.headers.iter().all(|(name, _)| !name.starts_with("x-to11-")),
        "our headers stay here"
    );
}

#[test]
fn managed_targets_get_our_key_and_never_the_callers() {
    let world = World::usual();
    world.mock.set("first", Scenario::status(503));
    let caller = ["authorization: Bearer sk-caller", "x-api-key: sk-caller-2", "cookie: c=1"];
    let answer =
        post(world.gateway, "/v1/chat/completions", &caller, r#"{"model":"gpt-4o","messages":[]}"#);
    assert_eq!(answer.status, 200);
    for received in world.upstream() {
        assert!(!format!("{:?}", received.headers).contains("sk-caller"));
        assert_eq!(received.header("cookie"), None);
    }
    let log = world.upstream();
    assert_eq!(log[1].header("authorization"), Some(&*format!("Bearer {OPENAI_KEY}")));
    let body = r#"{"model":"claude-resilient","max_tokens":9,"messages":[]}"#;
    post(world.gateway, "/v1/messages", &caller, body);
    let log = world.upstream();
    assert_eq!(log.last().unwrap().header("x-api-key"), Some(ANTHROPIC_KEY));
    assert_eq!(log.last().unwrap().header("authorization"), None);
    assert_eq!(log.last().unwrap().header("anthropic-version"), Some("2023-06-01"));
}

#[test]
fn passthrough_carries_the_callers_key_and_secrets_stay_out_of_spans_and_metrics() {
    let world = World::usual();
    let trace = trace_id();
    let headers = [&*traceparent(&trace), "authorization: Bearer sk-caller-canary"];
    post(
        world.gateway,
        "/v1/chat/completions",
        &headers,
        r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"prompt-canary"}]}"#,
    );
    assert_eq!(world.upstream()[0].header("authorization"), Some("Bearer sk-caller-canary"));
    let told = format!("{:?}{}", world.spans(&trace), world.running().metrics());
    for canary in ["sk-caller-canary", OPENAI_KEY, ANTHROPIC_KEY, "prompt-canary"] {
        assert!(!told.contains(canary), "{canary}");
    }
}

#[test]
fn metrics_have_the_documented_names_and_add_up() {
    let world = World::usual();
    world.mock.set("first", Scenario::status(503));
    for body in [
        r#"{"model":"gpt-4o","stream":true,"messages":[]}"#,
        r#"{"model":"gpt-4o-mini","messages":[]}"#,
        r#"{"model":"unknown","messages":[]}"#,
    ] {
        post(world.gateway, "/v1/chat/completions", &[], body);
    }
    // Who is refused has no place among those in flight, and is counted a moment after the answer.
    crate::harness::until("the last is counted", || {
        counter(&world, "gateway_requests_finished_total", "") >= 3
    });
    let text = exchange(world.control, &request("GET", "/metrics", &[], b""));
    assert_eq!(text.status, 421, "a public name in Host is a page that rebinds its name");
    let metrics = world.running().metrics();
    for name in [
        "gen_ai_client_operation_duration_seconds_bucket",
        "gen_ai_client_token_usage_bucket",
        "gen_ai_server_time_to_first_token_seconds_bucket",
        "gen_ai_server_request_duration_seconds_bucket",
        "gen_ai_server_time_per_output_token_seconds_bucket",
        "gen_ai_server_output_tokens_per_second_bucket",
        "gen_ai_client_finish_reasons_total",
        "gateway_retry_target_exclusions_total",
        "gateway_requests_finished_total",
        "gateway_spans_stored_total",
        "gateway_in_flight",
    ] {
        assert!(metrics.contains(name), "{name} in\n{metrics}");
    }
    assert!(metrics.contains(r#"gateway_retry_excluded_target="primary""#), "{metrics}");
    for (outcome, count) in [("complete", 2), ("rejected", 1)] {
        let line = metrics.lines().find(|line| {
            line.starts_with("gateway_requests_finished_total") && line.contains(outcome)
        });
        assert!(
            line.is_some_and(|line| line.ends_with(&format!(" {count}"))),
            "{outcome}: {line:?}"
        );
    }
}
