//! Five targets in a row: four fail, each in its own way, and the fifth answers; or all five fail.

use super::{Case, all, all_cases, cases, counter, direct, failed, of, run, world};

const KB: usize = 1_000;
const MB_5: usize = 5_000_000;
const LENGTH: usize = 5;
const RETRY: &str = "{ max_retries: 0, backoff_base_ms: 1 }";

#[test]
fn four_faults_in_a_row_are_not_seen() {
    let faults = all();
    // Every fault stands at some place of some chain, and no two chains are alike.
    let chains: Vec<Vec<String>> = (0..faults.len())
        .step_by(LENGTH - 1)
        .map(|start| {
            let names = faults.iter().cycle().skip(start).take(LENGTH - 1);
            names.map(|fault| fault.name.clone()).chain(["good".to_owned()]).collect()
        })
        .collect();
    let world = world(&faults, &chains, RETRY);
    let cases = cases(&chains, &[KB, MB_5]);
    all_cases(&cases, |case: &Case| {
        let outcome = run(&world, case);
        let (answer, span) = (&outcome.answer, &outcome.span);
        let why = format!("{case:?}: {} {}\n{span:#?}", answer.status, answer.text());
        assert_eq!(answer.status, 200, "{why}");
        assert!(answer.complete, "{why}");
        assert_eq!(answer.text(), direct(&world, case).text(), "{why}");
        assert_eq!(of(span, "gateway.routing.attempt"), "5", "{why}");
        assert_eq!(of(span, "gateway.routing.target"), "good", "{why}");
        assert_eq!(of(span, "gateway.outcome"), "complete", "{why}");
        let events = failed(span);
        let targets: Vec<_> = events.iter().map(|(target, ..)| target).collect();
        assert_eq!(targets, case.chain[..LENGTH - 1].iter().collect::<Vec<_>>(), "{why}");
        for (target, status, _) in &events {
            let fault = faults.iter().find(|fault| fault.name == *target).unwrap();
            if !fault.streams_only {
                assert_eq!(*status, fault.status, "{why}");
            }
        }
    });
    let requests = cases.len() as u64;
    assert_eq!(counter(&world, "gateway_retry_attempts_total", ""), 0);
    assert_eq!(counter(&world, "gateway_retry_target_exclusions_total", ""), 4 * requests);
    assert_eq!(counter(&world, "gateway_retry_exhaustion_resets_total", ""), 0);
    assert_eq!(counter(&world, "gateway_requests_finished_total", "complete"), requests);
}

#[test]
fn when_all_five_fail_the_first_is_asked_once_more_and_its_answer_is_the_answer() {
    let faults = all();
    let chain = |names: [&str; LENGTH]| names.map(str::to_owned).to_vec();
    let chains = [
        chain(["storm", "limited", "closed", "hang-head", "unauthorized"]),
        chain(["overloaded", "refused", "cut", "silent", "limited-day"]),
        chain(["closed", "storm", "error-event", "reset", "limited-odd"]),
        // These two asked us to stay away, or don't know us: they are not asked again.
        chain(["limited-day", "storm", "closed", "cut", "overloaded"]),
        chain(["unauthorized", "storm", "closed", "cut", "overloaded"]),
    ];
    let world = world(&faults, &chains, RETRY);
    let cases = cases(&chains, &[KB]);
    let last_resort = |case: &Case| !["limited-day", "unauthorized"].contains(&&*case.chain[0]);
    all_cases(&cases, |case: &Case| {
        let outcome = run(&world, case);
        let (answer, span) = (&outcome.answer, &outcome.span);
        let why = format!("{case:?}: {} {}\n{span:#?}", answer.status, answer.text());
        assert!(answer.complete, "{why}");
        let status = match case.chain[0].as_str() {
            "storm" => 500,
            "overloaded" | "limited-day" | "unauthorized" => 529,
            _ => 502,
        };
        assert_eq!(answer.status, status, "{why}");
        assert!(answer.json()["error"]["message"].is_string(), "{why}");
        let (attempts, target) =
            if last_resort(case) { ("6", &case.chain[0]) } else { ("5", &case.chain[4]) };
        assert_eq!(of(span, "gateway.routing.attempt"), attempts, "{why}");
        assert_eq!(of(span, "gateway.routing.target"), target, "{why}");
        assert_eq!(of(span, "gateway.outcome"), "upstream_failed", "{why}");
        assert_eq!(
            failed(span).len().to_string(),
            (attempts.parse::<usize>().unwrap() - 1).to_string()
        );
    });
    let resets = cases.iter().filter(|case| last_resort(case)).count() as u64;
    assert_eq!(counter(&world, "gateway_retry_exhaustion_resets_total", ""), resets);
    assert_eq!(
        counter(&world, "gateway_retry_target_exclusions_total", ""),
        (LENGTH * cases.len()) as u64
    );
}
