//! What the response cache did for a call.

use std::time::Duration;

use super::Cost;

/// What the response cache did.
#[derive(Clone, Debug)]
pub struct CacheUse {
    /// Hit, miss or skip.
    pub status: CacheStatus,
    /// How old the answer is; hits only.
    pub age: Option<Duration>,
    /// Tokens that were not used again; hits only.
    pub saved_tokens: Option<u64>,
    /// What they would have cost; hits only.
    pub saved_cost: Option<Cost>,
}

/// The value of `gen_ai.cache.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheStatus {
    /// Answered from the cache.
    Hit,
    /// Looked for and not there.
    Miss,
    /// Not eligible.
    Skip,
}

// === impl CacheStatus ===

impl CacheStatus {
    /// The value of `gen_ai.cache.status`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Skip => "skip",
        }
    }
}
