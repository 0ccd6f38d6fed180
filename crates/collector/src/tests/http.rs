//! OTLP over HTTP, spoken byte by byte.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Refusing, Running, bad_row, bad_tables, disk_full, export, export_of, span};
use crate::weigh::{TRACES, weigh};
use crate::{CollectorSettings, Counters, Limits, MemoryLimits};

pub(super) const PROTOBUF: &str = "content-type: application/x-protobuf";
pub(super) const JSON: &str = "content-type: application/json";

type Compress = fn(&[u8]) -> Vec<u8>;

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn json(&self) -> serde_json::Value {
        assert!(self.head.contains("content-type: application/json"), "{}", self.head);
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The `google.rpc.Status` of a protobuf answer.
    pub(super) fn rpc_status(&self) -> tonic_types::Status {
        assert!(self.head.contains(PROTOBUF), "{}", self.head);
        tonic_types::Status::decode(&self.body[..]).unwrap()
    }
}

pub(super) async fn post_to(to: SocketAddr, path: &str, headers: &str, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: c\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // A body that is refused unread may meet a closed connection.
    let _refused = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await;
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..split].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: answer[split + 4..].to_vec() }
}

pub(super) async fn post(to: SocketAddr, headers: &str, body: &[u8]) -> Answer {
    post_to(to, "/v1/traces", headers, body).await
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn with_body_bytes_max(body_bytes_max: usize) -> CollectorSettings {
    let limits = Limits { body_bytes_max, ..Limits::default() };
    CollectorSettings { limits, ..CollectorSettings::default() }
}

fn compressions() -> [(&'static str, Compress); 4] {
    [
        ("identity", |bytes| bytes.to_vec()),
        ("gzip", gzip),
        ("deflate", deflate),
        ("zstd", |bytes| zstd::encode_all(bytes, 0).unwrap()),
    ]
}

#[tokio::test]
async fn protobuf_and_json_in_every_compression_reach_the_store_and_are_answered_in_kind() {
    let protobuf = export().encode_to_vec();
    let json = serde_json::to_vec(&export()).unwrap();
    for (name, compress) in compressions() {
        let running = Running::new(CollectorSettings::default()).await;
        let encoding = format!("content-encoding: {name}");
        let headers = format!("{PROTOBUF}\r\n{encoding}");
        let answer = post(running.http, &headers, &compress(&protobuf)).await;
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b""[..]), "{name}");
        assert!(answer.head.contains(PROTOBUF), "{}", answer.head);
        let headers = format!("{JSON}; charset=utf-8\r\n{encoding}");
        let answer = post(running.http, &headers, &compress(&json)).await;
        assert_eq!((answer.status, answer.json()), (200, serde_json::json!({})), "{name}");

        let spans = running.stored().await;
        assert_eq!(spans.len(), 1, "the same span sent twice is one span");
        assert_eq!((spans[0].name.as_str(), spans[0].duration_ns), ("step", 2_000));
        assert_eq!(spans[0].service_name, "rag");
        let expected = Counters { received: 2, stored: 2, ..Counters::default() };
        assert_eq!(running.collector.counters(crate::SignalKind::Traces), expected);
    }
}

#[tokio::test]
async fn json_as_other_languages_write_it_is_understood() {
    let running = Running::new(CollectorSettings::default()).await;
    let body = r#"{"resourceSpans":[{"resource":{"attributes":[
        {"key":"project.id","value":{"stringValue":"p"}}]},"scopeSpans":[{"scope":{"name":"js"},
        "spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0707070707070707",
        "name":"n","kind":2,"startTimeUnixNano":"1544712660000000000",
        "endTimeUnixNano":"1544712661000000000","aFieldOfTheFuture":1,
        "attributes":[{"key":"i","value":{"intValue":"9007199254740993"}},
        {"key":"list","value":{"arrayValue":{"values":[{"stringValue":"a"},{"doubleValue":2}]}}}],
        "status":{"code":2,"message":"no"}}]}]}]}"#;
    let answer = post(running.http, JSON, body.as_bytes()).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    let spans = running.stored().await;
    assert_eq!(spans[0].timestamp_ns, 1_544_712_660_000_000_000);
    assert_eq!(spans[0].attribute("i"), Some("9007199254740993"));
    assert_eq!(spans[0].attribute("list"), Some(r#"["a",2]"#));
    assert_eq!((spans[0].kind.as_str(), spans[0].status.as_str()), ("Server", "Error"));
}

#[tokio::test]
async fn spans_that_are_dropped_are_counted_and_reported() {
    let running = Running::new(CollectorSettings::default()).await;
    let mut request = export_of(vec![span(), Span { span_id: vec![], ..span() }], Some("p"));
    for without in [None, Some("")] {
        request.resource_spans.extend(export_of(vec![span()], without).resource_spans);
    }
    let answer = post(running.http, PROTOBUF, &request.encode_to_vec()).await;
    assert_eq!(answer.status, 200);
    let decoded = ExportTraceServiceResponse::decode(&answer.body[..]).unwrap();
    let partial = decoded.partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 3);
    assert!(partial.error_message.contains("project.id"), "{}", partial.error_message);
    let answer = post(running.http, JSON, &serde_json::to_vec(&request).unwrap()).await;
    assert_eq!(answer.json()["partialSuccess"]["rejectedSpans"], "3");
    let expected = Counters {
        received: 8,
        stored: 2,
        dropped_by_filter: 4,
        dropped_malformed: 2,
        ..Counters::default()
    };
    assert_eq!(running.collector.counters(crate::SignalKind::Traces), expected);
    assert_eq!(running.stored().await.len(), 1);
}

#[tokio::test]
async fn a_body_may_be_as_large_as_the_limit_before_and_after_inflating() {
    let body = export().encode_to_vec();
    for (name, compress) in compressions() {
        let headers = format!("{PROTOBUF}\r\ncontent-encoding: {name}");
        for (body_bytes_max, expected) in [(body.len(), 200), (body.len() - 1, 413)] {
            let running = Running::new(with_body_bytes_max(body_bytes_max)).await;
            let answer = post(running.http, &headers, &compress(&body)).await;
            assert_eq!(answer.status, expected, "{name}");
            assert_eq!(running.refusal("body_bytes_max"), u64::from(expected == 413));
        }
    }
}

#[tokio::test]
async fn bombs_are_refused() {
    let running = Running::new(CollectorSettings::default()).await;
    let zeros = vec![0; 32 << 20];
    for (name, compress) in compressions().into_iter().skip(1) {
        let bomb = compress(&zeros);
        assert!(bomb.len() < 1 << 20);
        let headers = format!("{PROTOBUF}\r\ncontent-encoding: {name}");
        let answer = post(running.http, &headers, &bomb).await;
        assert_eq!((answer.status, answer.rpc_status().code), (413, 8), "{name}");
    }
}

#[tokio::test]
async fn a_chunked_body_over_the_limit_is_refused_while_it_comes() {
    let running = Running::new(with_body_bytes_max(1_000)).await;
    let mut stream = TcpStream::connect(running.http).await.unwrap();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: c\r\n{PROTOBUF}\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(format!("3e9\r\n{}\r\n", "x".repeat(1001)).as_bytes()).await.unwrap();
    // The last chunk never comes.
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_for_good_and_in_kind() {
    let running = Running::new(CollectorSettings::default()).await;
    let compressed = |name: &str| format!("{PROTOBUF}\r\ncontent-encoding: {name}");
    for (headers, body, expected) in [
        (PROTOBUF.to_owned(), &b"\xff\xff"[..], 400),
        (compressed("gzip"), b"no gzip", 400),
        (compressed("deflate"), b"no zlib", 400),
        (compressed("zstd"), b"no zstd", 400),
        (compressed("br"), b"x", 415),
    ] {
        let answer = post(running.http, &headers, body).await;
        assert_eq!((answer.status, answer.rpc_status().code), (expected, 3), "{headers}");
        assert!(!answer.head.contains("retry-after"), "{}", answer.head);
    }
    let cut = &gzip(&export().encode_to_vec())[..20];
    assert_eq!(post(running.http, &compressed("gzip"), cut).await.status, 400);
    let answer = post(running.http, JSON, b"{").await;
    assert_eq!((answer.status, &answer.json()["code"]), (400, &3.into()));
    for headers in ["content-type: text/plain", "x: y"] {
        let answer = post(running.http, headers, b"x").await;
        assert_eq!((answer.status, &answer.json()["code"]), (415, &3.into()));
    }
    assert_eq!(running.collector.counters(crate::SignalKind::Traces), Counters::default());
}

#[tokio::test]
async fn other_paths_are_not_pretended_to() {
    let running = Running::new(CollectorSettings::default()).await;
    for path in ["/v1development/profiles", "/v1/traces/", "/"] {
        let answer = post_to(running.http, path, PROTOBUF, b"").await;
        assert_eq!((answer.status, answer.rpc_status().code), (404, 12), "{path}");
        let answer = post_to(running.http, path, JSON, b"{}").await;
        assert_eq!((answer.status, &answer.json()["code"]), (404, &12.into()), "{path}");
    }
}

#[tokio::test]
async fn a_full_memory_is_worth_another_try_and_a_request_that_never_fits_is_not() {
    let body = export().encode_to_vec();
    let decoded = weigh(&body, &TRACES, usize::MAX);
    // The body and what it becomes; then that and its rows.
    let needed = decoded + body.len().max(crate::convert::repeated_bytes(&export()));
    for (hard_bytes, others_bytes, expected, refused) in
        [(needed, 0, 200, 0), (needed - 1, 0, 413, 1), (needed, 1, 503, 1), (needed + 1, 1, 200, 0)]
    {
        let memory = MemoryLimits { soft_bytes: hard_bytes, hard_bytes, poll_every: None };
        let settings = CollectorSettings { memory, ..CollectorSettings::default() };
        let running = Running::new(settings).await;
        let mut others = running.collector.pipeline.reserve();
        others.grow(others_bytes).unwrap();
        // Twice, for the first must give everything back.
        for _ in 0..2 {
            let answer = post(running.http, PROTOBUF, &body).await;
            assert_eq!(answer.status, expected, "{hard_bytes} {others_bytes}");
            assert_eq!(answer.head.contains("retry-after: 1"), expected == 503);
        }
        assert_eq!(
            running.collector.counters(crate::SignalKind::Traces).refused_by_memory,
            2 * refused
        );
        assert_eq!(running.collector.memory().in_work_bytes, others_bytes);
    }
}

#[tokio::test]
async fn only_a_store_that_may_recover_is_worth_another_try_and_only_a_row_is_the_senders_fault() {
    for (error, status, code, reason) in [
        (disk_full(), 503, 14, "unavailable"),
        (bad_row(), 400, 3, "refused"),
        (bad_tables(), 500, 13, "failed"),
    ] {
        let store = Arc::new(Refusing(error));
        let running = Running::over(CollectorSettings::default(), store).await;
        let answer = post(running.http, PROTOBUF, &export().encode_to_vec()).await;
        assert_eq!((answer.status, answer.rpc_status().code), (status, code));
        assert_eq!(answer.head.contains("retry-after: 1"), status == 503);
        assert!(!answer.rpc_status().message.contains("secret"));
        let counters = running.collector.counters(crate::SignalKind::Traces);
        assert_eq!((counters.stored, counters.refused_by_store), (0, 1));
        assert_eq!(running.refusal(reason), 1);
    }
}
