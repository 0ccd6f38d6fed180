//! The live state of targets, as metrics and as JSON.

use std::time::Instant;

use serde_json::{Value, json};
use tollgate_routing::live::TargetState;
use tollgate_routing::{Registry, Standing};
use tollgate_telemetry::metrics::TargetGauges;

/// For `/metrics`.
pub(crate) fn gauges(registry: &Registry) -> Vec<TargetGauges> {
    let gauges = |state: TargetState| TargetGauges {
        in_flight: state.load.in_flight.into(),
        ejected: state.load.standing != Standing::InService,
        ejections: state.ejections,
        first_content: state.load.first_content,
        provider: state.provider,
        target: state.target,
        model: state.model,
    };
    registry.states(Instant::now()).into_iter().map(gauges).collect()
}

/// For `/api/targets`.
pub(crate) fn json(registry: &Registry) -> Value {
    let target = |state: TargetState| {
        json!({
            "provider": &*state.provider,
            "target": &*state.target,
            "model": &*state.model,
            "standing": state.load.standing.name(),
            "in_flight": state.load.in_flight,
            "waiting": state.load.waiting,
            "first_content_ms": state.load.first_content.map(|time| time.as_secs_f64() * 1_000.0),
            "ejections": state.ejections,
            "health": state.health.map(|health| json!({
                "eject_after": health.eject_after,
                "eject_ms": u64::try_from(health.eject.as_millis()).unwrap_or(u64::MAX),
            })),
        })
    };
    registry.states(Instant::now()).into_iter().map(target).collect()
}
