//! The table, the figures as JSON, and a picture of the ratios.

mod plot;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use tollgate_load::{Interval, Machine, Quantiles, ratio};

use crate::apart::Told;
use crate::cell::Cell;
use crate::gateways::{Gateway, REFERENCE};
use crate::scenarios::Scenario;

/// Everything that was measured.
pub(crate) struct Results {
    names: Vec<String>,
    scenarios: Vec<Value>,
    bars: Vec<plot::Bar>,
    disturbed: bool,
}

// === impl Results ===

impl Results {
    pub(crate) fn new() -> Self {
        Self { names: Vec::new(), scenarios: Vec::new(), bars: Vec::new(), disturbed: false }
    }

    /// The gateways, in the order of the table.
    pub(crate) fn columns(&mut self, gateways: &[Gateway]) {
        self.names = gateways.iter().map(|gateway| gateway.name.clone()).collect();
    }

    /// Adds what a scenario found that has a table of its own, and returns that; none where the machine is too small
    /// for it.
    pub(crate) fn add_apart(&mut self, name: &str, told: Option<Told>) -> String {
        let Some(Told { mut text, mut found, taken_by_others: others }) = told else {
            return format!("{name} — not here: the gateway needs a processor of its own\n\n");
        };
        text.push_str(&self.disturbance(others));
        text.push('\n');
        found["taken_by_others"] = json!(others);
        self.scenarios.push(found);
        text
    }

    /// Whether others kept the machine busy in any scenario.
    pub(crate) const fn is_disturbed(&self) -> bool {
        self.disturbed
    }

    /// Adds a scenario and returns its part of the table.
    pub(crate) fn add(
        &mut self,
        scenario: &Scenario,
        cells: &BTreeMap<String, Vec<Cell>>,
        others: f64,
    ) -> String {
        let mut text = format!("{} — {}\n", scenario.name, scenario.what);
        text.push_str(
            "                      CPU us   x bare pingora        /s   p50 ms   p99 ms  \
             1st p50  1st p99  event p50  p99 us  MiB  failed\n",
        );
        let reference = cells.get(REFERENCE).map(|rounds| cpu(scenario, rounds));
        let mut gateways = serde_json::Map::new();
        for name in &self.names {
            let Some(rounds) = cells.get(name) else { continue };
            let own = cpu(scenario, rounds);
            let interval = reference.as_ref().and_then(|other| ratio(&own, other));
            row(&mut text, name, rounds, &own, interval);
            if let Some(interval) = interval.filter(|_| name != REFERENCE) {
                let (scenario, gateway) = (scenario.name, name.clone());
                self.bars.push(plot::Bar { scenario, gateway, interval });
            }
            gateways.insert(
                name.clone(),
                json!({ "rounds": rounds, "cpu_ratio_to_bare_pingora": interval }),
            );
        }
        text.push_str(&self.disturbance(others));
        self.scenarios.push(json!({
            "name": scenario.name,
            "what": scenario.what,
            "taken_by_others": others,
            "gateways": gateways,
        }));
        text.push('\n');
        text
    }

    /// What is said of others, who may have spoilt the figures.
    fn disturbance(&mut self, others: f64) -> String {
        if !Machine::is_busy(others) {
            return String::new();
        }
        self.disturbed = true;
        format!("  ! others took {:.0} % of the machine meanwhile\n", others * 100.0)
    }

    /// Writes `load.json` and `load.svg` into `folder`.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), String> {
        let problem = |error: std::io::Error| format!("{}: {error}", folder.display());
        std::fs::create_dir_all(folder).map_err(problem)?;
        let document = json!({
            "machine": Machine::describe(),
            "version": env!("CARGO_PKG_VERSION"),
            "disturbed": self.disturbed,
            "scenarios": self.scenarios,
        });
        std::fs::write(folder.join("load.json"), format!("{document:#}\n")).map_err(problem)?;
        std::fs::write(folder.join("load.svg"), plot::draw(&self.bars)).map_err(problem)
    }
}

/// CPU of each round for what the scenario counts, in microseconds.
fn cpu(scenario: &Scenario, rounds: &[Cell]) -> Vec<f64> {
    let of = |cell: &Cell| {
        if scenario.per_event { cell.cpu_us_per_event } else { cell.cpu_us_per_request }
    };
    rounds.iter().filter_map(of).collect()
}

fn row(text: &mut String, name: &str, rounds: &[Cell], cpu: &[f64], interval: Option<Interval>) {
    let mean = |values: &dyn Fn(&Cell) -> f64| {
        rounds.iter().map(values).sum::<f64>() / rounds.len().max(1) as f64
    };
    // The middle round of each: one bad round says nothing about the others.
    let middle = |quantile: &dyn Fn(&Cell) -> f64| {
        let mut all: Vec<f64> = rounds.iter().map(quantile).collect();
        all.sort_unstable_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or_default()
    };
    let ms = |of: fn(&Cell) -> Quantiles, at: fn(&Quantiles) -> f64| {
        middle(&|cell: &Cell| at(&of(cell)) / 1e3)
    };
    let cpu = match cpu.len() {
        0 => "-".to_owned(),
        rounds => format!("{:.1}", cpu.iter().sum::<f64>() / rounds as f64),
    };
    let interval = interval.map_or_else(String::new, |Interval { ratio, low, high }| {
        format!("{ratio:.2} ({low:.2}-{high:.2})")
    });
    let failed: u64 = rounds.iter().flat_map(|cell| cell.failures.values()).sum();
    let rss = rounds.iter().map(|cell| cell.rss_bytes).max().unwrap_or_default() >> 20;
    let delay = |at: fn(&Quantiles) -> f64| middle(&|cell: &Cell| at(&cell.event_delay_us));
    let _infallible = writeln!(
        text,
        "  {name:<18} {cpu:>8}  {interval:>17}  {:>8.0} {:>8.2} {:>8.2} {:>8.2} {:>8.2} {:>10.0} {:>7.0} {rss:>4} {failed:>7}",
        mean(&|cell| cell.per_second),
        ms(|cell| cell.latency_us, |it| it.p50),
        ms(|cell| cell.latency_us, |it| it.p99),
        ms(|cell| cell.first_content_us, |it| it.p50),
        ms(|cell| cell.first_content_us, |it| it.p99),
        delay(|it| it.p50),
        delay(|it| it.p99),
    );
}
