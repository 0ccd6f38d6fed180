//! What users of other gateways were hit by when providers failed: see `docs/traps.md`.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tollgate_mock::{Fault, Scenario};

use super::raw::{ROLE, TEXT, answer_whole, begin_stream, chunk, take_request, upstream};
use super::{counter, failed, of, status};
use crate::client::{Answer, post};
use crate::harness::{PATIENCE, World, trace_id, traceparent};

/// Two targets, `one` and `two`, and one that has none behind it.
const PAIR: &str = r#"
providers:
  a: { base_url: "{mock}/@one/v1", models: [m], auth_type: none }
  b: { base_url: "{mock}/@two/v1", models: [m], auth_type: none }
targets:
  one: { model: m, provider: a, first_token_timeout_ms: 3000 }
  two: { model: m, provider: b }
routes:
  pair:  { models: [pair], strategy: fallback, targets: [one, two] }
  alone: { models: [alone], strategy: single, targets: [one] }
routing: { retry: { max_retries: 1, backoff_base_ms: 1 } }
"#;

fn send(world: &World, model: &str, stream: bool) -> (Answer, String) {
    let trace = trace_id();
    let body = format!(
        r#"{{"model":"{model}","stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#
    );
    (post(world.gateway, "/v1/chat/completions", &[&traceparent(&trace)], &body), trace)
}

/// A world whose target `one` is an upstream of raw bytes.
fn world_of(address: std::net::SocketAddr, target: &str) -> World {
    let raw = format!("base_url: \"http://{address}/v1\"");
    let pair = PAIR.replace("base_url: \"{mock}/@one/v1\"", &raw);
    World::new(&pair.replace("first_token_timeout_ms: 3000", target))
}

fn reached(world: &World, name: &str) -> usize {
    let log = world.upstream();
    log.iter().filter(|received| received.path_and_query.contains(name)).count()
}

#[test]
fn trap_22_a_stream_that_breaks_off_is_an_error_and_never_a_success() {
    let world = World::new(PAIR);
    for fault in [
        Fault::CutAfterEvents(5),
        Fault::ErrorEventAfter(5),
        Fault::ResetAfterEvents(5),
        Fault::NoDone,
    ] {
        // `NoDone` still says why it stopped; without that there is no end at all.
        let no_end = fault == Fault::NoDone;
        world.mock.set("one", Scenario::fault(fault.clone()));
        let (answer, trace) = send(&world, "alone", true);
        assert_eq!(answer.status, 200);
        let span = world.genai(&trace);
        if no_end {
            assert_eq!(of(&span, "gateway.outcome"), "complete", "{fault:?}");
            continue;
        }
        assert!(answer.text().contains("data: {\"error\":{"), "{fault:?}: {}", answer.text());
        assert_eq!(of(&span, "gateway.outcome"), "upstream_failed", "{fault:?}");
        assert_eq!(of(&span, "gen_ai.response.finish_reasons"), "[\"error\"]", "{fault:?}");
        assert!(!of(&span, "error.type").is_empty());
    }
    assert_eq!(counter(&world, "gateway_requests_finished_total", "upstream_failed"), 3);
}

#[test]
fn trap_23_an_error_after_status_200_moves_on_until_the_first_content() {
    let world = World::new(PAIR);
    for fault in [
        Fault::ErrorEventAfter(0),
        Fault::ErrorEventAfter(1),
        Fault::CutAfterEvents(0),
        Fault::CutAfterEvents(1),
        Fault::Stall { after_events: 1 },
    ] {
        world.mock.set("one", Scenario::fault(fault.clone()));
        let (answer, trace) = send(&world, "pair", true);
        let direct = post(
            world.mock.addr(),
            "/v1/chat/completions",
            &[],
            r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#,
        );
        assert_eq!(answer.text(), direct.text(), "{fault:?}");
        assert_eq!(of(&world.genai(&trace), "gateway.routing.target"), "two", "{fault:?}");
    }
}

#[test]
fn trap_24_nothing_is_spliced_onto_what_the_caller_has() {
    let world = World::new(PAIR);
    for fault in [Fault::CutAfterEvents(4), Fault::ErrorEventAfter(4), Fault::ResetAfterEvents(4)] {
        world.mock.set("one", Scenario::fault(fault.clone()));
        let (answer, trace) = send(&world, "pair", true);
        assert!(answer.complete, "{fault:?}");
        assert_eq!(answer.text().matches("\"role\":\"assistant\"").count(), 1, "{fault:?}");
        assert_eq!(answer.text().matches("data: {\"error\":{").count(), 1, "{fault:?}");
        assert_eq!(of(&world.genai(&trace), "gateway.routing.attempt"), "1", "{fault:?}");
    }
    assert_eq!(reached(&world, "@two"), 0, "no other target is even asked");
}

#[test]
fn trap_25_a_target_that_is_full_is_left_for_the_next_at_once() {
    let world = World::new(PAIR);
    world.mock.set("one", Scenario::fault(status(429, &[("retry-after", "9")])));
    let began = Instant::now();
    let (answer, trace) = send(&world, "pair", false);
    assert_eq!(answer.status, 200);
    assert!(began.elapsed() < Duration::from_secs(9), "the wait is the target's, not the caller's");
    let span = world.genai(&trace);
    assert_eq!(of(&span, "gateway.routing.attempt"), "2");
    assert_eq!(failed(&span)[0].1, Some(429));
    assert_eq!((reached(&world, "@one"), reached(&world, "@two")), (1, 1));
    assert_eq!(counter(&world, "gateway_retry_attempts_total", ""), 0);
}

#[test]
fn trap_26_a_wait_that_is_asked_for_is_kept_up_to_the_cap_and_never_beyond() {
    let world = World::new(PAIR);
    let ask = |headers: &[(&str, &str)]| {
        world.mock.clear_log();
        world.mock.push("/@one/", Scenario::fault(status(429, headers)));
        let began = Instant::now();
        let (answer, _) = send(&world, "alone", false);
        (answer.status, began.elapsed(), reached(&world, "@one"))
    };
    for headers in [
        &[("retry-after", "1")][..],
        &[("retry-after-ms", "1000")],
        &[("x-ratelimit-reset-requests", "1s"), ("x-ratelimit-remaining-requests", "0")],
    ] {
        let (status, took, requests) = ask(headers);
        assert_eq!((status, requests), (200, 2), "{headers:?}");
        assert!(took >= Duration::from_secs(1), "{headers:?}: {took:?}");
    }
    for value in ["11", "86400", "99999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let (status, took, requests) = ask(&[("retry-after", value)]);
        assert_eq!((status, requests), (429, 1), "{value}: left, and the caller is told");
        assert!(took < Duration::from_secs(10), "{value}: {took:?}");
    }
    let (status, _, requests) = ask(&[("x-ratelimit-reset-tokens", "6m0s")]);
    assert_eq!((status, requests), (429, 1));
    for value in ["-5", "soon", "1e9", "NaN", "inf", "Sun, 06 Nov 1994 08:49:37 GMT"] {
        let (status, took, requests) = ask(&[("retry-after", value)]);
        assert_eq!((status, requests), (200, 2), "{value}: no reason to wait");
        assert!(took < Duration::from_secs(10), "{value}: {took:?}");
    }
}

#[test]
fn trap_27_pings_do_not_keep_a_stalled_stream_alive() {
    for content in [false, true] {
        let (address, _) = upstream(move |_, stream, counts| {
            if take_request(stream, counts, |_| ()) {
                begin_stream(stream);
                chunk(stream, ROLE);
                if content {
                    chunk(stream, TEXT);
                }
                // Pings for as long as anybody reads.
                while chunk(stream, ": ping\n\n") {
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        });
        let world = world_of(address, "idle_timeout_ms: 1500, first_token_timeout_ms: 1500");
        let began = Instant::now();
        let (answer, trace) = send(&world, "pair", true);
        assert!(began.elapsed() < PATIENCE);
        let span = world.genai(&trace);
        if content {
            assert!(answer.text().contains("data: {\"error\":{"), "{}", answer.text());
            assert_eq!(of(&span, "error.type"), "timeout");
        } else {
            assert_eq!(of(&span, "gateway.routing.target"), "two");
            assert!(!answer.text().contains("ping"), "{}", answer.text());
        }
    }
}

#[test]
fn trap_18_the_deadline_on_the_first_token_and_its_time_mean_content_not_a_role_or_a_ping() {
    for late_ms in [100, 60_000] {
        let (address, _) = upstream(move |_, stream, counts| {
            if !take_request(stream, counts, |_| ()) {
                return;
            }
            begin_stream(stream);
            chunk(stream, ROLE);
            let began = Instant::now();
            // A role and pings all the while: the caller has an open stream and nothing to show.
            while began.elapsed() < Duration::from_millis(late_ms) && chunk(stream, ": ping\n\n") {
                std::thread::sleep(Duration::from_millis(10));
            }
            chunk(stream, TEXT);
            chunk(stream, "data: [DONE]\n\n");
        });
        let world = world_of(address, "first_token_timeout_ms: 3000");
        let (answer, trace) = send(&world, "pair", true);
        assert_eq!(answer.status, 200);
        let span = world.genai(&trace);
        let seconds = |name| of(&span, name).parse::<f64>().unwrap();
        let first = seconds("gen_ai.server.time_to_first_token");
        if late_ms == 100 {
            assert_eq!(of(&span, "gateway.routing.target"), "one");
            assert!(first >= 0.1, "{first} s");
            assert!(seconds("gateway.stream.first_event_seconds") < first);
        } else {
            assert_eq!(of(&span, "gateway.routing.target"), "two", "left by the deadline");
            assert!(first < 3.0, "of the attempt that answered: {first} s");
            assert_eq!(failed(&span).len(), 2, "asked twice, and left");
        }
    }
}

#[test]
fn trap_28_a_slow_target_is_left_by_its_deadline_and_no_second_call_is_bought_beside_it() {
    let world = World::new(PAIR);
    let slow = Scenario { first_delay_ms: 300, ..Scenario::default() };
    world.mock.set("one", slow);
    let (answer, trace) = send(&world, "pair", true);
    assert_eq!(answer.status, 200);
    assert_eq!(of(&world.genai(&trace), "gateway.routing.attempt"), "1");
    assert_eq!(reached(&world, "@two"), 0, "one call is one call");
}

#[test]
fn trap_29_a_pooled_connection_that_was_closed_is_no_failure_of_its_target() {
    // Each connection answers once; the next request on it is met by silence and the end.
    let (address, counts) = upstream(|_, stream, counts| {
        if take_request(stream, counts, |_| ()) {
            answer_whole(stream);
            take_request(stream, counts, |_| ());
        }
    });
    let world = world_of(address, "timeout_ms: 9000");
    for number in 1..=3 {
        let (answer, trace) = send(&world, "pair", false);
        assert_eq!(answer.status, 200);
        let span = world.genai(&trace);
        assert_eq!(of(&span, "gateway.routing.attempt"), "1", "request {number}");
        assert_eq!(of(&span, "gateway.routing.target"), "one", "request {number}");
        assert!(failed(&span).is_empty());
    }
    assert_eq!(counts.connections.load(Ordering::SeqCst), 3);
    assert_eq!(counts.requests.load(Ordering::SeqCst), 5, "the second and third were sent again");
    assert_eq!(counter(&world, "gateway_retry_attempts_total", ""), 0);
    assert_eq!(counter(&world, "gateway_retry_target_exclusions_total", ""), 0);
}

#[test]
fn trap_29_a_fresh_connection_that_is_closed_and_an_answer_that_breaks_off_do_count() {
    let (address, counts) = upstream(|number, stream, counts| {
        if take_request(stream, counts, |_| ()) && number == 0 {
            answer_whole(stream);
            // On the connection that was pooled an answer begins, and ends too soon.
            if take_request(stream, counts, |_| ()) {
                begin_stream(stream);
                chunk(stream, ROLE);
            }
        }
    });
    let world = world_of(address, "timeout_ms: 9000");
    send(&world, "pair", false);
    let (answer, trace) = send(&world, "pair", true);
    assert_eq!(answer.status, 200);
    let span = world.genai(&trace);
    assert_eq!(of(&span, "gateway.routing.attempt"), "3", "both failures count");
    assert_eq!(failed(&span).len(), 2);
    assert_eq!(counts.requests.load(Ordering::SeqCst), 3);
}
