//! h2, large uploads, `Expect: 100-continue`, and connections accepted elsewhere.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tollgate_mock::{Ended, Fault, Mock, Scenario, body_hash};

use crate::client::{LIMIT, connect, exchange, post, start};

const STREAM: &str = r#"{"model":"m","stream":true}"#;
const LARGE_BYTES: usize = 20 * 1024 * 1024;

async fn h2(mock: &Mock) -> http2::SendRequest<Full<Bytes>> {
    let io = TokioIo::new(connect(mock).await);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn h2_post(path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(format!("http://mock{path}")).body(Full::new(body.into())).unwrap()
}

/// JSON with a text of `LARGE_BYTES`.
fn large_body() -> String {
    let filler = "x".repeat(LARGE_BYTES);
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{filler}"}}]}}"#)
}

#[tokio::test]
async fn h2_gets_the_bytes_that_h1_gets() {
    let mock = start().await;
    let path = "/v1/messages";
    let h1 = exchange(&mock, path, "", STREAM).await;
    let response = h2(&mock).await.send_request(h2_post(path, STREAM)).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), h1.body());
    let log = mock.ended(2, LIMIT).await;
    assert_eq!((log[0].http_version, log[1].http_version), (Version::HTTP_11, Version::HTTP_2));
}

#[tokio::test]
async fn h2_streams_that_are_reset_are_noticed_one_by_one() {
    let mock = start().await;
    mock.push("", Scenario::fault(Fault::Stall { after_events: 1 }));
    mock.push("", Scenario::fault(Fault::HangHead));
    let mut sender = h2(&mock).await;
    let response = sender.send_request(h2_post("/v1/messages", STREAM)).await.unwrap();
    let left = Instant::now();
    drop(response);
    let log = mock.ended(1, LIMIT).await;
    let (at, ended) = log[0].response.ended.unwrap();
    assert_eq!(ended, Ended::PeerClosed);
    assert!(at.duration_since(left) < Duration::from_millis(100));

    let hanging = tokio::spawn(sender.send_request(h2_post("/v1/messages", STREAM)));
    while mock.log().get(1).is_none_or(|received| !received.body_complete) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let left = Instant::now();
    hanging.abort();
    let log = mock.ended(2, LIMIT).await;
    let (at, ended) = log[1].response.ended.unwrap();
    assert_eq!(ended, Ended::PeerClosed);
    assert!(at.saturating_duration_since(left) < Duration::from_millis(100));
    let response = sender.send_request(h2_post("/v1/messages", STREAM)).await.unwrap();
    assert_eq!(response.status(), 200, "the connection itself goes on");
    assert_eq!(mock.connections(), 1);
}

#[tokio::test]
async fn a_cut_resets_an_h2_stream_and_a_refusal_ends_its_connection() {
    let mock = start().await;
    mock.push("", Scenario::fault(Fault::CutAfterEvents(2)));
    mock.push("", Scenario::fault(Fault::RefuseAfterAccept));
    let mut sender = h2(&mock).await;
    let response = sender.send_request(h2_post("/v1/messages", STREAM)).await.unwrap();
    assert!(response.into_body().collect().await.is_err());
    assert!(sender.send_request(h2_post("/v1/messages", STREAM)).await.is_err());
    assert!(sender.ready().await.is_err(), "the connection is gone");
    let ends: Vec<_> = mock.log().iter().map(tollgate_mock::Received::ended).collect();
    assert_eq!(ends, [Some(Ended::Faulted), Some(Ended::Faulted)]);
}

#[tokio::test]
async fn large_bodies_arrive_whole_over_every_framing() {
    let mock = start().await;
    let body = large_body();
    let hash = body_hash(body.as_bytes());
    let path = "/v1/chat/completions";
    assert_eq!(exchange(&mock, path, "", &body).await.status(), 200);

    let mut stream = connect(&mock).await;
    let head = format!("POST {path} HTTP/1.1\r\nhost: m\r\ntransfer-encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    for piece in body.as_bytes().chunks(100_000) {
        stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await.unwrap();
        stream.write_all(piece).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status[9..], b"200");

    let response = h2(&mock).await.send_request(h2_post(path, body.clone())).await.unwrap();
    assert_eq!(response.status(), 200);
    for received in mock.ended(3, LIMIT).await {
        assert_eq!((received.body.len(), received.body_hash), (body.len(), hash));
    }
}

#[tokio::test]
async fn a_caller_that_expects_to_be_asked_on_is_asked_on() {
    let mock = start().await;
    let request = post("/v1/messages", "expect: 100-continue\r\n", STREAM);
    let body_at = request.len() - STREAM.len();
    let mut stream = connect(&mock).await;
    stream.write_all(&request[..body_at]).await.unwrap();
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&request[body_at..]).await.unwrap();
    let mut status = [0; 15];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 200 OK");
}

#[tokio::test]
async fn a_connection_accepted_elsewhere_is_served_and_ends_with_the_provider() {
    let mock = start().await;
    let (mut near, far) = tokio::io::duplex(65536);
    let serving = tokio::spawn(mock.serve_connection(far));
    near.write_all(&post("/v1/messages", "", STREAM)).await.unwrap();
    let mut answer = vec![0; 15];
    near.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 200 OK");
    assert_eq!(mock.connections(), 1);
    mock.stop().await;
    tokio::time::timeout(LIMIT, serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_listener_bound_before_is_taken_over() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let mock = Mock::from_std(listener).unwrap();
    assert_eq!((mock.addr(), mock.url("/v1")), (addr, format!("http://{addr}/v1")));
    assert_eq!(exchange(&mock, "/v1/messages", "", STREAM).await.status(), 200);
}

#[tokio::test]
async fn several_requests_share_a_connection() {
    let mock = start().await;
    let mut stream = connect(&mock).await;
    for _ in 0..3 {
        stream.write_all(&post("/v1/messages", "", STREAM)).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"0\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
        }
    }
    let connections: Vec<u64> = mock.log().iter().map(|received| received.connection).collect();
    assert_eq!((connections, mock.connections()), (vec![1, 1, 1], 1));
}

#[tokio::test]
async fn the_provider_alone_knows_the_scenarios_that_it_is_given() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let scenarios = [("teapot".to_owned(), Scenario::status(418))];
    assert!(tollgate_mock::run(addr, scenarios.clone().into()).await.is_err(), "port taken");
    drop(taken);
    let alone = tokio::spawn(tollgate_mock::run(addr, scenarios.into()));
    let mut stream = loop {
        match tokio::net::TcpStream::connect(addr).await {
            Ok(stream) => break stream,
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    };
    stream.write_all(&post("/@teapot/v1/messages", "", STREAM)).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status[9..], b"418");
    alone.abort();
}
