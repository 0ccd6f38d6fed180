//! The one taxonomy of errors, whatever the provider.

mod said;
#[cfg(test)]
mod tests;

use http::StatusCode;

use crate::upstream_error::UpstreamError;

pub(crate) use said::Said;

/// What kind of error an upstream answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Credentials missing, invalid or revoked.
    Auth,
    /// Authenticated but not allowed.
    Forbidden,
    /// Malformed, or any other 4xx.
    BadRequest,
    /// The account's quota is gone; trying again does not help.
    Quota,
    /// Throttled; try again later.
    RateLimit,
    /// At capacity; try again later.
    Overloaded,
    /// The upstream's safety filter.
    ContentPolicy,
    /// The upstream does not know the model.
    ModelNotFound,
    /// The model wants a verified organization.
    OrgVerificationRequired,
    /// A 5xx or a network fault.
    Upstream,
}

// === impl ErrorClass ===

impl ErrorClass {
    /// The value of `x-to11-error-code`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Forbidden => "forbidden",
            Self::BadRequest => "bad_request",
            Self::Quota => "quota",
            Self::RateLimit => "rate_limit",
            Self::Overloaded => "overloaded",
            Self::ContentPolicy => "content_policy",
            Self::ModelNotFound => "model_not_found",
            Self::OrgVerificationRequired => "org_verification_required",
            Self::Upstream => "upstream",
        }
    }

    /// What the status alone tells.
    pub fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::Auth,
            403 => Self::Forbidden,
            402 => Self::Quota,
            429 => Self::RateLimit,
            503 | 529 => Self::Overloaded,
            500..=599 => Self::Upstream,
            _ => Self::BadRequest,
        }
    }

    /// What the status and the error's own words tell.
    pub fn classify(status: StatusCode, body: &[u8]) -> Self {
        UpstreamError::read(status, None, body).class
    }
}
