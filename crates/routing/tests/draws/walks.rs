//! Whatever fails in whatever way: the history of a request keeps its promises.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::Strategy as Generator;
use tollgate_routing::retry::WAIT_MAX;
use tollgate_routing::{
    Attempt, Attempts, Counters, Failure, FailureKind, Layer, Plan, RetryPolicy, StatusSet, Step,
    Strategy,
};

/// Far above every bound: a walk that makes as many does not end.
const ENDLESS: usize = 200;

/// One request, told afterwards.
struct History {
    attempts: Vec<(Attempt, Failure)>,
    counters: Counters,
    /// Whether the last failure was of a kind that another attempt may follow.
    retryable_at_the_end: bool,
    made: u32,
}

fn walk(plan: Plan, failures: &[(Failure, f64)]) -> History {
    let mut walked = Attempts::new(plan);
    let mut attempts = Vec::new();
    for (failure, random) in failures.iter().cycle().take(ENDLESS) {
        let Some(attempt) = walked.next(*random) else { break };
        assert!(walked.next(*random).is_none(), "one attempt at a time");
        attempts.push((attempt, *failure));
        walked.failed(*failure, 1.0 - random);
    }
    let last = attempts.last().map(|(_, failure)| *failure);
    History {
        retryable_at_the_end: last.is_some_and(|failure| walked.is_retryable(&failure)),
        counters: walked.counters().clone(),
        made: walked.made(),
        attempts,
    }
}

fn any_failure() -> impl Generator<Value = Failure> {
    let kind = prop_oneof![
        Just(FailureKind::Connect),
        Just(FailureKind::Timeout),
        Just(FailureKind::Reset),
        Just(FailureKind::ErrorEvent),
        Just(FailureKind::Credential),
        Just(FailureKind::Unsuited),
        Just(FailureKind::Full),
        Just(FailureKind::Status(503)),
        (100..600_u16).prop_map(FailureKind::Status),
        // Rare, or hardly a walk would go far.
        prop_oneof![9 => Just(FailureKind::Connect), 1 => Just(FailureKind::Final)],
    ];
    let retry_after = prop::option::weighted(0.3, (0_u64..20).prop_map(Duration::from_secs));
    (kind, retry_after).prop_map(|(kind, retry_after)| Failure { kind, retry_after })
}

/// Up to four steps of every strategy over the same seven targets, of which some weigh nothing.
fn any_plan() -> impl Generator<Value = Plan> {
    let step = (0..4_u8, prop::collection::vec(0..7_usize, 1..5));
    let statuses = prop::option::of(prop::collection::vec(100..600_u16, 0..20));
    (
        prop::array::uniform7(0..4_u32),
        prop::collection::vec(step, 1..5),
        0..12_u32,
        0..20_000_u64,
        statuses,
    )
        .prop_map(|(weights, steps, max_retries, backoff_base_ms, statuses)| {
            let step = |(strategy, names): (u8, Vec<usize>)| {
                let strategy = match strategy {
                    0 => Strategy::Single,
                    1 => Strategy::Weighted,
                    2 => Strategy::Fallback,
                    // Of names that no other step has.
                    _ => return super::experiment(10, &weights[..names.len()]),
                };
                let targets = names.iter().map(|name| super::target(*name, weights[*name]));
                Step::of_targets(strategy, targets)
            };
            let retry = RetryPolicy {
                max_retries,
                backoff_base: Duration::from_millis(backoff_base_ms),
                retryable_status: statuses
                    .map_or_else(StatusSet::default, |statuses| statuses.into_iter().collect()),
            };
            let steps: Vec<Step> = steps.into_iter().map(step).collect();
            Plan::managed(Layer::Route, "r".into(), retry, steps)
        })
}

fn failures() -> impl Generator<Value = Vec<(Failure, f64)>> {
    prop::collection::vec((any_failure(), 0.0..1.0_f64), 1..40)
}

/// The attempts before the degraded one, by target.
fn names(history: &History) -> Vec<&str> {
    let regular = history.attempts.iter().filter(|(attempt, _)| !attempt.degraded);
    regular.map(|(attempt, _)| &*attempt.target.name).collect()
}

/// Targets in the order in which they were first asked.
fn asked<'h>(names: &[&'h str]) -> Vec<&'h str> {
    let mut asked = names.to_vec();
    asked.dedup();
    asked
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_target_that_was_left_is_never_drawn_again(plan in any_plan(), failures in failures()) {
        let history = walk(plan, &failures);
        let names = names(&history);
        let asked = asked(&names);
        let different: BTreeSet<&str> = asked.iter().copied().collect();
        prop_assert_eq!(different.len(), asked.len(), "{:?} comes back to one", names);
    }

    #[test]
    fn what_weighs_nothing_is_never_drawn(plan in any_plan(), failures in failures()) {
        let drawable: BTreeSet<String> = plan
            .steps
            .iter()
            .flat_map(|step| step.choices.iter().filter(|it| !step.strategy.is_weighted() || it.weight() > 0))
            .map(|choice| choice.target.name.to_string())
            .collect();
        for (attempt, _) in walk(plan, &failures).attempts {
            prop_assert!(drawable.contains(&*attempt.target.name), "{}", attempt.target.name);
        }
    }

    #[test]
    fn every_request_ends_within_its_bound(plan in any_plan(), failures in failures()) {
        let (bound, max_retries) = (plan.attempts_max(), plan.retry.max_retries);
        let history = walk(plan, &failures);
        prop_assert!(history.attempts.len() <= bound as usize, "{} of {bound}", history.made);
        prop_assert!(bound < u32::try_from(ENDLESS).unwrap());
        for (at, (attempt, _)) in history.attempts.iter().enumerate() {
            prop_assert_eq!(attempt.number as usize, at + 1, "numbered from one, without a gap");
        }
        prop_assert_eq!(history.made as usize, history.attempts.len());
        let names = names(&history);
        for name in &names {
            let tries = names.iter().filter(|other| *other == name).count();
            prop_assert!(tries <= 1 + max_retries as usize, "{name} was tried {tries} times");
        }
    }

    #[test]
    fn the_counters_say_what_happened(plan in any_plan(), failures in failures()) {
        let history = walk(plan, &failures);
        let names = names(&history);
        let retries = names.windows(2).filter(|pair| pair[0] == pair[1]).count();
        let mut left = asked(&names);
        let degraded = history.attempts.len() - names.len();
        // The last one asked was left, unless its failure was one that nothing may follow.
        if degraded == 0 && !history.retryable_at_the_end {
            left.pop();
        }
        let counters = &history.counters;
        prop_assert_eq!(counters.retries as usize, retries);
        prop_assert_eq!(counters.exhaustion_resets as usize, degraded);
        prop_assert!(counters.exclusions.iter().map(|name| &**name).eq(left.iter().copied()),
            "{:?} were left, {:?} were counted", left, counters.exclusions);
        let sum = asked(&names).len() + retries + degraded;
        prop_assert_eq!(history.made as usize, sum);
    }

    #[test]
    fn all_are_forgiven_at_most_once_and_only_after_all_have_failed(
        plan in any_plan(), failures in failures(),
    ) {
        let targets: BTreeSet<String> =
            plan.targets().iter().map(|target| target.name.to_string()).collect();
        let history = walk(plan, &failures);
        let resets = history.attempts.iter().filter(|(attempt, _)| attempt.degraded).count();
        prop_assert!(resets <= 1);
        let Some((last, _)) = history.attempts.last().filter(|(last, _)| last.degraded) else {
            return Ok(());
        };
        prop_assert_eq!(&last.target.name, &history.attempts[0].0.target.name, "the first once more");
        let left: BTreeSet<String> =
            history.counters.exclusions.iter().map(ToString::to_string).collect();
        prop_assert_eq!(left, targets, "every one had its chance before");
    }

    #[test]
    fn only_who_is_asked_again_is_waited_for_and_never_long(
        plan in any_plan(), failures in failures(),
    ) {
        let history = walk(plan, &failures);
        // How each target failed last.
        let mut before: HashMap<&str, Failure> = HashMap::new();
        for (attempt, failure) in &history.attempts {
            prop_assert!(attempt.wait <= WAIT_MAX);
            match before.insert(&attempt.target.name, *failure) {
                None => prop_assert!(attempt.wait.is_zero(), "nobody was asked before"),
                Some(last) => {
                    let asked_for = last.retry_after.unwrap_or_default();
                    prop_assert!(attempt.wait >= asked_for, "it asked for patience");
                    let more = attempt.wait > asked_for;
                    prop_assert!(!(attempt.degraded && more), "the last resort pauses for nothing else");
                }
            }
        }
    }

    #[test]
    fn the_same_numbers_give_the_same_walk(plan in any_plan(), failures in failures()) {
        let told = |history: &History| -> Vec<(String, Duration, bool)> {
            let told = history.attempts.iter();
            told.map(|(it, _)| (it.target.name.to_string(), it.wait, it.degraded)).collect()
        };
        let (one, other) = (walk(plan.clone(), &failures), walk(plan, &failures));
        prop_assert_eq!(told(&one), told(&other));
        prop_assert_eq!(one.counters, other.counters);
    }
}
