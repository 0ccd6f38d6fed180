//! Queues that lose nothing they do not count, and what an OTLP backend gets to see.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1 as proto;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tollgate_providers::Secret;
use tonic::transport::server::TcpIncoming;

use super::{
    Counts, ExportError, Exporters, OtlpProtocol, OtlpSettings, OtlpSink, Queue, QueueSettings,
    SpanSink,
};
use crate::span::{Pipeline, Span, SpanEvent, SpanId, SpanKind, Status, TraceId, Value};

/// More than any step here takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn span(id: u64, pipeline: Pipeline) -> Span {
    Span {
        trace_id: TraceId::new(1),
        span_id: SpanId::new(id),
        parent: None,
        trace_state: None,
        name: "s".into(),
        kind: SpanKind::Internal,
        start_ns: 0,
        end_ns: 1,
        status: Status::Unset,
        attributes: Vec::new(),
        events: Vec::new(),
        links: Vec::new(),
        pipeline,
    }
}

/// Fails as often as told, then takes everything.
struct Sink {
    failures: u32,
    taken: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl SpanSink for Sink {
    async fn export(&mut self, batch: &[Arc<Span>]) -> Result<(), ExportError> {
        if self.failures > 0 {
            self.failures -= 1;
            return Err(ExportError("down".to_owned()));
        }
        self.taken.lock().unwrap().extend(batch.iter().map(|span| span.span_id.to_string()));
        Ok(())
    }
}

fn settings(spans_max: usize) -> QueueSettings {
    QueueSettings {
        spans_max,
        batch_spans_max: 3,
        linger: Duration::from_millis(5),
        flush_max: Duration::from_millis(300),
    }
}

fn exporters(queue: &Arc<Queue>, only: Option<Pipeline>) -> Exporters {
    let mut exporters = Exporters::default();
    exporters.add(Arc::clone(queue), only);
    exporters
}

#[test]
fn a_full_queue_drops_what_comes_on_top_and_counts_it() {
    let queue = Queue::new("q", settings(4));
    let exporters = exporters(&queue, None);
    exporters.submit((1..=4).map(|id| span(id, Pipeline::GenAi)).collect());
    assert_eq!(queue.counts(), Counts { queued: 4, ..Counts::default() }, "room for four");
    exporters.submit(vec![span(5, Pipeline::GenAi)]);
    assert_eq!(queue.counts(), Counts { queued: 4, dropped_full: 1, ..Counts::default() });
}

#[test]
fn each_destination_gets_the_spans_of_its_pipeline() {
    let queue = Queue::new("q", settings(10));
    let exporters = exporters(&queue, Some(Pipeline::Application));
    exporters.submit(vec![span(1, Pipeline::GenAi), span(2, Pipeline::Application)]);
    assert_eq!(exporters.queued(), 1);
}

#[tokio::test]
async fn a_failing_destination_gets_every_span_once_and_in_order() {
    let queue = Queue::new("q", settings(100));
    let taken = Arc::new(Mutex::new(Vec::new()));
    let (stop, stopping) = watch::channel(false);
    let sink = Sink { failures: 2, taken: Arc::clone(&taken) };
    let worker = Arc::clone(&queue);
    let worker = tokio::spawn(async move { worker.run(sink, stopping).await });
    exporters(&queue, None).submit((1..=8).map(|id| span(id, Pipeline::GenAi)).collect());
    while queue.counts().delivered < 8 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.send_replace(true);
    worker.await.unwrap();
    let expected: Vec<_> = (1..=8).map(|id| SpanId::new(id).to_string()).collect();
    assert_eq!(*taken.lock().unwrap(), expected);
    assert_eq!(queue.counts(), Counts { delivered: 8, ..Counts::default() });
}

#[tokio::test]
async fn the_end_delivers_what_is_left_and_counts_what_could_not_be() {
    for (failures, delivered) in [(0, 7), (u32::MAX, 0)] {
        let queue = Queue::new("q", settings(100));
        let (stop, stopping) = watch::channel(false);
        exporters(&queue, None).submit((1..=7).map(|id| span(id, Pipeline::GenAi)).collect());
        stop.send_replace(true);
        let sink = Sink { failures, taken: Arc::default() };
        tokio::time::timeout(Duration::from_secs(5), queue.run(sink, stopping)).await.unwrap();
        let counts = queue.counts();
        assert_eq!((counts.delivered, counts.dropped_shutdown), (delivered, 7 - delivered));
        assert_eq!(counts.queued, 0);
    }
}

/// An export: its authorization, and what it holds.
type Taken = (Option<String>, ExportTraceServiceRequest);

/// An OTLP backend: refuses as often as told, then keeps what it gets.
#[derive(Clone, Default)]
struct Backend {
    refusals: Arc<AtomicU32>,
    requests: Arc<Mutex<Vec<Taken>>>,
}

impl Backend {
    /// Whether it took the request.
    fn take(&self, key: Option<&str>, request: ExportTraceServiceRequest) -> bool {
        let left = self
            .refusals
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_err() {
            self.requests.lock().unwrap().push((key.map(str::to_owned), request));
        }
        left.is_err()
    }

    /// The ids of all spans in the order of their arrival.
    fn span_ids(&self) -> Vec<u64> {
        let requests = self.requests.lock().unwrap();
        let spans = requests.iter().flat_map(|(_, request)| spans_of(request));
        spans.map(|span| u64::from_be_bytes(span.span_id[..].try_into().unwrap())).collect()
    }
}

#[async_trait]
impl TraceService for Backend {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let key = request.metadata().get("x-key").map(|key| key.to_str().unwrap().to_owned());
        if self.take(key.as_deref(), request.into_inner()) {
            Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
        } else {
            Err(tonic::Status::unavailable("busy"))
        }
    }
}

async fn receive(State(backend): State<Backend>, headers: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let key = headers.get("x-key").map(|key| key.to_str().unwrap());
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    if backend.take(key, request) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

fn serve(backend: Backend, protocol: OtlpProtocol, listener: TcpListener) {
    match protocol {
        OtlpProtocol::Grpc => {
            let server = tonic::transport::Server::builder()
                .add_service(TraceServiceServer::new(backend))
                .serve_with_incoming(TcpIncoming::from(listener));
            tokio::spawn(async move { server.await.unwrap() });
        }
        OtlpProtocol::Http => {
            let router = axum::Router::new().route("/v1/traces", axum::routing::post(receive));
            let router = router.with_state(backend);
            tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        }
    }
}

fn sink(protocol: OtlpProtocol, endpoint: String) -> OtlpSink {
    OtlpSink::new(&OtlpSettings {
        endpoint,
        protocol,
        headers: vec![(http::HeaderName::from_static("x-key"), Secret::new("sesame"))],
        service_name: "edge".to_owned(),
        timeout: Duration::from_secs(2),
    })
    .unwrap()
}

fn spans_of(request: &ExportTraceServiceRequest) -> impl Iterator<Item = &proto::Span> {
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| &scope.spans)
}

fn value_of(attributes: &[KeyValue], name: &str) -> Option<Any> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    found.value.as_ref()?.value.clone()
}

fn text(text: &str) -> Option<Any> {
    Some(Any::StringValue(text.to_owned()))
}

/// A failed model call with something in every field.
fn rich() -> Span {
    Span {
        trace_id: TraceId::new(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736),
        parent: Some(SpanId::new(0xa)),
        trace_state: Some("k=v".into()),
        name: "chat gpt-4o".into(),
        kind: SpanKind::Client,
        start_ns: 1_700_000_000_123_456_789,
        end_ns: 1_700_000_001_000_000_001,
        status: Status::Error("no answer in time".to_owned()),
        attributes: vec![
            ("gen_ai.request.model".into(), Value::from("gpt-4o")),
            ("gen_ai.usage.input_tokens".into(), Value::Int(170)),
            ("gen_ai.server.time_to_first_token".into(), Value::Float(0.3)),
            ("gen_ai.request.stream".into(), Value::Bool(true)),
        ],
        events: vec![SpanEvent {
            at_ns: 1_700_000_000_200_000_000,
            name: "gateway.attempt",
            attributes: vec![("gateway.attempt.target".into(), Value::from("primary"))],
        }],
        ..span(0xb, Pipeline::GenAi)
    }
}

/// What the backend got is what [`rich`] says, to the nanosecond and the type.
fn check_rich(got: &proto::Span) {
    assert_eq!(
        got.trace_id[..],
        TraceId::new(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736).to_bytes()
    );
    assert_eq!(got.span_id[..], SpanId::new(0xb).to_bytes());
    assert_eq!(got.parent_span_id[..], SpanId::new(0xa).to_bytes());
    assert_eq!((got.trace_state.as_str(), got.name.as_str()), ("k=v", "chat gpt-4o"));
    assert_eq!(got.kind(), proto::span::SpanKind::Client);
    assert_eq!(got.start_time_unix_nano, 1_700_000_000_123_456_789);
    assert_eq!(got.end_time_unix_nano, 1_700_000_001_000_000_001);
    let status = got.status.as_ref().unwrap();
    assert_eq!(status.code(), proto::status::StatusCode::Error);
    assert_eq!(status.message, "no answer in time");
    for (name, value) in [
        ("gen_ai.request.model", text("gpt-4o")),
        ("gen_ai.usage.input_tokens", Some(Any::IntValue(170))),
        ("gen_ai.server.time_to_first_token", Some(Any::DoubleValue(0.3))),
        ("gen_ai.request.stream", Some(Any::BoolValue(true))),
    ] {
        assert_eq!(value_of(&got.attributes, name), value, "{name}");
    }
    assert_eq!(got.attributes.len(), 4);
    let [event] = &got.events[..] else { panic!("{:?}", got.events) };
    assert_eq!(
        (event.name.as_str(), event.time_unix_nano),
        ("gateway.attempt", 1_700_000_000_200_000_000)
    );
    assert_eq!(value_of(&event.attributes, "gateway.attempt.target"), text("primary"));
}

#[tokio::test]
async fn a_backend_gets_the_whole_span_over_grpc_and_http() {
    for (protocol, path) in
        [(OtlpProtocol::Grpc, ""), (OtlpProtocol::Http, "/"), (OtlpProtocol::Http, "/v1/traces")]
    {
        let backend = Backend::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}{path}", listener.local_addr().unwrap());
        serve(backend.clone(), protocol, listener);
        let root = Span { kind: SpanKind::Server, ..span(0xa, Pipeline::Application) };
        let batch = [Arc::new(rich()), Arc::new(root)];
        sink(protocol, endpoint).export(&batch).await.unwrap();
        let requests = backend.requests.lock().unwrap();
        let [(key, request)] = &requests[..] else { panic!("{} requests", requests.len()) };
        assert_eq!(key.as_deref(), Some("sesame"), "{protocol:?}");
        let [resource] = &request.resource_spans[..] else { panic!("{request:?}") };
        let of_resource = &resource.resource.as_ref().unwrap().attributes;
        assert_eq!(value_of(of_resource, "service.name"), text("edge"));
        assert!(value_of(of_resource, "service.version").is_some());
        assert_eq!(resource.scope_spans[0].scope.as_ref().unwrap().name, "tollgate");
        let spans: Vec<_> = spans_of(request).collect();
        check_rich(spans[0]);
        assert!(spans[1].parent_span_id.is_empty(), "a root has no parent");
        assert_eq!(spans[1].kind(), proto::span::SpanKind::Server);
        assert_eq!(spans[1].status.as_ref().map_or(0, |status| status.code), 0, "unset");
    }
}

#[tokio::test]
async fn a_backend_that_was_down_gets_what_there_was_room_for_once_and_in_order() {
    for protocol in [OtlpProtocol::Grpc, OtlpProtocol::Http] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let queue = Queue::new("q", settings(10));
        let (stop, stopping) = watch::channel(false);
        let (worker, sink) = (Arc::clone(&queue), sink(protocol, format!("http://{address}")));
        let worker = tokio::spawn(async move { worker.run(sink, stopping).await });
        let exporters = exporters(&queue, None);
        let started = Instant::now();
        for id in 1..=40 {
            exporters.submit(vec![span(id, Pipeline::GenAi)]);
            // Time for the worker to take a batch and fail, which must not make room.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert!(started.elapsed() < Duration::from_secs(2), "callers wait for nothing");
        let down = Counts { queued: 10, dropped_full: 30, ..Counts::default() };
        assert_eq!(queue.counts(), down, "{protocol:?}: 40 = 30 dropped + 10 queued");
        // It comes back, and is busy at first.
        let backend = Backend { refusals: Arc::new(AtomicU32::new(2)), ..Backend::default() };
        serve(backend.clone(), protocol, TcpListener::bind(address).await.unwrap());
        let until = Instant::now() + PATIENCE;
        while queue.counts().delivered < 10 {
            assert!(Instant::now() < until, "{protocol:?}: {:?}", queue.counts());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stop.send_replace(true);
        tokio::time::timeout(PATIENCE, worker).await.unwrap().unwrap();
        assert_eq!(backend.span_ids(), (1..=10).collect::<Vec<_>>(), "{protocol:?}");
        let up = Counts { delivered: 10, dropped_full: 30, ..Counts::default() };
        assert_eq!(queue.counts(), up, "{protocol:?}: 40 = 30 dropped + 10 delivered");
    }
}

#[test]
fn a_queue_that_is_full_takes_nothing_from_another() {
    let (small, large) = (Queue::new("small", settings(1)), Queue::new("large", settings(10)));
    let mut exporters = exporters(&small, Some(Pipeline::GenAi));
    exporters.add(Arc::clone(&large), None);
    exporters.submit((1..=3).map(|id| span(id, Pipeline::GenAi)).collect());
    assert_eq!(small.counts(), Counts { queued: 1, dropped_full: 2, ..Counts::default() });
    assert_eq!(large.counts(), Counts { queued: 3, ..Counts::default() });
    assert_eq!(exporters.queued(), 4);
}
