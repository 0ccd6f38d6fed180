//! Readings, masks and limits; the shapes themselves are in `fixtures/errors`.

use http::StatusCode;
use proptest::prelude::*;
use serde_json::json;

use super::mask::masked;
use super::{MESSAGE_BYTES_MAX, NAME_BYTES_MAX, UpstreamError};
use crate::error_body::{translate, translate_event};
use crate::provider::Dialect;

const DIALECTS: [Dialect; 5] =
    [Dialect::Chat, Dialect::Responses, Dialect::Messages, Dialect::Cohere, Dialect::Gemini];

fn read(status: u16, body: &str) -> UpstreamError {
    UpstreamError::read(StatusCode::from_u16(status).unwrap(), None, body.as_bytes())
}

#[test]
fn keys_are_masked_however_they_are_announced() {
    for (text, expected) in [
        (
            "Incorrect API key provided: sk-proj-a1b2c3d4. See",
            "Incorrect API key provided: ***. See",
        ),
        ("Incorrect API key provided: na***ys1.", "Incorrect API key provided: ***."),
        ("key 'gsk_1234567890' refused", "key '***' refused"),
        (
            "https://x.example/v1?key=AIzaSy0123456789&alt=sse",
            "https://x.example/v1?key=***&alt=sse",
        ),
        ("got Bearer abc123def456", "got Bearer ***"),
        ("token: \"eyJhbGciOi.J9.abc1\"", "token: \"***\""),
        ("Your api key: ****abcd is invalid", "Your api key: *** is invalid"),
    ] {
        assert_eq!(masked(text), expected);
    }
}

#[test]
fn what_only_looks_a_little_like_a_key_stays() {
    for text in [
        "model: mistral-small-24b-instruct-2501",
        "request req_011CSHoEeqs5C35K2UUqR7Fy in org-abc123 project proj_123",
        "sk-learn and pk-tables are words",
        "API key: missing",
        "no such region asia-northeast1, use eyjafjord-2",
        "limit 30000, used 29000; retry in 1.25s",
        "zażółć: 日本語 — “quotes”…",
    ] {
        assert_eq!(masked(text), text);
    }
}

#[test]
fn a_key_in_a_code_or_a_parameter_is_dropped() {
    let body = json!({ "error": { "code": "sk-abcdef123456", "param": "gsk_abcdef123456", "message": "no" } });
    let error = read(400, &body.to_string());
    assert_eq!((error.code, error.param), (None, None));
}

#[test]
fn messages_and_names_are_cut_at_their_limits() {
    for (len, kept) in
        [(MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX), (MESSAGE_BYTES_MAX + 1, MESSAGE_BYTES_MAX)]
    {
        let body = json!({ "error": { "message": "m".repeat(len) } });
        assert_eq!(read(400, &body.to_string()).message.unwrap().len(), kept);
    }
    for (len, kept) in [(NAME_BYTES_MAX, true), (NAME_BYTES_MAX + 1, false)] {
        let body = json!({ "error": { "code": "c".repeat(len) } });
        assert_eq!(read(400, &body.to_string()).code.is_some(), kept);
    }
}

#[test]
fn a_text_is_a_message_up_to_a_limit_and_a_page_never() {
    for (len, kept) in [(300, true), (301, false)] {
        assert_eq!(read(400, &"t".repeat(len)).message.is_some(), kept);
    }
    for page in ["<html></html>", " \n<!doctype html>", "{\"error\":", "a\nb", "\u{1b}[31m", ""] {
        assert_eq!(read(400, page).message, None, "{page}");
    }
}

#[test]
fn an_error_in_a_stream_gets_the_status_that_it_would_have_had() {
    for (kind, message, status, class) in [
        ("overloaded_error", "Overloaded", 529, "overloaded"),
        ("rate_limit_error", "slow", 429, "rate_limit"),
        ("insufficient_quota", "gone", 429, "quota"),
        ("invalid_request_error", "prompt is too long", 400, "bad_request"),
        ("authentication_error", "no", 401, "auth"),
        ("permission_error", "no", 403, "forbidden"),
        ("not_found_error", "model: x", 404, "model_not_found"),
        ("api_error", "Internal", 502, "upstream"),
        ("server_error", "x", 502, "upstream"),
        ("503", "busy", 503, "overloaded"),
        ("429", "slow", 429, "rate_limit"),
        ("200", "what", 502, "upstream"),
        ("UNAVAILABLE", "busy", 529, "overloaded"),
    ] {
        let error = UpstreamError::in_stream(Some(kind), Some(message));
        assert_eq!((error.status.as_u16(), error.class.code()), (status, class), "{kind}");
    }
    let silent = UpstreamError::in_stream(None, None);
    assert_eq!((silent.status.as_u16(), silent.message), (502, None));
}

#[test]
fn an_event_translated_from_a_stream_says_what_may_be_said() {
    let overloaded = UpstreamError::in_stream(Some("overloaded_error"), Some("shard 7 is full"));
    for caller in [Dialect::Chat, Dialect::Responses, Dialect::Messages] {
        let event = String::from_utf8(translate_event(caller, &overloaded, "r-1")).unwrap();
        assert!(
            event.contains("provider returned status 529") && !event.contains("shard"),
            "{event}"
        );
        assert!(event.ends_with("\n\n"));
    }
    let throttled = UpstreamError::in_stream(Some("429"), Some("too fast"));
    let event = String::from_utf8(translate_event(Dialect::Messages, &throttled, "r-1")).unwrap();
    assert!(event.contains("\"rate_limit_error\"") && event.contains("too fast"), "{event}");
}

/// JSON that uses the keys that the reader looks at, in places where nobody expects them.
fn hostile() -> impl Strategy<Value = serde_json::Value> {
    let keys = [
        "error",
        "errors",
        "message",
        "detail",
        "details",
        "metadata",
        "raw",
        "code",
        "type",
        "loc",
        "msg",
        "violations",
        "quotaId",
        "innererror",
        "param",
        "status",
        "reason",
    ];
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|b| json!(b)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        ".{0,40}".prop_map(|text| json!(text)),
        Just(json!("{\"error\":{\"message\":\"{}\"}}")),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|list| json!(list)),
            prop::collection::vec((prop::sample::select(keys.to_vec()), inner), 0..5).prop_map(
                |pairs| pairs
                    .into_iter()
                    .map(|(k, v)| (k.to_owned(), v))
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            ),
        ]
    })
}

proptest! {
    #[test]
    fn no_body_makes_the_reading_panic_or_the_answer_no_json(
        json in hostile(), bytes in prop::collection::vec(any::<u8>(), 0..200), status in 400u16..600,
    ) {
        for body in [json.to_string().into_bytes(), bytes] {
            let status = StatusCode::from_u16(status).unwrap();
            let error = UpstreamError::read(status, Some("X#Y:z"), &body);
            for upstream in DIALECTS {
                for caller in [Dialect::Chat, Dialect::Responses, Dialect::Messages] {
                    let out = translate(upstream, caller, &error, &body, "r");
                    if upstream != caller {
                        let out: serde_json::Value = serde_json::from_slice(&out).unwrap();
                        prop_assert!(out["error"]["message"].is_string() && out["error"]["type"].is_string());
                    }
                }
            }
        }
    }

    #[test]
    fn no_key_of_a_known_make_is_ever_repeated(
        prefix in prop::sample::select(vec!["sk-", "sk-ant-api03-", "sk-proj-", "gsk_", "xai-", "AIza", "hf_", "nvapi-", "pplx-"]),
        key in "[A-Za-z0-9]{15}[0-9][A-Za-z0-9_-]{4,30}",
        before in "[ -~]{0,30}[ \"'=:(\\[{,]", after in "[ \"')\\],;?&][ -~]{0,30}",
    ) {
        let text = format!("{before}{prefix}{key}{after}");
        let body = json!({ "error": { "message": text } }).to_string();
        let error = UpstreamError::read(StatusCode::BAD_REQUEST, None, body.as_bytes());
        let said = format!("{error:?}");
        prop_assert!(!said.contains(&key));
    }
}
