//! Each piece of the response body through the pipeline; what it lets out goes to the caller.

use bytes::Bytes;
use pingora::{Error, ErrorType, Result};
use tokio::time::Instant;
use tollgate_filters::guard::Refusal;
use tollgate_filters::response::{Flow, OwnChain, joined};

use crate::proxy::ctx::{AttemptError, Ctx, Current, Responding, Routed, attempts_left};
use crate::proxy::quota;

/// The error that ends a request whose answer a guardrail keeps back.
pub(crate) const BLOCKED: &str = "Blocked";
/// The error that ends an attempt whose stream failed before any content left.
pub(crate) const STREAM_FAILED: &str = "StreamFailed";

pub(crate) fn run(body: &mut Option<Bytes>, end_of_stream: bool, ctx: &mut Ctx) -> Result<()> {
    let Some(routed) = &mut ctx.routed else { return Ok(()) };
    let Routed { current: Some(current), watch, holds, plan, .. } = &mut **routed else {
        return Ok(());
    };
    let Some(responding) = &mut current.responding else { return Ok(()) };
    if watch.cut_by().is_some() {
        // What was read together with the last that leaves.
        *body = None;
        return Ok(());
    }
    // One reading of the clock for all that came together.
    let now = Instant::now();
    let (had_content, was_held) = (responding.pipeline.has_content(), responding.pipeline.holds());
    let (first, flow) = feed(responding, body.take(), end_of_stream, now);
    if holds.count(&responding.pipeline).is_err() {
        if !responding.has_left {
            return Err(quota::end());
        }
        watch.cut(quota::EXCEEDED);
        return Ok(());
    }
    match flow {
        Flow::Forward(rest) => *body = Some(joined(first, rest)),
        Flow::Failed(message) if was_held && attempts_left(plan, current.attempt.number) => {
            return fail(current, message);
        }
        Flow::Unwritable(message) => return fail(current, message),
        Flow::Blocked(refusal) => {
            let words = joined(first, responding.pipeline.last_words());
            if words.is_empty() && !responding.has_left {
                return block(current, refusal);
            }
            *body = Some(responding.own.on_chunk(words));
            current.refusal = Some(refusal);
            watch.cut(BLOCKED);
            return Ok(());
        }
        Flow::Failed(_) => *body = Some(joined(first, responding.pipeline.release())),
    }
    responding.has_left |= body.as_ref().is_some_and(|body| !body.is_empty());
    if !had_content
        && responding.pipeline.has_content()
        && let Some(flight) = &mut current.flight
    {
        flight.first_content(now.into_std());
    }
    if let Some(class) = responding.pipeline.error_class() {
        responding.class = Some(class);
        watch.set_error_code(class.code());
    }
    // An error's head waits for its class, which the body gives away.
    let head_waits = responding.pipeline.holds()
        || (responding.pipeline.waits_for_end() && !end_of_stream)
        || (responding.is_error() && responding.pipeline.error_class().is_none());
    watch.hold(head_waits);
    let own = &mut responding.own;
    if !own.is_empty() {
        *body = Some(own_filters(own, body.take().unwrap_or_default(), end_of_stream));
    }
    if let (Some(admission), Some(leaves)) = (&mut routed.admission, &*body) {
        admission.record(leaves, now);
    }
    routed.arm(ctx.started);
    Ok(())
}

/// What leaves, through the operator's own filters.
fn own_filters(own: &mut OwnChain, leaves: Bytes, end_of_stream: bool) -> Bytes {
    let leaves = own.on_chunk(leaves);
    if end_of_stream { joined(leaves, own.on_end()) } else { leaves }
}

/// Ends the attempt while nothing of its answer has left.
fn fail(current: &mut Current, message: String) -> Result<()> {
    current.error = Some(AttemptError { kind: "request_error", message, status: None });
    let why = "no usable answer before the first content";
    let mut error = Error::explain(ErrorType::new(STREAM_FAILED), why);
    error.as_up();
    Err(error)
}

/// Ends the request while nothing of its answer has left. No other target is asked: it is not this
/// one's fault.
fn block(current: &mut Current, refusal: Refusal) -> Result<()> {
    current.refusal = Some(refusal);
    let mut error = Error::explain(ErrorType::new(BLOCKED), "a guardrail keeps the answer back");
    error.as_up();
    Err(error)
}

/// What leaves at once, and what the end of it leads to.
fn feed(
    responding: &mut Responding,
    chunk: Option<Bytes>,
    end_of_stream: bool,
    now: Instant,
) -> (Bytes, Flow) {
    if !responding.pipeline.is_stream() {
        responding.progress_at = now;
    }
    let flow = match chunk {
        Some(chunk) if !chunk.is_empty() => responding.pipeline.on_chunk(chunk, now),
        _ => Flow::Forward(Bytes::new()),
    };
    match flow {
        Flow::Forward(first) if end_of_stream => {
            responding.ended = true;
            (first, responding.pipeline.on_end(now))
        }
        flow => (Bytes::new(), flow),
    }
}
