//! Deadlines: each ends what it is for, and nothing else.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tollgate_mock::{Fault, Scenario};

use super::raw::{answer_whole, take_request, upstream};
use super::{counter, failed, of, status};
use crate::client::{Answer, post};
use crate::harness::{PATIENCE, World, trace_id, traceparent};

fn world(base: &str, target: &str, retry: &str) -> World {
    World::new(&format!(
        r#"
providers: {{ a: {{ base_url: "{base}/v1", models: [m], auth_type: none }} }}
targets: {{ only: {{ model: m, provider: a, {target} }} }}
routes: {{ r: {{ models: [r], strategy: single, targets: [only] }} }}
routing: {{ retry: {retry} }}
"#
    ))
}

fn send(world: &World, model: &str, body_bytes: usize) -> (Answer, String, Duration) {
    let trace = trace_id();
    let text = "x".repeat(body_bytes);
    let body =
        format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"{text}"}}]}}"#);
    let began = Instant::now();
    let answer = post(world.gateway, "/v1/chat/completions", &[&traceparent(&trace)], &body);
    (answer, trace, began.elapsed())
}

#[test]
fn a_retry_after_silence_waits_its_pause_and_is_made() {
    let world = world("{mock}", "timeout_ms: 1500", "{ max_retries: 2, backoff_base_ms: 100 }");
    for _ in 0..2 {
        world.mock.push("/v1/", Scenario::fault(Fault::HangHead));
    }
    let (answer, trace, _) = send(&world, "r", 9);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let span = world.genai(&trace);
    assert_eq!(of(&span, "gateway.routing.attempt"), "3");
    assert!(failed(&span).iter().all(|(_, _, seconds)| *seconds >= 1.5), "{span:#?}");
    assert_eq!(counter(&world, "gateway_retry_attempts_total", ""), 2);
}

#[test]
fn the_time_for_the_whole_request_ends_it_whatever_attempts_are_left() {
    let world = world(
        "{mock}",
        "timeout_ms: 1500, total_timeout_ms: 2500",
        "{ max_retries: 5, backoff_base_ms: 1 }",
    );
    for _ in 0..6 {
        world.mock.push("/v1/", Scenario::fault(Fault::HangHead));
    }
    let (answer, trace, took) = send(&world, "r", 9);
    assert_eq!(answer.status, 504);
    assert!(took < Duration::from_secs(6 * 3 / 2), "as long as six attempts: {took:?}");
    let span = world.genai(&trace);
    assert_eq!(of(&span, "gateway.routing.attempt"), "2", "one in time, one cut short");
    assert_eq!(world.upstream().len(), 2);
    assert_eq!(of(&span, "error.type"), "timeout");
}

#[test]
fn a_wait_that_ends_after_the_request_does_is_not_begun() {
    let world = world("{mock}", "total_timeout_ms: 8500", "{ max_retries: 2, backoff_base_ms: 1 }");
    world.mock.push("/v1/", Scenario::fault(status(429, &[("retry-after", "9")])));
    let (answer, trace, took) = send(&world, "r", 9);
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("9")));
    assert!(took < Duration::from_secs(8), "the caller is told at once: {took:?}");
    assert_eq!(of(&world.genai(&trace), "gateway.routing.attempt"), "1");
    assert_eq!(world.upstream().len(), 1);
}

#[test]
fn an_upstream_that_reads_a_long_body_slowly_has_its_time_to_answer_nevertheless() {
    // Most of the body takes it seconds; the rest, which the system's buffers would hide, it
    // reads as fast as it comes.
    const BODY_BYTES: usize = 16_000_000;
    const SLOWLY_BYTES: usize = 10_000_000;
    let (address, counts) = upstream(|_, stream, counts| {
        let slowly = |read: usize| {
            if read < SLOWLY_BYTES {
                std::thread::sleep(Duration::from_millis(25));
            }
        };
        if take_request(stream, counts, slowly) {
            answer_whole(stream);
        }
    });
    let base = format!("http://{address}");
    let world = world(&base, "timeout_ms: 1500", "{ max_retries: 0 }");
    let (answer, _, took) = send(&world, "r", BODY_BYTES);
    assert_eq!(answer.status, 200, "after {took:?}: {}", answer.text());
    assert!(took > Duration::from_millis(2_000), "it was slow: {took:?}");
    assert_eq!(counts.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn an_upstream_that_has_a_long_body_and_stays_silent_has_no_more_time_than_any() {
    let world = world("{mock}", "timeout_ms: 400", "{ max_retries: 0 }");
    world.mock.push("/v1/", Scenario::fault(Fault::HangHead));
    let (answer, _, took) = send(&world, "r", 5_000_000);
    assert_eq!(answer.status, 504);
    assert!(took < PATIENCE, "{took:?}");
}

#[test]
fn passthrough_is_asked_once_whatever_happens() {
    let world = world("{mock}", "timeout_ms: 9000", "{ max_retries: 2, backoff_base_ms: 1 }");
    for (fault, expected) in [
        // Connections that break come first: on a pooled one the request would be sent once more.
        (Fault::RefuseAfterAccept, 502),
        (Fault::Reset, 502),
        (Fault::CutAfterEvents(1), 502),
        (status(500, &[]), 500),
        (status(429, &[("retry-after", "1")]), 429),
        (status(401, &[]), 401),
    ] {
        world.mock.clear_log();
        world.mock.push("/v1/", Scenario::fault(fault.clone()));
        let (answer, trace, _) = send(&world, "a::m", 9);
        assert_eq!(answer.status, expected, "{fault:?}: {}", answer.text());
        assert!(answer.complete, "{fault:?}");
        assert_eq!(world.upstream().len(), 1, "{fault:?}");
        let span = world.genai(&trace);
        assert_eq!(of(&span, "gateway.routing.path"), "passthrough", "{fault:?}");
        assert!(failed(&span).is_empty(), "{fault:?}");
    }
    assert_eq!(counter(&world, "gateway_retry", ""), 0);
}
