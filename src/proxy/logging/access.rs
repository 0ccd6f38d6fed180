//! One line for each finished request.
//!
//! What failed or was refused is told at `info`, the rest at `debug`: spans and metrics have every call
//! already. `RUST_LOG=info,tollgate::access=debug` is the whole access log. A line has our own words
//! alone, and names of the configuration: no path, model or message that came from outside.

use std::time::Duration;

use tollgate_telemetry::genai::{Call, Outcome};
use tracing::{debug, info};

/// For `RUST_LOG`, whatever this module is called.
const TARGET: &str = "tollgate::access";

pub(super) fn write(call: &Call, outcome: Option<Outcome>) {
    let genai = call.genai.as_ref();
    let routing = genai.and_then(|genai| genai.routing.as_ref());
    let error = genai.and_then(|genai| genai.error.as_ref());
    let error = call.http.error_code.or(error.map(|error| error.kind));
    let outcome = match outcome {
        Some(outcome) => outcome,
        None if call.http.error_code.is_some() => Outcome::Rejected,
        // Our own endpoints: health, the list of models.
        None => Outcome::Complete,
    };
    let took = Duration::from_nanos(call.end_ns.saturating_sub(call.start_ns));
    macro_rules! line {
        ($level:ident) => {
            $level!(
                target: TARGET,
                trace_id = %call.trace.trace_id,
                request_id = &*call.http.request_id,
                outcome = outcome.name(),
                route = Some(call.http.route).filter(|route| !route.is_empty()),
                status = call.http.status,
                duration_ms = (took.as_secs_f64() * 1e6).round() / 1e3,
                provider = genai.and_then(|genai| genai.provider.as_deref()),
                // `target` is a field of every line.
                routing_target = routing.map(|routing| &*routing.target),
                attempt = routing.map(|routing| routing.attempt),
                error,
                "request finished"
            )
        };
    }
    match outcome {
        Outcome::UpstreamFailed | Outcome::Rejected => line!(info),
        Outcome::Complete | Outcome::Cancelled | Outcome::Cached => line!(debug),
    }
}
