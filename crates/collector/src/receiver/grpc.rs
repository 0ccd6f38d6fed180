//! OTLP over gRPC.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{
    LogsService, LogsServiceServer,
};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
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
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};
use tower::util::MapRequestLayer;

use super::RETRY_AFTER_SECONDS;
use crate::auth::{AuthLayer, Sender, Unauthenticated};
use crate::memory_limiter::Reservation;
use crate::pipeline::{Pipeline, Refusal};
use crate::signal::{Logs, Metrics, Signal, Traces};

/// The services of all signals.
#[derive(Clone)]
struct Services(Arc<Pipeline>);

/// A request body whose bytes are counted in as they arrive.
struct Reserving {
    body: Body,
    reserved: Reservation,
}

/// Serves until `shutdown`.
pub(crate) async fn serve(
    pipeline: Arc<Pipeline>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let limiting = Arc::clone(&pipeline);
    let reserve = MapRequestLayer::new(move |request: http::Request<Body>| {
        let reserved = limiting.reserve();
        request.map(|body| Body::new(Reserving { body, reserved }))
    });
    let auth = AuthLayer::new(pipeline.auth.clone(), |_: &_, why| unauthenticated(why).into_http());
    let body_bytes_max = pipeline.settings.body_bytes_max;
    let services = Services(pipeline);
    let traces = TraceServiceServer::new(services.clone())
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(body_bytes_max);
    let metrics = MetricsServiceServer::new(services.clone())
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(body_bytes_max);
    let logs = LogsServiceServer::new(services)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(body_bytes_max);
    Server::builder()
        .layer(auth)
        .layer(reserve)
        .add_service(traces)
        .add_service(metrics)
        .add_service(logs)
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), shutdown)
        .await
        .map_err(io::Error::other)
}

// === impl Services ===

impl Services {
    async fn take<S: Signal>(
        &self,
        request: Request<S::Request>,
    ) -> Result<Response<S::Response>, Status> {
        // The body, and what it had reserved, is gone; the message it became is counted anew.
        let sender = request.extensions().get::<Sender>().cloned();
        let request = request.into_inner();
        let taken = self.0.take::<S>(sender.as_ref(), request, self.0.reserve()).await;
        taken.map(Response::new).map_err(|refusal| status(&refusal))
    }
}

#[tonic::async_trait]
impl TraceService for Services {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.take::<Traces>(request).await
    }
}

#[tonic::async_trait]
impl MetricsService for Services {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.take::<Metrics>(request).await
    }
}

#[tonic::async_trait]
impl LogsService for Services {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.take::<Logs>(request).await
    }
}

fn unauthenticated(why: Unauthenticated) -> Status {
    status(&Refusal::Unauthenticated(why))
}

/// Retryable for a sender are `UNAVAILABLE`, and what carries a `RetryInfo`.
fn status(refusal: &Refusal) -> Status {
    let message = refusal.message();
    match refusal {
        Refusal::MemoryFull
        | Refusal::StoreUnavailable
        | Refusal::Unauthenticated(Unauthenticated::Unavailable) => {
            let wait = Duration::from_secs(RETRY_AFTER_SECONDS);
            let details = ErrorDetails::with_retry_info(Some(wait));
            Status::with_error_details(Code::Unavailable, message, details)
        }
        Refusal::Unauthenticated(_) => Status::unauthenticated(message),
        Refusal::TooLarge => Status::resource_exhausted(message),
        Refusal::StoreRefused => Status::internal(message),
    }
}

// === impl Reserving ===

impl http_body::Body for Reserving {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        let bytes = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
            _ => 0,
        };
        Poll::Ready(match self.reserved.grow(bytes) {
            Ok(()) => frame,
            Err(full) => Some(Err(status(&full.into()))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
