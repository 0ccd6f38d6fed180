//! Traces, metrics and logs of the official SDKs, over every protocol, with and without compression:
//! what they sent is in the store, with the project that their token says.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tollgate_store::sql::{Cell, Scope, SqlQuery};

use crate::harness::{PATIENCE, attribute, free_port, helper_is_installed, sdk_folder};
use crate::ingest::Ingest;

/// The project of the key; the SDKs claim another one.
const PROJECT: &str = "proj_abc123";
/// When the log record says that it was made.
const LOGGED: &str = "2023-11-14 22:13:20.123456789";

/// What a run printed.
#[derive(Debug)]
struct Run {
    name: String,
    trace: String,
    span: String,
}

/// `rotel` that takes OTLP and sends it on.
struct Forwarder(Child);

// === impl Ingest ===

impl Ingest {
    /// The rows that the key's project may see.
    fn rows(&self, text: &str) -> Vec<Vec<Cell>> {
        let query = SqlQuery {
            text: text.to_owned(),
            scope: Scope::Project(PROJECT.to_owned()),
            rows_max: 1_000,
            time_max: Duration::from_secs(10),
        };
        let store = self.world.running().store().unwrap();
        self.world.block_on(store.query(&query)).unwrap().rows
    }

    /// The one row, once it is there.
    fn row(&self, text: &str) -> Vec<Cell> {
        let until = Instant::now() + PATIENCE;
        loop {
            let mut rows = self.rows(text);
            match rows.len() {
                1 => return rows.remove(0),
                0 if Instant::now() < until => std::thread::sleep(Duration::from_millis(50)),
                _ => panic!("{text}: {rows:?}"),
            }
        }
    }
}

fn sdk(
    program: &Path,
    script: &str,
    endpoints: [&str; 2],
    token: &str,
    names: &[&str],
) -> Vec<Run> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk").join(script);
    let output = Command::new(program)
        .arg(script)
        .args(endpoints)
        .args(names)
        .env("TOLLGATE_SDK_DIR", sdk_folder())
        .env("TOLLGATE_TOKEN", token)
        .env("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization=Bearer%20{token}"))
        .output()
        .unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && err.is_empty(), "{out}\n{err}");
    let run = |line: &str| {
        let said: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| said[key].as_str().unwrap().to_owned();
        Run { name: text("run"), trace: text("trace"), span: text("span") }
    };
    let runs: Vec<_> = out.lines().map(run).collect();
    assert_eq!(runs.len(), names.len(), "{out}");
    runs
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

/// What `/metrics` says of a signal.
fn items(ingest: &Ingest, signal: &str, result: &str) -> u64 {
    let metrics = ingest.world.running().metrics();
    let start =
        format!("gateway_collector_items_total{{signal=\"{signal}\",result=\"{result}\"}} ");
    let value = metrics.lines().find_map(|line| line.strip_prefix(&start));
    value.unwrap_or_else(|| panic!("{metrics}")).parse().unwrap()
}

/// Everything that one run sent is there, once, with its values.
fn assert_stored(ingest: &Ingest, run: &Run) {
    let Run { name, trace, span } = run;
    let spans = ingest.world.spans(trace);
    assert_eq!(spans.len(), 1, "{name}");
    assert_eq!(spans[0].span_id, *span);
    assert_eq!(spans[0].resource_attribute("project.id"), Some(PROJECT), "{name}");
    assert_eq!(
        (spans[0].scope_name.as_str(), spans[0].scope_version.as_str()),
        ("my-rag-pipeline", "1.2")
    );
    for (key, value) in [
        ("run", name.as_str()),
        ("whole", "9007199254740991"),
        ("half", "0.5"),
        ("two", "2"),
        ("flag", "true"),
        ("list", r#"["a","b"]"#),
        ("numbers", "[1,2]"),
    ] {
        assert_eq!(attribute(&spans[0], key), Some(value), "{name}: {key}");
    }
    let of_run = format!("WHERE Attributes['run'] = '{name}' AND ServiceName = 'my-rag-pipeline'");
    let sum = "SELECT Value, IsMonotonic, AggregationTemporality, MetricUnit, MetricDescription \
               FROM otel_metrics_sum";
    for (metric, value, monotonic, unit, description) in
        [("app.counter", 3.0, 1, "{item}", "Items"), ("app.up_down", -2.0, 0, "", "")]
    {
        let row = ingest.row(&format!("{sum} {of_run} AND MetricName = '{metric}'"));
        let expected = [Cell::Float(value), Cell::UInt(monotonic), Cell::Int(2), text(unit)];
        assert_eq!(row[..4], expected, "{name}: {metric}");
        assert_eq!(row[4], text(description), "{name}: {metric}");
    }
    let gauge = ingest.row(&format!("SELECT MetricName, Value FROM otel_metrics_gauge {of_run}"));
    assert_eq!(gauge, [text("app.gauge"), Cell::Float(0.25)], "{name}");
    let distribution = [Cell::UInt(3), Cell::Float(15.5), Cell::Float(0.5), Cell::Float(12.0)];
    let histogram = ingest.row(&format!(
        "SELECT Count, Sum, Min, Max, BucketCounts FROM otel_metrics_histogram {of_run}"
    ));
    assert_eq!(histogram[..4], distribution, "{name}");
    let Cell::Text(counts) = &histogram[4] else { panic!("{histogram:?}") };
    assert!(counts.starts_with("[0,2,0,1,"), "{name}: {counts}");
    let exponential = ingest.row(&format!(
        "SELECT Count, Sum, Min, Max, PositiveBucketCounts FROM \
         otel_metrics_exponential_histogram {of_run} AND Scale > 0 AND ZeroCount = 0"
    ));
    assert_eq!(exponential[..4], distribution, "{name}");
    let Cell::Text(counts) = &exponential[4] else { panic!("{exponential:?}") };
    let counts: Vec<u64> = serde_json::from_str(counts).unwrap();
    assert_eq!(counts.iter().sum::<u64>(), 3, "{name}");
    let log = ingest.row(&format!(
        "SELECT Timestamp, SeverityText, SeverityNumber, Body, LogAttributes['list'], TraceId, \
         SpanId, ScopeName, EventName, ResourceAttributes['project.id'] FROM otel_logs \
         WHERE LogAttributes['run'] = '{name}'"
    ));
    let expected = [
        text(LOGGED),
        text("WARN"),
        Cell::UInt(13),
        text(r#"{"n":2,"said":"it's done"}"#),
        text(r#"["a","b"]"#),
        text(trace),
        text(span),
        text("my-rag-pipeline"),
        text("step.done"),
        text(PROJECT),
    ];
    assert_eq!(log, expected, "{name}");
}

fn token(ingest: &Ingest) -> String {
    ingest.token(&ingest.key(&["--scope", "otel:write", "--project", PROJECT]))
}

#[test]
fn the_python_sdks_signals_are_stored_over_each_protocol_with_and_without_compression() {
    if !helper_is_installed(&sdk_folder().join("python-is-installed")) {
        return;
    }
    let ingest = Ingest::with("auth: required");
    let names = ["py grpc none", "py grpc gzip", "py http/protobuf none", "py http/protobuf gzip"];
    let python = sdk_folder().join("venv/bin/python");
    let (grpc, http) = (format!("localhost:{}", ingest.grpc), format!("http://{}", ingest.http));
    let runs = sdk(&python, "ingest_signals.py", [&grpc, &http], &token(&ingest), &names);
    for run in &runs {
        assert_stored(&ingest, run);
    }
    for signal in ["traces", "metrics", "logs"] {
        let (received, stored) =
            (items(&ingest, signal, "received"), items(&ingest, signal, "stored"));
        let per_run = if signal == "metrics" { 5 } else { 1 };
        assert!(stored >= per_run * names.len() as u64, "{signal}: {stored}");
        assert_eq!((received, items(&ingest, signal, "refused")), (stored, 0), "{signal}");
    }
    // The histogram was recorded inside a span, which the SDK adds as an exemplar.
    let exemplars = ingest.rows("SELECT \"Exemplars.TraceId\" FROM otel_metrics_histogram");
    for run in &runs {
        assert!(exemplars.iter().any(|row| match &row[0] {
            Cell::Text(ids) => ids.contains(&run.trace),
            _ => false,
        }));
    }
}

#[test]
fn the_javascript_sdks_signals_are_stored_over_each_protocol_with_and_without_compression() {
    if !helper_is_installed(&sdk_folder().join("node-is-installed")) {
        return;
    }
    let ingest = Ingest::with("auth: required");
    let names = [
        "js grpc none",
        "js grpc gzip",
        "js http/protobuf none",
        "js http/protobuf gzip",
        "js http/json none",
        "js http/json gzip",
    ];
    let (grpc, http) = (format!("localhost:{}", ingest.grpc), format!("http://{}", ingest.http));
    let node = Path::new("node");
    for run in &sdk(node, "ingest_signals.mjs", [&grpc, &http], &token(&ingest), &names) {
        assert_stored(&ingest, run);
    }
}

#[test]
fn rotel_forwards_all_signals_over_both_protocols() {
    let installed = sdk_folder().join("python-is-installed");
    if !helper_is_installed(&installed) || !helper_is_installed(&sdk_folder().join("rotel")) {
        return;
    }
    let ingest = Ingest::with("auth: required");
    let token = token(&ingest);
    let python = sdk_folder().join("venv/bin/python");
    for (protocol, compression, endpoint) in [
        ("grpc", "gzip", format!("http://localhost:{}", ingest.grpc)),
        ("http", "none", format!("http://{}", ingest.http)),
    ] {
        let (grpc, http) = (free_port(), free_port());
        let _forwarder = Forwarder::start([grpc, http], protocol, compression, &endpoint, &token);
        let name = format!("rotel-{protocol} http/protobuf none");
        let (grpc, http) = (format!("localhost:{grpc}"), format!("http://127.0.0.1:{http}"));
        // The token is rotel's, not the application's.
        let runs = sdk(&python, "ingest_signals.py", [&grpc, &http], "nobody", &[&name]);
        assert_stored(&ingest, &runs[0]);
    }
}

// === impl Forwarder ===

impl Forwarder {
    fn start(ports: [u16; 2], protocol: &str, compression: &str, to: &str, token: &str) -> Self {
        let [grpc, http] = ports;
        let child = Command::new(sdk_folder().join("rotel"))
            .args(["start", "--exporter", "otlp", "--batch-timeout", "200ms"])
            .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")])
            .args(["--otlp-http-endpoint", &format!("127.0.0.1:{http}")])
            .args(["--otlp-exporter-endpoint", to, "--otlp-exporter-protocol", protocol])
            .args(["--otlp-exporter-compression", compression])
            .args(["--otlp-exporter-custom-headers", &format!("authorization=Bearer {token}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let forwarder = Self(child);
        let until = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", http)).is_err() {
            assert!(Instant::now() < until, "rotel does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        forwarder
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}
