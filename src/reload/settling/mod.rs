//! When a change is worth reading: once the file has stopped changing, or has gone on for too long.

use std::time::Duration;

use super::Look;

#[cfg(test)]
mod tests;

/// The same twice in this distance: whoever writes the file is done.
pub(super) const SETTLE: Duration = Duration::from_millis(100);
/// Looks at a file that keeps changing before it is taken as it is: one second.
pub(super) const LOOKS_MAX: u32 = 10;

/// A file under observation.
#[derive(Debug, Default)]
pub(super) struct Settling {
    /// A change that has not settled, and how often it was looked at.
    pending: Option<(Look, u32)>,
}

/// What to do after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing new: look again at leisure.
    Rest,
    /// A change: look again after [`SETTLE`].
    Again,
    /// A change that stays: read it.
    Read,
}

// === impl Settling ===

impl Settling {
    /// The file looks like this now; when it was last read, it looked like `known`.
    pub(super) fn see(&mut self, look: Look, known: Look) -> Next {
        let Some((before, looks)) = self.pending else {
            if look == known {
                return Next::Rest;
            }
            self.pending = Some((look, 1));
            return Next::Again;
        };
        if look != before && looks < LOOKS_MAX {
            self.pending = Some((look, looks + 1));
            return Next::Again;
        }
        self.pending = None;
        if look == known { Next::Rest } else { Next::Read }
    }
}
