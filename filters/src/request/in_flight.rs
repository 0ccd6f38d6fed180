//! Sheds load: at most so many requests at once, counted until their responses end.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_util::future::Either;
use tower::{Layer, Service};

use super::{Rejection, Request, Verdict};

/// The count of requests in flight, shared by all workers and by every configuration snapshot.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<AtomicUsize>);

/// One place in the count; given back when dropped, which is when the response has ended.
#[derive(Debug)]
pub struct InFlightPermit(InFlight);

/// Refuses a request when `in_flight_max` are running; puts an [`InFlightPermit`] into the
/// [`Verdict::Forward`] of any other.
///
/// A refused request is answered 503 with `Retry-After`. Stands before everything that reads the
/// body's content: shedding must stay cheap.
#[derive(Clone, Debug)]
pub struct InFlightLayer {
    count: InFlight,
    in_flight_max: usize,
}

/// See [`InFlightLayer`].
#[derive(Clone, Debug)]
pub struct Limited<S> {
    inner: S,
    layer: InFlightLayer,
}

/// Attaches the permit to the verdict.
type Permitted<F> = futures_util::future::MapOk<F, Attach>;
type Attach = Box<dyn FnOnce(Verdict) -> Verdict + Send>;

// === impl InFlight ===

impl InFlight {
    /// Takes a place unless `max` are taken.
    pub fn acquire(&self, max: usize) -> Option<InFlightPermit> {
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| (n < max).then_some(n + 1))
            .is_ok()
            .then(|| InFlightPermit(self.clone()))
    }

    /// How many places are taken.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

// === impl InFlightPermit ===

impl Drop for InFlightPermit {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

// === impl InFlightLayer ===

impl InFlightLayer {
    /// At most `in_flight_max` requests in `count`.
    pub const fn new(count: InFlight, in_flight_max: usize) -> Self {
        Self { count, in_flight_max }
    }
}

impl<S> Layer<S> for InFlightLayer {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Limited { inner, layer: self.clone() }
    }
}

// === impl Limited ===

impl<S> Service<Request> for Limited<S>
where
    S: Service<Request, Response = Verdict, Error = Rejection>,
{
    type Response = Verdict;
    type Error = Rejection;
    type Future = Either<Permitted<S::Future>, Ready<Result<Verdict, Rejection>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        use futures_util::TryFutureExt;

        let InFlightLayer { count, in_flight_max } = &self.layer;
        let Some(permit) = count.acquire(*in_flight_max) else {
            let in_flight_max = *in_flight_max;
            return Either::Right(ready(Err(Rejection::Overloaded { in_flight_max })));
        };
        let attach: Attach = Box::new(|verdict| match verdict {
            Verdict::Forward(mut forward) => {
                forward.permit = Some(permit);
                Verdict::Forward(forward)
            }
            Verdict::Replay(mut replay) => {
                replay.permit = Some(permit);
                Verdict::Replay(replay)
            }
            respond @ Verdict::Respond(_) => respond,
        });
        Either::Left(self.inner.call(request).map_ok(attach))
    }
}
