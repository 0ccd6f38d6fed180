//! Each answer of the specification's tables, and what it means.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};
use prost::Message;
use tonic::{Code, Status};

use super::{
    ANSWER_CHARS_MAX, Delay, Detail, RETRY_INFO, RetryInfo, RpcStatus, of_answer, of_status,
};
use crate::export::ExportError;

fn is_again(error: &ExportError) -> bool {
    matches!(error, ExportError::Unavailable { .. })
}

fn after(error: &ExportError) -> Option<Duration> {
    match error {
        ExportError::Unavailable { after, .. } => *after,
        _ => None,
    }
}

/// Details that say when to come back.
fn details(seconds: i64, nanos: i32) -> Vec<u8> {
    let info = RetryInfo { retry_delay: Some(Delay { seconds, nanos }) };
    let other =
        Detail { type_url: "type.googleapis.com/google.rpc.Help".to_owned(), value: vec![1] };
    let detail = Detail { type_url: RETRY_INFO.to_owned(), value: info.encode_to_vec() };
    RpcStatus { details: vec![other, detail] }.encode_to_vec()
}

#[test]
fn the_statuses_of_a_busy_backend_are_tried_again_and_no_others() {
    for number in 300..600 {
        let status = StatusCode::from_u16(number).unwrap();
        let error = of_answer(status, &HeaderMap::new(), b"");
        let again = matches!(number, 429 | 502 | 503 | 504);
        assert_eq!(is_again(&error), again, "{number}");
        assert_eq!(after(&error), None);
    }
}

#[test]
fn a_backend_says_in_seconds_or_by_a_date_when_to_come_back() {
    let asked = |value: &str| {
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value.parse().unwrap())]);
        after(&of_answer(StatusCode::SERVICE_UNAVAILABLE, &headers, b""))
    };
    assert_eq!(asked("7"), Some(Duration::from_secs(7)));
    assert_eq!(asked("soon"), None);
    let date = |time: SystemTime| asked(&httpdate::fmt_http_date(time));
    let left = date(SystemTime::now() + Duration::from_secs(60)).unwrap();
    assert!((57..=60).contains(&left.as_secs()), "{left:?}");
    assert_eq!(date(SystemTime::UNIX_EPOCH), Some(Duration::ZERO), "a date that is over");
}

#[test]
fn the_codes_of_a_busy_backend_are_tried_again_and_no_others() {
    let again = [
        Code::Cancelled,
        Code::DeadlineExceeded,
        Code::Aborted,
        Code::OutOfRange,
        Code::Unavailable,
        Code::DataLoss,
    ];
    for number in 1..=16 {
        let code = Code::from_i32(number);
        assert_eq!(is_again(&of_status(&Status::new(code, "no"))), again.contains(&code), "{code}");
    }
}

#[test]
fn an_exhausted_backend_is_tried_again_only_when_it_says_when() {
    let exhausted = |details: Vec<u8>| {
        of_status(&Status::with_details(Code::ResourceExhausted, "quota", details.into()))
    };
    assert!(!is_again(&exhausted(Vec::new())));
    assert!(!is_again(&exhausted(vec![0xff; 9])), "details that are none");
    let error = exhausted(details(2, 500_000_000));
    assert_eq!(after(&error), Some(Duration::from_millis(2_500)));
    assert!(!is_again(&exhausted(details(-1, 0))), "no time that has been");
}

#[test]
fn a_status_that_a_broken_connection_made_is_tried_again() {
    let broken = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
    let status = Status::from_error(Box::new(broken));
    assert!(is_again(&of_status(&status)), "{status:?}");
}

#[test]
fn an_answers_text_is_printable_and_short() {
    let body = format!("no\n{}", "é".repeat(ANSWER_CHARS_MAX));
    let error = of_answer(StatusCode::BAD_REQUEST, &HeaderMap::new(), body.as_bytes());
    let text = error.to_string();
    assert!(text.starts_with("400 Bad Request: no é"), "{text}");
    assert!(text.ends_with('é') && !text.contains('\n'));
    assert_eq!(text.chars().filter(|c| *c == 'é').count(), ANSWER_CHARS_MAX - 3);
}
