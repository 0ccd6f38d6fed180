//! Which errors pass by themselves, and what is told of them.

use super::*;

fn error(status: u16, code: Option<u32>, body: &str) -> (String, bool) {
    let error = refused(StatusCode::from_u16(status).unwrap(), code, body.as_bytes());
    (error.to_string(), error.is_retryable())
}

#[test]
fn a_server_in_want_of_something_is_asked_again() {
    for code in [159, 202, 209, 210, 241, 242, 243, 252, 319, 745, 999, 1002] {
        let (_, retryable) = error(500, Some(code), "");
        assert!(retryable, "{code}");
    }
}

#[test]
fn what_stays_wrong_is_not_asked_again() {
    // Types, unknown names, syntax, rights and passwords.
    for code in [6, 16, 27, 36, 43, 46, 47, 53, 60, 62, 81, 117, 164, 192, 497, 516] {
        let (_, retryable) = error(500, Some(code), "");
        assert!(!retryable, "{code}");
    }
}

#[test]
fn messages_lose_their_frame() {
    let body = "Code: 60. DB::Exception: Table otel.x does not exist. (UNKNOWN_TABLE) \
                (version 26.5.1.1 (official build))\n";
    let (text, retryable) = error(404, None, body);
    assert_eq!(text, "ClickHouse refused (code 60): Table otel.x does not exist. (UNKNOWN_TABLE)");
    assert!(!retryable);
}

#[test]
fn an_exception_in_json_is_one_too() {
    let body = r#"{"exception": "Code: 241. DB::Exception: Memory limit exceeded"}"#;
    let (text, retryable) = error(500, None, body);
    assert_eq!(text, "ClickHouse refused (code 241): Memory limit exceeded");
    assert!(retryable);
}

#[test]
fn whoever_stands_in_between_is_judged_by_its_status() {
    for (status, expected) in
        [(502, true), (503, true), (429, true), (408, true), (403, false), (404, false)]
    {
        let (text, retryable) = error(status, None, "<html>no</html>");
        assert_eq!(text, format!("ClickHouse refused (HTTP {status}): <html>no</html>"));
        assert_eq!(retryable, expected, "{status}");
    }
}

#[test]
fn long_messages_are_cut_between_letters() {
    let whole = "x".repeat(REASON_BYTES_MAX);
    assert_eq!(reason(&whole), whole);
    assert_eq!(reason(&format!("{whole}x")), format!("{whole}..."));
    let wide = "ü".repeat(REASON_BYTES_MAX);
    assert_eq!(reason(&wide).len(), REASON_BYTES_MAX + 3);
}
