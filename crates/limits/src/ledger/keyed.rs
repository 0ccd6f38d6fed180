//! How maps hash the keys of entries: not at all, for those are hashes, keyed at random.

use std::hash::{BuildHasherDefault, Hasher};

/// For maps whose keys are [`u128`] hashes.
pub(super) type Keyed = BuildHasherDefault<HighHalf>;

/// The high half of a key: the low one chose the map.
#[derive(Default)]
pub(super) struct HighHalf(u64);

// === impl HighHalf ===

impl Hasher for HighHalf {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = (key >> 64) as u64;
    }

    fn write(&mut self, bytes: &[u8]) {
        // No key comes this way.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
}
