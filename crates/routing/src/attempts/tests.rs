//! Every attempt follows from the failure before it.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::Strategy as _;

use super::Attempts;
use crate::fixtures::{passthrough, plan, provider, target, variant};
use crate::plan::ATTEMPTS_MAX;
use crate::{Failure, FailureKind, Plan, Step, Strategy};

const OVERLOADED: Failure = Failure::new(FailureKind::Status(503));

fn fallback(names: &[&str]) -> Step {
    Step::of_targets(Strategy::Fallback, names.iter().map(|name| target(name, 1)))
}

fn weighted(targets: &[(&str, u32)]) -> Step {
    let targets = targets.iter().map(|(name, weight)| target(name, *weight));
    Step::of_targets(Strategy::Weighted, targets)
}

/// The targets tried when every attempt fails in the same way; `*` marks the degraded one.
fn walk(plan: Plan, failure: Failure) -> (Vec<String>, Attempts) {
    let mut attempts = Attempts::new(plan);
    let mut names = Vec::new();
    while let Some(attempt) = attempts.next(0.0) {
        let mark = if attempt.degraded { "*" } else { "" };
        names.push(format!("{}{mark}", attempt.target.name));
        assert_eq!(attempt.number as usize, names.len());
        let more = attempts.failed(failure, 0.5);
        assert_eq!(more, attempts.state != super::State::Over);
    }
    (names, attempts)
}

#[test]
fn each_target_is_retried_then_the_next_follows_then_the_first_once_more() {
    let (names, attempts) = walk(plan(2, vec![fallback(&["a", "b"])]), OVERLOADED);
    assert_eq!(names, ["a", "a", "a", "b", "b", "b", "a*"]);
    let counters = attempts.counters();
    assert_eq!(counters.retries, 4);
    assert_eq!(counters.exhaustion_resets, 1);
    assert_eq!(*counters.exclusions, ["a".into(), "b".into()]);
}

#[test]
fn a_lone_target_has_its_retries_and_no_degraded_attempt() {
    let single = Step::of_targets(Strategy::Single, [target("a", 1)]);
    let (names, attempts) = walk(plan(2, vec![single]), OVERLOADED);
    assert_eq!(names, ["a", "a", "a"]);
    assert_eq!(attempts.counters().exhaustion_resets, 0);
    let (names, _) = walk(plan(0, vec![fallback(&["a"])]), OVERLOADED);
    assert_eq!(names, ["a"]);
}

#[test]
fn only_retries_of_the_same_target_pause() {
    let mut attempts = Attempts::new(plan(1, vec![fallback(&["a", "b"])]));
    let mut waits = Vec::new();
    while let Some(attempt) = attempts.next(0.0) {
        waits.push(attempt.wait.as_millis());
        attempts.failed(OVERLOADED, 0.5);
    }
    assert_eq!(waits, [0, 250, 0, 250, 0]);
}

#[test]
fn the_pause_starts_small_again_at_each_target() {
    let mut attempts = Attempts::new(plan(2, vec![fallback(&["a", "b"])]));
    let mut waits = Vec::new();
    while let Some(attempt) = attempts.next(0.0) {
        waits.push(attempt.wait.as_millis());
        attempts.failed(OVERLOADED, 0.5);
    }
    assert_eq!(waits, [0, 250, 500, 0, 250, 500, 0]);
}

#[test]
fn a_patient_retry_after_is_waited_for_and_a_long_one_leaves_the_target() {
    let limited = |secs| Failure {
        kind: FailureKind::Status(503),
        retry_after: Some(Duration::from_secs(secs)),
    };
    let mut attempts = Attempts::new(plan(1, vec![fallback(&["a", "b"])]));
    attempts.next(0.0);
    assert!(attempts.failed(limited(10), 0.5));
    let again = attempts.next(0.0).unwrap();
    assert_eq!((&*again.target.name, again.wait), ("a", Duration::from_secs(10)));

    let (names, attempts) = walk(plan(3, vec![fallback(&["a", "b"])]), limited(11));
    assert_eq!(names, ["a", "b"], "and the first isn't asked again before its time");
    assert_eq!(attempts.counters().exhaustion_resets, 0);
}

#[test]
fn a_full_target_is_left_for_the_next_at_once_and_the_last_one_is_waited_for() {
    let limited = |secs| Failure {
        kind: FailureKind::Status(429),
        retry_after: Some(Duration::from_secs(secs)),
    };
    let (names, attempts) = walk(plan(2, vec![fallback(&["a", "b", "c"])]), limited(1));
    assert_eq!(names, ["a", "b", "c", "c", "c", "a*"]);
    assert_eq!(attempts.counters().retries, 2);

    let mut attempts = Attempts::new(plan(0, vec![fallback(&["a", "b"])]));
    let mut waits = Vec::new();
    while let Some(attempt) = attempts.next(0.0) {
        waits.push(attempt.wait.as_secs());
        attempts.failed(limited(7), 0.5);
        assert!(attempts.wait().is_zero() || attempts.made() == 2);
    }
    assert_eq!(waits, [0, 0, 7], "the last resort too comes no sooner than it was asked to");
}

#[test]
fn a_refused_credential_leaves_the_target_at_once() {
    for kind in [
        FailureKind::Status(401),
        FailureKind::Status(403),
        FailureKind::Credential,
        FailureKind::Unsuited,
        FailureKind::Full,
    ] {
        let (names, attempts) = walk(plan(3, vec![fallback(&["a", "b"])]), kind.into());
        assert_eq!(names, ["a", "b"], "{kind:?}");
        assert_eq!(attempts.counters().exclusions.len(), 2);
    }
}

#[test]
fn the_first_target_has_its_degraded_attempt_when_only_the_others_refuse_the_credential() {
    let mut attempts = Attempts::new(plan(0, vec![fallback(&["a", "b"])]));
    attempts.next(0.0);
    assert!(attempts.failed(OVERLOADED, 0.0));
    attempts.next(0.0);
    assert!(attempts.failed(FailureKind::Status(401).into(), 0.0));
    let last = attempts.next(0.0).unwrap();
    assert_eq!((&*last.target.name, last.degraded), ("a", true));
    assert!(!attempts.failed(OVERLOADED, 0.0));
}

#[test]
fn what_cannot_be_mended_ends_it_without_an_exclusion() {
    for kind in [FailureKind::Status(400), FailureKind::Status(404), FailureKind::Final] {
        let (names, attempts) = walk(plan(2, vec![fallback(&["a", "b"])]), kind.into());
        assert_eq!(names, ["a"], "{kind:?}");
        assert_eq!(*attempts.counters(), super::Counters::default());
    }
}

#[test]
fn passthrough_is_never_retried() {
    let acme = provider("acme", &["m"]);
    for kind in [FailureKind::Connect, FailureKind::Status(503), FailureKind::Status(401)] {
        let plan = Plan::passthrough(passthrough(&acme).remove(0));
        assert_eq!(plan.attempts_max(), 1);
        let (names, attempts) = walk(plan, kind.into());
        assert_eq!(names, ["acme"]);
        assert_eq!(*attempts.counters(), super::Counters::default());
        assert!(!attempts.is_retryable(&kind.into()));
    }
}

#[test]
fn an_attempt_in_flight_has_no_successor() {
    let mut attempts = Attempts::new(plan(2, vec![fallback(&["a", "b"])]));
    assert!(!attempts.failed(OVERLOADED, 0.0), "nothing is in flight yet");
    assert!(attempts.next(0.0).is_some());
    assert!(attempts.next(0.0).is_none());
    assert!(attempts.failed(OVERLOADED, 0.0));
    assert!(!attempts.failed(OVERLOADED, 0.0), "one attempt fails once");
    assert_eq!(attempts.next(0.0).unwrap().number, 2);
}

#[test]
fn a_weighted_step_draws_again_among_those_left() {
    let step = weighted(&[("a", 1), ("b", 1), ("never", 0), ("c", 2)]);
    let mut attempts = Attempts::new(plan(0, vec![step]));
    let mut names = Vec::new();
    for random in [0.99, 0.0, 0.0, 0.99] {
        let attempt = attempts.next(random).unwrap();
        names.push((attempt.target.name.to_string(), attempt.degraded));
        attempts.failed(OVERLOADED, 0.0);
    }
    let expected = [("c", false), ("a", false), ("b", false), ("c", true)];
    assert!(names.iter().map(|(name, last)| (&**name, *last)).eq(expected), "{names:?}");
    assert!(attempts.next(0.0).is_none());
}

#[test]
fn the_next_step_runs_when_a_step_has_failed() {
    let steps = vec![weighted(&[("a", 9), ("b", 1)]), fallback(&["b", "c"])];
    let plan = plan(0, steps);
    assert_eq!(plan.strategy, Strategy::Fallback);
    let (names, _) = walk(plan, OVERLOADED);
    assert_eq!(names, ["a", "b", "c", "a*"], "b was tried in the first step");
}

#[test]
fn an_experiment_says_which_variant_each_attempt_belongs_to() {
    let step = Step::of_variants([variant("fast", 3), variant("good", 1)]);
    let mut attempts = Attempts::new(plan(0, vec![step]));
    let first = attempts.next(0.75).unwrap();
    assert_eq!(first.variant.map(|variant| variant.name.to_string()).as_deref(), Some("good"));
    attempts.failed(OVERLOADED, 0.0);
    let second = attempts.next(0.75).unwrap();
    assert_eq!(second.variant.map(|variant| variant.name.to_string()).as_deref(), Some("fast"));
}

#[test]
fn retries_never_take_the_place_of_a_target_not_yet_asked() {
    let (names, _) = walk(plan(100, vec![fallback(&["a", "b", "c"])]), OVERLOADED);
    assert_eq!(names, ["a", "a", "a", "a", "a", "b", "c", "a*"]);
    assert_eq!(names.len(), ATTEMPTS_MAX as usize);
}

#[test]
fn a_chain_longer_than_the_bound_is_walked_to_its_end() {
    let names: Vec<String> = (0..12).map(|index| format!("t{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (tried, _) = walk(plan(2, vec![fallback(&names)]), OVERLOADED);
    assert_eq!(tried.len(), 13, "{tried:?}");
}

#[test]
fn a_plan_without_anything_to_draw_has_no_attempt() {
    assert!(walk(plan(2, vec![]), OVERLOADED).0.is_empty());
    assert!(walk(plan(2, vec![weighted(&[("a", 0)])]), OVERLOADED).0.is_empty());
}

fn any_failure() -> impl proptest::strategy::Strategy<Value = Failure> {
    let kind = prop_oneof![
        Just(FailureKind::Connect),
        Just(FailureKind::Timeout),
        Just(FailureKind::ErrorEvent),
        Just(FailureKind::Credential),
        prop_oneof![Just(401), Just(429), Just(500), Just(529)].prop_map(FailureKind::Status),
    ];
    let retry_after = prop::option::of((0_u64..20).prop_map(Duration::from_secs));
    (kind, retry_after).prop_map(|(kind, retry_after)| Failure { kind, retry_after })
}

fn any_plan() -> impl proptest::strategy::Strategy<Value = Plan> {
    let step = (0..3_u8, prop::collection::vec((0..6_u8, 0..4_u32), 1..4));
    (0..5_u32, prop::collection::vec(step, 1..4)).prop_map(|(max_retries, steps)| {
        let steps = steps.into_iter().map(|(strategy, targets)| {
            let strategy =
                [Strategy::Single, Strategy::Weighted, Strategy::Fallback][usize::from(strategy)];
            let targets = targets.iter().map(|(name, weight)| target(&format!("t{name}"), *weight));
            Step::of_targets(strategy, targets)
        });
        plan(max_retries, steps.collect())
    })
}

proptest! {
    #[test]
    fn whatever_fails_the_attempts_are_bounded_and_no_target_comes_back_before_the_reset(
        plan in any_plan(),
        failures in prop::collection::vec((any_failure(), 0.0..1.0_f64), 64),
    ) {
        let bound = plan.attempts_max();
        let max_retries = plan.retry.max_retries;
        let targets = plan.targets().len();
        let mut attempts = Attempts::new(plan);
        let mut tries: HashMap<String, u32> = HashMap::new();
        let mut left: Vec<String> = Vec::new();
        let mut last = None;
        let mut more = targets > 0;
        for (failure, random) in failures {
            let Some(attempt) = attempts.next(random) else { break };
            prop_assert!(more, "failed() said that nothing would follow");
            let name = attempt.target.name.to_string();
            prop_assert!(last.is_none(), "nothing follows the degraded attempt");
            if attempt.degraded {
                last = Some(name.clone());
                prop_assert_eq!(left.len(), targets, "all were left");
            } else {
                prop_assert!(!left.contains(&name), "{name} was left");
                prop_assert!(attempt.wait <= crate::retry::WAIT_MAX);
                *tries.entry(name.clone()).or_default() += 1;
            }
            more = attempts.failed(failure, random);
            left = attempts.counters().exclusions.iter().map(ToString::to_string).collect();
        }
        prop_assert!(!more, "failed() promised another attempt");
        prop_assert!(attempts.made() <= bound, "{} of {bound}", attempts.made());
        prop_assert!(tries.values().all(|tries| *tries <= max_retries + 1));
        prop_assert_eq!(tries.len(), targets, "every target gets its chance");
        let counters = attempts.counters();
        prop_assert!(counters.exhaustion_resets <= 1);
        prop_assert_eq!(counters.exclusions.len(), targets);
        let firsts = u32::try_from(targets).unwrap();
        prop_assert_eq!(attempts.made(), firsts + counters.retries + counters.exhaustion_resets);
    }

    #[test]
    fn the_first_draw_follows_the_weights(weights in prop::collection::vec(0..50_u32, 2..5)) {
        const POINTS: u32 = 2_000;
        let names: Vec<String> = (0..weights.len()).map(|index| index.to_string()).collect();
        let targets: Vec<(&str, u32)> =
            names.iter().map(String::as_str).zip(weights.iter().copied()).collect();
        let total: u32 = weights.iter().sum();
        prop_assume!(total > 0);
        let plan = plan(0, vec![weighted(&targets)]);
        let mut drawn = vec![0_u32; weights.len()];
        for point in 0..POINTS {
            let random = f64::from(point) / f64::from(POINTS);
            let attempt = Attempts::new(plan.clone()).next(random).unwrap();
            drawn[attempt.target.name.parse::<usize>().unwrap()] += 1;
        }
        for (weight, drawn) in weights.iter().zip(drawn) {
            let expected = f64::from(POINTS) * f64::from(*weight) / f64::from(total);
            prop_assert!((f64::from(drawn) - expected).abs() <= 2.0);
        }
    }
}
