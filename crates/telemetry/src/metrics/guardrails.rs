//! What output guardrails could not hold or tell apart any more.

use super::metric::{Instrument, Metric, of_calls};

/// The label that names the bound.
pub(super) const BOUND: &str = "bound";

pub(super) const BOUNDS_REACHED: Metric = Metric {
    dimensions: &[BOUND],
    ..of_calls(
        Instrument::Counter,
        "gateway.guardrail.bounds_reached",
        "{time}",
        "Times that a stream reached what guardrails hold of it (`held_bytes`) or tell apart in it (`texts`) at most",
    )
};
