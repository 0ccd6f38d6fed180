//! The command line. Exit codes: 0, 1 for a failure, 2 for usage or configuration.

mod bench;
mod check;
mod collect;
mod demo;
mod inspect;
mod key;
mod mock;
mod query;
mod route;
mod serve;
mod traces;
mod watch;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tollgate_config::{Settings, Warning};

use crate::own::Own;

/// The file that is read where `-c` names none.
const DEFAULT_FILE: &str = "conf/tollgate.yaml";

/// An edge proxy for LLM traffic: routes, guards, meters and traces every call.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, arg_required_else_help = true)]
struct Arguments {
    /// The configuration file.
    #[arg(short, long, global = true, value_name = "FILE", default_value = DEFAULT_FILE)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway.
    Serve,
    /// Run the collector and its store alone, without the gateway.
    Collect,
    /// Run everything on loopback with a mock provider, send sample calls and show their traces.
    Demo(demo::Options),
    /// Check a configuration file without starting anything, and print its routing table.
    Check {
        /// The file to check.
        file: PathBuf,
    },
    /// Explain where a request for a model would go.
    Route(route::Options),
    /// Read a recorded response and print what its span would hold, as one JSON object.
    Inspect(inspect::Options),
    /// Show recent traces, or one as a waterfall.
    Traces(traces::Options),
    /// Ask the span store in SQL: one SELECT over `otel_traces`, `otel_metrics_*` and `otel_logs`, in ClickHouse's dialect.
    Query(query::Options),
    /// Make, list and revoke keys.
    Key(key::Options),
    /// Run the mock provider alone.
    Mock(mock::Options),
    /// Put load on gateways that already run, and print what they made of it.
    Bench(bench::Options),
}

/// Why a command ended early.
pub(crate) enum Failure {
    /// Exit code 1.
    Failed(String),
    /// Exit code 2.
    Usage(String),
}

/// What a command comes to.
pub(crate) type Outcome = Result<(), Failure>;

// === impl Failure ===

impl Failure {
    pub(crate) fn failed(what: impl std::fmt::Display) -> Self {
        Self::Failed(what.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::failed(error)
    }
}

/// Parses the arguments and runs what they ask for.
pub fn main() -> ExitCode {
    main_with(&Own::default())
}

/// As [`main`], for a gateway that brings something of its own.
pub(crate) fn main_with(own: &Own) -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = run(arguments, own);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed(what)) => complain(&what, 1),
        Err(Failure::Usage(what)) => complain(&what, 2),
    }
}

fn run(arguments: Arguments, own: &Own) -> Outcome {
    let config = &arguments.config;
    match arguments.command {
        Command::Serve => serve::run(config, own),
        Command::Collect => collect::run(config),
        Command::Demo(options) => demo::run(&options),
        Command::Check { file } => check::run(&file),
        Command::Route(options) => route::run(config, &options),
        Command::Inspect(options) => inspect::run(&options),
        Command::Traces(options) => traces::run(config, &options),
        Command::Query(options) => query::run(config, &options),
        Command::Key(options) => key::run(config, &options),
        Command::Mock(options) => mock::run(&options),
        Command::Bench(options) => bench::run(&options),
    }
}

fn complain(what: &str, code: u8) -> ExitCode {
    // Nobody is left to tell when standard error is gone.
    let _gone = writeln!(io::stderr(), "{}", what.trim_end());
    ExitCode::from(code)
}

/// Writes to standard output; a reader that has left is no error.
pub(crate) fn print(text: &str) -> Outcome {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

/// Whether standard output is a terminal that may be coloured.
pub(crate) fn color() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Loads a configuration; its warnings go to standard error.
pub(crate) fn load(path: &Path) -> Result<Settings, Failure> {
    let (settings, warnings) = read(path)?;
    for warning in warnings {
        let _gone = writeln!(io::stderr(), "{warning}");
    }
    Ok(settings)
}

/// Loads what does not concern requests; its warnings go to standard error. Nothing that requests
/// need has to be there: no provider, no key of one.
pub(crate) fn load_part(path: &Path) -> Result<Settings, Failure> {
    let (settings, warnings) = read_part(path)?;
    for warning in warnings {
        let _gone = writeln!(io::stderr(), "{warning}");
    }
    Ok(settings)
}

/// Loads what does not concern requests, and what is odd about it.
fn read_part(path: &Path) -> Result<(Settings, Vec<Warning>), Failure> {
    tollgate_config::load_part(path, |name| std::env::var(name).ok())
        .map_err(|problems| Failure::Usage(problems.to_string()))
}

/// Loads a configuration, and what is odd about it.
fn read(path: &Path) -> Result<(Settings, Vec<Warning>), Failure> {
    tollgate_config::load_file(path, |name| std::env::var(name).ok())
        .map_err(|problems| Failure::Usage(problems.to_string()))
}
