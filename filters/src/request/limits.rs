//! Refuses what a caller may not ask for, and what is more than it may use.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use futures_util::future::{Either, MapOk, TryFutureExt};
use tollgate_limits::Reservation;
use tollgate_providers::Endpoint;
use tollgate_routing::Table;
use tower::{Layer, Service};

use super::quotas::Admitted;
use super::{Caller, Context, Facts, Quotas, Rejection, Request, Verdict};

/// Refuses models that the caller's key is not for (403), and requests that a limit or a budget has no
/// room for (429); puts the [`Reservation`] of any other into its [`Verdict::Forward`]. A request that a
/// later layer answers or refuses gives it back.
///
/// Needs [`Facts`] and [`Context`]. Stands before everything that costs more than counting.
#[derive(Clone, Debug)]
pub struct LimitsLayer {
    quotas: Arc<Quotas>,
}

/// See [`LimitsLayer`].
#[derive(Clone, Debug)]
pub struct Reserved<S> {
    inner: S,
    quotas: Arc<Quotas>,
}

/// Attaches the reservation to the verdict.
type Attached<F> = MapOk<F, Attach>;
type Attach = Box<dyn FnOnce(Verdict) -> Verdict + Send>;
type Refused = Ready<Result<Verdict, Rejection>>;
/// Other gateways are asked first.
type Asking = Pin<Box<dyn Future<Output = Result<Verdict, Rejection>> + Send>>;

// === impl LimitsLayer ===

impl LimitsLayer {
    /// By these rules.
    pub const fn new(quotas: Arc<Quotas>) -> Self {
        Self { quotas }
    }
}

impl<S> Layer<S> for LimitsLayer {
    type Service = Reserved<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Reserved { inner, quotas: Arc::clone(&self.quotas) }
    }
}

// === impl Reserved ===

impl<S> Reserved<S> {
    fn admit(&self, request: &Request) -> Result<Admitted, Rejection> {
        let extensions = request.extensions();
        let (facts, context) = (Facts::default(), Context::default());
        let facts = extensions.get::<Facts>().unwrap_or(&facts);
        let context = extensions.get::<Context>().unwrap_or(&context);
        let caller = extensions.get::<Arc<Caller>>();
        let endpoint = extensions.get::<Endpoint>();
        if let Some(caller) = caller {
            may_ask(&self.quotas.table, caller, endpoint, &facts.model)?;
        }
        self.quotas.reserve(endpoint, caller, facts, context)
    }
}

impl<S> Service<Request> for Reserved<S>
where
    S: Service<Request, Response = Verdict, Error = Rejection> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Verdict;
    type Error = Rejection;
    type Future = Either<Either<S::Future, Attached<S::Future>>, Either<Refused, Asking>>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), Rejection>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.admit(&request) {
            Ok(Admitted::Held(None)) => Either::Left(Either::Left(self.inner.call(request))),
            Ok(Admitted::Held(Some(reservation))) => {
                let answer = self.inner.call(request).map_ok(attach(reservation));
                Either::Left(Either::Right(answer))
            }
            Ok(Admitted::Ask(asked)) => {
                // The service that was made ready goes along; a fresh one stays.
                let fresh = self.inner.clone();
                let mut inner = std::mem::replace(&mut self.inner, fresh);
                Either::Right(Either::Right(Box::pin(async move {
                    let reservation = asked.answer().await?;
                    inner.call(request).await.map(attach(reservation))
                })))
            }
            Err(rejection) => Either::Right(Either::Left(ready(Err(rejection)))),
        }
    }
}

fn attach(reservation: Reservation) -> Attach {
    Box::new(|verdict| match verdict {
        Verdict::Forward(mut forward) => {
            forward.reservation = Some(reservation);
            Verdict::Forward(forward)
        }
        // Its place is held until the answer was told; of tokens it takes none.
        Verdict::Replay(mut replay) => {
            replay.reservation = Some(reservation);
            Verdict::Replay(replay)
        }
        respond @ Verdict::Respond(_) => respond,
    })
}

/// A model is allowed by the name that was asked for, or that of the route or function it leads to.
fn may_ask(
    table: &Table,
    caller: &Caller,
    endpoint: Option<&Endpoint>,
    model: &str,
) -> Result<(), Rejection> {
    let led_to = || {
        let plan = table.resolve(model, endpoint.map(Endpoint::kind).unwrap_or_default());
        plan.ok().and_then(|plan| plan.name)
    };
    let is_allowed =
        caller.may_ask_for(std::iter::once(model)) || caller.may_ask_for(led_to().into_iter());
    if is_allowed {
        return Ok(());
    }
    let model = model.chars().filter(|c| !c.is_control()).take(128).collect();
    Err(Rejection::ModelNotAllowed { model })
}
