//! An OTLP backend that keeps what it gets and answers by a script, over every protocol at once.

use std::collections::VecDeque;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::export::{OtlpConnection, OtlpProtocol, OtlpSettings, OtlpTls};
use async_trait::async_trait;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1 as proto;
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tollgate_providers::Secret;
use tonic::codec::CompressionEncoding;

/// Every protocol.
pub(super) const PROTOCOLS: [OtlpProtocol; 3] =
    [OtlpProtocol::Grpc, OtlpProtocol::Http, OtlpProtocol::HttpJson];

/// How a backend answers instead of taking everything at once.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// It is busy.
    Busy,
    /// It will never take this.
    Refuse,
    /// It takes all but some.
    Partial(i64),
    /// It takes it, later.
    Late(Duration),
}

/// An export: its authorization, its encoding, and what it holds.
pub(super) struct Taken {
    pub(super) key: Option<String>,
    pub(super) encoding: Option<String>,
    pub(super) request: ExportTraceServiceRequest,
}

#[derive(Clone, Default)]
pub(super) struct Backend {
    /// What is answered to the next exports; after the last one everything is taken.
    pub(super) script: Arc<Mutex<VecDeque<Answer>>>,
    pub(super) requests: Arc<Mutex<Vec<Taken>>>,
    pub(super) metrics: Arc<Mutex<Vec<ExportMetricsServiceRequest>>>,
}

impl Backend {
    pub(super) fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        let backend = Self::default();
        backend.script.lock().unwrap().extend(answers);
        backend
    }

    /// Listens until the runtime ends.
    pub(super) async fn start(&self, tls: Option<TlsAcceptor>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        self.serve(listener, tls);
        address
    }

    pub(super) fn serve(&self, listener: TcpListener, tls: Option<TlsAcceptor>) {
        let traces =
            TraceServiceServer::new(self.clone()).accept_compressed(CompressionEncoding::Gzip);
        let metrics = MetricsServiceServer::new(self.clone());
        let router = axum::Router::new()
            .route("/v1/traces", post(receive))
            .route_service("/opentelemetry.proto.collector.trace.v1.TraceService/Export", traces)
            .route_service(
                "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
                metrics,
            )
            .route("/v1/metrics", post(receive_metrics))
            .with_state(self.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (router, tls) = (router.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => connection(stream, router).await,
                        Some(tls) => {
                            // A client that does not trust us hangs up.
                            if let Ok(stream) = tls.accept(stream).await {
                                connection(stream, router).await;
                            }
                        }
                    }
                });
            }
        });
    }

    /// The ids of all spans in the order of their arrival.
    pub(super) fn span_ids(&self) -> Vec<u64> {
        let requests = self.requests.lock().unwrap();
        let spans = requests.iter().flat_map(|taken| spans_of(&taken.request));
        spans.map(|span| u64::from_be_bytes(span.span_id[..].try_into().unwrap())).collect()
    }

    async fn answer(&self, taken: Taken) -> Option<Answer> {
        let answer = self.script.lock().unwrap().pop_front();
        if let Some(Answer::Late(late)) = answer {
            tokio::time::sleep(late).await;
        }
        if matches!(answer, None | Some(Answer::Partial(_) | Answer::Late(_))) {
            self.requests.lock().unwrap().push(taken);
        }
        answer
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: axum::Router,
) {
    let server = auto::Builder::new(TokioExecutor::new());
    // A client that hangs up is no fault.
    let _closed =
        server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await;
}

fn response(answer: Option<Answer>) -> ExportTraceServiceResponse {
    let partial_success = match answer {
        Some(Answer::Partial(rejected_spans)) => {
            Some(ExportTracePartialSuccess { rejected_spans, error_message: "too old".to_owned() })
        }
        _ => None,
    };
    ExportTraceServiceResponse { partial_success }
}

#[async_trait]
impl TraceService for Backend {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let text = |name| request.metadata().get(name).map(|it| it.to_str().unwrap().to_owned());
        let (key, encoding) = (text("x-key"), text("grpc-encoding"));
        match self.answer(Taken { key, encoding, request: request.into_inner() }).await {
            Some(Answer::Busy) => Err(tonic::Status::unavailable("busy")),
            Some(Answer::Refuse) => Err(tonic::Status::invalid_argument("no")),
            taken => Ok(tonic::Response::new(response(taken))),
        }
    }
}

#[async_trait]
impl MetricsService for Backend {
    async fn export(
        &self,
        request: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<tonic::Response<ExportMetricsServiceResponse>, tonic::Status> {
        self.metrics.lock().unwrap().push(request.into_inner());
        Ok(tonic::Response::new(ExportMetricsServiceResponse::default()))
    }
}

async fn receive(State(backend): State<Backend>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let json = text("content-type").unwrap() == "application/json";
    let encoding = text("content-encoding");
    let body = if encoding.is_some() { unzipped(&body) } else { body.to_vec() };
    let request = if json {
        serde_json::from_slice(&body).unwrap()
    } else {
        assert_eq!(text("content-type").unwrap(), "application/x-protobuf");
        ExportTraceServiceRequest::decode(&body[..]).unwrap()
    };
    match backend.answer(Taken { key: text("x-key"), encoding, request }).await {
        Some(Answer::Busy) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Some(Answer::Refuse) => StatusCode::BAD_REQUEST.into_response(),
        taken if json => serde_json::to_vec(&response(taken)).unwrap().into_response(),
        taken => response(taken).encode_to_vec().into_response(),
    }
}

async fn receive_metrics(State(backend): State<Backend>, body: Bytes) {
    backend.metrics.lock().unwrap().push(ExportMetricsServiceRequest::decode(body).unwrap());
}

fn unzipped(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(body).read_to_end(&mut out).unwrap();
    out
}

pub(super) fn spans_of(request: &ExportTraceServiceRequest) -> impl Iterator<Item = &proto::Span> {
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| &scope.spans)
}

/// An exporter to the server at `base`.
pub(super) fn otlp(protocol: OtlpProtocol, base: &str) -> OtlpSettings {
    let path = if protocol == OtlpProtocol::Grpc { "" } else { "/v1/traces" };
    OtlpSettings {
        traces: OtlpConnection {
            endpoint: format!("{base}{path}"),
            protocol,
            headers: vec![(http::HeaderName::from_static("x-key"), Secret::new("sesame"))],
            tls: OtlpTls::default(),
            gzip: false,
            timeout: Duration::from_secs(2),
        },
        metrics: None,
        service_name: "edge".to_owned(),
        resource: vec![("deployment.environment.name".to_owned(), "test".to_owned())],
        queue_spans_max: 10,
        sample_ratio: 1.0,
        variables: Vec::new(),
    }
}
