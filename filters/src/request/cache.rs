//! Looks in the response cache before anything goes upstream.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use tollgate_providers::Endpoint;
use tower::{Layer, Service};

use super::{Cached, Caller, Forward, Rejection, Replay, Request, Verdict};
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

type Looked = Pin<Box<dyn Future<Output = Result<Verdict, Rejection>> + Send>>;

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
    type Future = Looked;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), Rejection>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Looked {
        let directive = match Directive::read(request.headers()) {
            Ok(directive) => directive,
            Err(rejection) => return Box::pin(std::future::ready(Err(rejection))),
        };
        let asked = self.cache.clone().map(|cache| {
            let endpoint = request.extensions().get::<Endpoint>().cloned();
            let key = endpoint.as_ref().map(|endpoint| key_maker(&cache, &request, endpoint));
            (cache, endpoint.zip(key))
        });
        let inner = self.inner.call(request);
        Box::pin(async move {
            let forward = match inner.await? {
                Verdict::Forward(forward) => forward,
                other => return Ok(other),
            };
            match asked {
                Some((cache, Some((endpoint, key)))) => {
                    look(&cache, &endpoint, key, directive, forward).await
                }
                _ if directive.only => Err(Rejection::NotCached),
                _ => Ok(Verdict::Forward(forward)),
            }
        })
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
    cache: &Arc<ResponseCache>,
    endpoint: &Endpoint,
    key: KeyMaker,
    directive: Directive,
    mut forward: Box<Forward>,
) -> Result<Verdict, Rejection> {
    let question =
        Question { endpoint, facts: &forward.facts, plan: &forward.plan, body: &forward.body, key };
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
