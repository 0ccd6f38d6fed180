//! What a row is found by again: a part of the SHA-256 of all that it says.

use ring::digest::{Context, SHA256};

use crate::Pairs;

/// Fields, one after the other, each with its length: no two lists of fields give the same bytes.
pub(super) struct Digest(Context);

// === impl Digest ===

impl Digest {
    /// Enough that two different rows never share one by chance.
    pub(super) const BYTES: usize = 16;

    pub(super) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    pub(super) fn number(&mut self, number: i64) {
        self.0.update(&number.to_le_bytes());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.update(text.as_bytes());
    }

    pub(super) fn pairs(&mut self, pairs: &Pairs) {
        self.length(pairs.len());
        for (key, value) in pairs {
            self.text(key);
            self.text(value);
        }
    }

    pub(super) fn finish(self) -> [u8; Self::BYTES] {
        let all = self.0.finish();
        let mut bytes = [0; Self::BYTES];
        bytes.iter_mut().zip(all.as_ref()).for_each(|(byte, of)| *byte = *of);
        bytes
    }

    /// The first 8 bytes: enough to tell points of one series and one time apart.
    pub(super) fn finish_short(self) -> i64 {
        let mut bytes = [0; 8];
        bytes.iter_mut().zip(self.finish()).for_each(|(byte, of)| *byte = of);
        i64::from_le_bytes(bytes)
    }

    fn length(&mut self, length: usize) {
        self.0.update(&(length as u64).to_le_bytes());
    }
}
