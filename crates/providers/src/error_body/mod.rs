//! Errors as a caller's SDK expects them: bodies, and the event that ends a broken stream.

use http::StatusCode;
use serde_json::{Value, json};

use crate::event::StreamEvent;
use crate::provider::Dialect;

#[cfg(test)]
mod tests;

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

/// The body of an error answer.
pub fn error_body(dialect: Dialect, error: &ErrorBody<'_>) -> Vec<u8> {
    envelope(dialect, error).to_string().into_bytes()
}

/// The SSE event that ends a stream with an error.
pub fn error_event(dialect: Dialect, error: &ErrorBody<'_>) -> Vec<u8> {
    match dialect {
        Dialect::Chat | Dialect::Cohere | Dialect::Gemini => {
            format!("data: {}\n\n", envelope(dialect, error))
        }
        Dialect::Messages => format!("event: error\ndata: {}\n\n", envelope(dialect, error)),
        Dialect::Responses => {
            let ErrorBody { status, code, message, param, .. } = error;
            let kind = error_type(dialect, *status);
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

/// An upstream's error body with its message replaced; `None` for anything but a 5xx, which goes
/// to the caller as it is.
pub fn redact_5xx(dialect: Dialect, status: StatusCode, body: &[u8]) -> Option<Vec<u8>> {
    if !status.is_server_error() {
        return None;
    }
    let message = format!("provider returned status {}", status.as_u16());
    let known: Option<Value> = serde_json::from_slice(body).ok();
    let kind = known.as_ref().and_then(|value| value.get("error")?.get("type")?.as_str());
    let kind = kind.unwrap_or_else(|| error_type(dialect, status));
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

/// An upstream's error body in the envelope of a caller that speaks another dialect.
pub fn translate(
    upstream: Dialect,
    caller: Dialect,
    status: StatusCode,
    body: &[u8],
    request_id: &str,
) -> Vec<u8> {
    let mut said = None;
    let _no_json = crate::body::read_body(upstream, body, &mut |event| {
        if let StreamEvent::Error { message: Some(message), .. } = event {
            said = Some(message.decode().into_owned());
        }
    });
    let redacted = format!("provider returned status {}", status.as_u16());
    let message = said.filter(|_| !status.is_server_error()).unwrap_or(redacted);
    let code = crate::ErrorClass::classify(status, upstream, body).code();
    error_body(caller, &ErrorBody { status, code, message: &message, param: None, request_id })
}

fn envelope(dialect: Dialect, error: &ErrorBody<'_>) -> Value {
    let ErrorBody { status, code, message, param, request_id } = error;
    let kind = error_type(dialect, *status);
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

/// The type that the dialect's own API gives with a status.
fn error_type(dialect: Dialect, status: StatusCode) -> &'static str {
    let anthropic = dialect == Dialect::Messages;
    match status.as_u16() {
        401 if anthropic => "authentication_error",
        403 if anthropic => "permission_error",
        404 if anthropic => "not_found_error",
        413 if anthropic => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 if anthropic => "overloaded_error",
        504 if anthropic => "timeout_error",
        500..=599 if anthropic => "api_error",
        500..=599 => "server_error",
        401 => "authentication_error",
        _ => "invalid_request_error",
    }
}
