//! Whether two loads read the same: a keyed hash of the text and of every secret that was fetched.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::OnceLock;

/// What settings were made from. Means nothing outside this process: the hash has a random key, so
/// that it tells nothing about a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    /// Of the file's bytes.
    pub text: u64,
    /// Of the secrets and of the variable that overrides the file.
    pub environment: u64,
}

/// The hash of anything, by this process's key.
pub fn fingerprint(value: impl Hash) -> u64 {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    KEY.get_or_init(RandomState::new).hash_one(value)
}
