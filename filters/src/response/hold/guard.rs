//! Which form output guardrails of a stream take.

use std::sync::Arc;

use tollgate_providers::Dialect;

use super::{Guarded, Hold, Watch};
use crate::guard::Rules;

/// Output guardrails of a stream.
#[derive(Debug)]
pub(in crate::response) enum Guard {
    /// Something may have to be taken out.
    Hold(Box<Hold>),
    /// Findings are only told.
    Watch(Box<Watch>),
}

// === impl Guard ===

impl Guard {
    /// `encoded`: the stream is compressed, and nobody can look through it.
    pub(in crate::response) fn new(dialect: Dialect, rules: Arc<Rules>, encoded: bool) -> Self {
        if rules.only_flags() {
            Self::Watch(Box::new(Watch::new(rules)))
        } else {
            Self::Hold(Box::new(Hold::new(dialect, rules, encoded)))
        }
    }

    /// What became of the answer.
    pub(in crate::response) fn into_guarded(self) -> Guarded {
        match self {
            Self::Hold(hold) => hold.into_guarded(),
            Self::Watch(watch) => watch.into_guarded(),
        }
    }
}
