//! Refuses a body that is too long, compressed, or not what its endpoint takes; keeps what it says.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::header;
use tollgate_providers::Endpoint;
use tower::{Layer, Service};

use super::{Facts, Rejection, Request};

/// Refuses bodies of more than `body_bytes_max` bytes (413), compressed ones (415) and ones that
/// are not what their endpoint takes: a JSON object, or a form, with a model (400). Inserts [`Facts`].
///
/// The server refuses a long body while reading it; this layer holds the limit for every other
/// way into the stack. Stands before everything that needs to know the model.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimitLayer {
    body_bytes_max: usize,
}

/// See [`BodyLimitLayer`].
#[derive(Clone, Debug)]
pub struct BodyLimited<S> {
    inner: S,
    body_bytes_max: usize,
}

// === impl BodyLimitLayer ===

impl BodyLimitLayer {
    /// At most `body_bytes_max` bytes.
    pub const fn new(body_bytes_max: usize) -> Self {
        Self { body_bytes_max }
    }
}

impl<S> Layer<S> for BodyLimitLayer {
    type Service = BodyLimited<S>;

    fn layer(&self, inner: S) -> Self::Service {
        BodyLimited { inner, body_bytes_max: self.body_bytes_max }
    }
}

// === impl BodyLimited ===

impl<S> BodyLimited<S> {
    fn examine(&self, request: &Request) -> Result<Facts, Rejection> {
        let body_bytes_max = self.body_bytes_max;
        if request.body().len() > body_bytes_max {
            return Err(Rejection::BodyTooLarge { body_bytes_max });
        }
        let encoding = request.headers().get(header::CONTENT_ENCODING);
        if encoding.is_some_and(|e| !e.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(Rejection::EncodedBody);
        }
        match request.extensions().get::<Endpoint>() {
            Some(endpoint) => Facts::of(endpoint, request.headers(), request.body()),
            None => Facts::read(request.body()),
        }
    }
}

impl<S: Service<Request, Error = Rejection>> Service<Request> for BodyLimited<S> {
    type Response = S::Response;
    type Error = Rejection;
    type Future = Either<S::Future, Ready<Result<S::Response, Rejection>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        match self.examine(&request) {
            Ok(facts) => {
                request.extensions_mut().insert(facts);
                Either::Left(self.inner.call(request))
            }
            Err(rejection) => Either::Right(ready(Err(rejection))),
        }
    }
}
