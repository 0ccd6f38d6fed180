//! The one message of a unary call, read and inflated in front of tonic.
//!
//! Tonic limits only the size of what it inflates; here compressed bodies keep the rules that they
//! keep over HTTP, and are weighed before anything is decoded. Tonic then gets an uncompressed
//! message. One that it cannot decode it calls INTERNAL; that is the sender's fault, and said so.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_util::stream;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use tonic::body::Body;
use tower::{Layer, Service};

use super::body;
use super::grpc::status;
use crate::inflate::Codec;
use crate::memory_limiter::Reservation;
use crate::pipeline::Pipeline;
use crate::refusal::Refusal;
use crate::weigh::{LOGS, METRICS, Shape, TRACES, weigh};

const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const GRPC_STATUS: &str = "grpc-status";
const GRPC_MESSAGE: &str = "grpc-message";
/// How tonic says, percent-encoded, that there is no such message.
const UNDECODABLE: &[u8] = b"failed%20to%20decode%20Protobuf";
const INTERNAL: &[u8] = b"13";
/// A flag that says whether it is compressed, and four bytes of length.
const PREFIX_BYTES: usize = 5;
const TRACES_PATH: &str = "/opentelemetry.proto.collector.trace.";
const METRICS_PATH: &str = "/opentelemetry.proto.collector.metrics.";
const LOGS_PATH: &str = "/opentelemetry.proto.collector.logs.";

/// Reads messages for the service inside.
#[derive(Clone)]
pub(super) struct MessageLayer {
    pipeline: Arc<Pipeline>,
}

#[derive(Clone)]
pub(super) struct Messages<S> {
    inner: S,
    pipeline: Arc<Pipeline>,
}

// === impl MessageLayer ===

impl MessageLayer {
    pub(super) const fn new(pipeline: Arc<Pipeline>) -> Self {
        Self { pipeline }
    }
}

impl<S> Layer<S> for MessageLayer {
    type Service = Messages<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Messages { inner, pipeline: Arc::clone(&self.pipeline) }
    }
}

// === impl Messages ===

impl<S> Service<Request<Body>> for Messages<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The one that said it was ready is the one that is called.
        let other = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, other);
        let pipeline = Arc::clone(&self.pipeline);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let (message, _reserved) =
                match message(&pipeline, parts.uri.path(), &parts.headers, body).await {
                    Ok(read) => read,
                    Err(refusal) => {
                        pipeline.refused(refusal);
                        return Ok(refused(refusal));
                    }
                };
            parts.headers.remove(GRPC_ENCODING);
            parts.headers.remove(CONTENT_LENGTH);
            let response = inner.call(Request::from_parts(parts, plain(message))).await?;
            if is_undecodable(response.headers()) {
                pipeline.refused(Refusal::Undecodable);
                return Ok(refused(Refusal::Undecodable));
            }
            Ok(response)
        })
    }
}

/// The call's message without its compression, and the memory that it and what it becomes take.
async fn message(
    pipeline: &Pipeline,
    path: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Bytes, Reservation), Refusal> {
    let mut reserved = pipeline.admit()?;
    let codec = headers
        .get(GRPC_ENCODING)
        .map_or(Some(Codec::Identity), |name| Codec::named(name.as_bytes()));
    let codec = codec.ok_or(Refusal::Encoding)?;
    let bytes_max = pipeline.settings.limits.body_bytes_max.saturating_add(PREFIX_BYTES);
    let mut body = body::read(body, bytes_max, &mut reserved).await?;
    let flag = body.try_get_u8().map_err(|_| Refusal::Damaged)?;
    let length = body.try_get_u32().map_err(|_| Refusal::Damaged)?;
    if usize::try_from(length) != Ok(body.len()) {
        return Err(Refusal::Damaged);
    }
    let codec = match flag {
        0 => Codec::Identity,
        1 if codec != Codec::Identity => codec,
        _ => return Err(Refusal::Damaged),
    };
    let weigh = |body: &[u8], bytes_max| {
        shape(path).map_or(body.len(), |shape| weigh(body, shape, bytes_max))
    };
    let message = body::open(pipeline, codec, body, weigh, &mut reserved)?;
    Ok((message, reserved))
}

fn shape(path: &str) -> Option<&'static Shape> {
    let shapes = [(TRACES_PATH, &TRACES), (METRICS_PATH, &METRICS), (LOGS_PATH, &LOGS)];
    shapes.into_iter().find(|(start, _)| path.starts_with(start)).map(|(_, shape)| shape)
}

/// A message as tonic reads it, not copied.
fn plain(message: Bytes) -> Body {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    let prefix = [&[0][..], &length].concat();
    let frames = [Bytes::from(prefix), message].map(|data| Ok::<_, Infallible>(Frame::data(data)));
    Body::new(StreamBody::new(stream::iter(frames)))
}

fn refused(refusal: Refusal) -> Response<Body> {
    let mut response = status(refusal).into_http();
    if refusal == Refusal::Encoding {
        let known = HeaderValue::from_static(Codec::NAMES);
        response.headers_mut().insert(GRPC_ACCEPT_ENCODING, known);
    }
    response
}

fn is_undecodable(headers: &HeaderMap) -> bool {
    headers.get(GRPC_STATUS).is_some_and(|status| status.as_bytes() == INTERNAL)
        && headers
            .get(GRPC_MESSAGE)
            .is_some_and(|message| message.as_bytes().starts_with(UNDECODABLE))
}
