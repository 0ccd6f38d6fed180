//! Hashing for the small maps of metrics: a word at a time and not keyed, for whoever makes calls
//! cannot fill them. What is in them is configured, or one of a bounded number of names.

use std::hash::{BuildHasherDefault, Hasher};

/// For maps that stay small whatever callers say.
pub(super) type Quick = BuildHasherDefault<QuickHasher>;

/// Multiplies and turns.
#[derive(Default)]
pub(super) struct QuickHasher(u64);

/// Odd, and as good as random: of the golden ratio.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
/// Turned by so many bits, each word's high ones meet the next one's low ones.
const TURN_BITS: u32 = 26;

// === impl QuickHasher ===

impl Hasher for QuickHasher {
    fn finish(&self) -> u64 {
        // The maps take the low bits for the place, and the high ones for a mark.
        self.0 ^ (self.0 >> 32)
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(FACTOR).rotate_left(TURN_BITS);
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(u64::from(byte));
    }

    fn write_u16(&mut self, number: u16) {
        self.write_u64(u64::from(number));
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number.cast_unsigned() as u64);
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let last = rest.iter().fold(0, |last, byte| last << 8 | u64::from(*byte));
            self.write_u64(last ^ (rest.len() as u64) << 56);
        }
    }
}
