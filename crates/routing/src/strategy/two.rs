//! The power of two choices: of two drawn at random the better one is taken. Nearly as good as the
//! best of all, and many callers at once do not all run to the same one.

use super::Strategy;
use crate::live::Load;

/// What an answer costs that was never measured: little, so that a new target is tried, but more
/// than nothing, so that requests waiting for it count.
const UNMEASURED_SECS: f64 = 0.001;

/// Two different indices below `count`, both from one random number in [0, 1); the same one twice
/// where there is only one.
pub(super) fn two_of(count: usize, random: f64) -> Option<(usize, usize)> {
    let last = count.checked_sub(1)?;
    if last == 0 {
        return Some((0, 0));
    }
    // The casts saturate: a random number out of range, or NaN, picks an end and never panics.
    let scaled = random * count as f64;
    let first = (scaled as usize).min(last);
    let rest = scaled - first as f64;
    let second = ((rest * last as f64) as usize).min(last - 1);
    Some((first, if second >= first { second + 1 } else { second }))
}

/// What a further request would cost there, as `strategy` sees it: less is better.
pub(super) fn cost(strategy: Strategy, load: &Load) -> f64 {
    match strategy {
        Strategy::Latency => {
            let seconds = load.first_content.map_or(0.0, |time| time.as_secs_f64());
            seconds.max(UNMEASURED_SECS) * (f64::from(load.waiting) + 1.0)
        }
        _ => f64::from(load.in_flight),
    }
}
