//! Callers that leave.

use std::time::Duration;

use tollgate_mock::{Ended, Fault, Scenario};

use crate::client::{connect, leave_after, request};
use crate::harness::{PATIENCE, World, at_best, attribute, trace_id, traceparent, until};

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
