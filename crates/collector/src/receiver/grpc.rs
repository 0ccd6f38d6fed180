//! OTLP over gRPC.

use std::future::Future;
use std::io;
use std::sync::Arc;

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

struct Traces(Arc<Pipeline>);

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
    let service =
        TraceServiceServer::new(Traces(pipeline)).max_decoding_message_size(body_bytes_max);
    Server::builder()
        .layer(auth)
        .layer(messages)
        .add_service(service)
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), shutdown)
        .await
        .map_err(io::Error::other)
}

#[tonic::async_trait]
impl TraceService for Traces {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        // What the message takes is reserved by its layer until it is answered.
        let sender = request.extensions().get::<Sender>().cloned();
        let taken = self.0.take(sender.as_ref(), request.into_inner(), self.0.reserve()).await;
        taken.map(Response::new).map_err(status)
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
