//! The truth score: scripted calls of known truth through the running gateway, held against what it
//! stored. `cargo bench --bench truth -- --calls 10000 --seed 5`; exit code 1 on any miss.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a program that prints its result; its tables are as long as their enums"
)]

mod replay;

use std::net::TcpListener;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use replay::{Options, replay};

const CALLS_DEFAULT: usize = 10_000;
const SEED_DEFAULT: u64 = 5;
const CALLERS_DEFAULT: usize = 4;
/// In milliseconds, in 99 of 100 cases.
const FIRST_CONTENT_OFF_MS_MAX: u64 = 2;

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}\nusage: truth [--calls N] [--seed N] [--callers N]");
            return ExitCode::from(2);
        }
    };
    let started = Instant::now();
    match replay(&options) {
        Ok(score) => {
            print!("{}", score.told());
            let took = started.elapsed().as_secs_f64();
            println!("{} calls, seed {}, {took:.1} s", options.calls, options.seed);
            println!("{score}");
            if score.is_perfect() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// What the command line asks for; `--bench` is what cargo adds.
fn options() -> Result<Options, String> {
    let mut options = Options {
        calls: CALLS_DEFAULT,
        seed: SEED_DEFAULT,
        callers: CALLERS_DEFAULT,
        first_content_off_max: Duration::from_millis(FIRST_CONTENT_OFF_MS_MAX),
        port: free_port,
    };
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a number"))?;
        let number: u64 = value.parse().map_err(|_| format!("{value} is no number"))?;
        let size = || usize::try_from(number).map_err(|_| format!("{number} is too much"));
        match &*name {
            "--calls" => options.calls = size()?,
            "--seed" => options.seed = number,
            "--callers" => options.callers = size()?,
            _ => return Err(format!("{name} is unknown")),
        }
    }
    Ok(options)
}

/// Free now; who takes it in between loses the run, not the score.
fn free_port() -> u16 {
    let bound = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    bound.map_or(0, |addr| addr.port())
}
