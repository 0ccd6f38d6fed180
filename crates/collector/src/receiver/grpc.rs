//! OTLP over gRPC.

use std::future::Future;
use std::io;
use std::sync::Arc;

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
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::message::MessageLayer;
use crate::auth::{AuthLayer, Sender, Unauthenticated};
use crate::pipeline::Pipeline;
use crate::refusal::{Kind, RETRY_AFTER, Refusal};
use crate::signal::{Logs, Metrics, Signal, Traces};

/// The services of all signals.
#[derive(Clone)]
struct Services(Arc<Pipeline>);

/// Serves until `shutdown`.
pub(crate) async fn serve(
    pipeline: Arc<Pipeline>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let auth = AuthLayer::new(pipeline.auth.clone(), |_: &_, why| unauthenticated(why).into_http());
    let messages = MessageLayer::new(Arc::clone(&pipeline));
    // What is too large was refused before it comes to this.
    let body_bytes_max = pipeline.settings.limits.body_bytes_max;
    let services = Services(pipeline);
    let traces = TraceServiceServer::new(services.clone());
    let metrics = MetricsServiceServer::new(services.clone());
    let logs = LogsServiceServer::new(services);
    Server::builder()
        .layer(auth)
        .layer(messages)
        .add_service(traces.max_decoding_message_size(body_bytes_max))
        .add_service(metrics.max_decoding_message_size(body_bytes_max))
        .add_service(logs.max_decoding_message_size(body_bytes_max))
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
        // What the message takes is reserved by its layer until it is answered.
        let sender = request.extensions().get::<Sender>().cloned();
        let request = request.into_inner();
        let taken = self.0.take::<S>(sender.as_ref(), request, self.0.reserve()).await;
        taken.map(Response::new).map_err(status)
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
    status(Refusal::Unauthenticated(why))
}

/// Retryable for a sender are `UNAVAILABLE`, and what carries a `RetryInfo`.
pub(super) fn status(refusal: Refusal) -> Status {
    let message = refusal.message();
    match refusal.kind() {
        Kind::Unavailable => {
            let details = ErrorDetails::with_retry_info(Some(RETRY_AFTER));
            Status::with_error_details(Code::Unavailable, message, details)
        }
        Kind::Unauthenticated => Status::unauthenticated(message),
        Kind::Unsupported => Status::unimplemented(message),
        Kind::Invalid => Status::invalid_argument(message),
        Kind::Slow => Status::deadline_exceeded(message),
        Kind::TooLarge => Status::resource_exhausted(message),
        Kind::Internal => Status::internal(message),
    }
}
