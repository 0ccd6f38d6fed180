//! OTLP over gRPC, with tonic's client.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use tonic::Code;
use tonic::codec::CompressionEncoding;
use tonic::transport::{Channel, Endpoint};
use tonic_types::StatusExt;

use super::{Refusing, Running, bad_row, disk_full, export, export_of, span};
use crate::{CollectorSettings, Counters, SignalKind};

pub(super) async fn connect(running: &Running) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", running.grpc)).unwrap();
    endpoint.connect().await.unwrap()
}

#[tokio::test]
async fn every_compression_reaches_the_store() {
    let compressions = [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)];
    for compression in compressions {
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
    assert_eq!(running.collector.counters(SignalKind::Traces), expected);
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_compressed_or_not() {
    let bytes = export().encoded_len();
    for (body_bytes_max, fits) in [(bytes, true), (bytes - 1, false)] {
        for compression in [None, Some(CompressionEncoding::Gzip)] {
            let settings = CollectorSettings { body_bytes_max, ..CollectorSettings::default() };
            let running = Running::new(settings).await;
            let mut client = TraceServiceClient::new(connect(&running).await);
            if let Some(compression) = compression {
                client = client.send_compressed(compression);
            }
            let answer = client.export(export()).await;
            assert_eq!(answer.is_ok(), fits, "{answer:?}");
            assert_eq!(running.stored().await.len(), usize::from(fits));
            if let Err(status) = answer {
                let code = status.code();
                assert!(matches!(code, Code::OutOfRange | Code::ResourceExhausted), "{code}");
            }
        }
    }
}

#[tokio::test]
async fn a_full_memory_is_worth_another_try_and_a_request_that_never_fits_is_not() {
    let memory_limit_bytes = 100_000;
    let settings = CollectorSettings { memory_limit_bytes, ..CollectorSettings::default() };
    let running = Running::new(settings).await;
    let mut client = TraceServiceClient::new(connect(&running).await);
    // Full while the body arrives, and full once it is decoded.
    for free_bytes in [100, export().encoded_len() + 10] {
        let mut others = running.collector.pipeline.reserve();
        others.grow(memory_limit_bytes - free_bytes).unwrap();
        let status = client.export(export()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(retry_delay(&status), Some(Duration::from_secs(1)));
    }
    let expected = Counters { refused_by_memory: 2, ..Counters::default() };
    assert_eq!(running.collector.counters(SignalKind::Traces), expected);
    client.export(export()).await.unwrap();

    let settings = CollectorSettings { memory_limit_bytes: 100, ..CollectorSettings::default() };
    let running = Running::new(settings).await;
    let status = TraceServiceClient::new(connect(&running).await).export(export()).await;
    let status = status.unwrap_err();
    assert_eq!((status.code(), retry_delay(&status)), (Code::ResourceExhausted, None));
}

#[tokio::test]
async fn a_store_that_fails_is_worth_another_try_and_one_that_refuses_is_not() {
    for (error, code, delay) in
        [(disk_full(), Code::Unavailable, Some(1)), (bad_row(), Code::Internal, None)]
    {
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
    let ended = tokio::time::timeout(Duration::from_secs(5), running.serving).await;
    ended.unwrap().unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(running.http).await.is_err());
    assert!(tokio::net::TcpStream::connect(running.grpc).await.is_err());
}

fn retry_delay(status: &tonic::Status) -> Option<Duration> {
    status.get_error_details().retry_info().and_then(|info| info.retry_delay)
}
