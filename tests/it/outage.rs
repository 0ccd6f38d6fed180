//! A backend of spans that is down, slow or busy under load: requests don't feel it, memory is
//! bounded, and every span is accounted for.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::client::post;
use crate::exporters::counter;
use crate::harness::{PATIENCE, USUAL, World, free_port};
use crate::otlp_backend::{Mood, OtlpBackend};

const BODY: &str = r#"{"model":"gpt-4o-mini","messages":[]}"#;
/// Fewer than the calls of a run, so that it overflows.
const QUEUE_SPANS_MAX: u64 = 50;
const CALLS: usize = 300;
/// What the slowest hundredth of calls may take longer. Far above what is measured on an idle
/// machine, for the sake of busy ones.
const ADDED_P99_MAX: Duration = Duration::from_millis(5);
/// A busy machine's hiccup in one run says nothing about the code.
const RUNS_MAX: usize = 12;
/// With this variable set, outages last two minutes, and the figures are printed.
const LONG: &str = "TOLLGATE_LONG";

/// What became of the spans of model calls.
#[derive(Debug)]
struct Account {
    delivered: u64,
    queued: u64,
    dropped: u64,
}

fn account(world: &World) -> Account {
    let metrics = world.running().metrics();
    let of = |name, reason| counter(&metrics, &[name, "queue=\"genai_telemetry\"", reason]);
    let dropped = |reason| of("gateway_spans_dropped_total", reason);
    Account {
        delivered: of("gateway_spans_stored_total", ""),
        queued: of("gateway_spans_queued", ""),
        dropped: dropped("queue_full") + dropped("refused") + dropped("shutdown"),
    }
}

fn call(world: &World) -> Duration {
    let started = Instant::now();
    assert_eq!(post(world.gateway, "/v1/chat/completions", &[], BODY).status, 200);
    started.elapsed()
}

fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() * 99 / 100]
}

/// Calls both worlds in turn, so that a busy machine slows both, and says how long each took at
/// most in 99 of 100 calls. Returns how often each was called, too.
fn compare(plain: &World, exporting: &World, until: Option<Instant>) -> (Duration, Duration, u64) {
    let (mut without, mut with) = (Vec::new(), Vec::new());
    while with.len() < CALLS || until.is_some_and(|until| Instant::now() < until) {
        without.push(call(plain));
        with.push(call(exporting));
        if with.len() % 20 == 0 {
            let account = account(exporting);
            assert!(account.queued <= QUEUE_SPANS_MAX, "memory is bounded: {account:?}");
        }
    }
    let calls = with.len() as u64;
    (p99(without), p99(with), calls)
}

/// One outage from its beginning to its end. `mood` is none for a backend that is not there.
fn outage(mood: Option<Mood>) {
    let long = std::env::var_os(LONG).map(|_| Instant::now() + Duration::from_secs(120));
    let port = free_port();
    let plain = World::usual();
    let exporting = World::new(&format!(
        "{USUAL}genai_telemetry: {{ otlp_endpoint: \"http://127.0.0.1:{port}\", \
         protocol: http/json, queue_spans_max: {QUEUE_SPANS_MAX} }}\n"
    ));
    let backend = OtlpBackend::new(mood.unwrap_or(Mood::Taking));
    if mood.is_some() {
        backend.serve(exporting.runtime(), port);
    }
    let (_warm, _too) = (call(&plain), call(&exporting));
    let mut submitted = 1;
    let mut added = Duration::MAX;
    for _ in 0..RUNS_MAX {
        let (without, with, calls) = compare(&plain, &exporting, long);
        submitted += calls;
        added = added.min(with.saturating_sub(without));
        if long.is_some() {
            eprintln!("{mood:?}: {calls} calls, p99 {without:?} without, {with:?} with exporter");
        }
        if added < ADDED_P99_MAX {
            break;
        }
    }
    assert!(added < ADDED_P99_MAX, "{mood:?} adds {added:?}");
    // Where calls are slow the backend keeps up with them for longer.
    crate::harness::until("the queue overflows", || {
        let overflowed = account(&exporting).dropped > 0;
        if !overflowed {
            call(&exporting);
            submitted += 1;
        }
        overflowed
    });
    // It recovers.
    if mood.is_none() {
        backend.serve(exporting.runtime(), port);
    }
    backend.turn(Mood::Taking);
    let until = Instant::now() + PATIENCE;
    let settled = loop {
        let account = account(&exporting);
        if account.queued == 0 && account.delivered + account.dropped == submitted {
            break account;
        }
        assert!(Instant::now() < until, "{mood:?}: {account:?} of {submitted}");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(settled.dropped > 0, "{mood:?}: the queue overflowed: {settled:?}");
    assert!(settled.delivered >= QUEUE_SPANS_MAX, "what was queued arrives: {settled:?}");
    let arrived = backend.spans();
    let ids: HashSet<_> = arrived.iter().map(|span| span.id().to_owned()).collect();
    assert_eq!(arrived.len() as u64, settled.delivered, "{mood:?}: no more than was delivered");
    assert_eq!(ids.len(), arrived.len(), "{mood:?}: each once");
    if long.is_some() {
        eprintln!("{mood:?}: {submitted} submitted = {settled:?}");
    }
}

#[test]
fn trap_38_a_backend_that_is_down_slows_no_request_and_fills_no_memory() {
    outage(None);
}

#[test]
fn trap_38_a_backend_that_answers_after_seconds_slows_no_request_and_fills_no_memory() {
    outage(Some(Mood::Slow(Duration::from_secs(5))));
}

#[test]
fn trap_38_a_backend_that_is_busy_slows_no_request_and_fills_no_memory() {
    outage(Some(Mood::Busy));
}
