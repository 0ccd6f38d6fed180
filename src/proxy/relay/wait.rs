//! Waiting, with an eye on the caller and on the clock.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Poll, ready};

use bytes::Bytes;
use pingora::protocols::http::ServerSession;
use pingora::proxy::Session;
use pingora::{Error, ErrorType, Result};
use tokio::time::Sleep;

use super::turn::{self, Ticket};
use super::upstream::Upstream;
use crate::proxy::watch::Watch;

/// What is gathered of pieces that are there together, before it is passed on.
const BATCH_BYTES_MAX: usize = 64 * 1024;
/// After so many batches the caller is asked whether it is still there.
const BATCHES_OF_CALLER: u32 = 8;

/// Whom to ask when this task is woken.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The upstream had nothing a moment ago, and this task has not been away since: it is not asked
    /// before it calls.
    pub(super) listening: bool,
    /// The first content has left: what follows takes its turn.
    pub(super) takes_turns: bool,
    ticket: Option<Ticket>,
    /// Batches so far.
    batches: u32,
}

/// What came of the answer's body.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// As they were sent, each for itself: a limit may end the answer between two of them.
    pub(super) pieces: Vec<Bytes>,
    bytes: usize,
    /// Nothing follows.
    pub(super) ended: bool,
    /// The upstream broke off behind it.
    pub(super) failed: Option<Box<Error>>,
    /// The upstream has no more just now, and wakes this task when it has.
    pub(super) exhausted: bool,
}

/// `work`, unless the caller leaves or a deadline passes meanwhile.
pub(super) async fn unless_over<T>(
    session: &mut Session,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        biased;
        result = work => result,
        over = session.as_downstream_mut().read_body_or_idle(true) => Err(end_of(over)),
    }
}

/// The next of the body.
pub(super) async fn next(
    downstream: &mut ServerSession,
    upstream: &mut Upstream,
    watch: &Watch,
    timer: &mut Pin<Box<Sleep>>,
    pace: &mut Pace,
) -> Result<Batch> {
    let mut caller = pin!(downstream.read_body_or_idle(true));
    let mut batch = Batch::default();
    poll_fn(|cx| {
        if !std::mem::take(&mut pace.listening) {
            if pace.takes_turns {
                ready!(turn::poll(&mut pace.ticket, cx));
            }
            upstream.gather(&mut batch, cx);
            if (batch.is_nothing() || pace.is_callers_turn())
                && let Poll::Ready(over) = caller.as_mut().poll(cx)
            {
                return Poll::Ready(Err(end_of(over)));
            }
            if !batch.is_nothing() {
                return Poll::Ready(Ok(std::mem::take(&mut batch)));
            }
        }
        watch.poll_due(timer, cx).map(|deadline| {
            Err(Error::explain(ErrorType::ReadTimedout, deadline.field()).into_down())
        })
    })
    .await
}

/// The caller has nothing more to say, so whatever it says is its end.
fn end_of(over: Result<Option<Bytes>>) -> Box<Error> {
    match over {
        Err(error) => error.into_down(),
        Ok(_) => Error::explain(ErrorType::ConnectionClosed, "the caller left").into_down(),
    }
}

// === impl Pace ===

impl Pace {
    /// A caller that was asked once calls by itself when it leaves. Where that is in the moment in
    /// which the upstream calls, too, nobody would hear it: so it is asked again now and then.
    const fn is_callers_turn(&mut self) -> bool {
        let is = self.batches.is_multiple_of(BATCHES_OF_CALLER);
        self.batches = self.batches.wrapping_add(1);
        is
    }
}

// === impl Batch ===

impl Batch {
    /// Whether more may be added.
    pub(super) const fn has_room(&self) -> bool {
        self.bytes < BATCH_BYTES_MAX && !self.ended && self.failed.is_none()
    }

    pub(super) fn add(&mut self, piece: Bytes) {
        self.bytes += piece.len();
        self.pieces.push(piece);
    }

    fn is_nothing(&self) -> bool {
        self.pieces.is_empty() && !self.ended && self.failed.is_none()
    }
}
