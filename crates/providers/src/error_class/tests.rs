//! The taxonomy, by status and by the words of the providers.

use http::StatusCode;

use super::ErrorClass;

fn class(status: u16, body: &str) -> &'static str {
    let status = StatusCode::from_u16(status).unwrap();
    ErrorClass::classify(status, body.as_bytes()).code()
}

fn openai(status: u16, kind: &str, code: &str, message: &str) -> &'static str {
    let body = format!(r#"{{"error":{{"message":"{message}","type":"{kind}","code":"{code}"}}}}"#);
    class(status, &body)
}

fn anthropic(status: u16, kind: &str, message: &str) -> &'static str {
    let body = format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}}}}"#);
    class(status, &body)
}

#[test]
fn without_words_the_status_decides() {
    for (status, code) in [
        (400, "bad_request"),
        (401, "auth"),
        (402, "quota"),
        (403, "forbidden"),
        (404, "bad_request"),
        (413, "bad_request"),
        (422, "bad_request"),
        (429, "rate_limit"),
        (500, "upstream"),
        (502, "upstream"),
        (503, "overloaded"),
        (529, "overloaded"),
    ] {
        for body in ["", "<html>busy</html>", "{}", r#"{"error":null}"#] {
            assert_eq!(class(status, body), code, "{status} {body}");
        }
    }
}

#[test]
fn a_quota_that_is_gone_is_told_from_a_throttle() {
    assert_eq!(openai(429, "insufficient_quota", "insufficient_quota", "You exceeded"), "quota");
    assert_eq!(openai(429, "requests", "rate_limit_exceeded", "Rate limit reached"), "rate_limit");
    assert_eq!(anthropic(429, "rate_limit_error", "Number of requests"), "rate_limit");
    assert_eq!(anthropic(400, "invalid_request_error", "Your credit balance is too low"), "quota");
}

#[test]
fn a_model_nobody_knows_is_told_from_a_path_nobody_knows() {
    assert_eq!(
        openai(404, "invalid_request_error", "model_not_found", "The model `x`"),
        "model_not_found"
    );
    assert_eq!(
        openai(400, "invalid_request_error", "model_not_found", "no such"),
        "model_not_found"
    );
    assert_eq!(anthropic(404, "not_found_error", "model: claude-x"), "model_not_found");
    assert_eq!(openai(404, "invalid_request_error", "unknown_url", "Invalid URL"), "bad_request");
}

#[test]
fn filters_gates_and_wrong_keys_are_known_by_their_words() {
    assert_eq!(
        openai(400, "invalid_request_error", "content_policy_violation", "no"),
        "content_policy"
    );
    assert_eq!(openai(400, "", "content_filter", "filtered"), "content_policy");
    assert_eq!(
        openai(403, "", "", "Your organization must be verified to use this model"),
        "org_verification_required"
    );
    assert_eq!(openai(400, "", "", "Incorrect API key provided: xai"), "auth");
    assert_eq!(openai(400, "", "context_length_exceeded", "too long"), "bad_request");
}

#[test]
fn being_overloaded_may_come_with_any_5xx() {
    assert_eq!(anthropic(529, "overloaded_error", "Overloaded"), "overloaded");
    assert_eq!(anthropic(500, "overloaded_error", "Overloaded"), "overloaded");
    assert_eq!(anthropic(500, "api_error", "Internal server error"), "upstream");
}
