//! An upstream's error in the words of the caller's API, so that the caller's SDK raises what it
//! would raise at home: the status stays, type and code become the caller's own.

use http::StatusCode;

use super::{Worded, envelope, error_type, event, redact_5xx, redacted};
use crate::error_class::ErrorClass;
use crate::provider::Dialect;
use crate::upstream_error::UpstreamError;

/// The code that OpenAI's API gives to a request longer than the model's context.
const TOO_LONG_AT_OPENAI: &str = "context_length_exceeded";
/// How Anthropic's API begins to say the same; its agents shorten their context at these words.
const TOO_LONG_AT_ANTHROPIC: &str = "prompt is too long";
/// Codes that OpenAI's API has itself: callers know them.
const CODES_OF_OPENAI: [&str; 16] = [
    "account_deactivated",
    "billing_hard_limit_reached",
    "billing_not_active",
    "content_filter",
    "content_policy_violation",
    "insufficient_quota",
    "invalid_api_key",
    "invalid_prompt",
    "invalid_type",
    "invalid_value",
    "missing_required_parameter",
    "model_not_found",
    "rate_limit_exceeded",
    "unknown_parameter",
    "unsupported_parameter",
    "unsupported_value",
];

/// An upstream's error body for a caller. Where both speak the same dialect it goes as it came,
/// but for the message of a 5xx.
pub fn translate(
    upstream: Dialect,
    caller: Dialect,
    error: &UpstreamError,
    body: &[u8],
    request_id: &str,
) -> Vec<u8> {
    if upstream == caller {
        return redact_5xx(caller, error.status, body).unwrap_or_else(|| body.to_vec());
    }
    let message = told_message(caller, error);
    envelope(caller, &worded(caller, error, &message, request_id)).to_string().into_bytes()
}

/// The event that ends a stream for a caller of another dialect than the upstream's, whose stream
/// reported this.
pub fn translate_event(caller: Dialect, error: &UpstreamError, request_id: &str) -> Vec<u8> {
    let message = told_message(caller, error);
    event(caller, &worded(caller, error, &message, request_id))
}

/// An error as a caller is told of it.
pub(crate) struct Told {
    /// The type that the caller's API gives it.
    pub(crate) kind: String,
    /// Its code, where that API has codes.
    pub(crate) code: Option<String>,
    /// A sentence for people.
    pub(crate) message: String,
}

/// What a caller is told of an upstream's error.
pub(crate) fn told(caller: Dialect, error: &UpstreamError) -> Told {
    let message = told_message(caller, error);
    let Worded { kind, code, .. } = worded(caller, error, &message, "");
    Told { kind: kind.to_owned(), code: code.map(str::to_owned), message }
}

fn worded<'a>(
    caller: Dialect,
    error: &'a UpstreamError,
    message: &'a str,
    request_id: &'a str,
) -> Worded<'a> {
    let (kind, code) = match caller {
        Dialect::Messages => (anthropic_type(error.class, error.status), None),
        _ => (openai_type(error.class, error.status), openai_code(error)),
    };
    Worded { kind, code, message, param: error.param.as_deref(), request_id }
}

/// What may be told: the message, or what the status says where there is none to be shown.
pub(crate) fn told_message(caller: Dialect, error: &UpstreamError) -> String {
    match &error.message {
        Some(message) if !error.status.is_server_error() => {
            let known = message.to_ascii_lowercase().contains(TOO_LONG_AT_ANTHROPIC);
            if error.context_length && caller == Dialect::Messages && !known {
                return format!("{TOO_LONG_AT_ANTHROPIC}: {message}");
            }
            message.clone()
        }
        _ => redacted(error.status),
    }
}

fn anthropic_type(class: ErrorClass, status: StatusCode) -> &'static str {
    match class {
        ErrorClass::Auth => "authentication_error",
        ErrorClass::Forbidden | ErrorClass::OrgVerificationRequired => "permission_error",
        ErrorClass::Quota => "billing_error",
        ErrorClass::RateLimit => "rate_limit_error",
        ErrorClass::Overloaded => "overloaded_error",
        ErrorClass::ModelNotFound => "not_found_error",
        ErrorClass::ContentPolicy => "invalid_request_error",
        ErrorClass::BadRequest | ErrorClass::Upstream => error_type(Dialect::Messages, status),
    }
}

fn openai_type(class: ErrorClass, status: StatusCode) -> &'static str {
    match class {
        ErrorClass::Quota => "insufficient_quota",
        ErrorClass::RateLimit => "rate_limit_error",
        ErrorClass::Auth => "authentication_error",
        ErrorClass::Overloaded => "server_error",
        ErrorClass::Forbidden
        | ErrorClass::OrgVerificationRequired
        | ErrorClass::ContentPolicy
        | ErrorClass::ModelNotFound
        | ErrorClass::BadRequest
        | ErrorClass::Upstream => error_type(Dialect::Chat, status),
    }
}

/// The upstream's code where OpenAI has it too, else OpenAI's for this class of error.
fn openai_code(error: &UpstreamError) -> Option<&str> {
    if error.context_length {
        return Some(TOO_LONG_AT_OPENAI);
    }
    let own = error.code.as_deref().filter(|_| !error.status.is_server_error());
    if let Some(code) = own.filter(|code| CODES_OF_OPENAI.contains(code)) {
        return Some(code);
    }
    match error.class {
        ErrorClass::Auth => Some("invalid_api_key"),
        ErrorClass::Quota => Some("insufficient_quota"),
        ErrorClass::RateLimit => Some("rate_limit_exceeded"),
        ErrorClass::ContentPolicy => Some("content_policy_violation"),
        ErrorClass::ModelNotFound => Some("model_not_found"),
        _ => own,
    }
}
