//! Errors in each dialect's own envelope.

use http::StatusCode;

use crate::ordered::{Json, object};
use crate::reading::Api;

/// What the request id is in every Anthropic error.
const REQUEST_ID: &str = "req_mock0000000000000000";
/// Anthropic's own status for an overloaded service.
pub(crate) const OVERLOADED: u16 = 529;

/// The body of an error answer; `message` replaces the provider's usual words.
pub(crate) fn envelope(anthropic: bool, status: StatusCode, message: Option<&str>) -> Json {
    if anthropic {
        return anthropic_envelope(status, message);
    }
    let (kind, code, usual) = match status.as_u16() {
        401 => ("invalid_request_error", Some("invalid_api_key"), "Incorrect API key provided."),
        403 => ("invalid_request_error", Some("forbidden"), "You are not allowed to do this."),
        404 => ("invalid_request_error", Some("not_found"), "The resource does not exist."),
        429 => ("requests", Some("rate_limit_exceeded"), "Rate limit reached for requests."),
        400..500 => ("invalid_request_error", None, "Invalid request."),
        503 => {
            ("server_error", None, "The engine is currently overloaded, please try again later.")
        }
        _ => ("server_error", None, "The server had an error while processing your request."),
    };
    openai_envelope(message.unwrap_or(usual), kind, code)
}

/// The event with which a stream fails half-way; Responses has its own.
pub(crate) fn stream_event(api: Api) -> (Option<&'static str>, Json) {
    match api {
        Api::Messages => (Some("error"), anthropic_envelope_of("overloaded_error", "Overloaded")),
        Api::Cohere => {
            let delta = object! { "finish_reason" => "ERROR", "error" => "internal server error" };
            (Some("message-end"), object! { "type" => "message-end", "delta" => delta })
        }
        _ => {
            let message =
                "The server had an error while processing your request. Sorry about that!";
            (None, openai_envelope(message, "server_error", None))
        }
    }
}

fn openai_envelope(message: &str, kind: &str, code: Option<&str>) -> Json {
    let error = object! {
        "message" => message,
        "type" => kind,
        "param" => Json::Null,
        "code" => code,
    };
    object! { "error" => error }
}

fn anthropic_envelope(status: StatusCode, message: Option<&str>) -> Json {
    let (kind, usual) = match status.as_u16() {
        401 => ("authentication_error", "invalid x-api-key"),
        403 => ("permission_error", "Your API key does not have permission to do this."),
        404 => ("not_found_error", "Not found"),
        413 => ("request_too_large", "Request exceeds the maximum size"),
        429 => ("rate_limit_error", "Number of requests has exceeded your rate limit."),
        OVERLOADED => ("overloaded_error", "Overloaded"),
        400..500 => ("invalid_request_error", "Invalid request"),
        _ => ("api_error", "Internal server error"),
    };
    anthropic_envelope_of(kind, message.unwrap_or(usual))
}

fn anthropic_envelope_of(kind: &str, message: &str) -> Json {
    let error = object! { "type" => kind, "message" => message };
    object! { "type" => "error", "error" => error, "request_id" => REQUEST_ID }
}
