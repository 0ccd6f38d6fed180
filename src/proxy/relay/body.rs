//! The answer's body on its way down.

use std::sync::Arc;

use bytes::Bytes;
use pingora::protocols::http::{HttpTask, ServerSession};
use pingora::proxy::Session;
use pingora::{Error, ErrorType, Result};
use tokio::task::JoinHandle;
use tokio::time::sleep_until;
use tollgate_filters::response::Pipeline;

use super::upstream::Upstream;
use super::wait;
use crate::proxy::ctx::Ctx;
use crate::proxy::watch::Watch;
use crate::proxy::{downstream, response_body_filter};

/// A stream whose events are passed on in a task of its own: its drop is the task's end.
struct Task<T>(JoinHandle<T>);

/// Passes the body on until it ends.
///
/// # Errors
/// Of the hooks; of either side; a deadline that passed.
pub(super) async fn pass(
    session: &mut Session,
    mut upstream: Upstream,
    ctx: &mut Ctx,
) -> (Upstream, Result<()>) {
    if !is_stream(ctx) {
        let passed = relay(session.as_downstream_mut(), &mut upstream, ctx).await;
        return (upstream, passed);
    }
    // An event wakes a task at its outermost future, which asks the next one, and so on through all
    // of Pingora's; what they keep is spread over more memory than the event itself needs. A task
    // that has nothing else to ask costs an event a tenth less.
    let (mut downstream, mut lent) = (downstream::take(session), ctx.lend());
    let mut task = Task(tokio::spawn(async move {
        let passed = relay(&mut downstream, &mut upstream, &mut lent).await;
        (downstream, upstream, lent, passed)
    }));
    match (&mut task.0).await {
        Ok((downstream, upstream, lent, passed)) => {
            session.downstream_session = downstream;
            *ctx = lent;
            (upstream, passed)
        }
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going, and this task with it.
            Err(_) => std::future::pending().await,
        },
    }
}

fn is_stream(ctx: &Ctx) -> bool {
    pipeline(ctx).is_some_and(Pipeline::is_stream)
}

fn is_stream_with_content(ctx: &Ctx) -> bool {
    pipeline(ctx).is_some_and(|pipeline| pipeline.is_stream() && pipeline.has_content())
}

fn pipeline(ctx: &Ctx) -> Option<&Pipeline> {
    let current = ctx.routed.as_ref()?.current.as_ref()?;
    current.responding.as_ref().map(|responding| &responding.pipeline)
}

async fn relay(
    downstream: &mut ServerSession,
    upstream: &mut Upstream,
    ctx: &mut Ctx,
) -> Result<()> {
    let Some(watch) = ctx.routed.as_ref().map(|routed| Arc::clone(&routed.watch)) else {
        return Error::e_explain(ErrorType::InternalError, "no plan");
    };
    let mut timer = Box::pin(sleep_until(watch.far_future()));
    let mut pace = wait::Pace::default();
    loop {
        let mut batch = wait::next(downstream, upstream, &watch, &mut timer, &mut pace).await?;
        let (body, filtered) = filter(&mut batch, ctx, &watch);
        let ends = batch.ended && filtered.is_ok();
        pace.listening = batch.exhausted;
        if !body.is_empty() || ends {
            let at_once = write(downstream, ctx, Some(body), ends).await?;
            pace.listening &= at_once;
            pace.takes_turns = pace.takes_turns || is_stream_with_content(ctx);
        }
        filtered?;
        if let Some(error) = batch.failed {
            return fail(downstream, error).await;
        }
        if batch.ended {
            return Ok(());
        }
    }
}

/// Each piece through the filters, and what leaves of all of them as one. Where a piece ends the
/// answer, that is what left before it.
fn filter(batch: &mut wait::Batch, ctx: &mut Ctx, watch: &Watch) -> (Bytes, Result<()>) {
    let mut leaves = Vec::new();
    let ended = batch.ended.then_some(None);
    for piece in batch.pieces.drain(..).map(Some).chain(ended) {
        let ends = piece.is_none();
        let mut body = piece;
        if let Err(error) = response_body_filter::run(&mut body, ends, ctx) {
            return (joined(leaves), Err(error));
        }
        leaves.extend(body.filter(|body| !body.is_empty()));
        if let Some(error) = watch.cut_by() {
            return (joined(leaves), Err(downstream::ends_early(error)));
        }
    }
    (joined(leaves), Ok(()))
}

fn joined(mut pieces: Vec<Bytes>) -> Bytes {
    match pieces.len() {
        0 => Bytes::new(),
        1 => pieces.swap_remove(0),
        _ => pieces.concat().into(),
    }
}

/// `true`: it was written without waiting.
async fn write(
    downstream: &mut ServerSession,
    ctx: &mut Ctx,
    body: Option<Bytes>,
    ends: bool,
) -> Result<bool> {
    let Some(routed) = &mut ctx.routed else { return Ok(false) };
    if routed.installed.is_none() {
        let write = downstream.write_response_body(body.unwrap_or_default(), ends);
        let ((), at_once) = downstream::in_time(write).await.map_err(Error::into_down)?;
        return Ok(at_once);
    }
    downstream.response_duplex_vec(vec![HttpTask::Body(body, ends)]).await?;
    // Once the head is out, the stand-in has nothing left to do: no other attempt can follow, and
    // the deadlines are watched here.
    if is_begun(downstream)
        && let Some(installed) = routed.installed.take()
    {
        downstream::restore(downstream, &installed);
    }
    Ok(false)
}

fn is_begun(downstream: &ServerSession) -> bool {
    downstream.response_written().is_some_and(|head| !head.status.is_informational())
}

/// The upstream broke off: a head that is still held is given up.
async fn fail(downstream: &mut ServerSession, error: Box<Error>) -> Result<()> {
    downstream.response_duplex_vec(vec![HttpTask::Failed(error)]).await?;
    Error::e_explain(ErrorType::InternalError, "a failed answer passed")
}

// === impl Task ===

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
