//! Equal requests at the same time make one call; nobody waits in vain for long.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use tollgate_mock::{Fault, Scenario};

use super::{CHAT, ask, body, calls, is_cached, said, world};
use crate::client::{Answer, connect, post, read, request};
use crate::harness::{PATIENCE, World, attribute, trace_id, traceparent, until};

/// Sends the request so many times at once.
fn all_at_once(world: &World, body: &str, count: usize) -> Vec<Answer> {
    let (gateway, barrier) = (world.gateway, Arc::new(Barrier::new(count)));
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|_| {
                let barrier = Arc::clone(&barrier);
                let ask = move || {
                    barrier.wait();
                    post(gateway, CHAT, &[], body)
                };
                std::thread::Builder::new().stack_size(512 << 10).spawn_scoped(scope, ask).unwrap()
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn hits(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| said(answer) == (200, Some("hit"))).count()
}

/// The first caller of this request, once its call has come to the provider.
fn leader(world: &World, body: &str) -> std::net::TcpStream {
    let mut first = connect(world.gateway);
    std::io::Write::write_all(&mut first, &request("POST", CHAT, &[], body.as_bytes())).unwrap();
    until("its call comes to the provider", || calls(world) > 0);
    first
}

#[test]
fn five_hundred_equal_requests_at_once_make_one_upstream_call() {
    let world = world("streams: true");
    for more in ["", r#""stream":true,"#] {
        let before = calls(&world);
        let slow = Scenario { head_delay_ms: 700, unique: true, ..Scenario::default() };
        world.mock.set("usual", slow);
        let answers = all_at_once(&world, &body("gpt-4o", more), 500);
        assert_eq!(calls(&world), before + 1);
        assert_eq!(hits(&answers), 499);
        assert!(answers.iter().all(|it| it.body == answers[0].body && it.complete));
    }
    let text = world.running().metrics();
    let waits = r#"gateway_cache_waits_total{result="shared""#;
    assert!(text.lines().any(|line| line.starts_with(waits) && !line.ends_with(" 0")), "{text}");
}

#[test]
fn who_waits_goes_on_alone_when_the_first_one_fails() {
    let world = world("");
    let failing = Scenario { head_delay_ms: 300, ..Scenario::status(400) };
    world.mock.push("/", failing);
    let answers = all_at_once(&world, &body("gpt-4o", ""), 20);
    let failed = answers.iter().filter(|answer| answer.status == 400).count();
    assert_eq!(failed, 1, "one's failure is not another's");
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 19);
}

#[test]
fn who_waits_does_so_as_long_as_configured_and_then_asks_itself() {
    let world = world("wait_ms: 200");
    let body = body("gpt-4o", "");
    world.mock.push("/", Scenario::fault(Fault::HangHead));
    let _first = leader(&world, &body);
    let began = Instant::now();
    let (answer, trace) = ask(&world, CHAT, &body, &[]);
    assert_eq!(said(&answer), (200, Some("miss")));
    assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
    assert!(is_cached(&world, CHAT, &body, &trace), "what it got is kept");
    let (answer, _) = ask(&world, CHAT, &body, &[]);
    assert_eq!(said(&answer), (200, Some("hit")), "and found, while the first one hangs");
}

#[test]
fn one_of_those_who_wait_takes_over_when_the_first_ones_caller_leaves() {
    let world = world("");
    let body = body("gpt-4o", "");
    world.mock.push("/", Scenario::fault(Fault::HangHead));
    let slow = Scenario { head_delay_ms: 600, ..Scenario::default() };
    world.mock.set("usual", slow);
    let first = leader(&world, &body);
    let answers = std::thread::scope(|scope| {
        let others = scope.spawn(|| all_at_once(&world, &body, 20));
        until("all are there", || world.running().in_flight() == 21);
        drop(first);
        others.join().unwrap()
    });
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(hits(&answers), 19);
    assert_eq!(calls(&world), 2, "the one that was left, and one for all the others");
}

#[test]
fn who_leaves_while_it_waits_is_gone_at_once_and_has_a_span() {
    let world = world("wait_ms: 300000");
    let body = body("gpt-4o", "");
    world.mock.push("/", Scenario::fault(Fault::HangHead));
    let first = leader(&world, &body);
    let trace = trace_id();
    let mut second = connect(world.gateway);
    let bytes = request("POST", CHAT, &[&traceparent(&trace)], body.as_bytes());
    std::io::Write::write_all(&mut second, &bytes).unwrap();
    until("both are there", || world.running().in_flight() == 2);
    drop(second);
    // Long before its wait would have been over.
    let span = world.genai(&trace);
    assert_eq!(attribute(&span, "gateway.outcome"), Some("cancelled"));
    assert_eq!(attribute(&span, "gen_ai.request.model"), Some("gpt-4o"));
    assert_eq!(calls(&world), 1);
    drop(first);
}

#[test]
fn an_answer_that_turns_out_too_large_is_not_waited_for_to_its_end() {
    let world = world("streams: true, max_entry_bytes: 2000");
    let body = body("gpt-4o", r#""stream":true,"#);
    // Minutes in all; it is too large after a few seconds.
    world.mock.push("/", Scenario::load(200, 500, 1_000));
    let mut first = connect(world.gateway);
    std::io::Write::write_all(&mut first, &request("POST", CHAT, &[], body.as_bytes())).unwrap();
    let _begun = read(&mut first, 1).unwrap();
    let began = Instant::now();
    let (answer, _) = ask(&world, CHAT, &body, &[]);
    assert_eq!(answer.status, 200);
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
}
