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

/// Where the digits of the first number end.
const HIGH_END: usize = "req_".len() + 16;

// === impl RequestId ===

impl RequestId {
    /// An id from two random numbers.
    pub fn new(high: u64, low: u64) -> Self {
        let mut text = *b"req_000000000000000000000000";
        let (first, last) = text.split_at_mut(HIGH_END);
        write_hex(first.iter_mut().rev().take(16), high);
        write_hex(last.iter_mut().rev(), low >> 32);
        Self(std::str::from_utf8(&text).unwrap_or_default().into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Writes a number's hexadecimal digits, the last one first.
fn write_hex<'a>(digits: impl Iterator<Item = &'a mut u8>, mut number: u64) {
    for digit in digits {
        let value = (number & 0xF) as u8;
        *digit = value + if value < 10 { b'0' } else { b'a' - 10 };
        number >>= 4;
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
