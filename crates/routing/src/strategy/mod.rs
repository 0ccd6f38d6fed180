//! How one of several targets or variants is chosen.

mod sticky;
mod two;

use crate::live::Load;
pub(crate) use sticky::arm;
pub use sticky::{StickyBy, Subject};

#[cfg(test)]
mod tests;

/// How a step chooses among its targets or variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// The one target there is.
    Single,
    /// At random, in proportion to the weights.
    Weighted,
    /// In declared order.
    Fallback,
    /// At random over the variants of a function, in proportion to their weights.
    Experiment,
    /// Where the first content is expected soonest: the better of two drawn at random.
    Latency,
    /// Where fewer requests are in flight: the better of two drawn at random.
    LeastBusy,
}

// === impl Strategy ===

impl Strategy {
    /// The name in the configuration and in `gateway.routing.strategy`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Weighted => "weighted",
            Self::Fallback => "fallback",
            Self::Experiment => "experiment",
            Self::Latency => "latency",
            Self::LeastBusy => "least_busy",
        }
    }

    /// Whether weights decide.
    pub const fn is_weighted(self) -> bool {
        matches!(self, Self::Weighted | Self::Experiment)
    }
}

/// The index that `random` (from [0, 1)) picks among `weights`; `None` when they add up to nothing.
pub(crate) fn draw(weights: impl Iterator<Item = u32> + Clone, random: f64) -> Option<usize> {
    let total: u64 = weights.clone().map(u64::from).sum();
    // The cast saturates: a random number out of range, or NaN, picks an end and never panics.
    let point = (random * total as f64) as u64;
    let point = point.min(total.checked_sub(1)?);
    let mut end = 0;
    for (index, weight) in weights.enumerate() {
        end += u64::from(weight);
        if point < end {
            return Some(index);
        }
    }
    None
}

/// The index that `random` (from [0, 1)) picks by load: the better of two, as `strategy` judges.
pub(crate) fn lighter(
    strategy: Strategy,
    loads: &(impl Iterator<Item = Load> + Clone),
    random: f64,
) -> Option<usize> {
    let (first, second) = two::two_of(loads.clone().count(), random)?;
    let cost = |index| {
        let load = loads.clone().nth(index);
        load.map_or(f64::INFINITY, |load| two::cost(strategy, &load))
    };
    // The first of two equal ones: it was drawn at random too.
    Some(if cost(second) < cost(first) { second } else { first })
}
