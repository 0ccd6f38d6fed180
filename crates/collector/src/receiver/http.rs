//! OTLP over HTTP: protobuf and JSON, answered in kind.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderValue, StatusCode};
use prost::Message;
use serde_json::json;
use tonic::Code;

use super::body;
use crate::auth::{AuthLayer, Sender, Unauthenticated};
use crate::inflate::Codec;
use crate::memory_limiter::Reservation;
use crate::pipeline::Pipeline;
use crate::refusal::{Kind, RETRY_AFTER as RETRY_AFTER_TIME, Refusal};
use crate::signal::{Logs, Metrics, Signal, Traces};
use crate::weigh::{weigh, weigh_json};

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
        .route("/v1/traces", post(take::<Traces>))
        .route("/v1/metrics", post(take::<Metrics>))
        .route("/v1/logs", post(take::<Logs>))
        .fallback(unknown)
        .layer(auth)
        .with_state(pipeline)
}

fn unauthenticated(headers: &HeaderMap, why: Unauthenticated) -> Response {
    let encoding = Encoding::of(headers).unwrap_or(Encoding::Json);
    Failure::from(Refusal::Unauthenticated(why)).answer(encoding)
}

async fn take<S: Signal>(
    State(pipeline): State<Arc<Pipeline>>,
    sender: Option<Extension<Sender>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let encoding = Encoding::of(&headers);
    let sender = sender.map(|Extension(sender)| sender);
    let taken = match receive::<S>(&pipeline, encoding, &headers, body).await {
        Ok((request, reserved)) => pipeline.take::<S>(sender.as_ref(), request, reserved).await,
        Err(refusal) => {
            pipeline.refused(refusal);
            Err(refusal)
        }
    };
    let encoding = encoding.unwrap_or(Encoding::Json);
    match taken {
        Ok(response) => success::<S>(encoding, &response),
        Err(refusal) => Failure::from(refusal).answer(encoding),
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

/// A request, and the memory that it takes.
async fn receive<S: Signal>(
    pipeline: &Pipeline,
    encoding: Option<Encoding>,
    headers: &HeaderMap,
    body: Body,
) -> Result<(S::Request, Reservation), Refusal> {
    let encoding = encoding.ok_or(Refusal::ContentType)?;
    let codec = headers.get(CONTENT_ENCODING).map_or(&b"identity"[..], HeaderValue::as_bytes);
    let codec = Codec::named(codec).ok_or(Refusal::Encoding)?;
    let mut reserved = pipeline.admit()?;
    let body = body::read(body, pipeline.settings.limits.body_bytes_max, &mut reserved).await?;
    let weigh = |body: &[u8], bytes_max| match encoding {
        Encoding::Protobuf => weigh(body, S::SHAPE, bytes_max),
        Encoding::Json => weigh_json(body, bytes_max),
    };
    let body = body::open(pipeline, codec, body, weigh, &mut reserved)?;
    let body_bytes = body.len();
    let request = match encoding {
        Encoding::Protobuf => S::Request::decode(body).ok(),
        Encoding::Json => serde_json::from_slice(&body).ok(),
    };
    reserved.shrink(body_bytes);
    Ok((request.ok_or(Refusal::Undecodable)?, reserved))
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
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_TIME.as_secs()));
        }
        response
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let (status, code) = match refusal.kind() {
            Kind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
            Kind::Unauthenticated => (StatusCode::UNAUTHORIZED, Code::Unauthenticated),
            Kind::Unsupported => (StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument),
            Kind::Invalid => (StatusCode::BAD_REQUEST, Code::InvalidArgument),
            Kind::Slow => (StatusCode::REQUEST_TIMEOUT, Code::DeadlineExceeded),
            Kind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted),
            Kind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, Code::Internal),
        };
        Self { status, code, message: refusal.message() }
    }
}
