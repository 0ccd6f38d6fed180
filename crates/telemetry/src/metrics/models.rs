//! Model names as metric labels: bounded, because callers make them up.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

/// Most different names; every further one is `other`.
pub(super) const MODELS_MAX: usize = 2_000;
/// Longest name that is a label of its own, in characters.
pub(super) const MODEL_CHARS_MAX: usize = 128;
const OTHER: &str = "other";

/// The names seen so far.
#[derive(Default)]
pub(super) struct Models {
    seen: RwLock<HashSet<Arc<str>>>,
}

impl Models {
    /// The label of a model.
    pub(super) fn label(&self, model: &str) -> Arc<str> {
        if let Some(known) = self.seen.read().unwrap_or_else(PoisonError::into_inner).get(model) {
            return Arc::clone(known);
        }
        if model.chars().count() > MODEL_CHARS_MAX {
            return OTHER.into();
        }
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MODELS_MAX {
            return OTHER.into();
        }
        let label: Arc<str> = model.into();
        seen.insert(Arc::clone(&label));
        label
    }
}
