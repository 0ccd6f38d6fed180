//! Calls that go wrong: at the provider, on the way, and because the caller leaves.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use tollgate_mock::{Fault, Scenario};

use super::answers::{Pair, asked, good, said, truth_of};
use super::client::Leave;
use super::dialect::{CANARY, Dialect, UPSTREAMS};
use super::script::{Attempt, Call, Truth, Usage};

/// The words of a text that something happens in the middle of.
const WORDS_MIN: usize = 20;
/// Text events of a stream that its caller leaves, and the pause between them in milliseconds.
const ABORT_EVENTS: usize = 1_500;
const ABORT_GAP_MS: u64 = 2;
/// The most events that such a caller waits for.
const ABORT_AFTER_MAX: usize = 40;
/// How long a caller waits for an answer that never begins.
const ABORT_EARLY: Duration = Duration::from_millis(80);

fn passed_through(upstream: Dialect) -> Attempt {
    Attempt { provider: format!("one-{}", upstream.name()), target: None }
}

fn managed(provider: &str, target: &str, upstream: Dialect) -> Attempt {
    let name = upstream.name();
    Attempt { provider: format!("{provider}-{name}"), target: Some(format!("{target}-{name}")) }
}

/// A call that fails at the upstream, passed through, so that nobody tries again.
fn failed(rng: &mut Rng, pair: Pair, scenario: Scenario, error: &'static str) -> Call {
    let call = asked(rng, pair, pair.upstream.name(), &scenario);
    let truth = Truth {
        outcome: "upstream_failed",
        error: Some(error),
        attempts: vec![passed_through(pair.upstream)],
        usage: Usage::Unknown,
        ..call.truth
    };
    Call { truth, scenarios: vec![scenario], ..call }
}

fn long_text(rng: &mut Rng) -> Scenario {
    let content = vec![said(rng, WORDS_MIN)];
    Scenario { events_per_chunk: 1, ..good(rng, content) }
}

pub(crate) fn no_answer(rng: &mut Rng) -> Call {
    let pair = Pair::any(rng);
    let fault = if rng.bool() { Fault::Reset } else { Fault::RefuseAfterAccept };
    let scenario = Scenario::fault(fault);
    let name = pair.upstream.name();
    let call = asked(rng, pair, &format!("frail-{name}"), &scenario);
    let truth = Truth {
        outcome: "upstream_failed",
        error: Some("connection_error"),
        attempts: vec![Attempt { provider: format!("frail-{name}"), target: None }],
        usage: Usage::Unknown,
        ..call.truth
    };
    frail(Call { truth, scenarios: vec![scenario], ..call })
}

/// Has the call answered by the provider that keeps no connection.
fn frail(mut call: Call) -> Call {
    for scenario in &mut call.scenarios {
        scenario.headers.insert("connection".to_owned(), "close".to_owned());
    }
    Call { frail: true, ..call }
}

/// The event at whose place an error comes while nothing has been said yet.
fn early(upstream: Dialect) -> usize {
    upstream.events_before_text().min(1)
}

pub(crate) fn before_content(rng: &mut Rng) -> Call {
    let pair = Pair { stream: true, ..Pair::any(rng) };
    let after = early(pair.upstream);
    let (fault, error) = match rng.u8(..4) {
        0 => (Fault::CutAfterEvents(after), "connection_error"),
        1 => (Fault::ResetAfterEvents(after), "connection_error"),
        2 => (Fault::Garbage, "connection_error"),
        _ => (Fault::ErrorEventAfter(after), "request_error"),
    };
    let scenario = Scenario { fault: Some(fault), ..long_text(rng) };
    let mut call = failed(rng, pair, scenario, error);
    // Messages begin with the count of the input.
    if pair.upstream == Dialect::Messages {
        call.truth.usage = Usage::Open;
    }
    call
}

pub(crate) fn after_content(rng: &mut Rng) -> Call {
    let pair = Pair::any(rng);
    let after = pair.upstream.events_before_text() + rng.usize(1..WORDS_MIN);
    let (fault, error) = match rng.u8(..4) {
        0 => (Fault::CutAfterEvents(after), "connection_error"),
        1 => (Fault::ResetAfterEvents(after), "connection_error"),
        2 if !pair.stream => (Fault::Truncated, "connection_error"),
        _ => (Fault::ErrorEventAfter(after), "request_error"),
    };
    let scenario = Scenario { fault: Some(fault), ..long_text(rng) };
    let mut call = failed(rng, pair, scenario, error);
    call.truth.usage = if pair.stream { Usage::Estimated } else { Usage::Unknown };
    call
}

fn error_answer(code: u16) -> Scenario {
    let body = format!(r#"{{"error":{{"message":"{CANARY} no","type":"x","code":null}}}}"#);
    Scenario::fault(Fault::Status { code, body: Some(body), headers: BTreeMap::new() })
}

pub(crate) fn status(rng: &mut Rng) -> Call {
    const CODES: [u16; 11] = [400, 401, 403, 404, 408, 409, 422, 429, 500, 503, 529];
    let (pair, code) = (Pair::any(rng), CODES[rng.usize(..CODES.len())]);
    failed(rng, pair, error_answer(code), "request_error")
}

/// At a target with short deadlines.
pub(crate) fn timeout(rng: &mut Rng) -> Call {
    let pair = Pair { stream: true, ..Pair::any(rng) };
    let before = early(pair.upstream);
    let after = pair.upstream.events_before_text() + rng.usize(2..WORDS_MIN);
    let (fault, usage) = match rng.u8(..3) {
        0 => (Fault::HangHead, Usage::Unknown),
        1 if pair.upstream == Dialect::Messages => {
            (Fault::Stall { after_events: before }, Usage::Open)
        }
        1 => (Fault::Stall { after_events: before }, Usage::Unknown),
        _ => (Fault::Stall { after_events: after }, Usage::Estimated),
    };
    let scenario = Scenario { fault: Some(fault), gap_ms: 0, ..long_text(rng) };
    let call = asked(rng, pair, &format!("hasty-{}", pair.upstream.name()), &scenario);
    let truth = Truth {
        outcome: "upstream_failed",
        error: Some("timeout"),
        attempts: vec![managed("one", "hasty", pair.upstream)],
        usage,
        ..call.truth
    };
    Call { truth, scenarios: vec![scenario], ..call }
}

/// The caller has enough after some events.
pub(crate) fn abort(rng: &mut Rng) -> Call {
    let pair = Pair { stream: true, ..Pair::any(rng) };
    let scenario = Scenario {
        stream_events: Some(ABORT_EVENTS),
        gap_ms: ABORT_GAP_MS,
        events_per_chunk: 1,
        ..good(rng, Vec::new())
    };
    let call = asked(rng, pair, pair.upstream.name(), &scenario);
    let events = pair.caller.events_before_text() + rng.usize(1..ABORT_AFTER_MAX);
    let truth = Truth {
        outcome: "cancelled",
        attempts: vec![passed_through(pair.upstream)],
        usage: Usage::Estimated,
        timed: true,
        ..call.truth
    };
    Call { truth, scenarios: vec![scenario], leave: Some(Leave::Events(events)), ..call }
}

/// The caller has enough before anything has come.
pub(crate) fn abort_early(rng: &mut Rng) -> Call {
    let pair = Pair::any(rng);
    let scenario = Scenario::fault(Fault::HangHead);
    let call = asked(rng, pair, pair.upstream.name(), &scenario);
    let truth = Truth {
        outcome: "cancelled",
        attempts: vec![passed_through(pair.upstream)],
        usage: Usage::Unknown,
        ..call.truth
    };
    Call { truth, scenarios: vec![scenario], leave: Some(Leave::After(ABORT_EARLY)), ..call }
}

/// Something that another attempt follows.
fn stumble(rng: &mut Rng, pair: Pair) -> Scenario {
    const CODES: [u16; 6] = [408, 409, 500, 502, 503, 529];
    let after = early(pair.upstream);
    match rng.u8(..6) {
        0 => Scenario::fault(Fault::Reset),
        1 => Scenario::fault(Fault::RefuseAfterAccept),
        2 if pair.stream => {
            Scenario { fault: Some(Fault::CutAfterEvents(after)), ..long_text(rng) }
        }
        3 if pair.stream => {
            Scenario { fault: Some(Fault::ErrorEventAfter(after)), ..long_text(rng) }
        }
        _ => error_answer(CODES[rng.usize(..CODES.len())]),
    }
}

/// The error type of what [`stumble`] makes.
const fn error_of(scenario: &Scenario) -> &'static str {
    match scenario.fault {
        Some(Fault::Status { .. } | Fault::ErrorEventAfter(_)) => "request_error",
        _ => "connection_error",
    }
}

/// The same target is asked again, up to twice.
pub(crate) fn retry(rng: &mut Rng) -> Call {
    let pair = Pair::any(rng);
    let failures = rng.usize(1..=3);
    let mut scenarios: Vec<Scenario> = (0..failures).map(|_| stumble(rng, pair)).collect();
    let last = long_text(rng);
    let call = asked(rng, pair, &format!("again-{}", pair.upstream.name()), &last);
    let attempts = vec![managed("frail", "a", pair.upstream); failures.min(2) + 1];
    let truth = if failures == 3 {
        let error = scenarios.last().map(error_of);
        Truth { outcome: "upstream_failed", error, attempts, ..call.truth }
    } else {
        scenarios.push(last.clone());
        Truth { attempts, ..truth_of(pair, &last, call.truth) }
    };
    frail(Call { truth, scenarios, ..call })
}

/// The second target answers, or the first one once both have failed; or nobody.
pub(crate) fn fail_over(rng: &mut Rng) -> Call {
    let pair = Pair::any(rng);
    let crossed = rng.bool();
    let second = if crossed { next(pair.upstream) } else { pair.upstream };
    let seconds = Pair { upstream: second, ..pair };
    let (route, first) = (if crossed { "cross" } else { "pair" }, pair.upstream.name());
    let (a, b) = (managed("frail", "a", pair.upstream), managed("spare", "b", second));
    let last = long_text(rng);
    let call = asked(rng, pair, &format!("{route}-{first}"), &last);
    let (one, two, three) = (stumble(rng, pair), stumble(rng, seconds), stumble(rng, pair));
    let (scenarios, truth) = match rng.u8(..8) {
        0 => {
            let error = Some(error_of(&three));
            let attempts = vec![a.clone(), b, a];
            let outcome = "upstream_failed";
            (vec![one, two, three], Truth { outcome, error, attempts, ..call.truth })
        }
        1 | 2 => {
            let attempts = vec![a.clone(), b, a];
            let truth = Truth { attempts, ..truth_of(pair, &last, call.truth) };
            (vec![one, two, last], truth)
        }
        _ => {
            let truth = Truth { attempts: vec![a, b], ..truth_of(seconds, &last, call.truth) };
            (vec![one, last], truth)
        }
    };
    frail(Call { truth, scenarios, ..call })
}

/// The dialect of the second target of a `cross` route.
pub(crate) fn next(first: Dialect) -> Dialect {
    let at = UPSTREAMS.iter().position(|known| *known == first).unwrap_or(0);
    UPSTREAMS[(at + 1) % UPSTREAMS.len()]
}
