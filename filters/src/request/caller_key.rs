//! Refuses callers without a good key, and says whose request it is.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures_util::future::Either;
use tower::{Layer, Service};

use super::caller::{self, CallerKeys, Identity};
use super::{Rejection, Request};

/// Looks for a key of ours (401, 403 or 503 where it is not good, or missing and required), inserts the
/// [`super::Caller`] as an `Arc` and takes the key out of the headers.
///
/// Needs headers and query alone. Where the server asked before it read the body, its [`Identity`] is in
/// the extensions and counts. Stands before everything that reads the body.
#[derive(Clone, Debug)]
pub struct CallerKeyLayer {
    keys: CallerKeys,
}

/// See [`CallerKeyLayer`].
#[derive(Clone, Debug)]
pub struct Keyed<S> {
    inner: S,
    keys: CallerKeys,
}

// === impl CallerKeyLayer ===

impl CallerKeyLayer {
    /// Asks for what `keys` say.
    pub const fn new(keys: CallerKeys) -> Self {
        Self { keys }
    }
}

impl<S> Layer<S> for CallerKeyLayer {
    type Service = Keyed<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Keyed { inner, keys: self.keys.clone() }
    }
}

// === impl Keyed ===

impl<S: Service<Request, Error = Rejection>> Service<Request> for Keyed<S> {
    type Response = S::Response;
    type Error = Rejection;
    type Future = Either<S::Future, Ready<Result<S::Response, Rejection>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let found = match request.extensions_mut().remove::<Identity>() {
            Some(Identity(found)) => found,
            None => self.keys.identify(request.headers(), request.uri().query()),
        };
        match found {
            Ok(Some(caller)) => {
                caller::remove_ours(request.headers_mut());
                request.extensions_mut().insert(caller);
                Either::Left(self.inner.call(request))
            }
            Ok(None) => Either::Left(self.inner.call(request)),
            Err(rejection) => Either::Right(ready(Err(rejection))),
        }
    }
}
