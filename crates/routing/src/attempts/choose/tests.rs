//! Ejected targets are avoided while another one is left, and every request still ends.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::strategy::Strategy as _;

use crate::fixtures::{plan, target, variant};
use crate::live::{At, Load, Probe, Standing, View};
use crate::{
    Attempts, EndpointKind, Failure, FailureKind, Flight, Health, Plan, Registry, Route, Step,
    StickyBy, Strategy, Subject, Table, Target, Verdict,
};

const OVERLOADED: Failure = Failure::new(FailureKind::Status(503));

/// What is known of targets by name. Half-open ones are always being tried by somebody else.
#[derive(Default)]
struct Known(RefCell<HashMap<String, Load>>);

impl Known {
    fn ejected(names: &[&str]) -> Self {
        let known = Self::default();
        names.iter().for_each(|name| known.set(name, Standing::Ejected));
        known
    }

    fn set(&self, name: &str, standing: Standing) {
        self.0.borrow_mut().insert(name.to_owned(), Load { standing, ..Load::default() });
    }
}

impl View for Known {
    fn load(&self, target: &Target) -> Load {
        self.0.borrow().get(&*target.name).copied().unwrap_or_default()
    }

    fn claim(&self, _target: &Target) -> Option<Probe> {
        None
    }
}

fn step(strategy: Strategy, names: &[&str]) -> Step {
    Step::of_targets(strategy, names.iter().map(|name| target(name, 1)))
}

fn walk(plan: Plan, view: &Known) -> Vec<String> {
    let mut attempts = Attempts::new(plan);
    let mut names = Vec::new();
    while let Some(attempt) = attempts.next_seeing(0.0, view) {
        names.push(format!("{}{}", attempt.target.name, if attempt.degraded { "*" } else { "" }));
        attempts.failed(OVERLOADED, 0.5);
    }
    names
}

#[test]
fn ejected_targets_come_last_across_all_steps() {
    let steps = vec![
        step(Strategy::Fallback, &["a", "b"]),
        step(Strategy::Weighted, &["c"]),
        step(Strategy::LeastBusy, &["d"]),
    ];
    let plan = plan(0, steps);
    assert_eq!(walk(plan.clone(), &Known::ejected(&["a", "c"])), ["b", "d", "a", "c", "b*"]);
    assert_eq!(walk(plan, &Known::default()), ["a", "b", "c", "d", "a*"]);
}

#[test]
fn where_all_are_ejected_it_is_as_if_none_were() {
    let plan = plan(1, vec![step(Strategy::Fallback, &["a", "b"])]);
    assert_eq!(walk(plan.clone(), &Known::ejected(&["a", "b"])), walk(plan, &Known::default()));
}

#[test]
fn a_half_open_target_that_another_request_tries_is_avoided() {
    let known = Known::default();
    known.set("a", Standing::HalfOpen);
    let plan = plan(0, vec![step(Strategy::Fallback, &["a", "b"])]);
    assert_eq!(walk(plan, &known), ["b", "a", "b*"]);
}

#[test]
fn a_target_that_is_ejected_meanwhile_is_not_retried_while_another_is_left() {
    let known = Known::default();
    let mut attempts = Attempts::new(plan(2, vec![step(Strategy::Fallback, &["a", "b"])]));
    assert_eq!(&*attempts.next_seeing(0.0, &known).unwrap().target.name, "a");
    assert!(attempts.failed(OVERLOADED, 0.5));
    known.set("a", Standing::Ejected);
    let next = attempts.next_seeing(0.0, &known).unwrap();
    assert_eq!((&*next.target.name, next.wait), ("b", Duration::ZERO));
    assert_eq!(attempts.counters().retries, 0);
    assert_eq!(*attempts.counters().exclusions, ["a".into()]);
}

#[test]
fn a_subject_keeps_its_arm_and_has_another_one_only_while_that_is_away() {
    let arms = [variant("control", 50), variant("treatment", 50)];
    let step = Step::of_variants(arms).sticky(Some(StickyBy::User));
    let plan = plan(0, vec![step]);
    let arm = |subject: Option<&str>, random, view: &Known| {
        let subject = subject.map(|subject| Subject::of(subject.as_bytes()));
        let mut attempts = Attempts::new(plan.clone()).with_subjects(|by| {
            assert_eq!(*by, StickyBy::User);
            subject
        });
        attempts.next_seeing(random, view).unwrap().variant.unwrap().name.to_string()
    };
    let well = Known::default();
    let mut seen = HashMap::<String, u32>::new();
    for number in 0..200 {
        let user = format!("user-{number}");
        let first = arm(Some(&user), 0.0, &well);
        assert!([0.3, 0.6, 0.99].iter().all(|random| arm(Some(&user), *random, &well) == first));
        assert_ne!(arm(Some(&user), 0.0, &Known::ejected(&[&first])), first);
        assert_eq!(arm(Some(&user), 0.5, &well), first, "and back");
        *seen.entry(first).or_default() += 1;
    }
    assert!(seen.len() == 2 && seen.values().all(|count| *count > 70), "{seen:?}");
    assert_eq!(arm(None, 0.0, &well), "control", "without a subject it is drawn");
    assert_eq!(arm(None, 0.99, &well), "treatment");
}

#[test]
fn one_of_many_requests_probes_a_half_open_target_and_a_dropped_request_gives_way() {
    let now = Instant::now();
    let registry = Registry::new(now);
    let health = Some(Health { eject_after: 1, eject: Duration::from_secs(1) });
    let targets: Vec<_> = ["a", "b"]
        .map(|name| std::sync::Arc::new(Target { health, ..Target::clone(&target(name, 1)) }))
        .into();
    let plan = plan(0, vec![Step::of_targets(Strategy::Fallback, targets.clone())]);
    let (models, endpoint) = (vec!["m".into()], EndpointKind::Chat);
    let route = Route { name: "r".into(), models, endpoint: Some(endpoint), plan: plan.clone() };
    registry.adopt(&Table::new(Vec::new(), vec![route], Vec::new()));
    Flight::begin(&targets[0], None, now).unwrap().settle(Verdict::Fault, now);
    let choice = |seconds: u64| {
        let mut attempts = Attempts::new(plan.clone());
        let at = At(now + Duration::from_secs(seconds));
        let name = attempts.next_seeing(0.5, &at).unwrap().target.name.to_string();
        (attempts, name)
    };
    assert_eq!(choice(0).1, "b");
    let (probing, first) = choice(2);
    assert_eq!((&*first, &*choice(2).1, &*choice(3).1), ("a", "b", "b"));
    drop(probing);
    let (mut again, name) = choice(2);
    assert_eq!(name, "a", "a caller that left before the attempt began gives way");
    let mut flight = Flight::begin(&targets[0], again.take_probe(), now).unwrap();
    drop(again);
    assert_eq!(choice(2).1, "b", "the attempt keeps the claim");
    flight.first_content(now + Duration::from_secs(2));
    assert_eq!(choice(2).1, "a");
}

fn any_plan() -> impl proptest::strategy::Strategy<Value = Plan> {
    const STRATEGIES: [Strategy; 5] = [
        Strategy::Single,
        Strategy::Weighted,
        Strategy::Fallback,
        Strategy::Latency,
        Strategy::LeastBusy,
    ];
    let step = (0..5_usize, any::<bool>(), prop::collection::vec((0..6_u8, 0..4_u32), 1..4));
    (0..4_u32, prop::collection::vec(step, 1..4)).prop_map(|(max_retries, steps)| {
        let steps = steps.into_iter().map(|(strategy, sticky, targets)| {
            let targets = targets.iter().map(|(name, weight)| target(&format!("t{name}"), *weight));
            let step = Step::of_targets(STRATEGIES[strategy], targets);
            step.sticky(sticky.then_some(StickyBy::Session))
        });
        plan(max_retries, steps.collect())
    })
}

proptest! {
    #[test]
    fn whatever_is_ejected_when_no_ejected_target_is_drawn_while_another_is_left(
        plan in any_plan(),
        states in prop::collection::vec(prop::collection::vec((0..3_u8, 0..9_u32), 6), 64),
        randoms in prop::collection::vec(0.0..1.0_f64, 64),
        subject in prop::option::of(any::<[u8; 4]>()),
    ) {
        let names: Vec<String> = plan.targets().iter().map(|it| it.name.to_string()).collect();
        let bound = plan.attempts_max();
        let mut attempts = Attempts::new(plan)
            .with_subjects(|_| subject.as_ref().map(|subject| Subject::of(subject)));
        let known = Known::default();
        let mut made = 0;
        let mut last: Option<String> = None;
        for (state, random) in states.into_iter().zip(randoms) {
            for (number, (standing, load)) in state.into_iter().enumerate() {
                let standing = [Standing::InService, Standing::HalfOpen, Standing::Ejected]
                    [usize::from(standing)];
                let first_content = Some(Duration::from_millis(load.into()));
                let load = Load { standing, in_flight: load, waiting: load, first_content };
                known.0.borrow_mut().insert(format!("t{number}"), load);
            }
            let retries = attempts.counters().retries;
            let Some(attempt) = attempts.next_seeing(random, &known) else { break };
            made += 1;
            let name = attempt.target.name.to_string();
            let left: Vec<String> =
                attempts.counters().exclusions.iter().map(ToString::to_string).collect();
            let available = |name: &&String| {
                !left.contains(name)
                    && known.0.borrow()[&***name].standing == Standing::InService
            };
            let again = attempts.counters().retries > retries;
            let in_service = available(&&name);
            if !attempt.degraded && !in_service {
                let better = names.iter().filter(|it| **it != name).find(available);
                let half_open = known.0.borrow()[&*name].standing == Standing::HalfOpen;
                prop_assert!(better.is_none() || (again && half_open), "{name} before {better:?}");
            }
            prop_assert!(attempt.degraded || !left.contains(&name));
            prop_assert!(!again || last.as_ref() == Some(&name));
            last = Some(name);
            attempts.failed(OVERLOADED, random);
        }
        prop_assert!(attempts.next_seeing(0.5, &known).is_none(), "it ends");
        prop_assert!(made <= bound, "{made} of {bound}");
        prop_assert_eq!(attempts.counters().exclusions.len(), names.len(), "all had their chance");
    }
}
