//! Moments of sending.

use std::time::Duration;

use super::{Arrivals, Schedule};

#[test]
fn a_clock_sends_at_equal_distances_without_adding_up_errors() {
    let moments: Vec<_> =
        Schedule::new(Arrivals::Constant { per_second: 300.0 }, 1).unwrap().take(90_001).collect();
    assert_eq!(moments[0], Duration::ZERO);
    assert_eq!(moments[90_000], Duration::from_secs(300));
}

#[test]
fn chance_sends_as_many_with_the_spread_of_a_poisson_process() {
    let per_second = 1_000.0;
    let arrivals = Arrivals::Poisson { per_second };
    let seconds: Vec<u64> = Schedule::new(arrivals, 7)
        .unwrap()
        .map(|at| at.as_secs())
        .take_while(|second| *second < 200)
        .collect();
    let mut counts = [0_f64; 200];
    for second in &seconds {
        counts[usize::try_from(*second).unwrap()] += 1.0;
    }
    let mean = counts.iter().sum::<f64>() / 200.0;
    let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 200.0;
    assert!((mean - per_second).abs() < 10.0, "{mean}");
    assert!((0.7..1.4).contains(&(variance / mean)), "variance {variance}, mean {mean}");
}

#[test]
fn the_same_seed_gives_the_same_moments_and_a_closed_loop_has_none() {
    let take = |seed| {
        let schedule = Schedule::new(Arrivals::Poisson { per_second: 50.0 }, seed).unwrap();
        schedule.take(100).collect::<Vec<_>>()
    };
    assert_eq!(take(3), take(3));
    assert_ne!(take(3), take(4));
    assert!(Schedule::new(Arrivals::Closed, 1).is_none());
}
