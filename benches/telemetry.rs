//! What telemetry costs: CPU of the gateway's process with spans built and stored, against off. The
//! promise: at most 10 % more for a JSON request and for a stream of 200 events, for making spans and
//! metrics and handing them on. What the embedded store's writer takes on top, for two durable rows
//! each, is told beside it: a gateway that exports elsewhere has none of it.
//!
//! Two gateways run side by side and take turns, a round each, so that whatever else the machine
//! does falls on both. `cargo bench --bench telemetry -- --rounds 20`; exit code 1 above the promise.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints its result")]

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tollgate_load::ProcessTree;
use tollgate_mock::{Mock, Scenario};

#[path = "truth/replay/client.rs"]
#[allow(dead_code, reason = "the truth score's callers can do more than is needed here")]
mod client;

use client::Caller;

const ROUNDS_DEFAULT: usize = 20;
/// Requests of one round.
const REQUESTS: usize = 400;
/// Streams of one round.
const STREAMS: usize = 100;
const STREAM_EVENTS: usize = 200;
const EVENT_BYTES: usize = 240;
/// After a round, until what was queued is stored.
const STORING: Duration = Duration::from_millis(600);
const START_MAX: Duration = Duration::from_secs(10);
/// How much more CPU telemetry may take.
const RATIO_MAX: f64 = 1.10;
/// The thread that makes rows durable.
const STORE_WRITER: &str = "store-writer";

/// A gateway in a process of its own.
struct Gateway {
    child: Child,
    caller: Caller,
}

/// What one gateway used for one kind of request, round by round, in nanoseconds by thread's name.
#[derive(Default)]
struct Used {
    rounds: Vec<BTreeMap<String, u64>>,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the promise is kept.
fn run() -> Result<bool, String> {
    let rounds = rounds()?;
    let folder = TempDir::new().map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let mock = runtime
        .block_on(Mock::start(([127, 0, 0, 1], 0).into()))
        .map_err(|error| error.to_string())?;
    mock.keep_log(0);
    mock.set("load", Scenario::load(STREAM_EVENTS, EVENT_BYTES, 0));
    let store =
        format!("store: {{ kind: sqlite, path: \"{}/spans.db\" }}\n", folder.path().display());
    let mut on = Gateway::start(&mock, folder.path(), "on", &store)?;
    let off = "genai_telemetry: { enabled: false }\ntelemetry: { enabled: false }\nstore: { kind: none }\n";
    let mut off = Gateway::start(&mock, folder.path(), "off", off)?;
    let mut kept = true;
    for (what, count, bytes) in [
        ("JSON request", REQUESTS, request(false)),
        ("stream of 200 events", STREAMS, request(true)),
    ] {
        // Connections, caches and allocators warm up.
        on.round(count, &bytes)?;
        off.round(count, &bytes)?;
        let (mut with, mut without) = (Used::default(), Used::default());
        for round in 0..rounds {
            let mut turns = [(&mut on, &mut with), (&mut off, &mut without)];
            if round % 2 == 1 {
                turns.reverse();
            }
            for (gateway, used) in turns {
                used.rounds.push(gateway.round(count, &bytes)?);
            }
        }
        kept &= report(what, count, &with, &without);
    }
    Ok(kept)
}

fn rounds() -> Result<usize, String> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => Ok(ROUNDS_DEFAULT),
        (Some("--rounds"), Some(rounds)) => rounds.parse().map_err(|_| format!("{rounds}?")),
        _ => Err("usage: telemetry [--rounds N]".to_owned()),
    }
}

fn request(stream: bool) -> Vec<u8> {
    let body = format!(
        r#"{{"model":"mock-load","stream":{stream},"messages":[{{"role":"user","content":"{}"}}]}}"#,
        "what is the answer? ".repeat(20)
    );
    let scenario = if stream { "load" } else { "default" };
    let body = body.replace("mock-load", &format!("mock-{scenario}"));
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway.test\r\ncontent-type: application/json\r\n\
         x-to11-user-id: ada\r\nx-to11-session-id: s-1\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Prints what was used; whether the ratio is within the promise.
fn report(what: &str, count: usize, with: &Used, without: &Used) -> bool {
    let each = |used: &Used, stored: bool| {
        used.rounds.iter().map(|round| Used::of(round, stored)).sum::<f64>()
            / 1e3
            / (count * used.rounds.len()) as f64
    };
    let ratio = |stored: bool| {
        let of = |used: &Used| -> Vec<f64> {
            used.rounds.iter().map(|round| Used::of(round, stored)).collect()
        };
        tollgate_load::ratio(&of(with), &of(without))
    };
    let mut kept = false;
    for (stored, goal) in [(false, Some(RATIO_MAX)), (true, None)] {
        let Some(found) = ratio(stored) else { continue };
        let part = if stored { "with the embedded store's writer" } else { "spans and metrics" };
        let goal = match goal {
            Some(goal) => {
                kept = found.ratio <= goal;
                format!(" (at most {goal})")
            }
            None => String::new(),
        };
        println!(
            "{what}, {part}: {:.1} us of CPU, {:.1} us without: {:.3} times, \
             95 % of the samples in {:.3} to {:.3}{goal}",
            each(with, stored),
            each(without, stored),
            found.ratio,
            found.low,
            found.high,
        );
    }
    for (name, ns) in with.by_thread() {
        let before = without.by_thread().get(&name).copied().unwrap_or_default();
        let us = |ns: u64| ns as f64 / 1e3 / (count * with.rounds.len()) as f64;
        println!("  {name:<24} {:>8.1} us {:>8.1} us", us(ns), us(before));
    }
    kept
}

// === impl Gateway ===

impl Gateway {
    fn start(mock: &Mock, folder: &Path, name: &str, sections: &str) -> Result<Self, String> {
        let port = || TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr());
        let (gateway, control) =
            (port().map_err(|e| e.to_string())?, port().map_err(|e| e.to_string())?);
        let text = format!(
            "providers: {{ acme: {{ base_url: \"{}\", models: [mock-load, mock-default], auth_type: none }} }}\n\
             server: {{ port: {}, threads: 1 }}\ncontrol: {{ port: {} }}\n{sections}",
            mock.url("/v1"),
            gateway.port(),
            control.port()
        );
        let file = folder.join(format!("{name}.yaml"));
        std::fs::write(&file, text).map_err(|error| error.to_string())?;
        let child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["serve", "-c"])
            .arg(&file)
            .env("RUST_LOG", "error")
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| error.to_string())?;
        let started = Self { child, caller: Caller::new(gateway) };
        wait_until_open(gateway)?;
        Ok(started)
    }

    /// Sends so many requests; what the process used for them, spans stored and all.
    fn round(&mut self, count: usize, bytes: &[u8]) -> Result<BTreeMap<String, u64>, String> {
        // A gateway closes a connection after a thousand requests.
        self.caller.hang_up();
        let process = ProcessTree::new(self.child.id());
        let before = process.used();
        for _ in 0..count {
            let seen = self.caller.exchange(bytes, None).map_err(|error| error.to_string())?;
            if seen.status != Some(200) || !seen.complete {
                return Err(format!("not answered well: {seen:?}"));
            }
        }
        std::thread::sleep(STORING);
        Ok(process.used().since(&before))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended by itself, which the rounds have noticed.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

fn wait_until_open(addr: SocketAddr) -> Result<(), String> {
    let until = Instant::now() + START_MAX;
    while TcpStream::connect(addr).is_err() {
        if Instant::now() > until {
            return Err(format!("nobody listens on {addr}"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

// === impl Used ===

impl Used {
    /// Of one round in nanoseconds, all threads together, the store's writer if it is asked for.
    fn of(round: &BTreeMap<String, u64>, stored: bool) -> f64 {
        let counted = round.iter().filter(|(name, _)| stored || *name != STORE_WRITER);
        counted.map(|(_, ns)| *ns).sum::<u64>() as f64
    }

    fn by_thread(&self) -> BTreeMap<String, u64> {
        let mut all: BTreeMap<String, u64> = BTreeMap::new();
        for (name, ns) in self.rounds.iter().flatten() {
            *all.entry(name.clone()).or_default() += ns;
        }
        all
    }
}
