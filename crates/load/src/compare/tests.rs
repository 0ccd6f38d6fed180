//! Ratios of paired rounds.

use super::ratio;

#[test]
fn what_slows_both_down_cancels_out() {
    let noise = [1.0, 5.0, 2.0, 9.0, 1.5, 3.0, 7.0, 1.2];
    let that: Vec<f64> = noise.to_vec();
    let this: Vec<f64> = noise.iter().map(|round| round * 1.25).collect();
    let found = ratio(&this, &that).unwrap();
    assert!((found.ratio - 1.25).abs() < 1e-9);
    assert!((found.low - 1.25).abs() < 1e-9 && (found.high - 1.25).abs() < 1e-9);
}

#[test]
fn the_interval_is_as_wide_as_the_rounds_differ() {
    let that = [1.0; 10];
    let this = [1.0, 1.4, 1.1, 1.3, 1.2, 1.0, 1.4, 1.1, 1.3, 1.2];
    let found = ratio(&this, &that).unwrap();
    assert!((found.ratio - 1.2).abs() < 1e-9);
    assert!(found.low > 1.0 && found.low < 1.17, "{found:?}");
    assert!(found.high < 1.4 && found.high > 1.23, "{found:?}");
}

#[test]
fn nothing_has_no_ratio() {
    assert_eq!(ratio(&[], &[]), None);
    assert_eq!(ratio(&[1.0], &[0.0]), None);
}
