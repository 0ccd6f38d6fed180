//! OTLP over gRPC, with tonic's client.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tonic::codec::CompressionEncoding;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt;
use tower::ServiceExt;

use super::{Refusing, Running, bad_row, bad_tables, disk_full, export, export_of, span};
use crate::{CollectorSettings, Counters, Limits, MemoryLimits};

const CODECS: [CompressionEncoding; 3] =
    [CompressionEncoding::Gzip, CompressionEncoding::Deflate, CompressionEncoding::Zstd];

pub(super) async fn connect(running: &Running) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", running.grpc)).unwrap();
    endpoint.connect().await.unwrap()
}

#[tokio::test]
async fn every_compression_reaches_the_store() {
    for compression in [None].into_iter().chain(CODECS.map(Some)) {
        let running = Running::new(CollectorSettings::default()).await;
        let mut client = TraceServiceClient::new(connect(&running).await);
        if let Some(compression) = compression {
            client = client.send_compressed(compression);
        }
        let answer = client.export(export()).await.unwrap().into_inner();
        assert_eq!(answer.partial_success, None);
        assert_eq!(running.stored().await.len(), 1, "{compression:?}");
    }
}

#[tokio::test]
async fn spans_that_are_dropped_are_counted_and_reported() {
    let running = Running::new(CollectorSettings::default()).await;
    let mut client = TraceServiceClient::new(connect(&running).await);
    let answer = client.export(export_of(vec![span(); 3], None)).await.unwrap().into_inner();
    assert_eq!(answer.partial_success.unwrap().rejected_spans, 3);
    let expected = Counters { received: 3, dropped_by_filter: 3, ..Counters::default() };
    assert_eq!(running.collector.counters(crate::SignalKind::Traces), expected);
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_for_good_compressed_or_not() {
    let bytes = export().encoded_len();
    for (body_bytes_max, fits) in [(bytes, true), (bytes - 1, false)] {
        for compression in [None].into_iter().chain(CODECS.map(Some)) {
            let limits = Limits { body_bytes_max, ..Limits::default() };
            let settings = CollectorSettings { limits, ..CollectorSettings::default() };
            let running = Running::new(settings).await;
            let mut client = TraceServiceClient::new(connect(&running).await);
            if let Some(compression) = compression {
                client = client.send_compressed(compression);
            }
            let answer = client.export(export()).await;
            assert_eq!(answer.is_ok(), fits, "{answer:?}");
            assert_eq!(running.stored().await.len(), usize::from(fits));
            if let Err(status) = answer {
                assert_eq!((status.code(), retry_delay(&status)), (Code::ResourceExhausted, None));
                assert_eq!(running.refusal("body_bytes_max"), 1);
            }
        }
    }
}

#[tokio::test]
async fn bombs_are_refused_whatever_they_are_made_with() {
    let request = export_of(vec![Span { name: "x".repeat(12 << 20), ..span() }], Some("p1"));
    for codec in CODECS {
        let running = Running::new(CollectorSettings::default()).await;
        let mut client = TraceServiceClient::new(connect(&running).await).send_compressed(codec);
        let status = client.export(request.clone()).await.unwrap_err();
        assert_eq!((status.code(), retry_delay(&status)), (Code::ResourceExhausted, None));
        assert_eq!(running.refusal("inflate_ratio_max"), 1, "{codec:?}");
        client.export(export()).await.unwrap();
    }
}

/// A call with these bytes as its body.
async fn call(running: &Running, encoding: Option<&str>, body: Vec<u8>) -> Status {
    let body = http_body_util::Full::new(body.into());
    let path = "opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let mut request = http::Request::post(format!("http://{}/{path}", running.grpc))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Some(encoding) = encoding {
        request = request.header("grpc-encoding", encoding);
    }
    let request = request.body(tonic::body::Body::new(body)).unwrap();
    let response = connect(running).await.oneshot(request).await.unwrap();
    if encoding == Some("br") {
        assert_eq!(response.headers()["grpc-accept-encoding"], "identity,gzip,deflate,zstd");
    }
    Status::from_header_map(response.headers()).unwrap()
}

#[tokio::test]
async fn what_cannot_be_read_is_the_senders_fault_and_counted() {
    let running = Running::new(CollectorSettings::default()).await;
    let message = |flag: u8, content: &[u8]| {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        [&[flag][..], &length, content].concat()
    };
    // A span's name that is no UTF-8, in all the messages around it.
    let name = b"\x0a\x07\x12\x05\x12\x03\x2a\x01\xff";
    let cases = [
        (None, message(0, b"\xff\xff"), Code::InvalidArgument, "undecodable"),
        (None, message(0, name), Code::InvalidArgument, "undecodable"),
        (None, message(1, b""), Code::InvalidArgument, "damaged"),
        (None, message(2, b""), Code::InvalidArgument, "damaged"),
        (None, message(0, b"")[..4].to_vec(), Code::InvalidArgument, "damaged"),
        (None, [message(0, b""), b"more".to_vec()].concat(), Code::InvalidArgument, "damaged"),
        (Some("gzip"), message(1, b"no gzip"), Code::InvalidArgument, "damaged"),
        (Some("br"), message(1, b"x"), Code::Unimplemented, "encoding"),
    ];
    for (encoding, body, code, reason) in cases {
        let before = running.refusal(reason);
        let status = call(&running, encoding, body).await;
        assert_eq!((status.code(), retry_delay(&status)), (code, None), "{status:?}");
        assert_eq!(running.refusal(reason), before + 1, "{reason}");
    }
    assert_eq!(running.collector.counters(crate::SignalKind::Traces), Counters::default());
    assert_eq!(running.collector.memory().in_work_bytes, 0, "all was given back");
}

#[tokio::test]
async fn a_full_memory_is_worth_another_try_and_a_request_that_never_fits_is_not() {
    let hard_bytes = 100_000;
    let with = |soft_bytes, hard_bytes| CollectorSettings {
        memory: MemoryLimits { soft_bytes, hard_bytes, poll_every: None },
        ..CollectorSettings::default()
    };
    let running = Running::new(with(hard_bytes, hard_bytes)).await;
    let mut client = TraceServiceClient::new(connect(&running).await);
    // Nothing is begun, full while the body arrives, and full once it is decoded.
    for free_bytes in [0, 100, export().encoded_len() + 10] {
        let mut others = running.collector.pipeline.reserve();
        others.grow(hard_bytes - free_bytes).unwrap();
        let status = client.export(export()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(retry_delay(&status), Some(Duration::from_secs(1)));
    }
    let expected = Counters { refused_by_memory: 3, ..Counters::default() };
    assert_eq!(running.collector.counters(crate::SignalKind::Traces), expected);
    assert_eq!(running.collector.memory().refused_soft, 1);
    client.export(export()).await.unwrap();

    let running = Running::new(with(100, 100)).await;
    let status = TraceServiceClient::new(connect(&running).await).export(export()).await;
    let status = status.unwrap_err();
    assert_eq!((status.code(), retry_delay(&status)), (Code::ResourceExhausted, None));
    assert_eq!(running.refusal("never_fits"), 1);
}

#[tokio::test]
async fn only_a_store_that_may_recover_is_worth_another_try_and_only_a_row_is_the_senders_fault() {
    for (error, code, delay) in [
        (disk_full(), Code::Unavailable, Some(1)),
        (bad_row(), Code::InvalidArgument, None),
        (bad_tables(), Code::Internal, None),
    ] {
        let store = Arc::new(Refusing(error));
        let running = Running::over(CollectorSettings::default(), store).await;
        let mut client = TraceServiceClient::new(connect(&running).await);
        let status = client.export(export()).await.unwrap_err();
        assert_eq!(status.code(), code);
        assert_eq!(retry_delay(&status), delay.map(Duration::from_secs));
        assert!(!status.message().contains("secret"));
    }
}

#[tokio::test]
async fn a_shutdown_ends_both_listeners() {
    let running = Running::new(CollectorSettings::default()).await;
    running.stop.send(()).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(60), running.serving).await;
    ended.unwrap().unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(running.http).await.is_err());
    assert!(tokio::net::TcpStream::connect(running.grpc).await.is_err());
}

fn retry_delay(status: &Status) -> Option<Duration> {
    status.get_error_details().retry_info().and_then(|info| info.retry_delay)
}
