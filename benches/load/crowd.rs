//! Thousands of slow streams at a time through a gateway on one processor: whether all of them end well, what
//! the first content waits, and what memory they take and give back.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_load::{Arrivals, Load, Machine, Measured, Plan, ProcessTree, Used};
use tollgate_mock::Scenario as Answer;

use crate::apart::{self, Apart, Told};
use crate::gateways::{self, Gateway, REFERENCE};
use crate::scenarios;

pub(crate) const NAME: &str = "crowd";
pub(crate) const STREAMS_DEFAULT: usize = 5_000;
/// Ten events a second for eight seconds.
const STREAM_EVENTS: usize = 80;
const EVENT_GAP_MS: u64 = 100;
const STREAM: Duration = Duration::from_millis(STREAM_EVENTS as u64 * EVENT_GAP_MS);
/// As long as a stream takes, streams only begin; so long after that as many begin as end.
const FULL: Duration = Duration::from_secs(4);
/// Before them come some thousand short streams, so many at a time.
const WARM_CONNECTIONS: usize = 100;
const WARM: Duration = Duration::from_secs(4);
/// Streams that may come before those before them have ended.
const SPARE: usize = 1_000;
const ROUNDS: usize = 3;
/// Memory is looked at so often.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// After the short streams, by when a gateway has put away what it need not keep.
const SETTLED: Duration = Duration::from_secs(4);
/// How long memory may take to come back: allocators wait whether it is wanted again.
const SETTLE_MAX: Duration = Duration::from_secs(10);
const SECONDS: u64 = 185;

// The promises.
const ADDED_P99_MS_MAX: f64 = 10.0;
const RSS_MIB_MAX: u64 = 512;
const BACK_MAX: f64 = 1.10;
const KIB_PER_STREAM_MAX: f64 = 8.0;

/// One round of one gateway.
struct Round {
    opened: u64,
    measured: Measured,
    before: Used,
    /// The most memory while the streams ran, and what was left of it.
    rss_peak: u64,
    after: Used,
    came_back_in: Duration,
}

/// About how long all of it takes.
pub(crate) const fn seconds() -> u64 {
    SECONDS
}

/// The table, and the same for programs; none on a machine with one processor.
pub(crate) fn run(streams: usize, progress: &dyn Fn(&str)) -> Result<Option<Told>, String> {
    let answer = Answer::stamped_load(STREAM_EVENTS, scenarios::EVENT_BYTES, EVENT_GAP_MS);
    apart::run(
        vec![("slow", answer), ("brief", Answer::stamped_load(5, scenarios::EVENT_BYTES, 10))],
        |apart| {
            let mut crowd =
                Crowd { apart, streams, progress, lines: Vec::new(), taken_by_others: 0.0 };
            let direct = gateways::direct(&apart.mock);
            crowd.gateway(&direct, 1)?;
            if let Some(nginx) = apart.start(gateways::nginx::start)? {
                crowd.gateway(&nginx, 1)?;
            }
            crowd.gateway(&apart.start(|mock, _| gateways::bare(mock))?, 1)?;
            let tollgate = |mock: &_, folder: &_| gateways::tollgate::usual(mock, folder, None);
            crowd.gateway(&apart.start(tollgate)?, ROUNDS)?;
            Ok(crowd.tell())
        },
    )
}

/// Keeps the bench's own processor from falling asleep: over loopback it is whoever sends that wakes whoever reads, so
/// that a gateway would pay for it, and the reader would be late.
async fn stay_awake() {
    loop {
        tokio::task::yield_now().await;
    }
}

struct Crowd<'c> {
    apart: &'c Apart,
    streams: usize,
    progress: &'c dyn Fn(&str),
    lines: Vec<(String, Round)>,
    /// In the worst round.
    taken_by_others: f64,
}

// === impl Crowd ===

impl Crowd<'_> {
    fn gateway(&mut self, gateway: &Gateway, rounds: usize) -> Result<(), String> {
        let at_work = self.apart.runtime.block_on(self.warm(gateway))?;
        for round in 1..=rounds {
            (self.progress)(&format!("{NAME} · {} · round {round}", gateway.name));
            let machine = Machine::watch(gateway.tree().into_iter().chain([ProcessTree::own()]));
            let round = self.apart.runtime.block_on(self.round(gateway, &at_work))?;
            self.taken_by_others = self.taken_by_others.max(machine.taken_by_others());
            self.lines.push((gateway.name.clone(), round));
        }
        Ok(())
    }

    /// Short streams, so that what a gateway sets up once (the store's pages, pooled connections) is not laid on the
    /// crowd; what it uses then.
    async fn warm(&self, gateway: &Gateway) -> Result<Used, String> {
        let plan = Plan {
            arrivals: Arrivals::Closed,
            connections: WARM_CONNECTIONS,
            warm_up: Duration::ZERO,
            duration: WARM,
            seed: 1,
        };
        let target = gateway.target(scenarios::CHAT, scenarios::chat("mock-brief", true, 400));
        let warm = tollgate_load::run(&Load { target: target.await?, plan }).await;
        if warm.requests == 0 {
            return Err(format!("{NAME}: {} answers nothing: {:?}", gateway.name, warm.failures));
        }
        tokio::time::sleep(SETTLED).await;
        Ok(gateway.tree().map(|tree| tree.used()).unwrap_or_default())
    }

    async fn round(&self, gateway: &Gateway, at_work: &Used) -> Result<Round, String> {
        let target = gateway.target(scenarios::CHAT, scenarios::chat("mock-slow", true, 400));
        let arrivals =
            Arrivals::Constant { per_second: self.streams as f64 / STREAM.as_secs_f64() };
        let plan = Plan {
            arrivals,
            connections: self.streams + SPARE,
            warm_up: Duration::ZERO,
            duration: STREAM + FULL,
            seed: 1,
        };
        let opened =
            (self.streams as f64 * plan.duration.as_secs_f64() / STREAM.as_secs_f64()).round();
        let used = || gateway.tree().map(|tree| tree.used()).unwrap_or_default();
        let before = used();
        let load = Load { target: target.await?, plan };
        let awake = tokio::spawn(stay_awake());
        let mut running = tokio::spawn(async move { tollgate_load::run(&load).await });
        let mut rss_peak = 0;
        let measured = loop {
            tokio::select! {
                measured = &mut running => break measured.map_err(|error| error.to_string())?,
                () = tokio::time::sleep(LOOK_EVERY) => rss_peak = rss_peak.max(used().rss_bytes),
            }
        };
        awake.abort();
        let ended = Instant::now();
        let bound = at_work.rss_bytes as f64 * BACK_MAX;
        while used().rss_bytes as f64 > bound && ended.elapsed() < SETTLE_MAX {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let (came_back_in, after) = (ended.elapsed(), used());
        let opened = opened as u64;
        Ok(Round { opened, measured, before, rss_peak, after, came_back_in })
    }

    /// What the streams of `name` took of memory beyond what it had before, each, in KiB.
    fn kib_per_stream(&self, name: &str) -> f64 {
        let rounds = self.lines.iter().filter(|(line, _)| line == name);
        let of = |round: &Round| round.rss_peak.saturating_sub(round.before.rss_bytes);
        // The first: later ones begin with what the first has left.
        let bytes = rounds.map(|(_, round)| of(round)).next().unwrap_or_default();
        bytes as f64 / 1024.0 / self.streams as f64
    }

    fn tell(&self) -> Told {
        let streams = self.streams;
        let mut text = format!(
            "{NAME} — {streams} streams at a time, {STREAM_EVENTS} events each, one each {EVENT_GAP_MS} ms; \
             the gateway on a processor of its own\n\
             \x20                     opened  dropped  at once  CPU us/event   core  1st p50  1st p99 ms  \
             event p99 ms  MiB before   peak  after (s)\n"
        );
        let direct = self.lines.first().map(|(_, round)| &round.measured);
        let whole = direct.map_or(1.0, |it| it.events as f64 / it.requests.max(1) as f64);
        let mut lines = Vec::new();
        for (name, round) in &self.lines {
            round.row(&mut text, name, streams, whole);
            lines.push(round.json(name, whole));
        }
        let of_ours = || self.lines.iter().filter(|(name, _)| name == gateways::tollgate::USUAL);
        let added = self.kib_per_stream(gateways::tollgate::USUAL) - self.kib_per_stream(REFERENCE);
        let first = |round: &Round| round.measured.first_content().p99 / 1e3;
        let direct = self.lines.first().map_or(0.0, |(_, round)| first(round));
        let slowest = of_ours().map(|(_, round)| first(round) - direct).fold(0.0, f64::max);
        let peak = of_ours().map(|(_, round)| round.rss_peak >> 20).max().unwrap_or_default();
        // What it was before the first streams, not what the rounds before have left.
        let rest = of_ours().next().map_or(1, |(_, round)| round.before.rss_bytes.max(1)) as f64;
        let back = |round: &Round| round.after.rss_bytes as f64 / rest;
        let back = of_ours().map(|(_, round)| back(round)).fold(0.0, f64::max);
        let dropped: u64 = of_ours().map(|(_, round)| round.dropped(whole)).sum();
        for (kept, line) in [
            (dropped == 0, format!("{dropped} streams dropped (none promised)")),
            (
                slowest <= ADDED_P99_MS_MAX,
                format!(
                    "first content p99 {slowest:.1} ms over direct (at most {ADDED_P99_MS_MAX})"
                ),
            ),
            (peak <= RSS_MIB_MAX, format!("{peak} MiB at most (at most {RSS_MIB_MAX})")),
            (
                back <= BACK_MAX,
                format!("memory back to {back:.2} of what it was before (at most {BACK_MAX:.2})"),
            ),
            (
                added <= KIB_PER_STREAM_MAX,
                format!("{added:.1} KiB a stream over {REFERENCE} (at most {KIB_PER_STREAM_MAX})"),
            ),
        ] {
            let _infallible = writeln!(text, "  {} {line}", if kept { "kept  " } else { "BROKEN" });
        }
        let found = json!({
            "name": NAME,
            "streams": streams,
            "rounds": lines,
            "kib_per_stream_over_reference": added,
        });
        Told { text, found, taken_by_others: self.taken_by_others }
    }
}

// === impl Round ===

impl Round {
    /// Streams that failed, and those that ended without all of their events.
    fn dropped(&self, whole: f64) -> u64 {
        let missing = self.measured.requests as f64 * whole - self.measured.events as f64;
        let lost = self.opened.saturating_sub(self.measured.requests);
        lost.max(self.measured.failed()) + missing.max(0.0).ceil() as u64
    }

    fn cpu_us_per_event(&self) -> f64 {
        let ns = self.after.cpu_ns_since(&self.before);
        ns as f64 / 1e3 / self.measured.events.max(1) as f64
    }

    fn row(&self, text: &mut String, name: &str, streams: usize, whole: f64) {
        let first = self.measured.first_content();
        let cpu = self.cpu_us_per_event();
        let core = cpu / 1e6 * streams as f64 * 1e3 / EVENT_GAP_MS as f64;
        let mib = |bytes: u64| bytes >> 20;
        let _infallible = writeln!(
            text,
            "  {name:<18} {:>8} {:>8} {:>8} {cpu:>13.1} {core:>6.2} {:>8.2} {:>11.2} {:>13.2} {:>11} {:>6} {:>6} ({:.1})",
            self.opened,
            self.dropped(whole),
            self.measured.at_once_max,
            first.p50 / 1e3,
            first.p99 / 1e3,
            self.measured.event_delay().p99 / 1e3,
            mib(self.before.rss_bytes),
            mib(self.rss_peak),
            mib(self.after.rss_bytes),
            self.came_back_in.as_secs_f64(),
        );
        if self.measured.failed() > 0 {
            let _infallible = writeln!(text, "    {:?}", self.measured.failures);
        }
    }

    fn json(&self, name: &str, whole: f64) -> Value {
        json!({
            "gateway": name,
            "opened": self.opened,
            "dropped": self.dropped(whole),
            "failures": self.measured.failures,
            "at_once_max": self.measured.at_once_max,
            "cpu_us_per_event": self.cpu_us_per_event(),
            "first_content_us": self.measured.first_content(),
            "event_delay_us": self.measured.event_delay(),
            "rss_before_bytes": self.before.rss_bytes,
            "rss_peak_bytes": self.rss_peak,
            "rss_after_bytes": self.after.rss_bytes,
            "came_back_in_seconds": self.came_back_in.as_secs_f64(),
        })
    }
}
