//! The end of every request, exactly once: one HTTP span, one GenAI span with its tool calls,
//! metrics, the permit back, the session back in its place.

mod call;
mod content;

use pingora::Error;
use pingora::proxy::Session;
use tollgate_telemetry::metrics::Retries;

use crate::proxy::ctx::{Ctx, Routed};
use crate::proxy::{Gateway, downstream};

pub(crate) fn run(gateway: &Gateway, session: &mut Session, error: Option<&Error>, ctx: &mut Ctx) {
    if let Some(installed) = ctx.routed.as_mut().and_then(|routed| routed.installed.take()) {
        downstream::restore(session, &installed);
    }
    // Taken out, so that its permit is given back when this function ends, whatever happens.
    let mut routed = ctx.routed.take();
    let retries = routed.as_deref().map(retries).unwrap_or_default();
    let call = call::call(ctx, routed.as_deref_mut(), error);
    gateway.shared.observe.call(&call, &retries);
}

fn retries(routed: &Routed) -> Retries {
    let counters = routed.attempts.counters();
    Retries {
        retries: counters.retries,
        exclusions: counters.exclusions.clone(),
        exhaustion_resets: counters.exhaustion_resets,
    }
}
