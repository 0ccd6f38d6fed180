//! When requests are sent.

use std::time::Duration;

#[cfg(test)]
mod tests;

/// What decides when the next request is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrivals {
    /// The end of the one before, on each connection: as much as the other side can take.
    Closed,
    /// A clock, whatever becomes of the ones before.
    Constant {
        /// Requests each second.
        per_second: f64,
    },
    /// Chance, as where many callers know nothing of each other.
    Poisson {
        /// Requests each second on average.
        per_second: f64,
    },
}

/// The moments at which requests are due, counted from the start; endless.
#[derive(Clone, Debug)]
pub struct Schedule {
    arrivals: Arrivals,
    rng: fastrand::Rng,
    sent: u64,
    at: f64,
}

// === impl Schedule ===

impl Schedule {
    /// None for a closed loop, where nobody knows beforehand. The same seed gives the same moments.
    pub fn new(arrivals: Arrivals, seed: u64) -> Option<Self> {
        let rng = fastrand::Rng::with_seed(seed);
        (arrivals != Arrivals::Closed).then_some(Self { arrivals, rng, sent: 0, at: 0.0 })
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let seconds = match self.arrivals {
            Arrivals::Closed => return None,
            Arrivals::Constant { per_second } => self.sent as f64 / per_second,
            Arrivals::Poisson { per_second } => {
                // 1 - x is never zero, of which there is no logarithm.
                self.at += -(1.0 - self.rng.f64()).ln() / per_second;
                self.at
            }
        };
        self.sent += 1;
        Duration::try_from_secs_f64(seconds).ok()
    }
}
