//! OTLP over HTTP: protobuf and JSON, answered in kind.

use std::io::Read;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::{Bytes, BytesMut};
use http::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderValue, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use prost::Message;
use serde_json::json;
use tonic::Code;

use super::RETRY_AFTER_SECONDS;
use crate::auth::{AuthLayer, Sender, Unauthenticated};
use crate::memory_limiter::Reservation;
use crate::pipeline::{Pipeline, Refusal};
use crate::signal::{Logs, Metrics, Signal, Traces};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Protobuf,
    Json,
}

/// An answer other than 200.
struct Failure {
    status: StatusCode,
    code: Code,
    message: &'static str,
}

pub(crate) fn router(pipeline: Arc<Pipeline>) -> Router {
    let auth = AuthLayer::new(pipeline.auth.clone(), unauthenticated);
    Router::new()
        .route("/v1/traces", post(receive::<Traces>))
        .route("/v1/metrics", post(receive::<Metrics>))
        .route("/v1/logs", post(receive::<Logs>))
        .fallback(unknown)
        .layer(auth)
        .with_state(pipeline)
}

fn unauthenticated(headers: &HeaderMap, why: Unauthenticated) -> Response {
    let encoding = Encoding::of(headers).unwrap_or(Encoding::Json);
    Failure::from(Refusal::Unauthenticated(why)).answer(encoding)
}

async fn receive<S: Signal>(
    State(pipeline): State<Arc<Pipeline>>,
    sender: Option<Extension<Sender>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(encoding) = Encoding::of(&headers) else {
        let unsupported = Failure {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            code: Code::InvalidArgument,
            message: "send application/x-protobuf or application/json",
        };
        return unsupported.answer(Encoding::Json);
    };
    let sender = sender.map(|Extension(sender)| sender);
    match export::<S>(&pipeline, sender.as_ref(), encoding, &headers, body).await {
        Ok(response) => success::<S>(encoding, &response),
        Err(failure) => failure.answer(encoding),
    }
}

async fn unknown(headers: HeaderMap) -> Response {
    let failure = Failure {
        status: StatusCode::NOT_FOUND,
        code: Code::Unimplemented,
        message: "only /v1/traces, /v1/metrics and /v1/logs are received here",
    };
    failure.answer(Encoding::of(&headers).unwrap_or(Encoding::Json))
}

async fn export<S: Signal>(
    pipeline: &Pipeline,
    sender: Option<&Sender>,
    encoding: Encoding,
    headers: &HeaderMap,
    body: Body,
) -> Result<S::Response, Failure> {
    let bytes_max = pipeline.settings.body_bytes_max;
    let mut reserved = pipeline.reserve();
    let body = read(body, bytes_max, &mut reserved).await?;
    let body = inflate(headers, body, bytes_max)?;
    reserved.grow(body.len()).map_err(Refusal::from)?;
    let request = match encoding {
        Encoding::Protobuf => S::Request::decode(body).ok(),
        Encoding::Json => serde_json::from_slice(&body).ok(),
    };
    let request = request.ok_or_else(|| Failure::bad(S::NO_REQUEST))?;
    Ok(pipeline.take::<S>(sender, request, reserved).await?)
}

/// The body as sent, at most `bytes_max` bytes of it.
async fn read(
    mut body: Body,
    bytes_max: usize,
    reserved: &mut Reservation,
) -> Result<Bytes, Failure> {
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(Refusal::TooLarge.into());
    }
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failure::bad("the body ended early"))?;
        let Ok(data) = frame.into_data() else { continue };
        if read.len() + data.len() > bytes_max {
            return Err(Refusal::TooLarge.into());
        }
        reserved.grow(data.len()).map_err(Refusal::from)?;
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}

/// The body without its compression, at most `bytes_max` bytes of it.
fn inflate(headers: &HeaderMap, body: Bytes, bytes_max: usize) -> Result<Bytes, Failure> {
    let damaged = |_| Failure::bad("the compressed body is damaged");
    let encoding = headers.get(CONTENT_ENCODING).map_or(&b"identity"[..], HeaderValue::as_bytes);
    let source: Box<dyn Read + '_> = match encoding {
        b"identity" => return Ok(body),
        b"gzip" => Box::new(flate2::read::MultiGzDecoder::new(&body[..])),
        b"deflate" => Box::new(flate2::read::ZlibDecoder::new(&body[..])),
        b"zstd" => Box::new(zstd::stream::read::Decoder::with_buffer(&body[..]).map_err(damaged)?),
        _ => {
            return Err(Failure {
                status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
                code: Code::InvalidArgument,
                message: "send gzip, deflate, zstd or no compression",
            });
        }
    };
    let mut inflated = Vec::new();
    let read = source.take(bytes_max as u64 + 1).read_to_end(&mut inflated).map_err(damaged)?;
    if read > bytes_max { Err(Refusal::TooLarge.into()) } else { Ok(inflated.into()) }
}

fn success<S: Signal>(encoding: Encoding, response: &S::Response) -> Response {
    let body = match (encoding, S::partial(response)) {
        (Encoding::Protobuf, _) => response.encode_to_vec(),
        // In JSON a message that is not there is left out.
        (Encoding::Json, None) => b"{}".to_vec(),
        (Encoding::Json, Some(partial)) => json!({
            "partialSuccess": {
                // 64-bit numbers are strings in protobuf's JSON.
                S::REJECTED: partial.rejected.to_string(),
                "errorMessage": partial.message,
            }
        })
        .to_string()
        .into_bytes(),
    };
    ([(CONTENT_TYPE, encoding.name())], body).into_response()
}

// === impl Encoding ===

impl Encoding {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let content_type = content_type.split(';').next()?.trim();
        [Self::Protobuf, Self::Json]
            .into_iter()
            .find(|encoding| content_type.eq_ignore_ascii_case(encoding.name()))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Protobuf => PROTOBUF,
            Self::Json => JSON,
        }
    }
}

// === impl Failure ===

impl Failure {
    const fn bad(message: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: Code::InvalidArgument, message }
    }

    /// A `google.rpc.Status` in kind.
    fn answer(&self, encoding: Encoding) -> Response {
        let (code, message) = (self.code as i32, self.message);
        let body = match encoding {
            Encoding::Json => json!({ "code": code, "message": message }).to_string().into_bytes(),
            Encoding::Protobuf => {
                let status = tonic_types::Status {
                    code,
                    message: message.to_owned(),
                    ..tonic_types::Status::default()
                };
                status.encode_to_vec()
            }
        };
        let headers: [(HeaderName, &str); 1] = [(CONTENT_TYPE, encoding.name())];
        let mut response = (self.status, headers, body).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        }
        response
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let (status, code) = match refusal {
            Refusal::MemoryFull
            | Refusal::StoreUnavailable
            | Refusal::Unauthenticated(Unauthenticated::Unavailable) => {
                (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable)
            }
            Refusal::Unauthenticated(_) => (StatusCode::UNAUTHORIZED, Code::Unauthenticated),
            Refusal::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted),
            Refusal::StoreRefused => (StatusCode::INTERNAL_SERVER_ERROR, Code::Internal),
        };
        Self { status, code, message: refusal.message() }
    }
}
