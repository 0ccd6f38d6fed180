//! The one taxonomy of errors, whatever the provider.

use http::StatusCode;

use crate::event::StreamEvent;
use crate::provider::Dialect;

#[cfg(test)]
mod tests;

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
    pub fn classify(status: StatusCode, dialect: Dialect, body: &[u8]) -> Self {
        let mut words = Vec::new();
        // An error body of no known shape leaves the status.
        let _unknown_shape = crate::body::read_body(dialect, body, &mut |event| {
            if let StreamEvent::Error { kind, message } = event {
                words.extend(kind.map(|kind| kind.decode().to_ascii_lowercase()));
                words.extend(message.map(|message| message.decode().to_ascii_lowercase()));
            }
        });
        if let Some(code) = find_code(body) {
            words.push(code);
        }
        let says = |what: &str| words.iter().any(|word| word.contains(what));
        match Self::of_status(status) {
            Self::RateLimit if says("insufficient_quota") || says("quota") || says("billing") => {
                Self::Quota
            }
            Self::RateLimit if says("overloaded") => Self::Overloaded,
            Self::Upstream if says("overloaded") => Self::Overloaded,
            Self::BadRequest | Self::Forbidden if says("must be verified") => {
                Self::OrgVerificationRequired
            }
            Self::BadRequest
                if says("content_policy") || says("content_filter") || says("safety system") =>
            {
                Self::ContentPolicy
            }
            Self::BadRequest if says("credit balance") => Self::Quota,
            // xAI and Gemini answer 400 to a wrong key.
            Self::BadRequest if says("incorrect api key") || says("api key not valid") => {
                Self::Auth
            }
            Self::BadRequest
                if status == StatusCode::NOT_FOUND
                    && (says("model") || says("not_found_error")) =>
            {
                Self::ModelNotFound
            }
            Self::BadRequest if says("model_not_found") => Self::ModelNotFound,
            class => class,
        }
    }
}

/// The `code` beside `type`, which the reader does not give when there is a type.
fn find_code(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(value.get("error")?.get("code")?.as_str()?.to_ascii_lowercase())
}
