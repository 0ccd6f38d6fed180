//! OTLP over HTTP: protobuf and JSON, answered in kind.

use std::io::Read;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use serde_json::json;

use super::grpc::response;
use crate::pipeline::Pipeline;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
/// When to try again after a refusal that may pass, in seconds.
const RETRY_AFTER: &str = "1";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Protobuf,
    Json,
}

pub(crate) fn router(pipeline: Arc<Pipeline>) -> Router {
    let body_bytes_max = pipeline.settings.body_bytes_max;
    Router::new()
        .route("/v1/traces", post(traces))
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .with_state(pipeline)
}

async fn traces(
    State(pipeline): State<Arc<Pipeline>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let kind =
        headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let encoding = match kind.split(';').next().map(str::trim) {
        Some(PROTOBUF) => Encoding::Protobuf,
        Some(JSON) => Encoding::Json,
        _ => {
            let why = "send application/x-protobuf or application/json";
            return failure(Encoding::Json, StatusCode::UNSUPPORTED_MEDIA_TYPE, why);
        }
    };
    let body = match inflate(&headers, body, pipeline.settings.body_bytes_max) {
        Ok(body) => body,
        Err((status, why)) => return failure(encoding, status, why),
    };
    let request = match encoding {
        Encoding::Protobuf => ExportTraceServiceRequest::decode(&body[..]).ok(),
        Encoding::Json => serde_json::from_slice(&body).ok(),
    };
    let Some(request) = request else {
        return failure(
            encoding,
            StatusCode::BAD_REQUEST,
            "the body is no ExportTraceServiceRequest",
        );
    };
    match pipeline.take(request, body.len()).await {
        Ok(accepted) => success(encoding, &response(accepted.rejected_spans, accepted.message)),
        Err(refusal) => {
            let mut answer = failure(encoding, StatusCode::SERVICE_UNAVAILABLE, &refusal.0);
            answer
                .headers_mut()
                .insert(header::RETRY_AFTER, header::HeaderValue::from_static(RETRY_AFTER));
            answer
        }
    }
}

/// The body without its compression, at most `bytes_max` bytes of it.
fn inflate(
    headers: &HeaderMap,
    body: Bytes,
    bytes_max: usize,
) -> Result<Bytes, (StatusCode, &'static str)> {
    let encoding = headers.get(header::CONTENT_ENCODING).map_or(&b"identity"[..], |e| e.as_bytes());
    let source: Box<dyn Read + '_> = match encoding {
        b"identity" => return Ok(body),
        b"gzip" => Box::new(flate2::read::GzDecoder::new(&body[..])),
        b"deflate" => Box::new(flate2::read::ZlibDecoder::new(&body[..])),
        _ => {
            return Err((
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "send gzip, deflate or no compression",
            ));
        }
    };
    let mut out = Vec::new();
    match source.take(bytes_max as u64 + 1).read_to_end(&mut out) {
        Ok(read) if read > bytes_max => {
            Err((StatusCode::PAYLOAD_TOO_LARGE, "the inflated body is too large"))
        }
        Ok(_) => Ok(out.into()),
        Err(_) => Err((StatusCode::BAD_REQUEST, "the compressed body is damaged")),
    }
}

fn success(encoding: Encoding, response: &ExportTraceServiceResponse) -> Response {
    match encoding {
        Encoding::Protobuf => {
            ([(header::CONTENT_TYPE, PROTOBUF)], response.encode_to_vec()).into_response()
        }
        Encoding::Json => axum::Json(response).into_response(),
    }
}

/// A `google.rpc.Status` in kind; in protobuf its field 2 is the message.
fn failure(encoding: Encoding, status: StatusCode, why: &str) -> Response {
    match encoding {
        Encoding::Json => (status, axum::Json(json!({ "message": why }))).into_response(),
        Encoding::Protobuf => {
            let status_message = RpcStatus { code: 0, message: why.to_owned() };
            (status, [(header::CONTENT_TYPE, PROTOBUF)], status_message.encode_to_vec())
                .into_response()
        }
    }
}

/// The fields of `google.rpc.Status` that are used here.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}
