//! What the embedded store holds, how fast and in how much room: a steady load for a minute, then a
//! million spans asked.
//!
//! `taskset -c 0 cargo bench -p tollgate-store` keeps it to one core. `STORE_BENCH_SECONDS` and
//! `STORE_BENCH_SPANS` change the length of the load and the number of spans. Exit code 1 beyond a
//! promise, which is for the full size on a machine that does nothing else.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints its result")]

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tollgate_store::sql::{Scope, SqlQuery};
use tollgate_store::{
    SpanKind, SpanRow, SpanStore, Sqlite, SqliteSettings, StatusCode, TraceFilter,
};

/// The load.
const SPANS_PER_SECOND: u64 = 20_000;
const SECONDS_DEFAULT: u64 = 60;
/// The size at which questions are asked.
const SPANS_DEFAULT: u64 = 1_000_000;
/// The collector's batch.
const BATCH_SPANS: u64 = 2_048;
/// How often a question is asked; the median counts.
const ASKED: usize = 15;
/// The same for SQL.
const QUERIED: usize = 5;
/// The promises.
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

const MODELS: [(&str, &str); 6] = [
    ("openai", "gpt-4o"),
    ("openai", "gpt-4o-mini"),
    ("openai", "o3"),
    ("anthropic", "claude-sonnet-4-6"),
    ("anthropic", "claude-haiku-4-5"),
    ("mistral", "mistral-large"),
];

/// A small generator of numbers (splitmix64).
struct Numbers(u64);

/// One measured thing beside its promise.
struct Line {
    what: String,
    value: f64,
    unit: &'static str,
    /// `None` where nothing is promised.
    max: Option<f64>,
}

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Four spans of one trace, 19 attributes each on average: an agent's step, the gateway's two model
/// calls, a tool's run.
fn trace(numbers: &mut Numbers, start_ns: i64, rows: &mut Vec<SpanRow>) {
    let trace_id = format!("{:016x}{:016x}", numbers.next(), numbers.next());
    let session = format!("sess-{:x}", numbers.below(20_000));
    let user = format!("user-{}", numbers.below(5_000));
    let project = format!("project-{}", numbers.below(8));
    let (provider, model) = MODELS[(numbers.below(6)) as usize];
    let root = format!("{:016x}", numbers.next());
    let mut add = |numbers: &mut Numbers, at: i64, service: &str, name: &str, attributes| {
        let failed = numbers.below(40) == 0;
        rows.push(SpanRow {
            timestamp_ns: start_ns + at * 1_000_003,
            duration_ns: i64::try_from(1_000_000 + numbers.below(9_000_000_000)).unwrap_or(1),
            trace_id: trace_id.clone(),
            span_id: if at == 0 { root.clone() } else { format!("{:016x}", numbers.next()) },
            parent_span_id: if at == 0 { String::new() } else { root.clone() },
            name: name.to_owned(),
            kind: if at == 0 { SpanKind::Internal } else { SpanKind::Client },
            service_name: service.to_owned(),
            resource_attributes: pairs(&[
                ("service.name", service),
                ("service.version", "1.4.2"),
                ("telemetry.sdk.language", "python"),
                ("telemetry.sdk.name", "opentelemetry"),
                ("project.id", &project),
            ]),
            scope_name: "tollgate".to_owned(),
            scope_version: "0.1.0".to_owned(),
            attributes,
            status: if failed { StatusCode::Error } else { StatusCode::Unset },
            status_message: if failed { "upstream answered 503" } else { "" }.to_owned(),
            ..SpanRow::default()
        });
    };
    let step = numbers.below(9).to_string();
    let agent = pairs(&[
        ("gen_ai.operation.name", "invoke_agent"),
        ("gen_ai.agent.name", "planner"),
        ("gen_ai.agent.id", "agent-7f3a"),
        ("gen_ai.agent.step", &step),
        ("gen_ai.session.id", &session),
        ("gen_ai.user.id", &user),
        ("deployment.environment", "production"),
        ("thread.name", "worker-3"),
    ]);
    add(numbers, 0, "checkout-agent", "invoke_agent planner", agent);
    for at in 1..3 {
        let call = generation(numbers, provider, model, &session, &user, at == 1);
        add(numbers, at, "tollgate", &format!("chat {model}"), call);
    }
    let (id, bytes) = (format!("call_{:016x}", numbers.next()), numbers.below(9_000).to_string());
    let tool = pairs(&[
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "search_orders"),
        ("gen_ai.tool.type", "function"),
        ("gen_ai.tool.call.id", &id),
        ("gen_ai.session.id", &session),
        ("gen_ai.user.id", &user),
        ("tool.result.bytes", &bytes),
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("server.address", "orders.internal"),
        ("server.port", "8443"),
        ("network.protocol.version", "1.1"),
    ]);
    add(numbers, 3, "checkout-agent", "execute_tool search_orders", tool);
}

/// What the gateway says about one call.
fn generation(
    numbers: &mut Numbers,
    provider: &str,
    model: &str,
    session: &str,
    user: &str,
    stream: bool,
) -> Vec<(String, String)> {
    let (input, output) = (10 + numbers.below(6_000), 1 + numbers.below(900));
    let took = 0.2 + numbers.below(9_000_000) as f64 / 1e6;
    let cost = (input * 3 + output * 15) as f64 / 1e6;
    let mut attributes = pairs(&[
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", provider),
        ("gen_ai.request.model", model),
        ("gen_ai.response.model", &format!("{model}-2026-08-06")),
        ("gen_ai.response.id", &format!("chatcmpl-{:016x}{:08x}", numbers.next(), user.len())),
        ("gen_ai.request.stream", if stream { "true" } else { "false" }),
        ("gen_ai.request.temperature", "0.2"),
        ("gen_ai.request.max_tokens", "1024"),
        ("gen_ai.response.finish_reasons", r#"["stop"]"#),
        ("gen_ai.usage.input_tokens", &input.to_string()),
        ("gen_ai.usage.output_tokens", &output.to_string()),
        ("gen_ai.server.request.duration", &took.to_string()),
        ("gen_ai.session.id", session),
        ("gen_ai.user.id", user),
        ("server.address", &format!("api.{provider}.com")),
        ("server.port", "443"),
        ("http.response.status_code", "200"),
        ("gateway.routing.route", "default"),
        ("gateway.routing.target", &format!("{provider}-primary")),
        ("gateway.routing.attempt", "1"),
        ("gateway.usage.source", "reported"),
        ("gateway.usage.cost", &cost.to_string()),
        ("gateway.request.id", &format!("{:016x}", numbers.next())),
        ("gateway.request.bytes", &(input * 5).to_string()),
        ("gateway.response.bytes", &(output * 6).to_string()),
        ("gateway.outcome", if numbers.below(50) == 0 { "upstream_failed" } else { "complete" }),
        ("gateway.overhead.duration", &format!("0.000{}", 100 + numbers.below(800))),
    ]);
    if stream {
        let first = took / (2 + numbers.below(9)) as f64;
        attributes.extend(pairs(&[
            ("gen_ai.server.time_to_first_token", &first.to_string()),
            ("gen_ai.server.time_per_output_token", &(took / output as f64).to_string()),
        ]));
    }
    attributes
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn batch(numbers: &mut Numbers) -> Vec<SpanRow> {
    let mut rows = Vec::with_capacity(BATCH_SPANS as usize);
    while (rows.len() as u64) < BATCH_SPANS {
        let ago = i64::try_from(numbers.below(1_000_000_000)).unwrap_or(0);
        trace(numbers, now_ns() - ago, &mut rows);
    }
    rows
}

fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The most memory that this process has had, in MiB.
fn rss_mib_max() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0)
        / 1024.0
}

/// The processor time of the threads of this name, in seconds: the kernel counts hundredths.
fn thread_seconds(name: &str) -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let ticks = tasks.filter_map(|task| {
        let stat = std::fs::read_to_string(task.path().join("stat")).ok()?;
        let rest = stat.split_once(&format!("({name}) "))?.1;
        let mut fields = rest.split(' ').skip(11).map_while(|field| field.parse::<f64>().ok());
        Some(fields.next()? + fields.next()?)
    });
    ticks.sum::<f64>() / 100.0
}

/// Inserts at the promised pace; says how far the store has kept up, and what it took.
async fn load(store: &Sqlite, numbers: &mut Numbers) -> Result<(u64, Vec<Line>), Box<dyn Error>> {
    let spans_max = SPANS_PER_SECOND * number("STORE_BENCH_SECONDS", SECONDS_DEFAULT);
    let started = Instant::now();
    let (mut spans, mut slowest, mut late) = (0, Duration::ZERO, Duration::ZERO);
    while spans < spans_max {
        let due = Duration::from_secs_f64(spans as f64 / SPANS_PER_SECOND as f64);
        match due.checked_sub(started.elapsed()) {
            Some(early) => tokio::time::sleep(early).await,
            None => late = late.max(started.elapsed() - due),
        }
        let rows = batch(numbers);
        let asked = Instant::now();
        spans += store.insert(rows).await?;
        slowest = slowest.max(asked.elapsed());
    }
    let seconds = started.elapsed().as_secs_f64();
    let lines = vec![
        Line::of("spans/s held (20,000 asked)", spans as f64 / seconds, "spans/s", None),
        Line::of("furthest behind", late.as_secs_f64(), "s", Some(1.0)),
        Line::of(
            "writer's processor time",
            thread_seconds("store-writer") * 1e6 / spans as f64,
            "µs/span",
            None,
        ),
        Line::of("slowest batch of 2048", slowest.as_secs_f64() * 1e3, "ms", None),
        Line::of("memory at most", rss_mib_max(), "MiB", Some(RSS_MIB_MAX)),
    ];
    Ok((spans, lines))
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
    let mut numbers = Numbers(7);
    let store = Sqlite::open(&path, SqliteSettings::default())?;
    let (_, mut lines) = load(&store, &mut numbers).await?;
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
