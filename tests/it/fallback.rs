//! What happens when a target fails: before the first content another one answers, after it none.

use tollgate_mock::{Fault, Scenario};

use crate::client::{Answer, post};
use crate::harness::{World, attribute, trace_id, traceparent};

const CHAT: &str = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}"#;
const CHAT_STREAM: &str =
    r#"{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
const MESSAGES_STREAM: &str = r#"{"model":"claude-resilient","stream":true,"max_tokens":64,"messages":[{"role":"user","content":"hi"}]}"#;

fn send(world: &World, path: &str, body: &str) -> (Answer, String) {
    let trace = trace_id();
    let answer = post(world.gateway, path, &[&traceparent(&trace)], body);
    (answer, trace)
}

/// The first target fails as told: the second one's answer is all that is seen.
fn assert_fails_over(fault: Scenario, path: &str, body: &str, why: &str) {
    let world = World::usual();
    world.mock.set("first", fault);
    let (answer, trace) = send(&world, path, body);
    assert_eq!(answer.status, 200, "{why}: {}", answer.text());
    assert!(answer.complete);
    let direct = body.replace("claude-resilient", "claude-sonnet-4-6");
    let expected = post(world.mock.addr(), path, &[], &direct);
    assert_eq!(answer.text(), expected.text(), "{why}: nothing of the failed target is shown");
    let span = world.genai(&trace);
    assert_eq!(attribute(&span, "gateway.routing.attempt"), Some("2"), "{why}");
    assert_eq!(attribute(&span, "gateway.outcome"), Some("complete"), "{why}");
    let failed: Vec<_> =
        span.events.iter().filter(|event| event.name == "gateway.attempt").collect();
    assert_eq!(failed.len(), 1, "{why}");
    let target = failed[0].attributes.iter().find(|(name, _)| name == "gateway.attempt.target");
    assert!(matches!(target.map(|(_, value)| &**value), Some("primary" | "msg-one")), "{why}");
}

#[test]
fn a_target_that_answers_with_a_retryable_status_is_left() {
    for status in [408, 409, 425, 429, 500, 502, 503, 504, 529] {
        let why = format!("status {status}");
        assert_fails_over(Scenario::status(status), "/v1/chat/completions", CHAT, &why);
    }
}

#[test]
fn a_target_that_breaks_or_stays_silent_is_left() {
    for fault in [Fault::RefuseAfterAccept, Fault::Reset, Fault::HangHead] {
        let why = format!("{fault:?}");
        assert_fails_over(Scenario::fault(fault), "/v1/chat/completions", CHAT, &why);
    }
}

#[test]
fn a_stream_that_fails_before_its_first_content_is_left() {
    for fault in [
        Fault::CutAfterEvents(1),
        Fault::ErrorEventAfter(1),
        Fault::ResetAfterEvents(1),
        Fault::Stall { after_events: 1 },
    ] {
        let why = format!("{fault:?}");
        assert_fails_over(
            Scenario::fault(fault.clone()),
            "/v1/chat/completions",
            CHAT_STREAM,
            &why,
        );
    }
}

#[test]
fn a_messages_stream_that_fails_before_its_first_content_is_left() {
    for fault in [Fault::CutAfterEvents(2), Fault::ErrorEventAfter(2), Fault::HangHead] {
        let why = format!("{fault:?}");
        assert_fails_over(Scenario::fault(fault), "/v1/messages", MESSAGES_STREAM, &why);
    }
}

#[test]
fn a_refused_connection_is_left() {
    let port = crate::harness::free_port();
    let world = World::new(&format!(
        r#"
providers:
  gone:   {{ base_url: "http://127.0.0.1:{port}/v1", models: [gpt-4o], auth_type: none }}
  openai: {{ base_url: "{{mock}}/v1", models: [gpt-4o], auth_type: none }}
targets: {{ one: {{ model: gpt-4o, provider: gone }}, two: {{ model: gpt-4o, provider: openai }} }}
routes: {{ r: {{ models: [gpt-4o], strategy: fallback, targets: [one, two], retry: {{ max_retries: 1, backoff_base_ms: 5 }} }} }}
"#
    ));
    let (answer, trace) = send(&world, "/v1/chat/completions", CHAT);
    assert_eq!(answer.status, 200);
    let span = world.genai(&trace);
    assert_eq!(
        attribute(&span, "gateway.routing.attempt"),
        Some("3"),
        "one retry, then the next target"
    );
    assert_eq!(span.events.len(), 2);
}

#[test]
fn when_all_targets_fail_the_caller_gets_the_last_answer() {
    let world = World::usual();
    world.mock.set("first", Scenario::status(503));
    for _ in 0..4 {
        world.mock.push("/v1/", Scenario::status(429));
    }
    let (answer, trace) = send(&world, "/v1/chat/completions", CHAT);
    assert_eq!(answer.status, 503, "the degraded last attempt goes to the first target");
    assert_eq!(answer.header("x-to11-error-code"), Some("overloaded"));
    assert_eq!(answer.header("x-to11-upstream-provider"), Some("first"));
    assert!(answer.text().contains("provider returned status 503"), "{}", answer.text());
    let span = world.genai(&trace);
    assert_eq!(attribute(&span, "gateway.outcome"), Some("upstream_failed"));
    assert_eq!(attribute(&span, "error.type"), Some("request_error"));
    assert_eq!(attribute(&span, "gateway.routing.attempt"), Some("3"));
}

#[test]
fn silence_of_the_only_target_is_a_504_and_a_broken_connection_a_502() {
    let world = World::new(
        r#"
providers: { openai: { base_url: "{mock}/v1", models: [gpt-4o], auth_type: none } }
targets: { only: { model: gpt-4o, timeout_ms: 1500 } }
routing: { retry: { max_retries: 0 } }
"#,
    );
    for (fault, status, kind) in
        [(Fault::HangHead, 504, "timeout"), (Fault::RefuseAfterAccept, 502, "connection_error")]
    {
        world.mock.push("/v1/", Scenario::fault(fault));
        let (answer, trace) = send(&world, "/v1/chat/completions", CHAT);
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("x-to11-error-code"), Some("upstream"));
        assert_eq!(answer.json()["error"]["type"], "server_error");
        assert_eq!(attribute(&world.genai(&trace), "error.type"), Some(kind));
    }
}

#[test]
fn after_the_first_content_the_caller_gets_an_error_event_and_a_clean_end() {
    let world = World::usual();
    for fault in
        [Fault::CutAfterEvents(5), Fault::ResetAfterEvents(5), Fault::Stall { after_events: 5 }]
    {
        world.mock.set("first", Scenario::fault(fault.clone()));
        let (answer, trace) = send(&world, "/v1/chat/completions", CHAT_STREAM);
        assert_eq!(answer.status, 200);
        assert!(answer.complete, "{fault:?}: the chunked body ends as it should");
        let text = answer.text();
        let last = text.trim_end().lines().last().unwrap();
        let error: serde_json::Value =
            serde_json::from_str(last.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(error["error"]["type"], "server_error", "{fault:?}");
        assert_eq!(
            attribute(&world.genai(&trace), "gateway.outcome"),
            Some("upstream_failed"),
            "{fault:?}"
        );
    }
    assert!(
        world.upstream().iter().all(|r| r.path_and_query.starts_with("/@first")),
        "nothing is spliced"
    );
}

#[test]
fn a_messages_stream_that_breaks_ends_with_an_error_event_of_its_own() {
    let world = World::usual();
    world.mock.set("first", Scenario::fault(Fault::CutAfterEvents(6)));
    let (answer, _) = send(&world, "/v1/messages", MESSAGES_STREAM);
    let text = answer.text();
    let event = text.trim_end().rsplit("\n\n").next().unwrap();
    assert!(event.starts_with("event: error\ndata: {"), "{event}");
    assert!(event.contains(r#""type":"api_error""#), "{event}");
}

#[test]
fn passthrough_is_never_retried() {
    let world = World::usual();
    world.mock.push("/v1/", Scenario::status(503));
    let body = CHAT.replace("gpt-4o", "gpt-4o-mini");
    let (answer, trace) = send(&world, "/v1/chat/completions", &body);
    assert_eq!(answer.status, 503);
    assert_eq!(world.upstream().len(), 1);
    assert_eq!(attribute(&world.genai(&trace), "gateway.routing.path"), Some("passthrough"));
}
