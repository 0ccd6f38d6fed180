//! How much more one thing costs than another, and how sure that is.

#[cfg(test)]
mod tests;

/// Samples that an interval is made of.
const SAMPLES: usize = 2_000;
/// Thousandths below and above the interval.
const TAIL: usize = 25;
const SEED: u64 = 7;

/// A ratio, and where 95 % of its samples lie.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Interval {
    /// All rounds together.
    pub ratio: f64,
    /// 2.5 % of the samples are below.
    pub low: f64,
    /// 2.5 % of the samples are above.
    pub high: f64,
}

/// `this` over `that`, round by round in pairs: the rounds are drawn again and again with
/// replacement (bootstrap), a pair at a time, so that what slowed both down cancels out.
///
/// None without rounds, or where `that` is nothing.
pub fn ratio(this: &[f64], that: &[f64]) -> Option<Interval> {
    let pairs: Vec<(f64, f64)> = this.iter().copied().zip(that.iter().copied()).collect();
    let of = |sums: (f64, f64)| (sums.1 > 0.0).then(|| sums.0 / sums.1);
    let found = of(sum(pairs.iter()))?;
    let mut rng = fastrand::Rng::with_seed(SEED);
    let mut samples: Vec<f64> = (0..SAMPLES)
        .filter_map(|_| of(sum(pairs.iter().filter_map(|_| pairs.get(rng.usize(..pairs.len()))))))
        .collect();
    samples.sort_unstable_by(f64::total_cmp);
    let at = |share: usize| samples.get(samples.len() * share / 1_000).copied();
    Some(Interval {
        ratio: found,
        low: at(TAIL).unwrap_or(found),
        high: at(1_000 - TAIL).unwrap_or(found),
    })
}

fn sum<'p>(pairs: impl Iterator<Item = &'p (f64, f64)>) -> (f64, f64) {
    pairs.fold((0.0, 0.0), |sums, pair| (sums.0 + pair.0, sums.1 + pair.1))
}
