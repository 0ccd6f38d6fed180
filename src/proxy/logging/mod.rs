//! The end of every request, exactly once: one HTTP span, one GenAI span with its tool calls,
//! metrics, the permit back, the session back in its place.

mod call;
mod content;
mod cost;
mod tool_calls;
mod usage;

use pingora::proxy::Session;
use pingora::{Error, ErrorSource};
use tokio::time::Instant;
use tollgate_config::ToolLinks;
use tollgate_filters::request::Facts;
use tollgate_routing::Verdict;
use tollgate_telemetry::genai::Outcome;
use tollgate_telemetry::metrics::Retries;

use crate::proxy::ctx::{Ctx, Routed};
use crate::proxy::watch::Deadline;
use crate::proxy::{Gateway, downstream};
use crate::tool_links::Limits;

pub(crate) fn run(gateway: &Gateway, session: &mut Session, error: Option<&Error>, ctx: &mut Ctx) {
    if let Some(installed) = ctx.routed.as_mut().and_then(|routed| routed.installed.take()) {
        downstream::restore(session, &installed);
    }
    // Taken out, so that its permit is given back when this function ends, whatever happens.
    let mut routed = ctx.routed.take();
    let retries = routed.as_deref().map(retries).unwrap_or_default();
    let flight = routed.as_mut().and_then(|routed| routed.current.as_mut()?.flight.take());
    let (mut call, outcome) = call::call(ctx, routed.as_deref_mut(), error);
    if let Some(routed) = &routed {
        link_tools(gateway, session, ctx, &routed.facts, &mut call);
    }
    if let (Some(mut flight), Some(routed)) = (flight, &routed) {
        flight.settle(verdict(routed, outcome, error), Instant::now().into_std());
    }
    gateway.shared.observe.call(&call, &retries);
}

/// Results of tool runs point to the answers that asked for them.
fn link_tools(
    gateway: &Gateway,
    session: &Session,
    ctx: &Ctx,
    facts: &Facts,
    call: &mut tollgate_telemetry::genai::Call,
) {
    let ToolLinks { ids_max, ttl } = ctx.snapshot.settings.genai.tool_links;
    let links = &gateway.shared.tool_links;
    let caller = || {
        let request = session.req_header();
        let address = ctx.http.client.map(|client| client.ip());
        links.caller(&request.headers, request.uri.query(), address)
    };
    tool_calls::link(links, Limits { ids_max, ttl }, caller, facts, call);
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
