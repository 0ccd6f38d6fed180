//! One gateway's turn in one scenario's round.

use std::collections::BTreeMap;
use std::time::Duration;

use tollgate_load::{Load, Measured, Plan, Quantiles};

use crate::gateways::{Gateway, control};
use crate::scenarios::Scenario;

/// How long spans on their way to the store are waited for: their CPU is part of the price.
pub(crate) const STORING: Duration = Duration::from_millis(400);
/// How often memory is looked at during a run.
const MEMORY_EVERY: Duration = Duration::from_millis(250);

/// What one turn has shown.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Cell {
    pub(crate) requests: u64,
    pub(crate) failures: BTreeMap<String, u64>,
    pub(crate) events: u64,
    pub(crate) per_second: f64,
    /// The gateway's own, for each request; none where it runs elsewhere.
    pub(crate) cpu_us_per_request: Option<f64>,
    pub(crate) cpu_us_per_event: Option<f64>,
    pub(crate) cpu_us_by_thread: BTreeMap<String, f64>,
    /// The most that was seen, in bytes.
    pub(crate) rss_bytes: u64,
    pub(crate) latency_us: Quantiles,
    pub(crate) first_content_us: Quantiles,
    pub(crate) event_delay_us: Quantiles,
}

/// Runs `scenario` against `gateway`.
pub(crate) async fn measure(
    scenario: &Scenario,
    gateway: &Gateway,
    round: u64,
) -> Result<Cell, String> {
    let target = gateway.target(scenario.endpoint, scenario.body()).await?;
    let plan = |warm_up, duration| Plan {
        arrivals: scenario.arrivals,
        connections: scenario.connections,
        warm_up,
        duration,
        seed: round,
    };
    // Counted are only whole runs: what a warm-up used would be laid on the requests after it.
    let warm = Load { target: target.clone(), plan: plan(Duration::ZERO, scenario.warm_up) };
    tollgate_load::run(&warm).await;
    let hits_before = hits(gateway).await;
    let tree = gateway.tree();
    let before = tree.as_ref().map(tollgate_load::ProcessTree::used);
    let load = Load { target, plan: plan(Duration::ZERO, scenario.duration) };
    let running = tollgate_load::run(&load);
    tokio::pin!(running);
    let mut rss_bytes = 0;
    let measured = loop {
        tokio::select! {
            measured = &mut running => break measured,
            () = tokio::time::sleep(MEMORY_EVERY) => {
                let now = tree.as_ref().map_or(0, |tree| tree.used().rss_bytes);
                rss_bytes = rss_bytes.max(now);
            }
        }
    };
    tokio::time::sleep(STORING).await;
    if measured.requests == 0 {
        let failures = measured.failures;
        return Err(format!("{}: {} answered nothing: {failures:?}", scenario.name, gateway.name));
    }
    let asked_again = measured.requests.saturating_sub(hits(gateway).await - hits_before);
    if gateway.caches && asked_again > 0 {
        let name = scenario.name;
        return Err(format!("{name}: {asked_again} of {} were no hits", measured.requests));
    }
    let cpu = tree.zip(before).map(|(tree, before)| tree.used().since(&before));
    Ok(Cell::new(measured, cpu, rss_bytes))
}

/// Answers that came from the gateway's cache so far.
async fn hits(gateway: &Gateway) -> u64 {
    let Some(control) = gateway.control.filter(|_| gateway.caches) else { return 0 };
    let metrics = control::get(control, "/metrics").await.unwrap_or_default();
    control::sum(&metrics, "gateway_cache_lookups_total", "\"hit\"") as u64
}

// === impl Cell ===

impl Cell {
    fn new(measured: Measured, cpu: Option<BTreeMap<String, u64>>, rss_bytes: u64) -> Self {
        let total = cpu.as_ref().map(|cpu| cpu.values().sum::<u64>() as f64 / 1e3);
        let each = |count: u64| total.filter(|_| count > 0).map(|us| us / count as f64);
        let requests = measured.requests.max(1) as f64;
        Self {
            cpu_us_per_request: each(measured.requests),
            cpu_us_per_event: each(measured.events),
            cpu_us_by_thread: cpu
                .unwrap_or_default()
                .into_iter()
                .map(|(name, ns)| (name, ns as f64 / 1e3 / requests))
                .collect(),
            rss_bytes,
            latency_us: measured.latency(),
            first_content_us: measured.first_content(),
            event_delay_us: measured.event_delay(),
            per_second: measured.per_second(),
            requests: measured.requests,
            events: measured.events,
            failures: measured.failures,
        }
    }
}
