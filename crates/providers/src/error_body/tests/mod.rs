//! Envelopes: what each SDK needs to find.

use http::StatusCode;
use serde_json::{Value, json};

use super::{ErrorBody, error_body, error_event, redact_5xx};
use crate::fixtures::events_of;
use crate::provider::Dialect;

mod golden;

const ERROR: ErrorBody<'static> = ErrorBody {
    status: StatusCode::NOT_FOUND,
    code: "model_not_found",
    message: "no model \"x\"\nhere",
    param: Some("model"),
    request_id: "req-1",
};

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn openai_shapes_have_message_type_param_and_code() {
    for dialect in [Dialect::Chat, Dialect::Responses] {
        assert_eq!(
            parsed(&error_body(dialect, &ERROR)),
            json!({ "error": {
                "message": ERROR.message, "type": "invalid_request_error", "param": "model",
                "code": "model_not_found",
            } })
        );
    }
}

#[test]
fn anthropics_shape_has_a_type_of_its_own_and_the_request_id() {
    assert_eq!(
        parsed(&error_body(Dialect::Messages, &ERROR)),
        json!({
            "type": "error",
            "error": { "type": "not_found_error", "message": ERROR.message },
            "request_id": "req-1",
        })
    );
}

#[test]
fn types_follow_the_status_as_each_api_has_them() {
    for (status, openai, anthropic) in [
        (400, "invalid_request_error", "invalid_request_error"),
        (401, "authentication_error", "authentication_error"),
        (403, "invalid_request_error", "permission_error"),
        (405, "invalid_request_error", "invalid_request_error"),
        (413, "invalid_request_error", "request_too_large"),
        (429, "rate_limit_error", "rate_limit_error"),
        (502, "server_error", "api_error"),
        (503, "server_error", "overloaded_error"),
        (504, "server_error", "timeout_error"),
        (529, "server_error", "overloaded_error"),
    ] {
        let error = ErrorBody { status: StatusCode::from_u16(status).unwrap(), ..ERROR };
        let kind = |dialect| parsed(&error_body(dialect, &error))["error"]["type"].clone();
        assert_eq!(kind(Dialect::Chat), openai, "{status}");
        assert_eq!(kind(Dialect::Messages), anthropic, "{status}");
    }
}

#[test]
fn an_error_event_is_read_as_an_error_by_its_own_dialect() {
    for dialect in [Dialect::Chat, Dialect::Messages, Dialect::Responses] {
        let event = error_event(dialect, &ERROR);
        assert!(event.ends_with(b"\n\n"));
        assert_eq!(event.starts_with(b"event: error\n"), dialect != Dialect::Chat);
        let said = events_of(dialect, [&event[..]]);
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].starts_with("error Some(") && said[0].contains("no model"), "{said:?}");
    }
}

#[test]
fn a_5xx_keeps_its_type_and_loses_its_message() {
    let secret = br#"{"error":{"message":"stack trace","type":"server_error","code":"x"}}"#;
    let status = StatusCode::BAD_GATEWAY;
    for dialect in [Dialect::Chat, Dialect::Messages, Dialect::Responses] {
        for body in [&secret[..], b"<html>stack trace</html>", b""] {
            let redacted = redact_5xx(dialect, status, body).unwrap();
            let text = String::from_utf8(redacted).unwrap();
            assert!(
                text.contains("provider returned status 502") && !text.contains("stack"),
                "{text}"
            );
        }
        assert_eq!(
            parsed(&redact_5xx(dialect, status, secret).unwrap())["error"]["type"],
            "server_error"
        );
    }
}

#[test]
fn a_4xx_goes_as_it_came() {
    assert_eq!(redact_5xx(Dialect::Chat, StatusCode::TOO_MANY_REQUESTS, b"{}"), None);
    assert_eq!(redact_5xx(Dialect::Chat, StatusCode::from_u16(499).unwrap(), b"{}"), None);
    assert!(redact_5xx(Dialect::Chat, StatusCode::INTERNAL_SERVER_ERROR, b"{}").is_some());
}
