//! Requests that the gateway itself lets go of: each is told of, nothing is lost at the end.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use tollgate_mock::{Ended, Fault, Scenario};
use tollgate_store::{SpanStore, Sqlite, SqliteSettings};

use crate::client::{connect, request};
use crate::faults::counter;
use crate::harness::{PATIENCE, World, attribute, trace_id, traceparent, until};

const PATH: &str = "/v1/chat/completions";
const STREAM: &str =
    r#"{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

#[test]
fn requests_that_outlast_the_drain_time_end_as_cancelled_and_are_stored() {
    let mut world = World::new(
        r#"
server: { port: {gateway}, threads: 1, drain_secs: 0, work_stealing: true }
providers: { openai: { base_url: "{mock}/v1", models: [gpt-4o-mini], auth_type: none } }
"#,
    );
    world.mock.push(PATH, Scenario::fault(Fault::HangHead));
    world.mock.push(PATH, Scenario::fault(Fault::Stall { after_events: 3 }));
    let mut calls = Vec::new();
    for at in 0..2 {
        let trace = trace_id();
        let mut stream = connect(world.gateway);
        let bytes = request("POST", PATH, &[&traceparent(&trace)], STREAM.as_bytes());
        stream.write_all(&bytes).unwrap();
        until("the request reaches the upstream", || world.upstream().len() > at);
        if at == 1 {
            let mut some = [0; 64];
            assert!(stream.read(&mut some).unwrap() > 0, "the stream began");
        }
        calls.push((trace, stream));
    }
    assert_eq!(world.running().in_flight(), 2);
    world.stop();
    let store = Sqlite::open(&world.database(), SqliteSettings::default()).unwrap();
    for (trace, _stream) in &calls {
        let spans = world.block_on(store.trace(trace)).unwrap();
        let outcomes: Vec<_> =
            spans.iter().filter_map(|span| attribute(span, "gateway.outcome")).collect();
        assert_eq!((spans.len(), &*outcomes), (2, &["cancelled"][..]), "{spans:#?}");
    }
}

#[test]
fn callers_that_leave_while_they_send_are_cancelled_and_counted_once() {
    let world = World::usual();
    let whole = request("POST", PATH, &[], STREAM.as_bytes());
    let head = whole.len() - STREAM.len();
    for upto in [head, head + 1, whole.len() - 1] {
        let mut stream = connect(world.gateway);
        stream.write_all(&whole[..upto]).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
    let name = "gateway_requests_finished_total";
    until("all are counted", || counter(&world, name, "") >= 3);
    assert_eq!(counter(&world, name, "\"cancelled\""), 3);
    // A request is counted a moment before its spans are told.
    until("two spans each", || counter(&world, "gateway_spans_stored_total", "") >= 6);
    assert_eq!(counter(&world, "gateway_spans_stored_total", ""), 6, "two spans each");
    world.until_idle();
}

#[test]
fn trap_34_a_stream_that_is_abandoned_is_exported_and_its_place_given_back() {
    let world = World::usual();
    for pieces in [1, 4] {
        let trace = trace_id();
        world.mock.push(PATH, Scenario::load(500, 80, 5));
        let bytes = request("POST", PATH, &[&traceparent(&trace)], STREAM.as_bytes());
        crate::client::leave_after(world.gateway, &bytes, pieces);
        let span = world.genai(&trace);
        assert_eq!(attribute(&span, "gateway.outcome"), Some("cancelled"));
        assert!(span.duration_ns > 0);
        world.until_idle();
    }
    assert_eq!(counter(&world, "gateway_requests_finished_total", "\"cancelled\""), 2);
}

#[test]
fn trap_20_the_upstream_is_left_as_soon_as_nobody_waits_for_it() {
    let world = World::usual();
    for (at, scenario) in
        [Scenario::load(500, 80, 100), Scenario::fault(Fault::HangHead)].into_iter().enumerate()
    {
        world.mock.push(PATH, scenario);
        let mut stream = connect(world.gateway);
        stream.write_all(&request("POST", PATH, &[], STREAM.as_bytes())).unwrap();
        until("the request reaches the upstream", || world.upstream().len() > at);
        std::thread::sleep(Duration::from_millis(50));
        let left = Instant::now();
        drop(stream);
        let ended = world.block_on(world.mock.ended(at + 1, PATIENCE));
        let (when, how) = ended[at].response.ended.expect("the mock saw an end");
        assert_eq!(how, Ended::PeerClosed);
        let took = when.saturating_duration_since(left);
        // Long before the end, which would be after most of a minute; `cancel` measures how soon.
        assert!(took < Duration::from_secs(10), "billed for another {took:?}");
    }
}

#[test]
fn trap_11_what_an_abandoned_stream_delivered_is_estimated_and_counted_as_used() {
    let world = World::usual();
    let trace = trace_id();
    world.mock.push(PATH, Scenario::load(500, 80, 5));
    let bytes = request("POST", PATH, &[&traceparent(&trace)], STREAM.as_bytes());
    crate::client::leave_after(world.gateway, &bytes, 10);
    let span = world.genai(&trace);
    assert_eq!(attribute(&span, "gateway.usage.source"), Some("estimated"));
    let tokens = attribute(&span, "gen_ai.usage.output_tokens").unwrap();
    let counted = counter(&world, "gen_ai_client_token_usage_sum", "gen_ai_token_type=\"output\"");
    assert_eq!(counted.to_string(), tokens, "the metric says what the span says");
    assert!(counted > 0);
}
