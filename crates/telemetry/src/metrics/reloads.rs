//! What became of the configuration file: counts, and when the one in force was taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter};

use super::Metrics;

/// What came of reading the configuration again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reload {
    /// It is in force.
    Applied,
    /// It is not sound: the one before stays in force.
    Refused,
    /// It says what is in force already.
    Unchanged,
}

/// The instruments of reloads.
pub(super) struct Reloads {
    count: Counter<u64>,
    in_force: Arc<InForce>,
}

/// What the gauges show.
struct InForce {
    /// When it was taken, in seconds of the Unix epoch.
    since: AtomicU64,
    /// Whether the last file that was read was sound.
    sound: AtomicBool,
}

// === impl Reload ===

impl Reload {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Applied, Self::Refused, Self::Unchanged];

    /// The value of the label `result`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Refused => "refused",
            Self::Unchanged => "unchanged",
        }
    }
}

// === impl Reloads ===

impl Reloads {
    pub(super) fn new(meter: &Meter) -> Self {
        let count = meter
            .u64_counter("gateway.config_reloads")
            .with_unit("{reload}")
            .with_description("Times that the configuration was read again, by result")
            .build();
        for result in Reload::ALL {
            // There from the start, so that a rate sees the first one.
            count.add(0, &[KeyValue::new("result", result.name())]);
        }
        let in_force =
            Arc::new(InForce { since: AtomicU64::new(now_secs()), sound: AtomicBool::new(true) });
        let shown = Arc::clone(&in_force);
        let _since = meter
            .u64_observable_gauge("gateway.config_in_force_since_timestamp")
            .with_unit("s")
            .with_description("When the configuration in force was taken, in Unix time")
            .with_callback(move |gauge| gauge.observe(shown.since.load(Ordering::Relaxed), &[]))
            .build();
        let shown = Arc::clone(&in_force);
        let _sound = meter
            .u64_observable_gauge("gateway.config_last_reload_successful")
            .with_unit("{reload}")
            .with_description(
                "1 if the configuration in force is what the file said when last read",
            )
            .with_callback(move |gauge| {
                gauge.observe(u64::from(shown.sound.load(Ordering::Relaxed)), &[]);
            })
            .build();
        Self { count, in_force }
    }
}

impl Metrics {
    /// The configuration was read again.
    pub fn reloaded(&self, result: Reload) {
        let Reloads { count, in_force } = &self.reloads;
        count.add(1, &[KeyValue::new("result", result.name())]);
        in_force.sound.store(result != Reload::Refused, Ordering::Relaxed);
        if result == Reload::Applied {
            in_force.since.store(now_secs(), Ordering::Relaxed);
        }
    }
}

fn now_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
