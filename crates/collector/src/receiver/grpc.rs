//! OTLP over gRPC.

use std::future::Future;
use std::io;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tokio::net::TcpListener;
use tonic::codec::CompressionEncoding;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::pipeline::Pipeline;

struct Traces(Arc<Pipeline>);

/// Serves until `shutdown`.
pub(crate) async fn serve(
    pipeline: Arc<Pipeline>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let body_bytes_max = pipeline.settings.body_bytes_max;
    let service = TraceServiceServer::new(Traces(pipeline))
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(body_bytes_max);
    Server::builder()
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
        let request = request.into_inner();
        let bytes = request.encoded_len();
        match self.0.take(request, bytes).await {
            Ok(accepted) => Ok(Response::new(response(accepted.rejected_spans, accepted.message))),
            Err(refusal) => Err(Status::unavailable(refusal.0)),
        }
    }
}

/// The answer to an export; a partial success only where there is something to say.
pub(crate) fn response(rejected_spans: i64, error_message: String) -> ExportTraceServiceResponse {
    let partial = ExportTracePartialSuccess { rejected_spans, error_message };
    ExportTraceServiceResponse { partial_success: (rejected_spans > 0).then_some(partial) }
}
