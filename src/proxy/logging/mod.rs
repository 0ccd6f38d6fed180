//! The end of every request, exactly once: one HTTP span, one GenAI span with its tool calls,
//! metrics, the permit back, the session back in its place.
//!
//! Pingora calls `logging` for every request that its hooks return from. It does not when a hook
//! panics or when the request's task is dropped (the runtime ends): then the drop of the context is
//! the end. Nothing in here may panic out of it, for it can run while a thread unwinds.

mod access;
mod cached;
mod call;
mod content;
pub(crate) mod cost;
mod guard;
mod tool_calls;
mod usage;

use std::panic::{AssertUnwindSafe, catch_unwind};

use pingora::proxy::Session;
use pingora::{Error, ErrorSource, ErrorType};
use tokio::time::Instant;
use tollgate_config::ToolLinks;
use tollgate_filters::request::Facts;
use tollgate_routing::Verdict;
use tollgate_telemetry::genai::Outcome;
use tollgate_telemetry::metrics::Retries;

use crate::proxy::ctx::{Ctx, Routed};
use crate::proxy::downstream;
use crate::proxy::watch::Deadline;
use crate::tool_links::Limits;

#[cfg(test)]
mod tests;

/// What let go of a request.
#[derive(Clone, Copy)]
enum End<'e> {
    /// Pingora, in good order: the caller's session is still there.
    Logged(&'e Session, Option<&'e Error>),
    /// A hook that panicked.
    Panicked,
    /// Whoever dropped its task.
    Abandoned,
}

/// Pingora's last hook.
pub(crate) fn run(session: &mut Session, error: Option<&Error>, ctx: &mut Ctx) {
    if let Some(installed) = ctx.routed.as_mut().and_then(|routed| routed.installed.take()) {
        downstream::restore(session.as_downstream_mut(), &installed);
    }
    end(ctx, End::Logged(session, error));
}

/// The context is going; nothing is left to do if `logging` ran.
pub(crate) fn dropped(ctx: &mut Ctx) {
    end(ctx, if std::thread::panicking() { End::Panicked } else { End::Abandoned });
}

fn end(ctx: &mut Ctx, end: End<'_>) {
    if std::mem::replace(&mut ctx.ended, true) {
        return;
    }
    let end = end.or_good_order(ctx);
    // Taken out, so that its permit is given back when this function ends, whatever happens.
    let mut routed = ctx.routed.take();
    let retries = routed.as_deref().map(retries).unwrap_or_default();
    let flight = routed.as_mut().and_then(|routed| routed.current.as_mut()?.flight.take());
    let admission = routed.as_mut().and_then(|routed| routed.admission.take());
    let replayed = ctx.replayed.take();
    let told = catch_unwind(AssertUnwindSafe(|| {
        let good = routed.as_deref().is_some_and(|it| cached::is_good(it, cached::is_chat(ctx)));
        let mut told = match replayed {
            Some(replayed) => call::replayed(ctx, *replayed, end),
            None => call::call(ctx, routed.as_deref_mut(), end),
        };
        if let Some(admission) = admission {
            cached::admit(admission, good, ctx, told.0.genai.as_deref());
        }
        if !ctx.snapshot.settings.genai.enabled {
            told.0.genai = None;
        }
        if let (Some(routed), End::Logged(session, _)) = (&routed, end) {
            link_tools(session, ctx, &routed.facts, &mut told.0);
        }
        told
    }));
    let (call, outcome) = told.unwrap_or_else(|_| call::broken(ctx, routed.as_deref()));
    if let (Some(mut flight), Some(routed)) = (flight, &routed) {
        flight.settle(verdict(routed, outcome, end), Instant::now().into_std());
    }
    let observe = &ctx.shared.observe;
    // Apart from each other: a log line that goes wrong costs no span.
    let _panicked = catch_unwind(AssertUnwindSafe(|| observe.call(&call, &retries)));
    let unrouted = call.genai.as_ref().map(|genai| genai.outcome).or(call.http.outcome);
    let outcome = outcome.or(unrouted);
    let _panicked = catch_unwind(AssertUnwindSafe(|| access::write(&call, outcome)));
}

/// Results of tool runs point to the answers that asked for them.
fn link_tools(
    session: &Session,
    ctx: &Ctx,
    facts: &Facts,
    call: &mut tollgate_telemetry::genai::Call,
) {
    let ToolLinks { ids_max, ttl } = ctx.snapshot.settings.genai.tool_links;
    let links = &ctx.shared.tool_links;
    let caller = || {
        let request = session.req_header();
        let address = ctx.http.client.map(|client| client.ip());
        links.caller(&request.headers, request.uri.query(), address)
    };
    tool_calls::link(links, Limits { ids_max, ttl }, caller, facts, call);
}

/// What the end of a request says of the target that answered last.
fn verdict(routed: &Routed, outcome: Option<Outcome>, end: End<'_>) -> Verdict {
    let ours = end.error().is_some_and(|error| *error.esource() == ErrorSource::Internal)
        || matches!(end, End::Panicked);
    let total = routed.watch.fired() == Some(Deadline::Total);
    match outcome {
        Some(Outcome::Complete) => Verdict::Good,
        Some(Outcome::UpstreamFailed) if !ours && !total => Verdict::Fault,
        _ => Verdict::Neutral,
    }
}

/// Takes a stream as ended whose end mark has left for the caller; says whether it has.
fn ends_with_end_mark(ctx: &mut Ctx) -> bool {
    if let Some(replayed) = &mut ctx.replayed {
        replayed.ended = replayed.pipeline.has_left_whole();
        return replayed.ended;
    }
    let Some(Routed { current: Some(current), watch, holds, .. }) = ctx.routed.as_deref_mut()
    else {
        return false;
    };
    let Some(responding) = &mut current.responding else { return false };
    let is_cut = watch.cut_by().is_some() || holds.rejection.is_some();
    // The operator's own filters may hold what they like.
    let is_whole = responding.own.is_empty() && responding.pipeline.has_left_whole();
    responding.ended |= is_whole && !is_cut;
    is_whole && !is_cut
}

fn retries(routed: &Routed) -> Retries {
    let counters = routed.attempts.counters();
    Retries {
        retries: counters.retries,
        exclusions: counters.exclusions.clone(),
        exhaustion_resets: counters.exhaustion_resets,
    }
}

// === impl End ===

impl<'e> End<'e> {
    const fn error(self) -> Option<&'e Error> {
        match self {
            Self::Logged(_, error) => error,
            Self::Panicked | Self::Abandoned => None,
        }
    }

    /// A caller that was sent all of a stream, its end mark too, has what it came for: some SDKs
    /// close the connection there and then, and the upstream's own end may come a moment later.
    fn or_good_order(self, ctx: &mut Ctx) -> Self {
        match self {
            Self::Logged(session, Some(error))
                if self.is_cancelled(ctx.routed.as_deref())
                    && !matches!(error.etype, ErrorType::WriteError | ErrorType::WriteTimedout)
                    && ends_with_end_mark(ctx) =>
            {
                Self::Logged(session, None)
            }
            _ => self,
        }
    }

    /// Whether nobody waits for the answer any more.
    fn is_cancelled(self, routed: Option<&Routed>) -> bool {
        match self {
            Self::Logged(_, error) => {
                error.map(Error::esource).is_some_and(|source| match routed {
                    Some(routed) => {
                        *source == ErrorSource::Downstream && routed.watch.fired().is_none()
                    }
                    // Nobody else was spoken to. Not every error in reading says of whom it was.
                    None => *source != ErrorSource::Internal,
                })
            }
            Self::Panicked => false,
            Self::Abandoned => true,
        }
    }
}
