//! A layer: every call of a model names the project that it is made for, and small projects get the
//! small model.

use std::collections::HashSet;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::StatusCode;
use tollgate::filters::request::{Facts, Rejection, Request, Verdict};
use tower::{Layer, Service};

/// The header that names the project.
const PROJECT: &str = "x-project";
/// What a project gets that is not among the large ones.
const SMALL_MODEL: &str = "small";

/// Refuses requests without a project, and sends those of small projects to [`SMALL_MODEL`].
#[derive(Clone)]
pub(crate) struct ProjectLayer {
    large: Arc<HashSet<String>>,
}

/// See [`ProjectLayer`].
#[derive(Clone)]
pub(crate) struct OfProject<S> {
    inner: S,
    large: Arc<HashSet<String>>,
}

// === impl ProjectLayer ===

impl ProjectLayer {
    /// These projects may use whatever model they ask for.
    pub(crate) fn new(large: impl IntoIterator<Item = &'static str>) -> Self {
        Self { large: Arc::new(large.into_iter().map(str::to_owned).collect()) }
    }
}

impl<S> Layer<S> for ProjectLayer {
    type Service = OfProject<S>;

    fn layer(&self, inner: S) -> OfProject<S> {
        OfProject { inner, large: Arc::clone(&self.large) }
    }
}

// === impl OfProject ===

impl<S> Service<Request> for OfProject<S>
where
    S: Service<Request, Response = Verdict, Error = Rejection>,
{
    type Response = Verdict;
    type Error = Rejection;
    type Future = Either<S::Future, Ready<Result<Verdict, Rejection>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let project = request.headers().get(PROJECT).and_then(|value| value.to_str().ok());
        let Some(project) = project.filter(|project| !project.is_empty()) else {
            let reason = format!("name the project that you call for: `{PROJECT}: ...`");
            let (status, code) = (StatusCode::FORBIDDEN, "no_project");
            return Either::Right(ready(Err(Rejection::Layer { status, code, reason })));
        };
        if !self.large.contains(project)
            && let Some(facts) = request.extensions_mut().get_mut::<Facts>()
        {
            // The model is routed by its name here; the target puts its own name into the body.
            facts.model = SMALL_MODEL.into();
        }
        Either::Left(self.inner.call(request))
    }
}
