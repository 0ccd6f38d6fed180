//! Authentication as a tower layer, the same for both protocols: only the refusal differs.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower::{Layer, Service};

use super::{Auth, Unauthenticated};

/// Lets a request through with its [`super::Sender`] as an extension, or answers it.
#[derive(Clone)]
pub(crate) struct AuthLayer<R> {
    auth: Auth,
    refuse: R,
}

#[derive(Clone)]
pub(crate) struct Authenticated<S, R> {
    inner: S,
    auth: Auth,
    refuse: R,
}

// === impl AuthLayer ===

impl<R> AuthLayer<R> {
    /// `refuse` writes the answer.
    pub(crate) const fn new(auth: Auth, refuse: R) -> Self {
        Self { auth, refuse }
    }
}

impl<S, R: Clone> Layer<S> for AuthLayer<R> {
    type Service = Authenticated<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticated { inner, auth: self.auth.clone(), refuse: self.refuse.clone() }
    }
}

// === impl Authenticated ===

impl<S, R, B, A> Service<Request<B>> for Authenticated<S, R>
where
    S: Service<Request<B>, Response = Response<A>> + Clone + Send + 'static,
    S::Future: Send,
    R: Fn(&http::HeaderMap, Unauthenticated) -> Response<A> + Clone + Send + 'static,
    B: Send + 'static,
{
    type Response = Response<A>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The one that said it was ready is the one that is called.
        let other = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, other);
        let (auth, refuse) = (self.auth.clone(), self.refuse.clone());
        Box::pin(async move {
            match auth.check(request.headers()).await {
                Ok(sender) => {
                    request.extensions_mut().insert(sender);
                    inner.call(request).await
                }
                Err(why) => Ok(refuse(request.headers(), why)),
            }
        })
    }
}
