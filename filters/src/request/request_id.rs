//! Gives every request an id before anything can refuse it.

use std::sync::Arc;
use std::task::{Context, Poll};

use tower::{Layer, Service};

use super::Request;

/// The id of one request, as in `x-to11-request-id`: `req_` and 24 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

/// Inserts a [`RequestId`] unless the server already did.
///
/// Stands outermost, so that a refusal by any other layer can name the request.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestIdLayer;

/// See [`RequestIdLayer`].
#[derive(Clone, Debug)]
pub struct WithRequestId<S>(S);

// === impl RequestId ===

impl RequestId {
    /// An id from two random numbers.
    pub fn new(high: u64, low: u64) -> Self {
        Self(format!("req_{high:016x}{:08x}", low >> 32).into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// === impl RequestIdLayer ===

impl<S> Layer<S> for RequestIdLayer {
    type Service = WithRequestId<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WithRequestId(inner)
    }
}

// === impl WithRequestId ===

impl<S: Service<Request>> Service<Request> for WithRequestId<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        if request.extensions().get::<RequestId>().is_none() {
            let id = RequestId::new(fastrand::u64(..), fastrand::u64(..));
            request.extensions_mut().insert(id);
        }
        self.0.call(request)
    }
}
