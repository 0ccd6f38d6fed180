//! Keys that were recognized before, known again without their digest.
//!
//! A running gateway is shown the same few keys by every request. They are known by two hashes that are
//! keyed at random when the process starts: 128 bits that nobody outside can compute, so that no other
//! text can be made to pass for one. Nothing of a key can be read out of them, and a text that is not
//! known here takes the long way, whatever is wrong with it.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

use crate::KeyRecord;
use crate::api_key::TEXT_BYTES_MAX;

/// Keys that are kept. With one more, all are let go.
pub(super) const SEEN_MAX: usize = 4_096;

/// What was recognized of one reading of the file.
#[derive(Default)]
pub(super) struct Seen {
    hashers: [RandomState; 2],
    records: RwLock<HashMap<[u64; 2], Arc<KeyRecord>>>,
}

// === impl Seen ===

impl Seen {
    /// The record that this text was recognized as.
    pub(super) fn get(&self, credential: &str) -> Option<Arc<KeyRecord>> {
        // A stranger's may be as long as a header.
        if credential.len() > TEXT_BYTES_MAX {
            return None;
        }
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        records.get(&self.mark(credential)).cloned()
    }

    /// From now on the text is known.
    pub(super) fn put(&self, credential: &str, record: &Arc<KeyRecord>) {
        let mut records = self.records.write().unwrap_or_else(PoisonError::into_inner);
        if records.len() >= SEEN_MAX {
            records.clear();
        }
        records.insert(self.mark(credential), Arc::clone(record));
    }

    fn mark(&self, credential: &str) -> [u64; 2] {
        let [one, other] = &self.hashers;
        [one.hash_one(credential), other.hash_one(credential)]
    }

    /// How many are known.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.records.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}
