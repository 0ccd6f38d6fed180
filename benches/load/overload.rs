//! More requests than a gateway has places for: what still gets its answer, how fast the rest is told to come
//! back later, and whether the gateway can be asked how it is meanwhile.
//!
//! What a gateway for models can take is bounded by how many calls it keeps open, not by how many it could begin:
//! so the mock provider takes its time, and capacity is what comes out with every place taken all the time.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_load::{Arrivals, Load, Machine, Measured, Plan, ProcessTree};
use tollgate_mock::Scenario as Answer;

use crate::apart::{self, Apart, Told};
use crate::gateways::{self, Gateway, control};
use crate::scenarios;

pub(crate) const NAME: &str = "overload";
/// Requests that the gateway takes at a time.
const PLACES: usize = 200;
/// How long the provider takes for each.
const ANSWER: Duration = Duration::from_millis(200);
/// An answer that comes later than this helps nobody.
const IN_TIME: Duration = Duration::from_millis(400);
const WARM_UP: Duration = Duration::from_secs(1);
const DURATION: Duration = Duration::from_secs(5);
/// Connections of the callers: those that wait and those that are refused.
const CONNECTIONS: usize = 4_000;
const HEALTH_EVERY: Duration = Duration::from_millis(100);
/// How long spans on their way to the store are waited for.
const STORING: Duration = Duration::from_millis(500);
const SECONDS: u64 = 36;
/// Arrivals in times of capacity, and the share of it that must still come out.
const STEPS: [(f64, Option<f64>); 4] =
    [(0.8, None), (2.0, Some(0.95)), (5.0, Some(0.90)), (10.0, Some(0.80))];
const REFUSAL_P99_MS_MAX: f64 = 10.0;

/// One number of arrivals.
struct Step {
    times: f64,
    promised: Option<f64>,
    measured: Measured,
    /// Good answers in time each second, in times of capacity.
    goodput: f64,
    cpu_us: f64,
    health: Vec<Option<Duration>>,
    /// Refusals that the gateway's metrics have, and spans that never reached the store.
    rejected: f64,
    spans_dropped: f64,
}

/// About how long all of it takes.
pub(crate) const fn seconds() -> u64 {
    SECONDS
}

/// The table, and the same for programs; none on a machine with one processor.
pub(crate) fn run(progress: &dyn Fn(&str)) -> Result<Option<Told>, String> {
    let answer = Answer {
        first_delay_ms: u64::try_from(ANSWER.as_millis()).unwrap_or(u64::MAX),
        ..Answer::text(&"An answer of some length. ".repeat(30))
    };
    apart::run(vec![("json", answer)], |apart| {
        let places = format!("limits: {{ in_flight_max: {PLACES} }}\n");
        let gateway =
            apart.start(|mock, folder| gateways::tollgate::usual(mock, folder, Some(&places)))?;
        let machine = Machine::watch(gateway.tree().into_iter().chain([ProcessTree::own()]));
        progress(&format!("{NAME} · capacity"));
        let capacity = capacity(apart, &gateway)?;
        let mut steps = Vec::new();
        for (times, promised) in STEPS {
            progress(&format!("{NAME} · {times} x capacity"));
            let rate = capacity * times;
            let mut step = apart.runtime.block_on(step(&gateway, rate))?;
            (step.times, step.promised) = (times, promised);
            let good = step.measured.answered_within(IN_TIME) as f64 / DURATION.as_secs_f64();
            step.goodput = good / capacity;
            steps.push(step);
        }
        Ok(tell(capacity, &steps, machine.taken_by_others()))
    })
}

/// Answers a second with every place taken all the time.
fn capacity(apart: &Apart, gateway: &Gateway) -> Result<f64, String> {
    let running = async {
        let target = gateway.target(scenarios::CHAT, scenarios::chat("mock-json", false, 400));
        let plan = Plan {
            arrivals: Arrivals::Closed,
            connections: PLACES,
            warm_up: WARM_UP,
            duration: DURATION,
            seed: 1,
        };
        Ok::<_, String>(tollgate_load::run(&Load { target: target.await?, plan }).await)
    };
    let measured = apart.runtime.block_on(running)?;
    if measured.requests == 0 {
        return Err(format!("{NAME}: answered nothing: {:?}", measured.failures));
    }
    Ok(measured.per_second())
}

async fn step(gateway: &Gateway, per_second: f64) -> Result<Step, String> {
    let target = gateway.target(scenarios::CHAT, scenarios::chat("mock-json", false, 400)).await?;
    let plan = Plan {
        arrivals: Arrivals::Poisson { per_second },
        connections: CONNECTIONS,
        warm_up: WARM_UP,
        duration: DURATION,
        seed: 1,
    };
    let control = gateway.control.ok_or("no control port")?;
    let counts = async || {
        let metrics = control::get(control, "/metrics").await.unwrap_or_default();
        let of = |name, label| control::sum(&metrics, name, label);
        (
            of("gateway_requests_finished_total", "\"rejected\""),
            of("gateway_spans_dropped_total", "\"store\""),
        )
    };
    let (rejected_before, dropped_before) = counts().await;
    let tree = gateway.tree().ok_or("no process")?;
    let before = tree.used();
    let load = Load { target, plan };
    let health = Mutex::default();
    let measured = tokio::select! {
        measured = tollgate_load::run(&load) => measured,
        () = ask_how_it_is(control, &health) => return Err("nobody asks any more".to_owned()),
    };
    tokio::time::sleep(STORING).await;
    let cpu_us = tree.used().cpu_ns_since(&before) as f64 / 1e3;
    let (rejected, dropped) = counts().await;
    Ok(Step {
        times: 0.0,
        promised: None,
        measured,
        goodput: 0.0,
        cpu_us,
        health: health.into_inner().unwrap_or_default(),
        rejected: rejected - rejected_before,
        spans_dropped: dropped - dropped_before,
    })
}

/// Asks for `/health` until nobody wants to know any more.
async fn ask_how_it_is(control: SocketAddr, seen: &Mutex<Vec<Option<Duration>>>) {
    let mut due = tokio::time::interval(HEALTH_EVERY);
    loop {
        due.tick().await;
        let asked = Instant::now();
        let answer = control::get(control, "/health").await;
        if let Ok(mut seen) = seen.lock() {
            seen.push(answer.map(|_| asked.elapsed()));
        }
    }
}

fn tell(capacity: f64, steps: &[Step], taken_by_others: f64) -> Told {
    let mut text = format!(
        "{NAME} — a provider that takes {} ms, {PLACES} places: capacity {capacity:.0}/s; the gateway on a processor of its own\n\
         \x20 arrivals   offered/s   in time/s  of capacity   refused/s  refused p50  p99 ms   other failures  \
         CPU us/request   core  /health asked  failed  max ms\n",
        ANSWER.as_millis()
    );
    let mut lines = Vec::new();
    for step in steps {
        step.row(&mut text, capacity);
        lines.push(step.json(capacity));
    }
    for step in steps {
        step.verdict(&mut text);
    }
    let found = json!({
        "name": NAME,
        "capacity_per_second": capacity,
        "places": PLACES,
        "steps": lines,
    });
    Told { text, found, taken_by_others }
}

// === impl Step ===

impl Step {
    fn offered(&self) -> u64 {
        self.measured.requests + self.measured.failed()
    }

    /// What failed in another way than by being told to come back.
    fn other_failures(&self) -> u64 {
        self.measured.failed() - self.measured.refusals
    }

    /// Of all that were sent, those of the warm-up too.
    fn cpu_us_per_request(&self, capacity: f64) -> f64 {
        let seconds = (WARM_UP + DURATION).as_secs_f64();
        self.cpu_us / (self.times * capacity * seconds)
    }

    fn health_failed(&self) -> usize {
        self.health.iter().filter(|took| took.is_none()).count()
    }

    fn health_ms_max(&self) -> f64 {
        self.health.iter().flatten().max().map_or(0.0, |took| took.as_secs_f64() * 1e3)
    }

    fn row(&self, text: &mut String, capacity: f64) {
        let seconds = DURATION.as_secs_f64();
        let refusal = self.measured.refusal();
        let _infallible = writeln!(
            text,
            "  {:>4.1} x {:>13.0} {:>11.0} {:>12.3} {:>11.0} {:>12.2} {:>7.2} {:>16} {:>15.1} {:>6.2} {:>14} {:>7} {:>7.1}",
            self.times,
            self.offered() as f64 / seconds,
            self.goodput * capacity,
            self.goodput,
            self.measured.refusals as f64 / seconds,
            refusal.p50 / 1e3,
            refusal.p99 / 1e3,
            self.other_failures(),
            self.cpu_us_per_request(capacity),
            self.cpu_us / (WARM_UP + DURATION).as_secs_f64() / 1e6,
            self.health.len(),
            self.health_failed(),
            self.health_ms_max(),
        );
    }

    fn verdict(&self, text: &mut String) {
        let Some(promised) = self.promised else { return };
        let refusal = self.measured.refusal().p99 / 1e3;
        let kept = self.goodput >= promised
            && refusal <= REFUSAL_P99_MS_MAX
            && self.health_failed() == 0
            && self.other_failures() == 0;
        let _infallible = writeln!(
            text,
            "  {} {} x: {:.2} of capacity (at least {promised}), refused within {refusal:.1} ms (at most \
             {REFUSAL_P99_MS_MAX}), {} of {} /health unanswered; {:.0} refusals in the metrics, {:.0} spans lost",
            if kept { "kept  " } else { "BROKEN" },
            self.times,
            self.goodput,
            self.health_failed(),
            self.health.len(),
            self.rejected,
            self.spans_dropped,
        );
    }

    fn json(&self, capacity: f64) -> Value {
        json!({
            "times_capacity": self.times,
            "goodput_of_capacity": self.goodput,
            "refusals": self.measured.refusals,
            "refusal_us": self.measured.refusal(),
            "latency_us": self.measured.latency(),
            "failures": self.measured.failures,
            "cpu_us_per_request": self.cpu_us_per_request(capacity),
            "health_asked": self.health.len(),
            "health_failed": self.health_failed(),
            "health_ms_max": self.health_ms_max(),
            "refusals_in_metrics": self.rejected,
            "spans_dropped": self.spans_dropped,
        })
    }
}
