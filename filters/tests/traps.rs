//! What other gateways got wrong between reading and passing on, a test each: the numbers are those
//! of the list in `docs/traps.md`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use bytes::Bytes;
use http::StatusCode;
use tokio::time::Instant;
use tollgate_filters::response::{Body, Flow, Pipeline, Seen, Settings};
use tollgate_providers::Dialect;

const TEXT: &str = "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"👩‍🚀\"}}],\"usage\":null}\n\n";
const FINISH: &str = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n";
const USAGE: &str = "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn pass(pieces: &[&[u8]], swallow_usage: bool) -> (Vec<u8>, Seen) {
    let settings = Settings {
        status: StatusCode::OK,
        swallow_usage,
        hold: false,
        content_bytes_max: 1024,
        started: Instant::now(),
        translation: None,
        secret: None,
        guard: None,
        encoded: false,
    };
    let mut pipeline = Pipeline::new(Body::Stream(Dialect::Chat), settings);
    let mut out = Vec::new();
    let mut take = |flow: Flow| match flow {
        Flow::Forward(bytes) => out.extend_from_slice(&bytes),
        failed => panic!("{failed:?}"),
    };
    for piece in pieces {
        take(pipeline.on_chunk(Bytes::copy_from_slice(piece), Instant::now()));
    }
    take(pipeline.on_end(Instant::now()));
    (out, pipeline.into_seen())
}

#[test]
fn trap_01_the_callers_bytes_are_the_upstreams_wherever_a_character_is_split() {
    let stream = [TEXT, FINISH, DONE].concat();
    for at in 0..=stream.len() {
        let (left, right) = stream.as_bytes().split_at(at);
        let (out, seen) = pass(&[left, right], false);
        assert_eq!(out, stream.as_bytes(), "cut at {at}");
        assert_eq!(seen.transcript.text(), "👩‍🚀", "cut at {at}");
    }
}

#[test]
fn trap_08_the_usage_that_we_asked_for_is_read_and_not_passed_on_wherever_it_is_split() {
    let with = [TEXT, FINISH, USAGE, DONE].concat();
    // Nor the `null` that announces it in every other chunk.
    let without = [TEXT, FINISH, DONE].concat().replace(",\"usage\":null", "");
    for at in 0..=with.len() {
        let (left, right) = with.as_bytes().split_at(at);
        let (out, seen) = pass(&[left, right], true);
        assert_eq!(String::from_utf8(out).unwrap(), without, "cut at {at}");
        assert_eq!(seen.transcript.usage().unwrap().output, Some(4));
        let (out, _) = pass(&[left, right], false);
        assert_eq!(out, with.as_bytes(), "a caller who asked gets it");
    }
}

#[test]
fn trap_08_usage_that_comes_with_something_else_is_passed_on() {
    let beside = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n";
    let stream = [TEXT, beside, DONE].concat();
    let (out, seen) = pass(&[stream.as_bytes()], true);
    let expected = stream.replace(",\"usage\":null", "");
    assert_eq!(String::from_utf8(out).unwrap(), expected, "nothing of the answer is lost with it");
    assert_eq!(seen.transcript.usage().unwrap().output, Some(4));
}
