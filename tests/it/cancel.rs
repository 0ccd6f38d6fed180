//! Callers that leave.

use std::time::Duration;

use http_body_util::BodyExt;
use tollgate_mock::{Ended, Fault, Scenario};

use crate::client::{connect, leave_after, read_until, request};
use crate::harness::{PATIENCE, World, at_best, attribute, trace_id, traceparent, until};
use crate::http2::Connection;

const STREAM: &str =
    r#"{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"hello there"}]}"#;

/// A caller leaves a stream of five seconds after twenty pieces: its trace, and how long the upstream
/// went on.
pub(crate) fn leave(world: &World, path: &str, body: &str) -> (String, Duration) {
    let trace = trace_id();
    world.mock.clear_log();
    world.mock.push(path, Scenario::load(500, 100, 10));
    let bytes = request("POST", path, &[&traceparent(&trace)], body.as_bytes());
    let (answer, left) = leave_after(world.gateway, &bytes, 20);
    assert_eq!(answer.status, 200);
    let ended = world.block_on(world.mock.ended(1, PATIENCE));
    let (at, how) = ended[0].response.ended.expect("the mock saw an end");
    assert_eq!(how, Ended::PeerClosed);
    (trace, at.saturating_duration_since(left))
}

#[test]
fn trap_20_a_caller_that_leaves_mid_stream_closes_the_upstream_and_ends_as_one_cancelled_span() {
    let world = World::usual();
    let (trace, _) = at_best(
        "the upstream is left when the caller leaves",
        || leave(&world, "/v1/chat/completions", STREAM),
        |(_, took)| *took < Duration::from_millis(100),
    );
    let span = world.genai(&trace);
    assert_eq!(attribute(&span, "gateway.outcome"), Some("cancelled"));
    assert_eq!(attribute(&span, "gateway.usage.source"), Some("estimated"));
    let tokens: u64 = attribute(&span, "gen_ai.usage.output_tokens").unwrap().parse().unwrap();
    assert!(tokens > 0, "what was delivered is estimated, never zero");
    assert_eq!(attribute(&span, "error.type"), None, "leaving is no error of the upstream's");
    // The permit is back.
    world.until_idle();
}

#[test]
fn a_caller_that_leaves_before_any_content_has_unknown_usage() {
    let world = World::usual();
    let trace = trace_id();
    world.mock.push("/v1/chat/completions", Scenario::fault(Fault::HangHead));
    let bytes = request("POST", "/v1/chat/completions", &[&traceparent(&trace)], STREAM.as_bytes());
    let mut stream = connect(world.gateway);
    std::io::Write::write_all(&mut stream, &bytes).unwrap();
    until("the request reaches the upstream", || !world.upstream().is_empty());
    drop(stream);
    let ended = world.block_on(world.mock.ended(1, PATIENCE));
    assert_eq!(ended[0].ended(), Some(Ended::PeerClosed));
    let span = world.genai(&trace);
    assert_eq!(attribute(&span, "gateway.outcome"), Some("cancelled"));
    assert_eq!(attribute(&span, "gateway.usage.source"), Some("unknown"));
    assert_eq!(attribute(&span, "gen_ai.usage.output_tokens"), None, "unknown is not zero");
}

#[test]
fn the_backoff_ends_when_the_caller_leaves() {
    let world = World::new(
        r#"
providers: { openai: { base_url: "{mock}/v1", models: [gpt-4o-mini], auth_type: none } }
targets: { only: { model: gpt-4o-mini } }
routing: { retry: { max_retries: 2, backoff_base_ms: 4000 } }
"#,
    );
    for _ in 0..3 {
        world.mock.push("/v1/chat/completions", Scenario::status(503));
    }
    let trace = trace_id();
    let bytes = request("POST", "/v1/chat/completions", &[&traceparent(&trace)], STREAM.as_bytes());
    let mut stream = connect(world.gateway);
    std::io::Write::write_all(&mut stream, &bytes).unwrap();
    world.block_on(world.mock.ended(1, PATIENCE));
    std::thread::sleep(Duration::from_millis(50));
    drop(stream);
    let span = world.genai(&trace);
    let requests = world.upstream().len();
    assert_eq!(attribute(&span, "gateway.outcome"), Some("cancelled"));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(world.upstream().len(), requests, "nobody is left to try again for");
}

/// Asks for a stream that says all and then does not end, and leaves when `end` has come.
fn leave_at(world: &World, path: &str, body: &str, end: &str) -> String {
    world.mock.push("/", Scenario::fault(Fault::Stall { after_events: usize::MAX }));
    let trace = trace_id();
    let mut stream = connect(world.gateway);
    let bytes = request("POST", path, &[&traceparent(&trace)], body.as_bytes());
    std::io::Write::write_all(&mut stream, &bytes).unwrap();
    read_until(&mut stream, end);
    trace
}

#[test]
fn a_caller_that_leaves_at_the_end_mark_had_the_whole_answer() {
    let world = World::new(
        r#"
providers:
  openai:    { base_url: "{mock}/v1", models: [gpt-4o-mini], auth_type: none }
  anthropic: { base_url: "{mock}/v1", models: [claude-sonnet-4-6], dialect: messages, auth_type: none }
cache: { enabled: true, streams: true, mode: force }
"#,
    );
    let messages = r#""stream":true,"max_tokens":9,"messages":[{"role":"user","content":"hi"}]"#;
    let input = r#""stream":true,"input":"hi""#;
    for (path, model, asked, end) in [
        ("/v1/chat/completions", "gpt-4o-mini", messages, "[DONE]\n\n"),
        ("/v1/chat/completions", "claude-sonnet-4-6", messages, "[DONE]\n\n"),
        ("/v1/messages", "claude-sonnet-4-6", messages, "\"message_stop\"}\n\n"),
        ("/v1/messages", "gpt-4o-mini", messages, "\"message_stop\"}\n\n"),
        ("/v1/responses", "gpt-4o-mini", input, "event: response.completed"),
    ] {
        let body = format!(r#"{{"model":"{model}",{asked}}}"#);
        // The upstream's connection ends with this one, as its answer has not.
        let trace = leave_at(&world, path, &body, end);
        let span = world.genai(&trace);
        assert_eq!(attribute(&span, "gateway.outcome"), Some("complete"), "{path} {model}");
        assert_eq!(attribute(&span, "gateway.usage.source"), Some("reported"), "{path} {model}");
        assert_eq!(attribute(&span, "error.type"), None, "{path} {model}");
        world.until_idle();
        // It is told again, and whoever leaves at its end mark has had all of that, too.
        let calls = world.upstream().len();
        let trace = leave_at(&world, path, &body, end);
        let span = world.genai(&trace);
        assert_eq!(attribute(&span, "gateway.outcome"), Some("cached"), "{path} {model}");
        assert_eq!(world.upstream().len(), calls, "{path} {model}");
    }
}

#[test]
fn over_http2_too_a_caller_that_leaves_at_the_end_mark_had_the_whole_answer() {
    let world = World::usual();
    for (events, mark, outcome) in [(usize::MAX, "[DONE]\n\n", "complete"), (3, "", "cancelled")] {
        world.mock.push("/", Scenario::fault(Fault::Stall { after_events: events }));
        let trace = trace_id();
        let parent = traceparent(&trace);
        let parent = parent.split_once(": ").unwrap();
        world.block_on(async {
            let mut caller = Connection::open(world.gateway).await;
            let answer = caller.send("/v1/chat/completions", &[parent], STREAM.as_bytes()).await;
            let (mut body, mut said) = (answer.into_body(), String::new());
            while said.is_empty() || !said.ends_with(mark) {
                let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
                said.push_str(std::str::from_utf8(&piece).unwrap());
            }
        });
        let span = world.genai(&trace);
        assert_eq!(attribute(&span, "gateway.outcome"), Some(outcome));
    }
}
