//! Each fault alone, and with one good target behind it.

use super::{
    Case, Fails, all, all_cases, body, cases, counter, direct, failed, is_full_matrix, of, run,
    world,
};
use crate::harness::World;

const KB: usize = 1_000;
const MB_5: usize = 5_000_000;
const RETRY: &str = "{ max_retries: 1, backoff_base_ms: 1 }";

/// A 429 is worth no second try where another target may have room.
fn is_full(fault: &Fails) -> bool {
    fault.status == Some(429)
}

/// Whether a lone target is asked again: not where it asks for more patience than there is.
fn is_retried_alone(fault: &Fails) -> bool {
    !fault.leaves && !["limited-day", "limited-reset"].contains(&fault.name.as_str())
}

fn concerns(fault: &Fails, case: &Case) -> bool {
    !fault.streams_only || case.stream
}

fn check_counts(world: &World, requests: &[(&str, usize)]) {
    let log = world.upstream();
    for (name, expected) in requests {
        let path = format!("/@{name}/");
        let count = log.iter().filter(|r| r.path_and_query.starts_with(&path)).count();
        assert_eq!(count, *expected, "requests that reached {name}");
    }
}

#[test]
fn any_fault_of_the_first_target_is_made_good_by_the_second() {
    any_fault_is_made_good(KB);
}

#[test]
fn any_fault_is_made_good_for_a_body_of_5_mb_too() {
    any_fault_is_made_good(MB_5);
}

fn any_fault_is_made_good(body_bytes: usize) {
    let faults = all();
    let chains: Vec<_> =
        faults.iter().map(|fault| vec![fault.name.clone(), "good".to_owned()]).collect();
    let world = world(&faults, &chains, RETRY);
    let fault_of = |case: &Case| faults.iter().find(|fault| fault.name == case.chain[0]).unwrap();
    let mut cases = cases(&chains, &[body_bytes]);
    cases.retain(|case| concerns(fault_of(case), case));
    all_cases(&cases, |case| {
        let fault = fault_of(case);
        let outcome = run(&world, case);
        let (answer, span) = (&outcome.answer, &outcome.span);
        let why = format!("{case:?}: {span:#?}");
        assert_eq!(answer.status, 200, "{why} {}", answer.text());
        assert!(answer.complete, "{why}");
        assert_eq!(answer.text(), direct(&world, case).text(), "{why}");
        let retries = u32::from(!fault.leaves && !is_full(fault));
        assert_eq!(of(span, "gateway.routing.attempt"), (2 + retries).to_string(), "{why}");
        assert_eq!(of(span, "gateway.routing.target"), "good", "{why}");
        assert_eq!(of(span, "gateway.routing.path"), "managed", "{why}");
        assert_eq!(of(span, "gateway.routing.layer"), "route", "{why}");
        assert_eq!(of(span, "gateway.routing.strategy"), "fallback", "{why}");
        assert_eq!(of(span, "gateway.outcome"), "complete", "{why}");
        let events = failed(span);
        assert_eq!(events.len(), 1 + retries as usize, "{why}");
        for (target, status, seconds) in events {
            assert_eq!((&target, status), (&fault.name, fault.status), "{why}");
            assert!(seconds >= if fault.hangs { 0.4 } else { 0.0 }, "{why}");
        }
    });
    let sum = |what: fn(&Fails) -> bool| cases.iter().filter(|case| what(fault_of(case))).count();
    let retries = sum(|fault| !fault.leaves && !is_full(fault));
    assert_eq!(counter(&world, "gateway_retry_attempts_total", ""), retries as u64);
    assert_eq!(
        counter(&world, "gateway_retry_target_exclusions_total", ""),
        cases.len() as u64,
        "each of them left one target"
    );
    assert_eq!(counter(&world, "gateway_retry_exhaustion_resets_total", ""), 0);
    for fault in &faults {
        let part = format!("gateway_retry_excluded_target=\"{}\"", fault.name);
        let own = cases.iter().filter(|case| case.chain[0] == fault.name).count();
        assert_eq!(counter(&world, "gateway_retry_target_exclusions_total", &part), own as u64);
        // The mock's log has no room for all that many bodies of 5 MB.
        if fault.scenario.is_some() && body_bytes == KB {
            let each = if fault.leaves || is_full(fault) { 1 } else { 2 };
            check_counts(&world, &[(fault.name.as_str(), own * each)]);
        }
    }
}

#[test]
fn a_lone_target_that_fails_gives_one_clean_error() {
    let faults = all();
    let chains: Vec<_> = faults.iter().map(|fault| vec![fault.name.clone()]).collect();
    let world = world(&faults, &chains, RETRY);
    let fault_of = |case: &Case| faults.iter().find(|fault| fault.name == case.chain[0]).unwrap();
    let sizes = if is_full_matrix() { &[KB, MB_5][..] } else { &[KB] };
    let mut cases = cases(&chains, sizes);
    cases.retain(|case| concerns(fault_of(case), case));
    all_cases(&cases, |case| {
        let fault = fault_of(case);
        let outcome = run(&world, case);
        let (answer, span) = (&outcome.answer, &outcome.span);
        let why = format!("{case:?}: {} {}\n{span:#?}", answer.status, answer.text());
        assert!(answer.complete, "{why}");
        let attempts = 1 + usize::from(is_retried_alone(fault));
        assert_eq!(of(span, "gateway.routing.attempt"), attempts.to_string(), "{why}");
        assert_eq!(failed(span).len(), attempts - 1, "{why}");
        assert_eq!(of(span, "gateway.outcome"), "upstream_failed", "{why}");
        assert_eq!(of(span, "gateway.routing.strategy"), "single", "{why}");
        match (fault.status, fault.hangs) {
            (Some(status), _) => assert_eq!(answer.status, status, "{why}"),
            // Nothing is left to wait for: the stream had begun, and ends with an error event.
            _ if answer.status == 200 => {
                assert!(case.stream, "{why}");
                let text = answer.text();
                let last = text.trim_end().lines().last().unwrap();
                assert!(last.starts_with("data: {\"error\":{"), "{why}");
            }
            (None, true) => assert_eq!(answer.status, 504, "{why}"),
            (None, false) => assert_eq!(answer.status, 502, "{why}"),
        }
        if answer.status != 200 {
            assert!(answer.json()["error"]["message"].is_string(), "{why}");
            assert!(answer.header("x-to11-error-code").is_some(), "{why}");
        }
    });
    let retried = cases.iter().filter(|case| is_retried_alone(fault_of(case))).count();
    assert_eq!(counter(&world, "gateway_retry_attempts_total", ""), retried as u64);
    assert_eq!(counter(&world, "gateway_retry_exhaustion_resets_total", ""), 0);
}

#[test]
fn a_body_reaches_each_target_as_it_was_sent() {
    let faults = all();
    let chain = ["storm", "closed", "good"].map(str::to_owned).to_vec();
    let world = world(&faults, std::slice::from_ref(&chain), RETRY);
    let cases = cases(&[chain], &[KB, MB_5]);
    for case in cases.iter().filter(|case| case.stream != case.h2) {
        world.mock.clear_log();
        let outcome = run(&world, case);
        assert_eq!(outcome.answer.status, 200);
        let sent: serde_json::Value = serde_json::from_str(&body(case, "m")).unwrap();
        let log = world.upstream();
        assert_eq!(log.len(), 5, "two at each that fails, one at the good one");
        for received in log {
            let mut got = received.json();
            got.as_object_mut().unwrap().remove("stream_options");
            assert!(got == sent, "{received:?}");
        }
    }
}
