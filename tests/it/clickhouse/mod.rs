//! Real engine, fake server: spans of real calls in ClickHouse, and calls while it is away.

mod outage;
mod signals;

#[path = "../../../crates/store/tests/clickhouse/shim.rs"]
#[allow(dead_code, reason = "the store's own tests need more of it")]
pub(crate) mod shim;

use std::process::Command;
use std::time::{Duration, Instant};

use tollgate_store::{SpanStore, Sqlite, SqliteSettings, TraceFilter};

use crate::client::{exchange, post, request};
use crate::harness::{CLICKHOUSE_KEY, PATIENCE, USUAL, World, attribute, trace_id, traceparent};
use shim::Shim;

const BODY: &str = r#"{"model":"gpt-4o-mini","messages":[]}"#;
/// The console answers to its own name only.
const LIST: &[u8] = b"GET /api/traces HTTP/1.1\r\nhost: localhost\r\n\r\n";
/// What a call may take while ClickHouse is away; the mock answers at once.
const CALL_MAX: Duration = Duration::from_secs(10);

fn sections(shim: &Shim) -> String {
    format!("{USUAL}{}", store(shim, "path: \"{folder}/queue\""))
}

/// The store's section, with this disk queue.
pub(crate) fn store(shim: &Shim, queue: &str) -> String {
    format!(
        "store: {{ kind: clickhouse, url: \"http://127.0.0.1:{}\", user: tollgate, \
         password: \"env::CLICKHOUSE_KEY\", queue: {{ {queue} }} }}\n",
        shim.port
    )
}

/// A call in a trace of its own.
fn call(world: &World) -> String {
    let trace = trace_id();
    let started = Instant::now();
    let answer = post(world.gateway, "/v1/chat/completions", &[&traceparent(&trace)], BODY);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(started.elapsed() < CALL_MAX, "{:?}", started.elapsed());
    trace
}

fn ready(world: &World) -> (u16, String) {
    let answer = exchange(world.control, &request("GET", "/ready", &[], b""));
    (answer.status, answer.json()["status"].as_str().unwrap().to_owned())
}

fn count(shim: &Shim) -> u64 {
    shim.sql("SELECT count() FROM otel.otel_traces").parse().unwrap()
}

/// Every call's spans are there, once, as many as `spans_per_call`.
fn assert_once(world: &World, shim: &Shim, calls: &[String], spans_per_call: u64) {
    assert!(world.running().flush(PATIENCE), "spans are still queued");
    let expected = calls.len() as u64 * spans_per_call;
    assert_eq!(count(shim), expected, "lost or twice");
    let distinct = shim.sql("SELECT uniqExact(TraceId, SpanId) FROM otel.otel_traces");
    assert_eq!(distinct, expected.to_string());
    for trace in calls {
        let genai = world.genai(trace);
        assert_eq!(attribute(&genai, "gateway.outcome"), Some("complete"));
    }
}

#[test]
fn real_engine_fake_server_calls_land_in_clickhouse_and_read_back_as_from_sqlite() {
    let Some(shim) = Shim::start() else { return };
    let world = World::new(&sections(&shim));
    assert_eq!(ready(&world), (200, "ready".to_owned()));
    let calls = [call(&world), call(&world)];
    let spans = world.spans(&calls[0]);
    assert_once(&world, &shim, &calls, spans.len() as u64);
    // The same spans in the embedded store are the same traces.
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Sqlite::open(&folder.path().join("spans.db"), SqliteSettings::default()).unwrap();
    let clickhouse = world.running().store().unwrap();
    world.block_on(async {
        for trace in &calls {
            let spans = clickhouse.trace(trace).await.unwrap();
            sqlite.insert(spans.clone()).await.unwrap();
            assert_eq!(sqlite.trace(trace).await.unwrap(), spans);
        }
        let ours = clickhouse.recent(&TraceFilter::default()).await.unwrap();
        assert_eq!(ours.len(), 2);
        assert_eq!(ours, sqlite.recent(&TraceFilter::default()).await.unwrap());
    });
    let list = exchange(world.control, LIST).json();
    assert_eq!(list["traces"].as_array().unwrap().len(), 2, "{list}");
}

#[test]
fn real_engine_fake_server_the_terminal_shows_traces_from_clickhouse() {
    let Some(shim) = Shim::start() else { return };
    let world = World::new(&sections(&shim));
    let trace = call(&world);
    world.spans(&trace);
    let sql = "SELECT TraceId, SpanAttributes['gen_ai.request.model'] FROM otel_traces";
    for arguments in [vec!["traces"], vec!["traces", &trace[..8]], vec!["query", sql]] {
        let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .arg("--config")
            .arg(world.config())
            .args(&arguments)
            .env("CLICKHOUSE_KEY", CLICKHOUSE_KEY)
            .envs([("OPENAI_KEY", "x"), ("ANTHROPIC_KEY", "x")])
            .output()
            .unwrap();
        let (shown, error) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{error}");
        assert!(shown.contains("gpt-4o-mini") && shown.contains(&trace[..8]), "{shown}");
    }
}

#[test]
fn real_engine_fake_server_nobody_notices_that_clickhouse_is_away() {
    let Some(mut shim) = Shim::start() else { return };
    let world = World::new(&sections(&shim));
    let mut calls = vec![call(&world)];
    let spans_per_call = world.spans(&calls[0]).len() as u64;
    shim.kill();
    calls.extend((0..40).map(|_| call(&world)));
    // Requests are taken: the store's absence is not the gateway's.
    assert_eq!(ready(&world), (200, "ready".to_owned()));
    shim.revive();
    assert_once(&world, &shim, &calls, spans_per_call);
}

#[test]
fn real_engine_fake_server_errors_and_lost_answers_lose_and_double_nothing() {
    let Some(shim) = Shim::start() else { return };
    let world = World::new(&sections(&shim));
    let mut calls = vec![call(&world)];
    let spans_per_call = world.spans(&calls[0]).len() as u64;
    for fault in
        ["error&status=500&code=241", "commit_reset", "slow&ms=700", "commit_error", "reset"]
    {
        shim.fail(&format!("kind={fault}&on=insert&n=2"));
        calls.extend((0..5).map(|_| call(&world)));
        assert!(world.running().flush(PATIENCE), "{fault}: spans are still queued");
    }
    assert_once(&world, &shim, &calls, spans_per_call);
}

#[test]
fn real_engine_fake_server_a_gateway_that_starts_first_waits_for_nobody() {
    let Some(mut shim) = Shim::start() else { return };
    shim.kill();
    let world = World::new(&sections(&shim));
    // There is room for spans on the disk.
    assert_eq!(ready(&world), (200, "ready".to_owned()));
    let calls: Vec<_> = (0..3).map(|_| call(&world)).collect();
    shim.revive();
    assert!(world.running().flush(PATIENCE), "spans are still queued");
    let spans_per_call = world.spans(&calls[0]).len() as u64;
    assert_once(&world, &shim, &calls, spans_per_call);
}

#[test]
fn real_engine_fake_server_without_a_queue_a_gateway_waits_for_its_store() {
    let Some(mut shim) = Shim::start() else { return };
    shim.kill();
    let world = World::new(&format!("{USUAL}{}", store(&shim, "enabled: false")));
    assert_eq!(ready(&world), (503, "waiting for the store".to_owned()));
    let calls: Vec<_> = (0..3).map(|_| call(&world)).collect();
    shim.revive();
    let until = Instant::now() + PATIENCE;
    while ready(&world).0 != 200 {
        assert!(Instant::now() < until, "never ready");
        std::thread::sleep(Duration::from_millis(50));
    }
    let spans_per_call = world.spans(&calls[0]).len() as u64;
    assert_once(&world, &shim, &calls, spans_per_call);
}

#[test]
fn real_engine_fake_server_a_wrong_password_ends_the_start() {
    let Some(shim) = Shim::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tollgate.yaml");
    let text = sections(&shim).replace("{mock}", "http://127.0.0.1:1");
    let text = text.replace("{folder}", &folder.path().to_string_lossy());
    std::fs::write(&file, format!("{text}collector: {{ enabled: false }}\n")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .arg("--config")
        .arg(&file)
        .arg("serve")
        .envs([("OPENAI_KEY", "x"), ("ANTHROPIC_KEY", "x"), ("CLICKHOUSE_KEY", "hush-9d")])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(error.contains("Authentication failed") && !error.contains("hush-9d"), "{error}");
}
