//! Looks in the response cache before anything goes upstream.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use futures_util::future::{Either, MapOk, Ready, TryFutureExt, ready};
use tollgate_providers::Endpoint;
use tower::{Layer, Service};

use super::{Cached, Caller, Facts, Forward, Rejection, Replay, Request, Verdict};
use crate::cache::{Directive, Found, KeyMaker, Question, ResponseCache, Status, Tenant};

/// Answers from the cache ([`Verdict::Replay`]) what it has, lets equal requests wait for one
/// another, and attaches to any other [`Verdict::Forward`] the place that its answer may take.
///
/// Stands right before the route, whose plan it needs: a request that goes nowhere is refused, not
/// looked for. Without a cache it only refuses who wants an answer from there alone.
///
/// Needs the [`Endpoint`] in the request's extensions; a [`Tenant`] there is whose request it is.
#[derive(Clone, Debug)]
pub struct CacheLayer {
    cache: Option<Arc<ResponseCache>>,
}

/// See [`CacheLayer`].
#[derive(Clone, Debug)]
pub struct InCache<S> {
    inner: S,
    cache: Option<Arc<ResponseCache>>,
}

/// What need not look goes on without a place for the looking.
type Unlooked<F> = Either<Ready<Result<Verdict, Rejection>>, Either<F, MapOk<F, Mark>>>;
type Looked = Pin<Box<dyn Future<Output = Result<Verdict, Rejection>> + Send>>;
type Mark = fn(Verdict) -> Verdict;

/// What a request is looked for by.
struct Asked {
    cache: Arc<ResponseCache>,
    endpoint: Endpoint,
    key: KeyMaker,
}

// === impl CacheLayer ===

impl CacheLayer {
    /// Looks into `cache`, if there is one.
    pub const fn new(cache: Option<Arc<ResponseCache>>) -> Self {
        Self { cache }
    }
}

impl<S> Layer<S> for CacheLayer {
    type Service = InCache<S>;

    fn layer(&self, inner: S) -> Self::Service {
        InCache { inner, cache: self.cache.clone() }
    }
}

// === impl InCache ===

impl<S> Service<Request> for InCache<S>
where
    S: Service<Request, Response = Verdict, Error = Rejection>,
    S::Future: Send + 'static,
{
    type Response = Verdict;
    type Error = Rejection;
    type Future = Either<Unlooked<S::Future>, Looked>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), Rejection>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let directive = match Directive::read(request.headers()) {
            Ok(directive) => directive,
            Err(rejection) => return Either::Left(Either::Left(ready(Err(rejection)))),
        };
        let asked = self.cache.as_ref().and_then(|cache| asked(cache, &request));
        let inner = self.inner.call(request);
        let Some(asked) = asked else {
            if directive.only {
                return Either::Right(Box::pin(only(inner)));
            }
            let inner = match self.cache {
                Some(_) => Either::Right(inner.map_ok(skipped as Mark)),
                None => Either::Left(inner),
            };
            return Either::Left(Either::Right(inner));
        };
        Either::Right(Box::pin(async move {
            match inner.await? {
                Verdict::Forward(forward) => look(asked, directive, forward).await,
                other => Ok(other),
            }
        }))
    }
}

/// `None` where the request is not looked for, whatever its plan will be.
fn asked(cache: &Arc<ResponseCache>, request: &Request) -> Option<Asked> {
    let endpoint = request.extensions().get::<Endpoint>()?;
    let facts = request.extensions().get::<Facts>()?;
    let may_look = cache.may_look(endpoint, facts);
    may_look.then(|| Asked {
        cache: Arc::clone(cache),
        endpoint: endpoint.clone(),
        key: key_maker(cache, request, endpoint),
    })
}

/// An entry is wanted or nothing, and there is none.
async fn only(
    inner: impl Future<Output = Result<Verdict, Rejection>>,
) -> Result<Verdict, Rejection> {
    match inner.await? {
        Verdict::Forward(_) => Err(Rejection::NotCached),
        other => Ok(other),
    }
}

fn skipped(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Forward(mut forward) => {
            forward.cache = Some(Cached { status: Status::Skip, admission: None });
            Verdict::Forward(forward)
        }
        other => other,
    }
}

fn key_maker(cache: &ResponseCache, request: &Request, endpoint: &Endpoint) -> KeyMaker {
    let (headers, query) = (request.headers(), request.uri().query());
    let known = request.extensions().get::<Tenant>().cloned();
    let caller = request.extensions().get::<Arc<Caller>>();
    let tenant = known
        .or_else(|| caller.map(|caller| Tenant::Key(Arc::clone(&caller.key_id))))
        .unwrap_or_else(|| Tenant::of(headers, query));
    KeyMaker::new(&tenant, &cache.settings().version, endpoint, headers, query)
}

async fn look(
    asked: Asked,
    directive: Directive,
    mut forward: Box<Forward>,
) -> Result<Verdict, Rejection> {
    let Asked { cache, endpoint, key } = asked;
    let Forward { facts, plan, body, .. } = &*forward;
    let question = Question { endpoint: &endpoint, facts, plan, body, key };
    let (status, admission) = match cache.find(question, directive).await {
        Found::Hit(answer, age) => {
            let Forward { plan, facts, context, permit, reservation, .. } = *forward;
            let pace = cache.settings().pace;
            let replay = Replay { answer, age, pace, plan, facts, context, permit, reservation };
            return Ok(Verdict::Replay(Box::new(replay)));
        }
        Found::Miss(_) | Found::Skip(_) if directive.only => return Err(Rejection::NotCached),
        Found::Miss(admission) => (Status::Miss, admission),
        Found::Skip(admission) => (Status::Skip, admission),
    };
    forward.cache = Some(Cached { status, admission });
    Ok(Verdict::Forward(forward))
}
