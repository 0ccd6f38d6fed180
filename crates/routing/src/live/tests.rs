//! What is counted, what decays, who is ejected and how it comes back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{At, Flight, Health, Load, Registry, Standing, Verdict, View};
use crate::fixtures::{plan, target};
use crate::{EndpointKind, Route, Step, Strategy, Table, Target};

const MS: Duration = Duration::from_millis(1);

fn table(targets: &[Arc<Target>]) -> Table {
    let step = Step::of_targets(Strategy::Fallback, targets.iter().cloned());
    let route = Route {
        name: "r".into(),
        models: vec!["m".into()],
        endpoint: Some(EndpointKind::Chat),
        plan: plan(0, vec![step]),
    };
    Table::new(Vec::new(), vec![route], Vec::new())
}

/// A target that three faults eject for a second, in a registry that began at the same moment.
fn watched(name: &str) -> (Arc<Target>, Registry, Instant) {
    let now = Instant::now();
    let registry = Registry::new(now);
    (adopted(&registry, name), registry, now)
}

fn adopted(registry: &Registry, name: &str) -> Arc<Target> {
    let health = Some(Health { eject_after: 3, eject: 1_000 * MS });
    let target = Arc::new(Target { health, ..Target::clone(&target(name, 1)) });
    registry.adopt(&table(&[Arc::clone(&target)]));
    target
}

fn end(target: &Target, verdict: Verdict, now: Instant) {
    Flight::begin(target, None, now).unwrap().settle(verdict, now);
}

fn load(target: &Target, now: Instant) -> Load {
    At(now).load(target)
}

fn standing(target: &Target, now: Instant) -> Standing {
    load(target, now).standing
}

#[test]
fn an_attempt_counts_until_it_is_dropped_and_waits_until_its_first_content() {
    let (target, _, now) = watched("a");
    let mut one = Flight::begin(&target, None, now).unwrap();
    let two = Flight::begin(&target, None, now).unwrap();
    assert_eq!((load(&target, now).in_flight, load(&target, now).waiting), (2, 2));
    one.first_content(now + 200 * MS);
    one.first_content(now + 900 * MS);
    let seen = load(&target, now + 200 * MS);
    assert_eq!((seen.in_flight, seen.waiting), (2, 1));
    let first = seen.first_content.unwrap();
    assert!(first.abs_diff(200 * MS) < MS, "{first:?}");
    drop(two);
    one.settle(Verdict::Good, now + 1_000 * MS);
    assert_eq!((load(&target, now).in_flight, load(&target, now).waiting), (1, 0));
    drop(one);
    assert_eq!(load(&target, now).in_flight, 0);
}

#[test]
fn the_first_content_time_jumps_up_at_once_comes_down_slowly_and_fades_without_news() {
    let (target, _, now) = watched("a");
    assert_eq!(load(&target, now).first_content, None, "nothing was measured");
    let answer = |began: Instant, took: Duration| {
        Flight::begin(&target, None, began).unwrap().first_content(began + took);
    };
    let seconds = |at: Instant| load(&target, at).first_content.unwrap().as_secs_f64();
    answer(now, 100 * MS);
    answer(now + 100 * MS, 2_000 * MS);
    let at = now + 2_100 * MS;
    assert!((seconds(at) - 2.0).abs() < 0.01, "up at once: {}", seconds(at));
    answer(at, 100 * MS);
    assert!(seconds(at + 100 * MS) > 1.9, "down slowly: {}", seconds(at + 100 * MS));
    let later = at + 10_100 * MS;
    assert!((seconds(later) - 2.0 / std::f64::consts::E).abs() < 0.03, "{}", seconds(later));
    assert!(seconds(later + 60_000 * MS) < 0.01, "an idle target is tried again");
}

#[test]
fn faults_in_a_row_eject_at_the_limit_and_not_before() {
    let (target, registry, now) = watched("a");
    for _ in 0..2 {
        end(&target, Verdict::Fault, now);
    }
    assert_eq!(standing(&target, now), Standing::InService, "two of three");
    end(&target, Verdict::Good, now);
    for _ in 0..2 {
        end(&target, Verdict::Fault, now);
        end(&target, Verdict::Neutral, now);
    }
    assert_eq!(standing(&target, now), Standing::InService, "a good answer begins the count anew");
    end(&target, Verdict::Fault, now);
    assert_eq!(standing(&target, now), Standing::Ejected);
    assert_eq!(standing(&target, now + 999 * MS), Standing::Ejected);
    assert_eq!(standing(&target, now + 1_000 * MS), Standing::HalfOpen);
    assert_eq!(registry.states(now)[0].ejections, 1);
}

#[test]
fn without_a_policy_nothing_is_ever_ejected() {
    let registry = Registry::new(Instant::now());
    let plain = target("a", 1);
    registry.adopt(&table(&[Arc::clone(&plain)]));
    let now = Instant::now();
    for _ in 0..100 {
        end(&plain, Verdict::Fault, now);
    }
    assert_eq!(standing(&plain, now), Standing::InService);
    assert_eq!(registry.states(now)[0].ejections, 0);
}

#[test]
fn one_request_tries_a_half_open_target_and_its_first_content_brings_the_target_back() {
    let (target, _, now) = watched("a");
    for _ in 0..3 {
        end(&target, Verdict::Fault, now);
    }
    assert!(At(now).claim(&target).is_none(), "too early");
    let later = now + 1_500 * MS;
    let probe = At(later).claim(&target);
    assert!(probe.is_some());
    assert!(At(later).claim(&target).is_none(), "one at a time");
    assert_eq!(standing(&target, later), Standing::Ejected, "the others stay away");
    drop(probe);
    assert_eq!(standing(&target, later), Standing::HalfOpen, "given back without a verdict");
    let mut flight = Flight::begin(&target, At(later).claim(&target), later).unwrap();
    flight.first_content(later + MS);
    assert_eq!(standing(&target, later + MS), Standing::InService);
    for _ in 0..2 {
        end(&target, Verdict::Fault, later);
    }
    assert_eq!(standing(&target, later), Standing::InService, "the count began anew");
}

#[test]
fn a_failed_probe_ejects_again_and_one_that_says_nothing_lets_the_next_one_try() {
    let (target, registry, now) = watched("a");
    for _ in 0..3 {
        end(&target, Verdict::Fault, now);
    }
    let later = now + 1_500 * MS;
    let mut flight = Flight::begin(&target, At(later).claim(&target), later).unwrap();
    flight.settle(Verdict::Neutral, later);
    assert_eq!(standing(&target, later), Standing::HalfOpen);
    let mut flight = Flight::begin(&target, At(later).claim(&target), later).unwrap();
    flight.settle(Verdict::Fault, later);
    assert_eq!(standing(&target, later + 999 * MS), Standing::Ejected);
    assert_eq!(standing(&target, later + 1_000 * MS), Standing::HalfOpen);
    assert_eq!(registry.states(later)[0].ejections, 2);
}

#[test]
fn what_began_before_an_ejection_neither_ends_nor_prolongs_it() {
    let (target, registry, now) = watched("a");
    let mut good = Flight::begin(&target, None, now).unwrap();
    let mut bad = Flight::begin(&target, None, now).unwrap();
    for _ in 0..3 {
        end(&target, Verdict::Fault, now);
    }
    good.first_content(now + 10 * MS);
    good.settle(Verdict::Good, now + 20 * MS);
    bad.settle(Verdict::Fault, now + 500 * MS);
    assert_eq!(standing(&target, now + 999 * MS), Standing::Ejected);
    assert_eq!(standing(&target, now + 1_000 * MS), Standing::HalfOpen);
    assert_eq!(registry.states(now)[0].ejections, 1);
}

#[test]
fn the_state_outlives_a_reload_by_provider_name_and_model() {
    let (old, registry, now) = watched("a");
    let running = Flight::begin(&old, None, now);
    for _ in 0..3 {
        end(&old, Verdict::Fault, now);
    }
    let new = adopted(&registry, "a");
    assert_eq!(standing(&new, now), Standing::Ejected);
    assert_eq!(load(&new, now).in_flight, 1);
    drop(running);
    assert_eq!(load(&new, now).in_flight, 0, "what began before ends after");
    let other = Target { model: "other".into(), ..Target::clone(&target("a", 1)) };
    registry.adopt(&table(&[Arc::new(other)]));
    assert_eq!(registry.states(now).len(), 1, "what is gone is forgotten");
    assert_eq!(standing(&adopted(&registry, "a"), now), Standing::InService);
}

#[test]
fn a_target_that_fails_at_once_does_not_look_fast() {
    let (target, _, now) = watched("a");
    end(&target, Verdict::Fault, now);
    assert!(load(&target, now).first_content.unwrap() >= 4_999 * MS);
}

#[test]
fn workers_that_all_see_the_last_fault_eject_once_and_one_of_them_probes() {
    let (target, registry, now) = watched("a");
    let all = |work: &(dyn Fn() -> bool + Sync)| {
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..8).map(|_| scope.spawn(work)).collect();
            workers.into_iter().filter_map(|it| it.join().unwrap().then_some(())).count()
        })
    };
    all(&|| {
        (0..1_000).for_each(|_| end(&target, Verdict::Fault, now));
        true
    });
    assert_eq!(registry.states(now)[0].ejections, 1);
    assert_eq!(load(&target, now).in_flight, 0);
    let probes = std::sync::Mutex::new(Vec::new());
    let later = now + 2_000 * MS;
    let claimed = all(&|| {
        let probe = At(later).claim(&target);
        let claimed = probe.is_some();
        probes.lock().unwrap().extend(probe);
        claimed
    });
    assert_eq!(claimed, 1);
}
