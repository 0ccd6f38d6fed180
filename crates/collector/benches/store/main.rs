//! What the embedded store holds, how fast and in how much room: a steady load of OTLP exports for a
//! minute, then a million spans asked.
//!
//! `taskset -c 0 cargo bench -p tollgate-collector --bench store` keeps all of it to one core. The
//! exports are made by a thread of their own, whose processor time is told apart: it is the
//! clients'. `STORE_BENCH_SECONDS` and `STORE_BENCH_SPANS` change the length of the load and the
//! number of spans; `STORE_BENCH_KEEP` leaves the database. Exit code 1 beyond a promise, which is
//! for the full size on a machine that does nothing else.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints its result")]

mod exports;
mod spans;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use tokio::sync::mpsc;
use tollgate_collector::{Collector, CollectorSettings, SignalKind};
use tollgate_load::ProcessTree;
use tollgate_store::sql::{Scope, SqlQuery};
use tollgate_store::{SpanStore, Sqlite, SqliteSettings, TraceFilter};
use tower::ServiceExt;

use exports::Export;
use spans::{Numbers, batch};

/// The load.
const SPANS_PER_SECOND: u64 = 20_000;
const SECONDS_DEFAULT: u64 = 60;
/// The size at which questions are asked.
const SPANS_DEFAULT: u64 = 1_000_000;
/// How often a question is asked; the median counts.
const ASKED: usize = 15;
/// The same for SQL.
const QUERIED: usize = 5;
/// The promises. One core bears 20,000 spans a second if each takes 50 µs at most.
const OURS_US_MAX: f64 = 50.0;
const RSS_MIB_MAX: f64 = 512.0;
const FILE_MB_PER_MILLION_MAX: f64 = 350.0;
const RECENT_MS_MAX: f64 = 5.0;
const TRACE_MS_MAX: f64 = 2.0;
const P99_MS_MAX: f64 = 300.0;

const P99_BY_MODEL: &str = "SELECT SpanAttributes['gen_ai.request.model'] AS model, \
    quantile(0.99)(toFloat64OrZero(SpanAttributes['gen_ai.server.time_to_first_token'])) AS p99 \
    FROM otel_traces WHERE SpanAttributes['gen_ai.request.stream'] = 'true' \
    AND Timestamp > now() - INTERVAL 1 HOUR GROUP BY model ORDER BY model";
const TOKENS_BY_MODEL: &str = "SELECT SpanAttributes['gen_ai.request.model'] AS model, \
    count() AS calls, sum(toUInt64OrZero(SpanAttributes['gen_ai.usage.input_tokens'])) AS input \
    FROM otel_traces WHERE SpanAttributes['gen_ai.operation.name'] = 'chat' \
    AND Timestamp > now() - INTERVAL 1 HOUR GROUP BY model ORDER BY input DESC";
const BY_ANY_ATTRIBUTE: &str = "SELECT count() FROM otel_traces \
    WHERE SpanAttributes['gateway.outcome'] = 'upstream_failed'";

/// One measured thing beside its promise.
struct Line {
    what: String,
    value: f64,
    unit: &'static str,
    /// `None` where nothing is promised.
    max: Option<f64>,
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The processor time of the threads of this name, in seconds.
fn thread_seconds(name: &str) -> f64 {
    ProcessTree::own().used().cpu_ns.get(name).map_or(0.0, |ns| *ns as f64 / 1e9)
}

/// Takes exports at the promised pace; says how far collector and store have kept up, and what it
/// took.
async fn load(store: &Arc<Sqlite>) -> Result<Vec<Line>, Box<dyn Error>> {
    let spans_max = SPANS_PER_SECOND * number("STORE_BENCH_SECONDS", SECONDS_DEFAULT);
    let kept: Arc<dyn SpanStore> = Arc::clone(store) as Arc<dyn SpanStore>;
    let collector = Collector::new(CollectorSettings::default(), kept);
    let router = collector.http_router();
    let writing = collector.clone();
    tokio::spawn(async move { writing.run().await });
    let (exports, mut arriving) = mpsc::channel(1);
    let (started, before) = (Instant::now(), ProcessTree::own().used());
    let clients = std::thread::Builder::new().name("clients".to_owned()).spawn(move || {
        exports::send(&exports, started, spans_max, SPANS_PER_SECOND);
        thread_seconds("clients")
    })?;
    let (mut spans, mut slowest, mut late) = (0, Duration::ZERO, Duration::ZERO);
    while let Some(Export { body, spans: sent, due }) = arriving.recv().await {
        let request = Request::post("/v1/traces").header("content-type", "application/x-protobuf");
        let asked = Instant::now();
        let response = router.clone().oneshot(request.body(Body::from(body))?).await?;
        slowest = slowest.max(asked.elapsed());
        late = late.max(started.elapsed().saturating_sub(due));
        if response.status() != StatusCode::OK {
            return Err(format!("an export was answered with {}", response.status()).into());
        }
        spans += sent;
    }
    let seconds = started.elapsed().as_secs_f64();
    let clients = clients.join().map_err(|_| "the clients failed")?;
    if collector.counters(SignalKind::Traces).stored != spans {
        return Err(format!("{:?} of {spans} spans", collector.counters(SignalKind::Traces)).into());
    }
    let of_span = |seconds: f64| seconds * 1e6 / spans as f64;
    // The clients' thread has ended, and its time is no longer in the sum.
    let used = ProcessTree::own().used();
    let ours = of_span(used.cpu_ns_since(&before) as f64 / 1e9);
    let writer = of_span(thread_seconds("store-writer"));
    Ok(vec![
        Line::of("spans/s held (20,000 asked)", spans as f64 / seconds, "spans/s", None),
        Line::of("furthest behind", late.as_secs_f64(), "s", Some(1.0)),
        Line::of("clients' processor time (not ours)", of_span(clients), "µs/span", None),
        Line::of("collector and store's", ours, "µs/span", Some(OURS_US_MAX)),
        Line::of("  of which the writer's", writer, "µs/span", None),
        Line::of("what one core would bear", 1e6 / ours, "spans/s", None),
        Line::of("slowest export of 2048", slowest.as_secs_f64() * 1e3, "ms", None),
        Line::of("memory at most", (used.rss_bytes_max >> 20) as f64, "MiB", Some(RSS_MIB_MAX)),
    ])
}

async fn ask(store: &Sqlite, trace_id: &str) -> Result<Vec<Line>, Box<dyn Error>> {
    let mut lines = Vec::new();
    let filter = TraceFilter::default();
    let by_model = TraceFilter { model: Some("o3".to_owned()), ..TraceFilter::default() };
    for (what, filter) in [("recent traces", &filter), ("recent traces of a model", &by_model)] {
        let mut took = Vec::new();
        for _ in 0..ASKED {
            let asked = Instant::now();
            store.recent(filter).await?;
            took.push(asked.elapsed());
        }
        lines.push(Line::of(what, median_ms(took), "ms", Some(RECENT_MS_MAX)));
    }
    let mut took = Vec::new();
    for _ in 0..ASKED {
        let asked = Instant::now();
        store.trace(trace_id).await?;
        took.push(asked.elapsed());
    }
    lines.push(Line::of("one trace", median_ms(took), "ms", Some(TRACE_MS_MAX)));
    for (what, text, max) in [
        ("p99 TTFT by model (SQL)", P99_BY_MODEL, Some(P99_MS_MAX)),
        ("tokens by model (SQL)", TOKENS_BY_MODEL, None),
        ("spans with any attribute (SQL)", BY_ANY_ATTRIBUTE, None),
    ] {
        let query = SqlQuery {
            text: text.to_owned(),
            scope: Scope::All,
            rows_max: 1_000,
            time_max: Duration::from_secs(60),
        };
        let (mut took, before) = (Vec::new(), thread_seconds("store-reader"));
        for _ in 0..QUERIED {
            let asked = Instant::now();
            store.query(&query).await?;
            took.push(asked.elapsed());
        }
        let busy = (thread_seconds("store-reader") - before) * 1e3 / QUERIED as f64;
        lines.push(Line::of(what, median_ms(took), "ms", max));
        lines.push(Line::of("  of which processor time", busy, "ms", None));
    }
    Ok(lines)
}

fn median_ms(mut took: Vec<Duration>) -> f64 {
    took.sort();
    took.get(took.len() / 2).map_or(0.0, |took| took.as_secs_f64() * 1e3)
}

impl Line {
    fn of(what: &str, value: f64, unit: &'static str, max: Option<f64>) -> Self {
        Self { what: what.to_owned(), value, unit, max }
    }

    fn is_kept(&self) -> bool {
        self.max.is_none_or(|max| self.value <= max)
    }

    fn print(&self) {
        let max = self.max.map(|max| format!("at most {max}")).unwrap_or_default();
        let kept = if self.is_kept() { "" } else { "  BROKEN" };
        println!("{:<34}{:>12.2} {:<8} {max}{kept}", self.what, self.value, self.unit);
    }
}

async fn measure() -> Result<Vec<Line>, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("spans.db");
    let mut numbers = Numbers(9);
    let store = Arc::new(Sqlite::open(&path, SqliteSettings::default())?);
    let mut lines = load(&store).await?;
    store.close().await;
    std::fs::remove_file(&path)?;

    let store = Sqlite::open(&path, SqliteSettings::default())?;
    let (mut spans, mut attributes, mut known) = (0, 0, String::new());
    let started = Instant::now();
    let spans_max = number("STORE_BENCH_SPANS", SPANS_DEFAULT);
    while spans < spans_max {
        let rows = batch(&mut numbers);
        attributes += rows.iter().map(|row| row.attributes.len()).sum::<usize>();
        if spans < spans_max / 2 {
            known = rows.last().map(|row| row.trace_id.clone()).unwrap_or_default();
        }
        spans += store.insert(rows).await?;
    }
    let seconds = started.elapsed().as_secs_f64();
    lines.push(Line::of("spans/s at full speed", spans as f64 / seconds, "spans/s", None));
    lines.push(Line::of("attributes of a span", attributes as f64 / spans as f64, "", None));
    store.close().await;
    let megabytes = path.metadata()?.len() as f64 / 1e6 / (spans as f64 / 1e6);
    lines.push(Line::of("file of 1 M spans", megabytes, "MB", Some(FILE_MB_PER_MILLION_MAX)));
    let store = Sqlite::open(&path, SqliteSettings::default())?;
    lines.extend(ask(&store, &known).await?);
    store.close().await;
    if std::env::var_os("STORE_BENCH_KEEP").is_some() {
        println!("kept: {}", folder.keep().display());
    }
    Ok(lines)
}

fn main() -> ExitCode {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build();
    let lines = match runtime {
        Ok(runtime) => runtime.block_on(measure()),
        Err(error) => Err(error.into()),
    };
    match lines {
        Ok(lines) => {
            lines.iter().for_each(Line::print);
            if lines.iter().all(Line::is_kept) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("the bench failed: {error}");
            ExitCode::FAILURE
        }
    }
}
