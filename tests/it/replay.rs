//! Request bodies of any length and framing arrive whole on every attempt.

use tollgate_mock::Scenario;

use crate::client::{exchange, request};
use crate::harness::World;
use crate::http2::Connection;

const MIB: usize = 1 << 20;

fn body(bytes: usize) -> Vec<u8> {
    let text: String = (0..bytes).map(|at| char::from(b'a' + (at % 23) as u8)).collect();
    format!(r#"{{"model":"gpt-4o","messages":[{{"role":"user","content":"{text}"}}]}}"#)
        .into_bytes()
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let mut out =
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_vec();
    for piece in body.chunks(50_000) {
        out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

/// The first target answers 429, the second 200: both must have got the body.
fn assert_replayed(world: &World, sent: &[u8], status: u16) {
    assert_eq!(status, 200);
    let log = world.upstream();
    let paths: Vec<_> = log.iter().map(|received| received.path_and_query.as_str()).collect();
    assert_eq!(paths, ["/@first/v1/chat/completions", "/v1/chat/completions"]);
    for received in &log {
        assert!(received.body == sent, "{} of {} bytes arrived", received.body.len(), sent.len());
        assert_eq!(received.header("content-length"), Some(&*sent.len().to_string()));
    }
}

fn failing_first() -> World {
    let world = World::usual();
    world.mock.set("first", Scenario::status(429));
    world
}

#[test]
fn twenty_mib_with_a_length_are_replayed() {
    let world = failing_first();
    let body = body(20 * MIB);
    let answer = exchange(world.gateway, &request("POST", "/v1/chat/completions", &[], &body));
    assert_replayed(&world, &body, answer.status);
}

#[test]
fn twenty_mib_in_chunks_are_replayed() {
    let world = failing_first();
    let body = body(20 * MIB);
    let answer = exchange(world.gateway, &chunked(&body));
    assert_replayed(&world, &body, answer.status);
}

#[test]
fn twenty_mib_over_http2_are_replayed_with_and_without_a_length() {
    for with_length in [true, false] {
        let world = failing_first();
        let body = body(20 * MIB);
        let status = over_http2(&world, &body, with_length);
        assert_replayed(&world, &body, status);
    }
}

#[test]
fn bodies_around_pingoras_buffer_are_replayed_in_every_framing() {
    for bytes in [1, 1_000, 65_400, 65_470, 65_471, 65_472, 65_536, 65_537, 131_072] {
        let body = body(bytes);
        let with_length = request("POST", "/v1/chat/completions", &[], &body);
        for framed in [with_length, chunked(&body)] {
            let world = failing_first();
            let answer = exchange(world.gateway, &framed);
            assert_replayed(&world, &body, answer.status);
        }
        let world = failing_first();
        let status = over_http2(&world, &body, bytes % 2 == 0);
        assert_replayed(&world, &body, status);
    }
}

#[test]
fn a_body_is_sent_again_on_every_retry_of_one_target() {
    let world = World::new(
        r#"
providers: { openai: { base_url: "{mock}/v1", models: [gpt-4o], auth_type: none } }
targets: { only: { model: gpt-4o } }
routing: { retry: { max_retries: 2, backoff_base_ms: 5 } }
"#,
    );
    for status in [500, 429] {
        world.mock.push("/v1/", Scenario::status(status));
    }
    let body = body(2 * MIB);
    let answer = exchange(world.gateway, &chunked(&body));
    assert_eq!(answer.status, 200);
    let log = world.upstream();
    assert_eq!(log.len(), 3);
    assert!(log.iter().all(|received| received.body == body), "whole each time");
}

#[test]
fn a_caller_that_waits_to_be_asked_is_asked() {
    let world = failing_first();
    let body = body(100_000);
    let bytes = request("POST", "/v1/chat/completions", &["expect: 100-continue"], &body);
    let head = bytes.len() - body.len();
    let mut stream = crate::client::connect(world.gateway);
    std::io::Write::write_all(&mut stream, &bytes[..head]).unwrap();
    let mut interim = [0; 25];
    std::io::Read::read_exact(&mut stream, &mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    std::io::Write::write_all(&mut stream, &bytes[head..]).unwrap();
    let answer = crate::client::read(&mut stream, usize::MAX).unwrap();
    assert_replayed(&world, &body, answer.status);
    assert!(world.upstream().iter().all(|received| received.header("expect").is_none()));
}

fn over_http2(world: &World, body: &[u8], with_length: bool) -> u16 {
    let length = body.len().to_string();
    let headers = [("content-length", length.as_str())];
    let headers = if with_length { &headers[..] } else { &[] };
    world.block_on(async {
        let mut connection = Connection::open(world.gateway).await;
        connection.post("/v1/chat/completions", headers, body).await.status
    })
}
