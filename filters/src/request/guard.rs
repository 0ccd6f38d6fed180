//! Looks through what a request tells the model, before anything of it goes upstream.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{self, Poll};

use futures_util::future::Either;
use tollgate_providers::Endpoint;
use tower::{Layer, Service};

use super::{Facts, Rejection, Request};
use crate::guard::{Direction, Policy, Rules, Told};

/// Refuses what a guardrail blocks (400), and takes out of the body what one redacts; [`Facts`] are
/// then read anew. What is found is left in the request's [`Told`], if it has one.
///
/// Needs [`Facts`] and the [`Endpoint`]. Stands behind what counts and limits requests, so that a
/// caller pays for what it makes us read, and before what keeps or sends a body.
#[derive(Clone, Debug)]
pub struct GuardLayer {
    policy: Arc<Policy>,
}

/// See [`GuardLayer`].
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    inner: S,
    policy: Arc<Policy>,
}

// === impl GuardLayer ===

impl GuardLayer {
    /// By `policy`.
    pub const fn new(policy: Arc<Policy>) -> Self {
        Self { policy }
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Guarded { inner, policy: Arc::clone(&self.policy) }
    }
}

// === impl Guarded ===

impl<S: Service<Request, Error = Rejection>> Service<Request> for Guarded<S> {
    type Response = S::Response;
    type Error = Rejection;
    type Future = Either<S::Future, Ready<Result<S::Response, Rejection>>>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), Rejection>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let examined = match self.policy.rules(Direction::Input) {
            Some(rules) if is_guarded(&request) => examine(rules, &mut request),
            _ => Ok(()),
        };
        match examined {
            Ok(()) => Either::Left(self.inner.call(request)),
            Err(rejection) => Either::Right(ready(Err(rejection))),
        }
    }
}

fn examine(rules: &Rules, request: &mut Request) -> Result<(), Rejection> {
    let scanned = rules.scan_json(request.body());
    if let Some(told) = request.extensions().get::<Told>() {
        told.append(scanned.findings);
    }
    if let Some(refusal) = scanned.refusal {
        return Err(Rejection::Guardrail(refusal));
    }
    let Some(changed) = scanned.changed else { return Ok(()) };
    *request.body_mut() = changed;
    if let Some(endpoint) = request.extensions().get::<Endpoint>() {
        let facts = Facts::of(endpoint, request.headers(), request.body())?;
        request.extensions_mut().insert(facts);
    }
    Ok(())
}

/// Whether the endpoint takes text that a model reads. Files and sound are none, and what is only
/// counted is not read.
fn is_guarded(request: &Request) -> bool {
    let endpoint = request.extensions().get::<Endpoint>();
    endpoint.is_some_and(|endpoint| {
        matches!(
            endpoint,
            Endpoint::ChatCompletions
                | Endpoint::Completions
                | Endpoint::Responses
                | Endpoint::Messages
                | Endpoint::Embeddings
                | Endpoint::ImageGenerations
                | Endpoint::AudioSpeech
                | Endpoint::Rerank
        )
    })
}
