//! What is known of each target, asked when `/metrics` is read.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;

use super::{METER, Metrics};

/// One target's numbers at the moment.
#[derive(Clone, Debug)]
pub struct TargetGauges {
    /// The provider's name.
    pub provider: Arc<str>,
    /// The target's name.
    pub target: Arc<str>,
    /// The upstream's model.
    pub model: Arc<str>,
    /// Attempts that have not ended.
    pub in_flight: u64,
    /// Whether it is left alone.
    pub ejected: bool,
    /// How often it was.
    pub ejections: u64,
    /// The decaying time to the first content.
    pub first_content: Option<Duration>,
}

// === impl Metrics ===

impl Metrics {
    /// Registers the instruments of targets; to be called once.
    pub fn observe_targets(
        &self,
        targets: impl Fn() -> Vec<TargetGauges> + Clone + Send + Sync + 'static,
    ) {
        let meter = self.provider.meter(METER);
        let asked = targets.clone();
        let _in_flight = meter
            .u64_observable_gauge("gateway.target.in_flight")
            .with_unit("{attempt}")
            .with_description("Attempts at each target that have not ended")
            .with_callback(move |gauge| {
                asked().iter().for_each(|it| gauge.observe(it.in_flight, &labels(it)));
            })
            .build();
        let asked = targets.clone();
        let _ejected = meter
            .u64_observable_gauge("gateway.target.ejected")
            .with_unit("{target}")
            .with_description("1 while a target is left alone, else 0")
            .with_callback(move |gauge| {
                asked().iter().for_each(|it| gauge.observe(u64::from(it.ejected), &labels(it)));
            })
            .build();
        let asked = targets.clone();
        let _ejections = meter
            .u64_observable_counter("gateway.target.ejections")
            .with_unit("{ejection}")
            .with_description("Times that a target was left alone for its faults")
            .with_callback(move |counter| {
                asked().iter().for_each(|it| counter.observe(it.ejections, &labels(it)));
            })
            .build();
        let _first_content = meter
            .f64_observable_gauge("gateway.target.first_content")
            .with_unit("s")
            .with_description("Decaying time to the first content of each target")
            .with_callback(move |gauge| {
                for it in targets() {
                    if let Some(time) = it.first_content {
                        gauge.observe(time.as_secs_f64(), &labels(&it));
                    }
                }
            })
            .build();
    }
}

fn labels(target: &TargetGauges) -> [KeyValue; 3] {
    [
        KeyValue::new("provider", Arc::clone(&target.provider)),
        KeyValue::new("target", Arc::clone(&target.target)),
        KeyValue::new("model", Arc::clone(&target.model)),
    ]
}
