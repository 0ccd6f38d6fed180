//! The draw follows the weights.

use proptest::prelude::*;

use super::draw;

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
