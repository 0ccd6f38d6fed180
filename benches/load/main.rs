//! What tollgate costs beside bare Pingora, nginx or any other gateway, in one table.
//!
//! `cargo bench --bench load` runs every scenario against every gateway, in paired rounds: within a
//! round each gateway has its turn, in an order that changes, so that whatever else the machine does
//! falls on all. CPU is that of the gateway's own processes, from the system; it hardly depends on
//! how busy the generator and the mock provider keep the machine.
//!
//! Options: `--only SCENARIO,…`, `--rounds N`, `--also NAME=URL` (several), `--out FOLDER`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints its result")]

mod bare_pingora;
mod cell;
mod gateways;
mod report;
mod scenarios;

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use tempfile::TempDir;
use tollgate_load::{Machine, ProcessTree};
use tollgate_mock::Mock;

use cell::Cell;
use gateways::Gateway;
use report::Results;
use scenarios::{SCENARIOS, Scenario};

const ROUNDS_DEFAULT: usize = 5;

// What the mock provider stamps, the generator reads.
const _: () = assert!(tollgate_mock::STAMP_DIGITS == tollgate_load::STAMP_DIGITS);
const _: () = assert!(tollgate_mock::STAMP.len() == tollgate_load::STAMP.len());

/// The command line.
struct Options {
    only: Vec<String>,
    rounds: usize,
    also: Vec<(String, String)>,
    out: PathBuf,
}

fn main() -> ExitCode {
    // The bench is its own bare Pingora, in a process whose CPU can be told apart.
    if let Some(result) = bare_pingora::run_if_asked() {
        return result;
    }
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("others kept the machine busy: these figures are no measurement");
            ExitCode::FAILURE
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the machine was left alone meanwhile.
fn run() -> Result<bool, String> {
    let options = Options::read(std::env::args().skip(1))?;
    let scenarios: Vec<&Scenario> = SCENARIOS
        .iter()
        .filter(|it| options.only.is_empty() || options.only.iter().any(|only| only == it.name))
        .collect();
    if scenarios.is_empty() {
        let known: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        return Err(format!("no such scenario; there are: {}", known.join(", ")));
    }
    let folder = TempDir::new().map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let mock = runtime.block_on(Mock::start(any_port)).map_err(|error| error.to_string())?;
    mock.keep_log(0);
    for (name, scenario) in scenarios::of_the_mock() {
        mock.set(name, scenario);
    }
    let gateways = gateways::start(&mock, folder.path(), &options.also)?;
    println!("{}\n", Machine::describe());
    let started = Instant::now();
    let mut results = Results::new(&gateways);
    for (at, scenario) in scenarios.iter().enumerate() {
        let progress = |text: &str| show_progress(started, at, scenarios.len(), text);
        let (cells, others) = measure(&runtime, scenario, &gateways, options.rounds, &progress)?;
        progress("");
        print!("{}", results.add(scenario, &cells, others));
    }
    results.write(&options.out)?;
    println!("\n{} s; all figures: {}", started.elapsed().as_secs(), options.out.display());
    Ok(!results.is_disturbed())
}

/// All rounds of one scenario, and the share of CPU time that others took.
fn measure(
    runtime: &tokio::runtime::Runtime,
    scenario: &Scenario,
    gateways: &[Gateway],
    rounds: usize,
    progress: &dyn Fn(&str),
) -> Result<(BTreeMap<String, Vec<Cell>>, f64), String> {
    let able: Vec<&Gateway> = gateways.iter().filter(|it| scenario.suits(it)).collect();
    let trees = able.iter().filter_map(|gateway| gateway.tree());
    let machine = Machine::watch(trees.chain([ProcessTree::own()]));
    let mut cells: BTreeMap<String, Vec<Cell>> = BTreeMap::new();
    for round in 0..scenario.rounds(rounds) {
        for turn in 0..able.len() {
            // Each begins once in so many rounds.
            let Some(gateway) = able.get((turn + round) % able.len()) else { continue };
            progress(&format!("{} · {} · round {}", scenario.name, gateway.name, round + 1));
            let cell = runtime.block_on(cell::measure(scenario, gateway, round as u64))?;
            cells.entry(gateway.name.clone()).or_default().push(cell);
        }
    }
    Ok((cells, machine.taken_by_others()))
}

/// One line that is written over; nothing where nobody watches.
fn show_progress(started: Instant, at: usize, of: usize, text: &str) {
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        let seconds = started.elapsed().as_secs();
        let line = if text.is_empty() {
            "\r\x1b[K".to_owned()
        } else {
            format!("\r\x1b[K{seconds:>4} s  {}/{of}  {text}", at + 1)
        };
        // Nobody is left to tell when standard error is gone.
        let _gone = terminal.write_all(line.as_bytes()).and_then(|()| terminal.flush());
    }
}

// === impl Options ===

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            only: Vec::new(),
            rounds: ROUNDS_DEFAULT,
            also: Vec::new(),
            out: PathBuf::from("benches/results"),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                // Cargo's own.
                "--bench" => {}
                "--only" => options.only.extend(value()?.split(',').map(str::to_owned)),
                "--rounds" => {
                    let rounds = value()?;
                    options.rounds = rounds.parse().map_err(|_| format!("{rounds}?"))?;
                }
                "--also" => {
                    let value = value()?;
                    let (name, url) =
                        value.split_once('=').ok_or("--also is NAME=URL".to_owned())?;
                    options.also.push((name.to_owned(), url.to_owned()));
                }
                "--out" => options.out = value()?.into(),
                other => return Err(format!("{other}? See the top of benches/load/main.rs")),
            }
        }
        Ok(options)
    }
}
