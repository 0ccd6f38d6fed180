//! What is left to chance follows the weights: 100,000 draws of each configuration, judged by a
//! chi-squared test. The generator is seeded, so that no run differs from another.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod chi_squared;
mod walks;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chi_squared::follows;
use fastrand::Rng;
use tollgate_providers::{AuthStyle, Capabilities, Dialect, Provider, Secret};
use tollgate_routing::live::LiveSlot;
use tollgate_routing::{
    Attempts, Credential, Deadlines, FailureKind, Layer, Params, Plan, RetryPolicy, Step, Strategy,
    Target, Variant,
};

const DRAWS: usize = 100_000;
const SEED: u64 = 4;

/// A target that is called as its place in the list.
pub(crate) fn target(name: usize, weight: u32) -> Arc<Target> {
    let provider = Provider {
        name: "acme".into(),
        base_url: "http://127.0.0.1:1/v1".parse().unwrap(),
        auth: AuthStyle::Bearer,
        credential: None,
        models: vec!["m".into()],
        dialect: Dialect::Chat,
        capabilities: Capabilities::assumed(Dialect::Chat),
        ca_file: None,
        timeout: Duration::from_secs(30),
    };
    Arc::new(Target {
        name: name.to_string().into(),
        provider: Arc::new(provider),
        model: "m".into(),
        weight,
        credential: Credential::Managed(Secret::new("canary")),
        deadlines: Deadlines::default(),
        health: None,
        live: LiveSlot::default(),
    })
}

fn weighted(first_name: usize, weights: &[u32]) -> Step {
    let targets = weights.iter().enumerate();
    let targets = targets.map(|(at, weight)| target(first_name + at, *weight));
    Step::of_targets(Strategy::Weighted, targets)
}

/// Variants whose targets all have the weight that must not count.
pub(crate) fn experiment(first_name: usize, weights: &[u32]) -> Step {
    let total_variants = u32::try_from(weights.len()).unwrap();
    Step::of_variants(weights.iter().enumerate().map(|(at, weight)| {
        let name = (first_name + at).to_string().into();
        let variant = Variant { name, weight: *weight, total_variants, params: Params::default() };
        (Arc::new(variant), target(first_name + at, 7))
    }))
}

fn once_each(steps: Vec<Step>) -> Plan {
    let retry = RetryPolicy { max_retries: 0, ..RetryPolicy::default() };
    Plan::managed(Layer::Route, "r".into(), retry, steps)
}

/// The targets that one request asks in turn while all of them fail, without the degraded attempt.
fn order(plan: &Plan, rng: &mut Rng, length: usize) -> Vec<usize> {
    let mut attempts = Attempts::new(plan.clone());
    let mut order = Vec::with_capacity(length);
    loop {
        let attempt = attempts.next(rng.f64()).unwrap();
        order.push(attempt.target.name.parse().unwrap());
        if order.len() == length {
            return order;
        }
        attempts.failed(FailureKind::Connect.into(), rng.f64());
    }
}

/// How often each of `cells` orders came, of 100,000 requests.
fn counted(plan: &Plan, length: usize, mut cell: impl FnMut(&[usize]) -> usize) -> Vec<u64> {
    let mut rng = Rng::with_seed(SEED);
    let mut counts = Vec::new();
    for _ in 0..DRAWS {
        let at = cell(&order(plan, &mut rng, length));
        if counts.len() <= at {
            counts.resize(at + 1, 0);
        }
        counts[at] += 1;
    }
    counts
}

fn padded(mut counts: Vec<u64>, length: usize) -> Vec<u64> {
    counts.resize(length, 0);
    counts
}

fn shares(weights: &[u32]) -> Vec<f64> {
    weights.iter().map(|weight| f64::from(*weight)).collect()
}

/// Lists of weights: one, few, many, none at either end, small beside large, the largest there are.
fn configurations() -> Vec<Vec<u32>> {
    vec![
        vec![1],
        vec![1, 1],
        vec![70, 30],
        vec![7, 3],
        vec![700, 300],
        vec![1, 99],
        vec![5, 3, 2],
        vec![0, 1, 0, 3, 0],
        vec![0, 0, 1],
        vec![1, 0, 0],
        vec![1_000_000, 1],
        vec![1_000_000, 1_000],
        vec![1, 1_000_000, 1_000_000],
        vec![u32::MAX, 1, u32::MAX, u32::MAX / 2],
        vec![1; 64],
        (0..150).collect(),
    ]
}

#[test]
fn every_list_of_weights_is_drawn_in_proportion() {
    for weights in configurations() {
        let plan = once_each(vec![weighted(0, &weights)]);
        let counts = padded(counted(&plan, 1, |order| order[0]), weights.len());
        follows(&counts, &shares(&weights)).unwrap_or_else(|said| panic!("{weights:?}: {said}"));
    }
}

#[test]
fn variants_are_drawn_by_their_own_weights() {
    for weights in configurations() {
        let plan = once_each(vec![experiment(0, &weights)]);
        let counts = padded(counted(&plan, 1, |order| order[0]), weights.len());
        follows(&counts, &shares(&weights)).unwrap_or_else(|said| panic!("{weights:?}: {said}"));
    }
}

#[test]
fn who_is_left_shares_what_the_excluded_one_had() {
    for step in [weighted(0, &[5, 3, 0, 2]), experiment(0, &[5, 3, 0, 2])] {
        let plan = once_each(vec![step]);
        let counts = counted(&plan, 2, |order| order[0] * 4 + order[1]);
        let weights = [5.0, 3.0, 0.0, 2.0];
        let share = |first: usize, second: usize| {
            let repeated = first == second;
            let of_second = weights[second] / (10.0 - weights[first]);
            if repeated { 0.0 } else { weights[first] / 10.0 * of_second }
        };
        let shares: Vec<f64> = (0..16).map(|cell| share(cell / 4, cell % 4)).collect();
        follows(&padded(counts, 16), &shares).unwrap();
    }
}

#[test]
fn whole_orders_come_as_often_as_drawing_without_putting_back_gives_them() {
    let weights = [5.0, 3.0, 2.0];
    let plan = once_each(vec![weighted(0, &[5, 3, 2])]);
    let mut cells: HashMap<Vec<usize>, usize> = HashMap::new();
    let counts = counted(&plan, 3, |order| {
        let next = cells.len();
        *cells.entry(order.to_vec()).or_insert(next)
    });
    assert_eq!(cells.len(), 6, "each order comes at some time");
    let mut shares = vec![0.0; 6];
    for (order, cell) in cells {
        shares[cell] = weights[order[0]] / 10.0 * weights[order[1]] / (10.0 - weights[order[0]]);
    }
    follows(&counts, &shares).unwrap();
}

#[test]
fn each_step_draws_by_its_own_weights_whatever_came_out_before() {
    let plan = once_each(vec![weighted(0, &[9, 1]), weighted(2, &[1, 2, 3])]);
    let counts = counted(&plan, 3, |order| order[0] * 3 + (order[2] - 2));
    let shares = [9.0, 18.0, 27.0, 1.0, 2.0, 3.0];
    follows(&padded(counts, 6), &shares).unwrap();
}

#[test]
fn a_target_that_two_steps_name_is_not_drawn_by_the_second() {
    let first = weighted(0, &[1, 1]);
    let second = Step::of_targets(Strategy::Weighted, [target(1, 8), target(2, 1), target(3, 3)]);
    let plan = once_each(vec![first, second]);
    let counts = counted(&plan, 3, |order| order[2]);
    follows(&padded(counts, 4), &[0.0, 0.0, 1.0, 3.0]).unwrap();
}

#[test]
fn the_pause_before_a_retry_is_spread_evenly_up_to_its_bound() {
    const BINS: usize = 20;
    let policy = RetryPolicy::default();
    let mut rng = Rng::with_seed(SEED);
    for (retry, bound_ms) in [(0, 500.0), (1, 1_000.0), (4, 8_000.0), (5, 10_000.0)] {
        let mut counts = vec![0; BINS];
        for _ in 0..DRAWS {
            let share = policy.backoff(retry, rng.f64()).as_secs_f64() * 1e3 / bound_ms;
            counts[((share * BINS as f64) as usize).min(BINS - 1)] += 1;
        }
        follows(&counts, &[1.0; BINS]).unwrap_or_else(|said| panic!("retry {retry}: {said}"));
    }
}

#[test]
fn the_test_itself_refuses_what_is_a_little_off() {
    let plan = once_each(vec![weighted(0, &[70, 30])]);
    let counts = counted(&plan, 1, |order| order[0]);
    follows(&counts, &[70.0, 30.0]).unwrap();
    follows(&counts, &[71.0, 29.0]).unwrap_err();
    follows(&[10, 1], &[1.0, 0.0]).unwrap_err();
    follows(&[5_000, 5_000], &[1.0, 1.0]).unwrap();
    follows(&[5_200, 4_800], &[1.0, 1.0]).unwrap_err();
    follows(&[99_850, 150], &[1e3, 1.0]).unwrap_err();
}
