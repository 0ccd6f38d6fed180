//! What SQLite's error codes mean to us.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::StoreError;

/// The database file, and how long we wait for it.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    busy_timeout_ms: u64,
}

// === impl Place ===

impl Place {
    pub(super) fn new(path: &Path, busy_timeout_ms: u64) -> Self {
        Self { path: path.to_owned(), busy_timeout_ms }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn busy_timeout_ms(&self) -> u64 {
        self.busy_timeout_ms
    }

    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    pub(super) fn unusable(&self, reason: &dyn std::fmt::Display) -> StoreError {
        StoreError::Unusable { path: self.name(), reason: reason.to_string() }
    }

    /// Names the error after what the operator can do about it. By reference, because a result set
    /// reports the same error to several askers.
    pub(super) fn failure(&self, error: &rusqlite::Error) -> StoreError {
        let path = self.name();
        let reason = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StoreError::Busy { waited_ms: self.busy_timeout_ms }
            }
            Some(ErrorCode::DiskFull) => StoreError::DiskFull { path },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Corrupt { path, reason }
            }
            Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { path },
            Some(
                ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::SystemIoFailure
                | ErrorCode::FileLockingProtocolFailed,
            ) => StoreError::Unusable { path, reason },
            _ => StoreError::Failed { reason },
        }
    }
}
