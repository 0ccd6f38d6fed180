//! What a failed send means for what is in the queue.

use crate::StoreError;

/// Codes of ClickHouse that are about the server, not about what was sent: somebody repairs it, and
/// then the same batch is taken.
const REPAIRABLE: [u32; 10] = [
    16,  // NO_SUCH_COLUMN_IN_TABLE
    47,  // UNKNOWN_IDENTIFIER
    60,  // UNKNOWN_TABLE
    81,  // UNKNOWN_DATABASE
    115, // UNKNOWN_SETTING
    164, // READONLY
    192, // UNKNOWN_USER
    452, // SETTING_CONSTRAINT_VIOLATION
    497, // ACCESS_DENIED
    516, // AUTHENTICATION_FAILED
];
/// As whoever stands before ClickHouse says it.
const REPAIRABLE_HTTP: [&str; 4] = ["HTTP 401", "HTTP 403", "HTTP 404", "HTTP 407"];

/// What is to be done with a batch that was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Sent again: it passes by itself, or somebody repairs it.
    Again,
    /// Never taken, whatever happens.
    Never,
}

/// Judges an answer.
pub(super) fn of(error: &StoreError) -> Verdict {
    match error {
        StoreError::BadRow { .. } => Verdict::Never,
        StoreError::Refused { retryable: true, .. } => Verdict::Again,
        StoreError::Refused { code: Some(code), .. } => match REPAIRABLE.contains(code) {
            true => Verdict::Again,
            false => Verdict::Never,
        },
        StoreError::Refused { what, .. } => match REPAIRABLE_HTTP.contains(&what.as_str()) {
            true => Verdict::Again,
            false => Verdict::Never,
        },
        _ => Verdict::Again,
    }
}
