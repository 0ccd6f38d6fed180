//! The draw follows the weights; a subject keeps its arm; the better of two is taken.

use proptest::prelude::*;

use super::sticky::{Subject, arm};
use super::{Strategy as By, draw, lighter};
use crate::live::Load;

/// Of the subjects in the test below, worked out by another program from the documentation.
const KNOWN_ARMS: [usize; 16] = [0, 0, 1, 0, 1, 1, 0, 1, 2, 2, 0, 1, 0, 0, 1, 0];
/// Subjects of each statistic.
const SUBJECTS: u32 = 20_000;

/// The arm of every subject.
fn arms(route: &str, weights: &[(&str, u32)]) -> Vec<usize> {
    let arm = |number: u32| {
        let subject = Subject::of(format!("user-{number}").as_bytes());
        arm(route, subject, weights.iter().copied()).unwrap()
    };
    (0..SUBJECTS).map(arm).collect()
}

fn share(arms: &[usize], of: usize) -> f64 {
    arms.iter().filter(|arm| **arm == of).count() as f64 / f64::from(SUBJECTS)
}

fn moved(before: &[usize], after: &[usize]) -> f64 {
    let moved = before.iter().zip(after).filter(|(before, after)| before != after).count();
    moved as f64 / f64::from(SUBJECTS)
}

#[test]
fn the_arms_of_known_subjects_never_change() {
    let weights = [("control", 40), ("variant", 30), ("rare", 30)];
    let plain = ["", "a", "user-1", "user-2", "user-3", "00000000-0000", "\u{e9}"];
    let subjects = plain.map(str::to_owned).into_iter().chain((0..9).map(|it| format!("u{it}")));
    let arm = |it: String| arm("support", Subject::of(it.as_bytes()), weights.into_iter()).unwrap();
    let known: Vec<usize> = subjects.map(arm).collect();
    assert_eq!(known, KNOWN_ARMS, "the function is part of the contract");
}

#[test]
fn sticky_arms_have_the_shares_of_their_weights() {
    let weights = [("a", 60), ("b", 30), ("c", 10), ("never", 0)];
    let arms = arms("r", &weights);
    // Chi-squared with two degrees of freedom stays below 13.82 in 999 of 1,000 runs.
    let squares = weights.iter().take(3).enumerate().map(|(index, (_, weight))| {
        let expected = f64::from(SUBJECTS * weight) / 100.0;
        (share(&arms, index) * f64::from(SUBJECTS) - expected).powi(2) / expected
    });
    let chi_squared: f64 = squares.sum();
    assert!(chi_squared < 13.82, "{chi_squared}");
    assert_eq!(share(&arms, 3), 0.0);
}

#[test]
fn a_changed_weight_moves_the_ideal_share_of_subjects_and_only_to_or_from_that_arm() {
    for (from, to) in [(30_u32, 40_u32), (30, 29), (30, 60), (30, 0), (1, 100), (100, 1)] {
        let total = |b: u32| f64::from(60 + b + 10);
        let before = arms("r", &[("a", 60), ("b", from), ("c", 10)]);
        let after = arms("r", &[("a", 60), ("b", to), ("c", 10)]);
        let ideal = (f64::from(to) / total(to) - f64::from(from) / total(from)).abs();
        let moved = moved(&before, &after);
        assert!(moved <= ideal + 0.02, "{from} to {to}: {moved} moved, {ideal} had to");
        assert!(moved >= ideal - 0.02, "{from} to {to}: {moved} moved, {ideal} had to");
        let grown = to > from;
        let wrong = before.iter().zip(&after).filter(|(before, after)| {
            before != after && if grown { **after != 1 } else { **before != 1 }
        });
        assert_eq!(wrong.count(), 0, "{from} to {to}: the other arms keep what they have");
    }
}

#[test]
fn the_order_and_the_scale_of_arms_do_not_matter() {
    let one = arms("r", &[("a", 2), ("b", 1)]);
    let other = arms("r", &[("b", 100), ("a", 200)]);
    assert!(one.iter().zip(&other).all(|(one, other)| one + other == 1));
}

#[test]
fn two_routes_split_their_subjects_independently() {
    let weights = [("a", 1), ("b", 1)];
    let differing = moved(&arms("r", &weights), &arms("s", &weights));
    assert!((differing - 0.5).abs() < 0.02, "{differing}");
}

#[test]
fn nobody_has_an_arm_where_all_weights_are_zero() {
    assert_eq!(arm("r", Subject::of(b"u"), [("a", 0), ("b", 0)].into_iter()), None);
}

#[test]
fn of_two_the_one_with_fewer_requests_or_sooner_content_is_taken() {
    let load = |in_flight, waiting, first_ms: Option<u64>| Load {
        in_flight,
        waiting,
        first_content: first_ms.map(std::time::Duration::from_millis),
        ..Load::default()
    };
    let pick = |by, loads: [Load; 2]| {
        let picks = [0.0, 0.3, 0.6, 0.999].map(|random| lighter(by, &loads.into_iter(), random));
        assert!(picks.windows(2).all(|two| two[0] == two[1]), "both are always seen");
        picks[0].unwrap()
    };
    assert_eq!(pick(By::LeastBusy, [load(3, 0, Some(1)), load(2, 2, Some(900))]), 1);
    assert_eq!(pick(By::Latency, [load(0, 0, Some(900)), load(9, 0, Some(100))]), 1);
    assert_eq!(pick(By::Latency, [load(0, 0, Some(900)), load(10, 9, Some(100))]), 0, "waiting");
    assert_eq!(pick(By::Latency, [load(0, 0, Some(100)), load(0, 0, None)]), 1, "unmeasured");
    assert_eq!(lighter(By::Latency, &[].into_iter(), 0.5), None);
    for random in [-1.0, 1.0, f64::NAN, f64::INFINITY] {
        assert!(lighter(By::LeastBusy, &[Load::default(); 3].into_iter(), random).is_some());
    }
}

#[test]
fn equal_targets_are_drawn_equally_and_the_worst_of_three_never() {
    let loads = [0, 0, 5].map(|in_flight| Load { in_flight, ..Load::default() });
    let mut drawn = [0_u32; 3];
    for point in 0..60_000 {
        let random = f64::from(point) / 60_000.0;
        drawn[lighter(By::LeastBusy, &loads.into_iter(), random).unwrap()] += 1;
    }
    assert_eq!(drawn[2], 0);
    assert!(drawn[0].abs_diff(drawn[1]) < 20, "{drawn:?}");
}

#[test]
fn seventy_to_thirty_splits_the_unit_interval_at_seven_tenths() {
    let weights = [70, 30];
    assert_eq!(draw(weights.into_iter(), 0.0), Some(0));
    assert_eq!(draw(weights.into_iter(), 0.699_999), Some(0));
    assert_eq!(draw(weights.into_iter(), 0.7), Some(1));
    assert_eq!(draw(weights.into_iter(), 0.999_999), Some(1));
}

#[test]
fn nothing_is_drawn_from_nothing() {
    assert_eq!(draw([].into_iter(), 0.5), None);
    assert_eq!(draw([0, 0].into_iter(), 0.5), None);
}

#[test]
fn a_random_number_out_of_range_still_draws_someone() {
    for random in [-1.0, 1.0, 2.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        assert!(draw([1, 2].into_iter(), random).is_some(), "{random}");
    }
}

proptest! {
    #[test]
    fn each_share_of_the_unit_interval_is_the_weight_over_the_total(
        weights in prop::collection::vec(0_u32..1000, 1..8),
    ) {
        const POINTS: u32 = 20_000;
        let total: u32 = weights.iter().sum();
        prop_assume!(total > 0);
        let mut drawn = vec![0_u32; weights.len()];
        for point in 0..POINTS {
            let random = f64::from(point) / f64::from(POINTS);
            drawn[draw(weights.iter().copied(), random).unwrap()] += 1;
        }
        for (weight, drawn) in weights.iter().zip(drawn) {
            let expected = f64::from(*weight) / f64::from(total);
            let share = f64::from(drawn) / f64::from(POINTS);
            prop_assert!((share - expected).abs() <= 2.0 / f64::from(POINTS), "{share} {expected}");
            prop_assert!(*weight != 0 || drawn == 0);
        }
    }

    #[test]
    fn weights_are_relative(
        weights in prop::collection::vec(0_u32..1000, 1..8), random in 0.0..1.0_f64,
    ) {
        // A factor that is a power of two leaves the floating-point product exact.
        let scaled = weights.iter().map(|weight| weight * 64);
        prop_assert_eq!(draw(weights.iter().copied(), random), draw(scaled, random));
    }

    #[test]
    fn the_largest_weights_do_not_overflow(random in 0.0..1.0_f64) {
        let index = draw([u32::MAX; 5].into_iter(), random).unwrap();
        prop_assert_eq!(index, (random * 5.0) as usize);
    }
}
