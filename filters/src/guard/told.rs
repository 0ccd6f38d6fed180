//! Where the guard of a request leaves what it found, for whoever tells of the request's end.

use std::sync::{Arc, Mutex, PoisonError};

use super::Findings;

/// One request's findings. The server puts it into the request's extensions and keeps a clone: so
/// they are told of whatever a later layer decides.
#[derive(Clone, Debug, Default)]
pub struct Told(Arc<Mutex<Findings>>);

// === impl Told ===

impl Told {
    /// Adds findings.
    pub fn append(&self, findings: Findings) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).append(findings);
    }

    /// What was found so far; nothing is left.
    pub fn take(&self) -> Findings {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
