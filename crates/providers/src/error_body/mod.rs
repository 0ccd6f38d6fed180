//! Errors as a caller's SDK expects them: bodies, and the event that ends a broken stream.

#[cfg(test)]
mod tests;
mod translate;

use http::StatusCode;
use serde_json::{Value, json};

use crate::provider::Dialect;
use crate::upstream_error::UpstreamError;

pub(crate) use translate::{Told, told, told_message};
pub use translate::{translate, translate_event};

/// What an error says.
#[derive(Clone, Copy, Debug)]
pub struct ErrorBody<'a> {
    /// The status of the answer; decides the error's type.
    pub status: StatusCode,
    /// The code in the one taxonomy.
    pub code: &'a str,
    /// A sentence for people; holds no secret and nothing of an upstream's 5xx.
    pub message: &'a str,
    /// The request's field at fault.
    pub param: Option<&'a str>,
    /// The request's id.
    pub request_id: &'a str,
}

/// An error in the words of one API.
#[derive(Clone, Copy, Debug)]
struct Worded<'a> {
    kind: &'a str,
    code: Option<&'a str>,
    message: &'a str,
    param: Option<&'a str>,
    request_id: &'a str,
}

/// The body of an error answer.
pub fn error_body(dialect: Dialect, error: &ErrorBody<'_>) -> Vec<u8> {
    envelope(dialect, &error.worded(dialect)).to_string().into_bytes()
}

/// The SSE event that ends a stream with an error.
pub fn error_event(dialect: Dialect, error: &ErrorBody<'_>) -> Vec<u8> {
    event(dialect, &error.worded(dialect))
}

/// An upstream's error body with its message replaced; `None` for anything but a 5xx, which goes
/// to the caller as it is.
pub fn redact_5xx(dialect: Dialect, status: StatusCode, body: &[u8]) -> Option<Vec<u8>> {
    if !status.is_server_error() {
        return None;
    }
    let known = UpstreamError::read(status, None, body);
    let message = redacted(status);
    let kind = known.kind.as_deref().unwrap_or_else(|| error_type(dialect, status));
    let value = match dialect {
        Dialect::Messages => {
            json!({ "type": "error", "error": { "type": kind, "message": message } })
        }
        _ => {
            json!({ "error": { "message": message, "type": kind, "param": null, "code": null } })
        }
    };
    Some(value.to_string().into_bytes())
}

/// What stands in place of a 5xx's message.
fn redacted(status: StatusCode) -> String {
    format!("provider returned status {}", status.as_u16())
}

fn envelope(dialect: Dialect, error: &Worded<'_>) -> Value {
    let Worded { kind, code, message, param, request_id } = error;
    match dialect {
        Dialect::Chat | Dialect::Responses | Dialect::Cohere | Dialect::Gemini => {
            json!({ "error": { "message": message, "type": kind, "param": param, "code": code } })
        }
        Dialect::Messages => json!({
            "type": "error",
            "error": { "type": kind, "message": message },
            "request_id": request_id,
        }),
    }
}

fn event(dialect: Dialect, error: &Worded<'_>) -> Vec<u8> {
    match dialect {
        Dialect::Chat | Dialect::Cohere | Dialect::Gemini => {
            format!("data: {}\n\n", envelope(dialect, error))
        }
        Dialect::Messages => format!("event: error\ndata: {}\n\n", envelope(dialect, error)),
        Dialect::Responses => {
            let Worded { kind, code, message, param, .. } = error;
            // The API documents the flat form and sends the nested one; SDKs look for either.
            let data = json!({
                "type": "error",
                "sequence_number": 0,
                "code": code,
                "message": message,
                "param": param,
                "error": { "type": kind, "code": code, "message": message, "param": param },
            });
            format!("event: error\ndata: {data}\n\n")
        }
    }
    .into_bytes()
}

/// The type that the dialect's own API gives with a status.
fn error_type(dialect: Dialect, status: StatusCode) -> &'static str {
    let anthropic = dialect == Dialect::Messages;
    match status.as_u16() {
        401 if anthropic => "authentication_error",
        402 if anthropic => "billing_error",
        403 if anthropic => "permission_error",
        404 if anthropic => "not_found_error",
        408 | 504 if anthropic => "timeout_error",
        413 if anthropic => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 if anthropic => "overloaded_error",
        500..=599 if anthropic => "api_error",
        500..=599 => "server_error",
        401 => "authentication_error",
        _ => "invalid_request_error",
    }
}

// === impl ErrorBody ===

impl<'a> ErrorBody<'a> {
    fn worded(&self, dialect: Dialect) -> Worded<'a> {
        Worded {
            kind: error_type(dialect, self.status),
            code: Some(self.code),
            message: self.message,
            param: self.param,
            request_id: self.request_id,
        }
    }
}
