//! A time that jumps up at once and comes down slowly: a peak-sensitive moving average.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// After this long without news, a time has come down to 1/e.
const DECAY_SECS: f32 = 10.0;
/// The resolution of the clock; 32 bits of it last for two years, then they wrap.
const TICK_MS: u128 = 16;
/// What was measured is never nothing: 0 means that nothing was measured.
const SECS_MIN: f32 = 0.000_001;

/// The upper half is the tick of the last change, the lower half the bits of an `f32` in seconds.
/// One word, so that a reader never sees one without the other.
#[derive(Debug, Default)]
pub(super) struct Decaying(AtomicU64);

// === impl Decaying ===

impl Decaying {
    /// The time, less what it has lost since it was last measured.
    pub(super) fn read(&self, now: Duration) -> Option<Duration> {
        let (tick, seconds) = unpack(self.0.load(Ordering::Relaxed));
        let seconds = seconds * keep(tick, tick_of(now));
        (seconds > 0.0).then(|| Duration::try_from_secs_f32(seconds).unwrap_or(Duration::MAX))
    }

    /// A time was measured.
    pub(super) fn measure(&self, sample: Duration, now: Duration) {
        self.change(sample, now, |old, sample, keep| {
            if sample >= old { sample } else { sample + (old - sample) * keep }
        });
    }

    /// A time was at least this long.
    pub(super) fn raise(&self, sample: Duration, now: Duration) {
        self.change(sample, now, |old, sample, keep| sample.max(old * keep));
    }

    fn change(&self, sample: Duration, now: Duration, next: impl Fn(f32, f32, f32) -> f32) {
        let (sample, tick) = (sample.as_secs_f32().max(SECS_MIN), tick_of(now));
        let changed = |word| {
            let (old_tick, old) = unpack(word);
            Some(pack(tick, next(old, sample, keep(old_tick, tick))))
        };
        // Cannot fail: there always is a next value.
        let _infallible = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed);
    }
}

/// The part that is left of a time after the ticks between.
fn keep(from: u32, to: u32) -> f32 {
    let ticks = to.wrapping_sub(from);
    // Another worker may have read its clock earlier and been slower.
    if ticks > u32::MAX / 2 {
        return 1.0;
    }
    (-(ticks as f32 * TICK_MS as f32 / 1000.0) / DECAY_SECS).exp()
}

const fn tick_of(now: Duration) -> u32 {
    // Wraps on purpose.
    (now.as_millis() / TICK_MS) as u32
}

fn pack(tick: u32, seconds: f32) -> u64 {
    u64::from(tick) << 32 | u64::from(seconds.to_bits())
}

const fn unpack(word: u64) -> (u32, f32) {
    ((word >> 32) as u32, f32::from_bits(word as u32))
}
