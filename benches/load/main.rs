//! What tollgate costs beside bare Pingora, nginx or any other gateway, in one table.
//!
//! `cargo bench --bench load` runs every scenario against every gateway, in paired rounds: within a
//! round each gateway has its turn, in an order that changes, so that whatever else the machine does
//! falls on all. CPU is that of the gateway's own processes, from the system; it hardly depends on
//! how busy the generator and the mock provider keep the machine.
//!
//! In two further scenarios a gateway has a processor of its own: `crowd` (thousands of slow streams at a
//! time) and `overload` (more requests than there are places).
//!
//! Options: `--only SCENARIO,…`, `--rounds N`, `--also NAME=URL` (several), `--streams N` (of `crowd`),
//! `--out FOLDER`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints its result")]

mod apart;
mod bare_pingora;
mod cell;
mod crowd;
mod gateways;
mod overload;
mod report;
mod scenarios;

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use tempfile::TempDir;
use tollgate_load::{Machine, ProcessTree, raise_files_max};
use tollgate_mock::Mock;

use cell::Cell;
use gateways::Gateway;
use report::Results;
use scenarios::{SCENARIOS, Scenario};

const ROUNDS_DEFAULT: usize = 4;

// What the mock provider stamps, the generator reads.
const _: () = assert!(tollgate_mock::STAMP_DIGITS == tollgate_load::STAMP_DIGITS);
const _: () = assert!(tollgate_mock::STAMP.len() == tollgate_load::STAMP.len());

/// The command line.
struct Options {
    only: Vec<String>,
    rounds: usize,
    also: Vec<(String, String)>,
    /// Of `crowd`, at a time.
    streams: usize,
    out: PathBuf,
}

/// How far the run has come.
struct Progress {
    started: Instant,
    expected_seconds: u64,
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
    let asked = |name: &str| options.only.is_empty() || options.only.iter().any(|it| it == name);
    let scenarios: Vec<&Scenario> = SCENARIOS.iter().filter(|it| asked(it.name)).collect();
    let (crowd, overload) = (asked(crowd::NAME), asked(overload::NAME));
    if scenarios.is_empty() && !crowd && !overload {
        let known = SCENARIOS.iter().map(|scenario| scenario.name);
        let known: Vec<_> = known.chain([crowd::NAME, overload::NAME]).collect();
        return Err(format!("no such scenario; there are: {}", known.join(", ")));
    }
    // Two for each of thousands of streams.
    raise_files_max();
    println!("{}\n", Machine::describe());
    let mut progress = Progress::new();
    progress.expect(if crowd { crowd::seconds() } else { 0 });
    progress.expect(if overload { overload::seconds() } else { 0 });
    let mut results = Results::new();
    if !scenarios.is_empty() {
        rounds(&options, &scenarios, &mut progress, &mut results)?;
    }
    // Their gateways have a processor each; those above have ended.
    let show = |text: &str| progress.show(text);
    if crowd {
        let told = crowd::run(options.streams, &show)?;
        show("");
        print!("{}", results.add_apart(crowd::NAME, told));
    }
    if overload {
        let told = overload::run(&show)?;
        show("");
        print!("{}", results.add_apart(overload::NAME, told));
    }
    results.write(&options.out)?;
    println!("\n{} s; all figures: {}", progress.seconds(), options.out.display());
    Ok(!results.is_disturbed())
}

/// The scenarios in which gateways take turns.
fn rounds(
    options: &Options,
    scenarios: &[&Scenario],
    progress: &mut Progress,
    results: &mut Results,
) -> Result<(), String> {
    let folder = TempDir::new().map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let mock = runtime.block_on(Mock::start(any_port)).map_err(|error| error.to_string())?;
    mock.keep_log(0);
    for (name, answer) in scenarios::of_the_mock() {
        mock.set(name, answer);
    }
    let gateways = gateways::start(&mock, folder.path(), &options.also)?;
    results.columns(&gateways);
    for scenario in scenarios {
        let able = gateways.iter().filter(|it| scenario.suits(it)).count();
        progress.expect(scenario.time(able, options.rounds).as_secs());
    }
    for scenario in scenarios {
        let show = |text: &str| progress.show(text);
        let (cells, others) = measure(&runtime, scenario, &gateways, options.rounds, &show)?;
        show("");
        print!("{}", results.add(scenario, &cells, others));
    }
    Ok(())
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

// === impl Progress ===

impl Progress {
    fn new() -> Self {
        Self { started: Instant::now(), expected_seconds: 0 }
    }

    /// So much more is to be done.
    fn expect(&mut self, seconds: u64) {
        self.expected_seconds += seconds;
    }

    fn seconds(&self) -> u64 {
        self.started.elapsed().as_secs()
    }

    /// One line that is written over; nothing where nobody watches.
    fn show(&self, text: &str) {
        let mut terminal = std::io::stderr();
        if terminal.is_terminal() {
            let left = self.expected_seconds.saturating_sub(self.seconds());
            let line = if text.is_empty() {
                "\r\x1b[K".to_owned()
            } else {
                format!("\r\x1b[K{:>4} s, about {left} s left · {text}", self.seconds())
            };
            // Nobody is left to tell when standard error is gone.
            let _gone = terminal.write_all(line.as_bytes()).and_then(|()| terminal.flush());
        }
    }
}

// === impl Options ===

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            only: Vec::new(),
            rounds: ROUNDS_DEFAULT,
            also: Vec::new(),
            streams: crowd::STREAMS_DEFAULT,
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
                "--streams" => {
                    let streams = value()?;
                    options.streams = streams.parse().map_err(|_| format!("{streams}?"))?;
                }
                "--out" => options.out = value()?.into(),
                other => return Err(format!("{other}? See the top of benches/load/main.rs")),
            }
        }
        Ok(options)
    }
}
