//! Pacing and envelopes, without a socket.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::{Chunk, Event, errors, pace};
use crate::reading::Api;
use crate::scenario::Scenario;

fn event(text: &'static str, content: bool) -> Event {
    Event { bytes: Bytes::from_static(text.as_bytes()), content }
}

fn waits(chunks: &[Chunk]) -> Vec<u128> {
    chunks.iter().map(|chunk| chunk.wait.as_millis()).collect()
}

fn texts(chunks: &[Chunk]) -> Vec<&str> {
    chunks.iter().map(|chunk| std::str::from_utf8(&chunk.bytes).unwrap()).collect()
}

fn five() -> Vec<Event> {
    vec![
        event("role", false),
        event("a", true),
        event("b", true),
        event("c", true),
        event("end", false),
    ]
}

#[test]
fn only_content_waits_the_first_for_longer() {
    let scenario = Scenario { first_delay_ms: 100, gap_ms: 10, ..Scenario::default() };
    assert_eq!(waits(&pace::chunks(&scenario, five())), [0, 100, 10, 10, 0]);
}

#[test]
fn events_that_share_a_chunk_leave_when_the_last_of_them_would() {
    let scenario =
        Scenario { first_delay_ms: 100, gap_ms: 10, events_per_chunk: 2, ..Scenario::default() };
    let chunks = pace::chunks(&scenario, five());
    assert_eq!(texts(&chunks), ["rolea", "bc", "end"]);
    assert_eq!(waits(&chunks), [100, 20, 0]);
}

#[test]
fn a_split_body_is_cut_where_told_and_pauses_at_each_cut() {
    let scenario = Scenario { split_at: vec![10, 4, 4, 0], ..Scenario::default() };
    let chunks = pace::chunks(&scenario, five());
    assert_eq!(texts(&chunks), ["role", "abcend"], "10 is the end, where there is nothing to cut");
    assert_eq!(waits(&chunks), [0, 2]);
    let scenario = Scenario { split_at: vec![9], gap_ms: 7, ..Scenario::default() };
    let chunks = pace::chunks(&scenario, five());
    assert_eq!((texts(&chunks), waits(&chunks)), (vec!["roleabcen", "d"], vec![0, 7]));
}

#[test]
fn a_body_is_shortened_in_the_middle_of_a_chunk() {
    let mut chunks = pace::chunks(&Scenario::default(), five());
    pace::truncate(&mut chunks, 5);
    assert_eq!(texts(&chunks), ["role", "a"]);
    pace::truncate(&mut chunks, 2);
    assert_eq!(texts(&chunks), ["ro"]);
    pace::truncate(&mut chunks, 0);
    assert!(chunks.is_empty());
}

#[test]
fn a_body_dribbles_at_least_one_byte_at_a_time() {
    let chunks = pace::chunks(&Scenario::default(), five());
    let gap = Duration::from_millis(3);
    assert_eq!(texts(&pace::dribble(&chunks, 4, gap)), ["role", "abce", "nd"]);
    let single = pace::dribble(&chunks, 0, gap);
    assert_eq!(single.len(), 10);
    assert!(single.iter().all(|chunk| chunk.wait == gap));
}

#[test]
fn each_status_has_the_type_that_the_sdks_know() {
    let kind = |anthropic, code: u16| {
        let status = StatusCode::from_u16(code).unwrap();
        let text = errors::envelope(anthropic, status, None).text();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        json["error"]["type"].as_str().unwrap().to_owned()
    };
    for (code, openai, anthropic) in [
        (400, "invalid_request_error", "invalid_request_error"),
        (401, "invalid_request_error", "authentication_error"),
        (403, "invalid_request_error", "permission_error"),
        (404, "invalid_request_error", "not_found_error"),
        (413, "invalid_request_error", "request_too_large"),
        (429, "requests", "rate_limit_error"),
        (500, "server_error", "api_error"),
        (529, "server_error", "overloaded_error"),
    ] {
        assert_eq!((kind(false, code).as_str(), kind(true, code).as_str()), (openai, anthropic));
    }
}

#[test]
fn each_dialect_has_its_own_event_for_a_failure_in_mid_stream() {
    for (api, name, said) in [
        (Api::Chat, None, r#"{"error":{"#),
        (Api::Messages, Some("error"), r#"{"type":"error""#),
        (Api::Cohere, Some("message-end"), r#""finish_reason":"ERROR""#),
    ] {
        let (event, data) = errors::stream_event(api);
        assert_eq!(event, name, "{api:?}");
        assert!(data.text().contains(said), "{}", data.text());
    }
}
