//! The end of every request, exactly once: one HTTP span, one GenAI span with its tool calls,
//! metrics, the permit back, the session back in its place.

mod access;
mod call;
mod content;

use pingora::proxy::Session;
use pingora::{Error, ErrorSource};
use tokio::time::Instant;
use tollgate_routing::Verdict;
use tollgate_telemetry::genai::Outcome;
use tollgate_telemetry::metrics::Retries;

use crate::proxy::ctx::{Ctx, Routed};
use crate::proxy::watch::Deadline;
use crate::proxy::{Gateway, downstream};

pub(crate) fn run(gateway: &Gateway, session: &mut Session, error: Option<&Error>, ctx: &mut Ctx) {
    if let Some(installed) = ctx.routed.as_mut().and_then(|routed| routed.installed.take()) {
        downstream::restore(session, &installed);
    }
    // Taken out, so that its permit is given back when this function ends, whatever happens.
    let mut routed = ctx.routed.take();
    let retries = routed.as_deref().map(retries).unwrap_or_default();
    let flight = routed.as_mut().and_then(|routed| routed.current.as_mut()?.flight.take());
    let (call, outcome) = call::call(ctx, routed.as_deref_mut(), error);
    if let (Some(mut flight), Some(routed)) = (flight, &routed) {
        flight.settle(verdict(routed, outcome, error), Instant::now().into_std());
    }
    access::write(&call, outcome);
    gateway.shared.observe.call(&call, &retries);
}

/// What the end of a request says of the target that answered last.
fn verdict(routed: &Routed, outcome: Option<Outcome>, error: Option<&Error>) -> Verdict {
    let ours = error.is_some_and(|error| *error.esource() == ErrorSource::Internal);
    let total = routed.watch.fired() == Some(Deadline::Total);
    match outcome {
        Some(Outcome::Complete) => Verdict::Good,
        Some(Outcome::UpstreamFailed) if !ours && !total => Verdict::Fault,
        _ => Verdict::Neutral,
    }
}

fn retries(routed: &Routed) -> Retries {
    let counters = routed.attempts.counters();
    Retries {
        retries: counters.retries,
        exclusions: counters.exclusions.clone(),
        exhaustion_resets: counters.exhaustion_resets,
    }
}
