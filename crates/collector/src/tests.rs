//! Both protocols on real sockets, into a real store.

use std::io::Write;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tollgate_store::{SpanStore, Sqlite, SqliteSettings};

use crate::{Collector, CollectorSettings};

const TRACE: &str = "0102030405060708090a0b0c0d0e0f10";

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn export(project: bool) -> ExportTraceServiceRequest {
    let mut resource = vec![attribute("service.name", Value::StringValue("rag".into()))];
    if project {
        resource.push(attribute("project.id", Value::StringValue("p1".into())));
    }
    let span = Span {
        trace_id: (1..=16).collect(),
        span_id: vec![7; 8],
        name: "step".to_owned(),
        start_time_unix_nano: 1_000,
        end_time_unix_nano: 3_000,
        attributes: vec![
            attribute("whole", Value::DoubleValue(2.0)),
            attribute(
                "list",
                Value::ArrayValue(ArrayValue {
                    values: vec![AnyValue { value: Some(Value::StringValue("a".into())) }],
                }),
            ),
        ],
        ..Span::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes: resource, ..Resource::default() }),
            scope_spans: vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }],
    }
}

struct Running {
    collector: Collector,
    store: Arc<Sqlite>,
    http: std::net::SocketAddr,
    grpc: std::net::SocketAddr,
    _folder: tempfile::TempDir,
}

async fn start(settings: CollectorSettings) -> Running {
    let folder = tempfile::TempDir::new().unwrap();
    let store =
        Arc::new(Sqlite::open(&folder.path().join("s.db"), SqliteSettings::default()).unwrap());
    let (http, grpc) = (
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let (http_addr, grpc_addr) = (http.local_addr().unwrap(), grpc.local_addr().unwrap());
    let collector = Collector::new(settings, Arc::clone(&store) as Arc<dyn SpanStore>);
    let serving = collector.clone();
    tokio::spawn(async move { serving.serve(http, grpc, std::future::pending()).await });
    Running { collector, store, http: http_addr, grpc: grpc_addr, _folder: folder }
}

async fn post(to: std::net::SocketAddr, headers: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: c\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let text = String::from_utf8_lossy(&answer);
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    (status, answer[body..].to_vec())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn protobuf_json_and_grpc_all_reach_the_store() {
    let running = start(CollectorSettings::default()).await;
    let protobuf = export(true).encode_to_vec();
    let json = serde_json::to_vec(&export(true)).unwrap();
    for (headers, body) in [
        ("content-type: application/x-protobuf", protobuf.clone()),
        ("content-type: application/x-protobuf\r\ncontent-encoding: gzip", gzip(&protobuf)),
        ("content-type: application/json; charset=utf-8", json),
    ] {
        let (status, answer) = post(running.http, headers, &body).await;
        assert_eq!(status, 200, "{headers}: {}", String::from_utf8_lossy(&answer));
    }
    let mut client = TraceServiceClient::connect(format!("http://{}", running.grpc)).await.unwrap();
    let answer = client.export(export(true)).await.unwrap().into_inner();
    assert_eq!(answer.partial_success, None);
    let spans = running.store.trace(TRACE).await.unwrap();
    assert_eq!(spans.len(), 1, "the same span sent four times is one span");
    assert_eq!((spans[0].name.as_str(), spans[0].duration_ns), ("step", 2_000));
    assert_eq!(spans[0].service_name, "rag");
    let value =
        |name: &str| spans[0].attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    assert_eq!((value("whole"), value("list")), (Some("2"), Some(r#"["a"]"#)));
    assert_eq!(running.collector.counters().received, 4);
}

#[tokio::test]
async fn spans_without_a_project_are_dropped_counted_and_reported() {
    let running = start(CollectorSettings::default()).await;
    let body = export(false).encode_to_vec();
    let (status, answer) = post(running.http, "content-type: application/x-protobuf", &body).await;
    assert_eq!(status, 200);
    let answer = ExportTraceServiceResponse::decode(&answer[..]).unwrap().partial_success.unwrap();
    assert_eq!(answer.rejected_spans, 1);
    assert!(answer.error_message.contains("project.id"));
    assert_eq!(running.collector.counters().dropped_by_filter, 1);
    assert!(running.store.trace(TRACE).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_for_good() {
    let running =
        start(CollectorSettings { body_bytes_max: 1_000, ..CollectorSettings::default() }).await;
    let bomb = gzip(&vec![0; 1_001]);
    for (headers, body, expected) in [
        ("content-type: text/plain", &b"x"[..], 415),
        ("content-type: application/json", b"{", 400),
        ("content-type: application/x-protobuf", b"\xff\xff", 400),
        ("content-type: application/x-protobuf\r\ncontent-encoding: gzip", &bomb, 413),
        ("content-type: application/x-protobuf\r\ncontent-encoding: gzip", b"no gzip", 400),
        ("content-type: application/x-protobuf\r\ncontent-encoding: br", b"x", 415),
    ] {
        let (status, _) = post(running.http, headers, body).await;
        assert_eq!(status, expected, "{headers}");
    }
}

#[tokio::test]
async fn a_full_memory_and_a_failing_store_are_worth_another_try() {
    let body = export(true).encode_to_vec();
    let running = start(CollectorSettings {
        memory_limit_bytes: body.len() - 1,
        ..CollectorSettings::default()
    })
    .await;
    let (status, _) = post(running.http, "content-type: application/x-protobuf", &body).await;
    assert_eq!(status, 503);
    assert_eq!(running.collector.counters().refused_by_memory, 1);
    let running =
        start(CollectorSettings { memory_limit_bytes: body.len(), ..CollectorSettings::default() })
            .await;
    let (status, _) = post(running.http, "content-type: application/x-protobuf", &body).await;
    assert_eq!(status, 200, "at the limit it is taken");
    running.store.close().await;
    let mut client = TraceServiceClient::connect(format!("http://{}", running.grpc)).await.unwrap();
    let error = client.export(export(true)).await.unwrap_err();
    assert_eq!(error.code(), tonic::Code::Unavailable);
    assert_eq!(running.collector.counters().refused_by_store, 1);
}
