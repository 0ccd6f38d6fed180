//! Looks through what a request tells the model, before anything of it goes upstream.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{self, Poll};

use futures_util::future::{BoxFuture, Either};
use tollgate_providers::Endpoint;
use tower::{Layer, Service};

use super::{Facts, Rejection, Request, RequestId};
use crate::guard::{
    Direction, Findings, Policy, Question, Rules, Told, WEBHOOK_TEXT_BYTES_MAX, Webhook, text_of,
};

/// The caller's project, as callers of the hosted gateway name it.
const PROJECT_HEADER: &str = "x-to11-project-id";

type Refused<R> = Ready<Result<R, Rejection>>;
type Asking<R> = BoxFuture<'static, Result<R, Rejection>>;

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

impl<S> Service<Request> for Guarded<S>
where
    S: Service<Request, Error = Rejection> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = S::Response;
    type Error = Rejection;
    type Future = Either<S::Future, Either<Refused<S::Response>, Asking<S::Response>>>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), Rejection>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        if !is_guarded(&request) {
            return Either::Left(self.inner.call(request));
        }
        if let Some(rules) = self.policy.rules(Direction::Input)
            && let Err(rejection) = examine(rules, &mut request)
        {
            return Either::Right(Either::Left(ready(Err(rejection))));
        }
        if self.policy.webhooks().is_empty() {
            return Either::Left(self.inner.call(request));
        }
        // The service that is ready is this one; its clone is for the next request.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let webhooks = Arc::clone(self.policy.webhooks());
        Either::Right(Either::Right(Box::pin(async move {
            review(&webhooks, &request).await?;
            inner.call(request).await
        })))
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

/// Asks one webhook after the other, until one blocks.
fn review<'a>(
    webhooks: &'a [Webhook],
    request: &Request,
) -> impl Future<Output = Result<(), Rejection>> + Send + use<'a> {
    let extensions = request.extensions();
    let (text, truncated) = text_of(request.body(), WEBHOOK_TEXT_BYTES_MAX);
    let project = request.headers().get(PROJECT_HEADER).and_then(|it| it.to_str().ok());
    let question = Question {
        direction: Direction::Input,
        text,
        truncated,
        model: extensions.get::<Facts>().map(|facts| Arc::clone(&facts.model)).unwrap_or_default(),
        request_id: extensions.get::<RequestId>().map_or("", RequestId::as_str).to_owned(),
        project: project.map(str::to_owned),
    };
    let told = extensions.get::<Told>().cloned().unwrap_or_default();
    async move {
        for webhook in webhooks {
            let mut found = Findings::default();
            let passes = webhook.review(question.clone(), &mut found).await;
            told.append(found);
            passes.map_err(Rejection::Guardrail)?;
        }
        Ok(())
    }
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
