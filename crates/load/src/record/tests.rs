//! Histograms and their sums.

use std::time::Duration;

use super::Measured;

#[test]
fn parts_add_up_to_the_whole() {
    let mut whole = Measured::default();
    for part in 0..4 {
        let mut measured =
            Measured { requests: 25, took: Duration::from_secs(2), ..Measured::default() };
        for ms in 1..=25 {
            measured.latency.record(Duration::from_millis(part * 25 + ms));
        }
        measured.fail("503");
        whole.add(&measured);
    }
    assert_eq!((whole.requests, whole.failed()), (100, 4));
    assert!((whole.per_second() - 50.0).abs() < 1e-9);
    let latency = whole.latency();
    assert!((latency.p50 / 50_000.0 - 1.0).abs() < 0.002, "{latency:?}");
    assert!((latency.p99 / 99_000.0 - 1.0).abs() < 0.002, "{latency:?}");
    assert!((latency.max / 100_000.0 - 1.0).abs() < 0.002, "{latency:?}");
    assert_eq!(whole.answered_within(Duration::from_millis(25)), 25);
    assert_eq!(whole.answered_within(Duration::from_millis(99)), 99);
    assert_eq!(whole.answered_within(Duration::from_secs(1)), 100);
}

#[test]
fn what_is_longer_than_the_longest_is_kept_as_the_longest() {
    let mut measured = Measured::default();
    measured.first_byte.record(Duration::from_secs(100_000));
    assert!(measured.first_byte().max >= 599_000_000.0);
}

#[test]
fn nothing_measured_is_nothing() {
    let nothing = Measured::default();
    assert_eq!(nothing.latency().max, 0.0);
    assert_eq!(nothing.per_second(), 0.0);
}
