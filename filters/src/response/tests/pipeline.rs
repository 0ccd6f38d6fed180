//! All body filters together.

use bytes::Bytes;
use http::StatusCode;
use tokio::time::Instant;
use tollgate_providers::{Dialect, ErrorClass};

use crate::response::{BODY_BYTES_MAX, Body, Flow, Pipeline, Settings};

const CHAT: &str = concat!(
    "data: {\"id\":\"a\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\r\n\r\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c0\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"c1\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}},{\"index\":0,\"function\":{\"arguments\":\"1}\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6}}\n\n",
    "data: [DONE]\n\n",
);
const MESSAGES: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"b\",\"model\":\"c\",\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"é\\\":2}\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":9}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

fn settings(status: u16, hold: bool) -> Settings {
    Settings {
        status: StatusCode::from_u16(status).unwrap(),
        swallow_usage: false,
        hold,
        content_bytes_max: 1_000,
        started: Instant::now(),
        translation: None,
        secret: None,
        guard: None,
        encoded: false,
    }
}

fn forwarded(flow: Flow) -> Bytes {
    match flow {
        Flow::Forward(bytes) => bytes,
        failed => panic!("failed: {failed:?}"),
    }
}

fn pass(body: Body, status: u16, chunks: &[&[u8]]) -> (Vec<u8>, Pipeline) {
    let mut pipeline = Pipeline::new(body, settings(status, false));
    let mut out = Vec::new();
    for chunk in chunks {
        out.extend_from_slice(&forwarded(
            pipeline.on_chunk(Bytes::copy_from_slice(chunk), Instant::now()),
        ));
    }
    out.extend_from_slice(&forwarded(pipeline.on_end(Instant::now())));
    (out, pipeline)
}

#[test]
fn two_events_split_at_every_byte_give_the_same_span() {
    for (dialect, stream) in [(Dialect::Chat, CHAT), (Dialect::Messages, MESSAGES)] {
        let bytes = stream.as_bytes();
        let (_, whole) = pass(Body::Stream(dialect), 200, &[bytes]);
        let whole = whole.into_seen();
        let expected = whole.transcript.to_json();
        for at in 0..=bytes.len() {
            let (out, split) = pass(Body::Stream(dialect), 200, &[&bytes[..at], &bytes[at..]]);
            let seen = split.into_seen();
            assert!(out == bytes, "the bytes are untouched");
            assert_eq!(seen.transcript.to_json(), expected, "split at {at}");
            assert_eq!(seen.tool_calls.len(), whole.tool_calls.len(), "split at {at}");
        }
    }
}

#[test]
fn interleaved_calls_have_times_of_their_own() {
    let mut pipeline = Pipeline::new(Body::Stream(Dialect::Chat), settings(200, false));
    let start = Instant::now();
    for (at, event) in CHAT.split_inclusive("\n\n").enumerate() {
        let when = start + std::time::Duration::from_millis(10 * at as u64);
        pipeline.on_chunk(Bytes::from_static(event.as_bytes()), when);
    }
    pipeline.on_end(start + std::time::Duration::from_millis(100));
    let seen = pipeline.into_seen();
    let [first, second] = &seen.tool_calls[..] else { panic!("{:?}", seen.tool_calls) };
    assert!(first.opened < second.opened && first.closed >= second.opened);
    assert!(second.closed > second.opened);
    assert_eq!(seen.transcript.tool_calls()[0].arguments, "{\"a\":1}");
}

#[test]
fn a_failure_before_any_content_can_still_be_mended_and_later_cannot() {
    let error = "data: {\"error\":{\"message\":\"overloaded\"}}\n\n";
    let role = CHAT.split_inclusive("\r\n\r\n").next().unwrap();
    let mut held = Pipeline::new(Body::Stream(Dialect::Chat), settings(200, true));
    assert!(
        forwarded(held.on_chunk(Bytes::from_static(role.as_bytes()), Instant::now())).is_empty()
    );
    let flow = held.on_chunk(Bytes::from_static(error.as_bytes()), Instant::now());
    assert_eq!(flow, Flow::Failed("overloaded".to_owned()));
    assert_eq!(
        held.release(),
        [role, error].concat().as_bytes(),
        "the last target's failure is shown"
    );
    let mut free = Pipeline::new(Body::Stream(Dialect::Chat), settings(200, true));
    free.on_chunk(Bytes::from_static(CHAT.as_bytes()), Instant::now());
    let flow = free.on_chunk(Bytes::from_static(error.as_bytes()), Instant::now());
    assert_eq!(flow, Flow::Forward(Bytes::from_static(error.as_bytes())));
    assert_eq!(free.into_seen().transcript.error(), Some("overloaded"));
}

#[test]
fn errors_are_classified_and_only_a_5xx_is_changed() {
    let body = b"{ \"error\" : {\"message\":\"no more\",\"type\":\"insufficient_quota\",\"code\":\"insufficient_quota\"}}";
    let (out, pipeline) = pass(Body::Error(Dialect::Chat), 429, &[&body[..9], &body[9..]]);
    assert_eq!((out.as_slice(), pipeline.error_class()), (&body[..], Some(ErrorClass::Quota)));
    let (out, pipeline) = pass(Body::Error(Dialect::Messages), 529, &[body]);
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("provider returned status 529") && !text.contains("no more"), "{text}");
    assert_eq!(pipeline.error_class(), Some(ErrorClass::Overloaded));
    let long = vec![b'x'; 64 * 1024 + 1];
    let (out, pipeline) = pass(Body::Error(Dialect::Chat), 404, &[&long, b"y"]);
    assert_eq!(out.len(), long.len() + 1, "a longer one passes, classified by its status");
    assert_eq!(pipeline.error_class(), Some(ErrorClass::BadRequest));
}

#[test]
fn a_plain_answer_is_read_and_one_above_the_limit_only_passes() {
    let body = b"{\"id\":\"x\",\"model\":\"m\",\"choices\":[{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}";
    let (out, pipeline) = pass(Body::Whole(Dialect::Chat), 200, &[&body[..30], &body[30..]]);
    assert_eq!(out, body);
    assert_eq!(pipeline.into_seen().transcript.text(), "hi");
    let mut padded = body.to_vec();
    padded.resize(BODY_BYTES_MAX, b' ');
    let (_, at_limit) = pass(Body::Whole(Dialect::Chat), 200, &[&padded]);
    assert_eq!(at_limit.into_seen().transcript.id(), Some("x"));
    padded.push(b' ');
    let (out, above) = pass(Body::Whole(Dialect::Chat), 200, &[&padded]);
    assert!(out == padded);
    assert_eq!(above.into_seen().transcript.id(), None, "telemetry is lost, the answer is not");
}

#[test]
fn a_header_may_name_an_error_and_a_replaced_body_is_json() {
    let mut named = Pipeline::new(Body::Error(Dialect::Chat), settings(403, false));
    named.name_error("UnrecognizedClientException:http://aws.example/");
    let body = Bytes::from_static(b"{\"message\":\"no\"}");
    assert_eq!(forwarded(named.on_chunk(body.clone(), Instant::now())), Bytes::new());
    assert_eq!(forwarded(named.on_end(Instant::now())), body);
    assert_eq!((named.error_class(), named.media_type()), (Some(ErrorClass::Auth), None));
    let (out, page) = pass(Body::Error(Dialect::Chat), 502, &[b"<html>10.1.2.3</html>"]);
    assert!(out.starts_with(b"{\"error\":"));
    assert_eq!(page.media_type(), Some("application/json"), "the page was replaced");
}
