//! Scripted calls of known truth through the running gateway, held against what it stored.
//!
//! The truth comes from the script and from the provider's own log; nothing of the gateway's code
//! is asked for it.

mod answers;
mod check;
mod client;
mod dialect;
mod faults;
mod media;
mod score;
mod script;
mod world;

use std::collections::{BTreeMap, HashMap};
use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tollgate_mock::Received;

use check::Case;
use client::{Caller, Seen};
use score::Claim;
pub(crate) use score::Score;
use script::Call;
use world::{Counters, World};

/// One call in so many goes through a gateway that keeps content.
const CAPTURED_EVERY: usize = 5;
/// How often the progress is shown.
const PROGRESS_EVERY: usize = 50;

/// What to replay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) calls: usize,
    pub(crate) seed: u64,
    /// Callers at once.
    pub(crate) callers: usize,
    /// How far the time of the first content may be off, in 99 of 100 cases.
    pub(crate) first_content_off_max: Duration,
    /// Gives ports that nobody listens on.
    pub(crate) port: fn() -> u16,
}

/// Replays the script, most of it with content capture off, the rest with it on.
///
/// # Errors
/// What could not be started, read or asked.
pub(crate) fn replay(options: &Options) -> Result<Score, String> {
    let mut score = Score::new(options.first_content_off_max);
    let captured = options.calls / CAPTURED_EVERY;
    let calls = script::script(options.seed, options.calls);
    let (on, off) = calls.split_at(captured);
    part(options, off, false, &mut score)?;
    part(options, on, true, &mut score)?;
    Ok(score)
}

fn part(options: &Options, calls: &[Call], capture: bool, score: &mut Score) -> Result<(), String> {
    let world = World::start(capture, options.port)?;
    world.teach(calls);
    let seen = send(options, &world, calls);
    let counters = world.settle(calls.len() as u64);
    let received = world.received();
    let mut by_trace: HashMap<&str, Vec<&Received>> = HashMap::new();
    for one in &received {
        let trace_id = one.header("traceparent").and_then(|value| value.split('-').nth(1));
        by_trace.entry(trace_id.unwrap_or_default()).or_default().push(one);
    }
    let mut rows_total = 0;
    for (call, seen) in calls.iter().zip(&seen) {
        let rows = world.stored(&call.trace_id)?;
        rows_total += rows.len() as u64;
        let received = by_trace.get(&*call.trace_id).map_or(&[][..], Vec::as_slice);
        Case { call, seen, rows: &rows, received, capture }.check(score);
    }
    check_counters(calls, &counters, rows_total, score);
    let found = world.stop().map_err(|error| error.to_string())?;
    let (claim, problem) = if capture {
        (Claim::Content, (!found).then(|| "the store's files have no content".to_owned()))
    } else {
        (Claim::NoContent, found.then(|| "the store's files have content".to_owned()))
    };
    score.check(claim, problem, String::new);
    Ok(())
}

/// Sends every call; what each caller saw, in the order of the calls.
fn send(options: &Options, world: &World, calls: &[Call]) -> Vec<Result<Seen, String>> {
    let next = AtomicUsize::new(0);
    let seen: Mutex<BTreeMap<usize, Result<Seen, String>>> = Mutex::default();
    let shown = std::io::stderr().is_terminal();
    std::thread::scope(|scope| {
        for _ in 0..options.callers {
            scope.spawn(|| {
                let mut caller = Caller::new(world.gateway);
                let mut before = "nothing";
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(call) = calls.get(at) else { return };
                    let one = caller.exchange(&call.bytes(), call.leave);
                    let one = one.map_err(|error| format!("no answer, after {before}: {error}"));
                    before = call.kind;
                    // What fails in its middle may take its connection along.
                    if call.truth.outcome != "complete" {
                        caller.hang_up();
                    }
                    seen.lock().unwrap_or_else(PoisonError::into_inner).insert(at, one);
                    if shown && at.is_multiple_of(PROGRESS_EVERY) {
                        // A terminal that cannot be written to is no reason to stop.
                        let _unseen = write!(std::io::stderr(), "\r{at} of {} calls", calls.len());
                    }
                }
            });
        }
    });
    if shown {
        let _unseen = write!(std::io::stderr(), "\r{:30}\r", "");
    }
    seen.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}

fn check_counters(calls: &[Call], counters: &Counters, rows: u64, score: &mut Score) {
    let tell = || format!("  {counters:?}");
    let mut truth: BTreeMap<&str, u64> = BTreeMap::new();
    for call in calls {
        *truth.entry(call.truth.outcome).or_default() += 1;
    }
    let mut stored: BTreeMap<&str, u64> = BTreeMap::new();
    for (outcome, count) in &counters.finished {
        *stored.entry(outcome).or_default() += count;
    }
    let problem = (stored != truth).then(|| format!("requests finished {stored:?}, not {truth:?}"));
    score.check(Claim::Counters, problem, tell);
    let sums = (counters.stored, counters.dropped, counters.in_flight);
    let problem = (sums != (rows, 0, 0))
        .then(|| format!("stored, dropped, in flight are {sums:?}; {rows} rows are in the store"));
    score.check(Claim::Counters, problem, tell);
}
