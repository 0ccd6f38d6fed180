//! Names as metric labels: bounded, because callers and upstreams make them up.
//!
//! What the configuration names is a label of its own, however much that is. Of other names the
//! first few are, and all further ones are `other`. A place is only given to a name of a call that
//! ended well: what a provider answers to is no fancy of a caller's.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use super::quick_hash::Quick;

/// Longest name that is a label of its own, in characters.
pub(super) const NAME_CHARS_MAX: usize = 128;
/// The label of all names that have none of their own.
pub(super) const OTHER: &str = "other";

/// The names that are labels.
pub(super) struct Names {
    unknown_max: usize,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    configured: HashSet<Arc<str>, Quick>,
    seen: HashSet<Arc<str>, Quick>,
}

// === impl Names ===

impl Names {
    /// At most `unknown_max` names that were not configured.
    pub(super) fn new(unknown_max: usize) -> Self {
        Self { unknown_max, known: RwLock::default() }
    }

    /// Names of the configuration, in addition to those of the one before: series live on.
    pub(super) fn configure(&self, names: impl Iterator<Item = Arc<str>>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            known.seen.remove(&name);
            known.configured.insert(name);
        }
    }

    /// The label of a name; one that is not known yet takes a place if it `may_enter`.
    pub(super) fn label(&self, name: &str, may_enter: bool) -> Arc<str> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.configured.get(name).or_else(|| known.seen.get(name)) {
            return Arc::clone(known);
        }
        let full = known.seen.len() >= self.unknown_max;
        drop(known);
        if full || !may_enter || name.chars().count() > NAME_CHARS_MAX {
            return OTHER.into();
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have taken the last place.
        if known.seen.len() >= self.unknown_max && !known.seen.contains(name) {
            return OTHER.into();
        }
        let label: Arc<str> = name.into();
        known.seen.insert(Arc::clone(&label));
        label
    }
}
