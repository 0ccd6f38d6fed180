//! The answer's body on its way down.

use std::sync::Arc;

use bytes::Bytes;
use pingora::protocols::http::{HttpTask, ServerSession};
use pingora::proxy::Session;
use pingora::{Error, ErrorType, Result};
use tokio::time::sleep_until;

use super::upstream::Upstream;
use super::wait;
use crate::proxy::ctx::Ctx;
use crate::proxy::watch::Watch;
use crate::proxy::{downstream, response_body_filter};

/// Passes the body on until it ends.
///
/// # Errors
/// Of the hooks; of either side; a deadline that passed.
pub(super) async fn pass(
    session: &mut Session,
    upstream: &mut Upstream,
    ctx: &mut Ctx,
) -> Result<()> {
    let Some(watch) = ctx.routed.as_ref().map(|routed| Arc::clone(&routed.watch)) else {
        return Error::e_explain(ErrorType::InternalError, "no plan");
    };
    let mut timer = Box::pin(sleep_until(watch.far_future()));
    let mut listening = false;
    loop {
        let downstream = session.as_downstream_mut();
        let mut batch = wait::next(downstream, upstream, &watch, &mut timer, listening).await?;
        let (body, filtered) = filter(&mut batch, ctx, &watch);
        let ends = batch.ended && filtered.is_ok();
        if !body.is_empty() || ends {
            let at_once = write(session, ctx, Some(body), ends).await?;
            listening = batch.exhausted && at_once;
        }
        filtered?;
        if let Some(error) = batch.failed {
            return fail(session, error).await;
        }
        if batch.ended {
            return Ok(());
        }
    }
}

/// Each piece through the filters, and what leaves of all of them as one. Where a piece ends the
/// answer, that is what left before it.
fn filter(batch: &mut wait::Batch, ctx: &mut Ctx, watch: &Watch) -> (Bytes, Result<()>) {
    let mut leaves = Vec::with_capacity(batch.pieces.len() + 1);
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
    session: &mut Session,
    ctx: &mut Ctx,
    body: Option<Bytes>,
    ends: bool,
) -> Result<bool> {
    let Some(routed) = &mut ctx.routed else { return Ok(false) };
    if routed.installed.is_none() {
        let write = session.as_downstream_mut().write_response_body(body.unwrap_or_default(), ends);
        let ((), at_once) = downstream::in_time(write).await.map_err(Error::into_down)?;
        return Ok(at_once);
    }
    let downstream = session.as_downstream_mut();
    downstream.response_duplex_vec(vec![HttpTask::Body(body, ends)]).await?;
    // Once the head is out, the stand-in has nothing left to do: no other attempt can follow, and
    // the deadlines are watched here.
    if is_begun(downstream)
        && let Some(installed) = routed.installed.take()
    {
        downstream::restore(session, &installed);
    }
    Ok(false)
}

fn is_begun(downstream: &ServerSession) -> bool {
    downstream.response_written().is_some_and(|head| !head.status.is_informational())
}

/// The upstream broke off: a head that is still held is given up.
async fn fail(session: &mut Session, error: Box<Error>) -> Result<()> {
    session.as_downstream_mut().response_duplex_vec(vec![HttpTask::Failed(error)]).await?;
    Error::e_explain(ErrorType::InternalError, "a failed answer passed")
}
