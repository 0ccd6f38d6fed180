//! Request bodies of any length and framing arrive whole on every attempt.

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tollgate_mock::Scenario;

use crate::client::{exchange, request};
use crate::harness::World;

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
        let status = world.block_on(over_http2(world.gateway, &body, with_length));
        assert_replayed(&world, &body, status);
    }
}

#[test]
fn bodies_around_pingoras_buffer_are_replayed() {
    for bytes in [1, 1_000, 65_400, 65_470, 65_536, 65_537, 131_072] {
        let world = failing_first();
        let body = body(bytes);
        let answer = exchange(world.gateway, &chunked(&body));
        assert_replayed(&world, &body, answer.status);
    }
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

async fn over_http2(to: std::net::SocketAddr, body: &[u8], with_length: bool) -> u16 {
    let stream = tokio::net::TcpStream::connect(to).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    let pieces: Vec<Result<Frame<Bytes>, std::convert::Infallible>> =
        body.chunks(100_000).map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece)))).collect();
    let body_stream = StreamBody::new(futures_util::stream::iter(pieces));
    let mut request = hyper::Request::post(format!("http://{to}/v1/chat/completions"))
        .header("content-type", "application/json");
    if with_length {
        request = request.header("content-length", body.len());
    }
    let answer = sender.send_request(request.body(body_stream).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    let _whole = answer.into_body().collect().await.unwrap();
    connection.abort();
    status
}
