//! `tollgate collect`: the collector alone, as a process of its own.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Answer, exchange, post, request};
use crate::harness::{PATIENCE, free_port, trace_id};

/// A collector without a gateway.
pub(crate) struct Collect {
    child: Child,
    folder: TempDir,
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) control: SocketAddr,
}

/// A request in the name that this machine has for itself.
fn local(request: Vec<u8>) -> Vec<u8> {
    String::from_utf8(request).unwrap().replacen("host: gateway.test", "host: localhost", 1).into()
}

/// An address of this machine that is not loopback, if it has one.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent: the system only says which address it would take.
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

fn tollgate(config: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.arg("-c").arg(config).args(arguments).env_remove("RUST_LOG");
    command
}

pub(crate) fn bearer(key: &str) -> String {
    format!("authorization: Bearer {key}")
}

// === impl Collect ===

impl Collect {
    /// With this said of the collector, and these further sections.
    pub(crate) fn start(collector: &str, sections: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let [grpc, http, control] = [free_port(), free_port(), free_port()];
        let store = folder.path().join("spans.db");
        let control_section = if sections.contains("control:") {
            sections.replace("{control}", &control.to_string())
        } else {
            format!("{sections}control: {{ port: {control} }}\n")
        };
        let text = format!(
            "collector: {{ grpc_port: {grpc}, http_port: {http}, {collector} }}\n\
             store: {{ kind: sqlite, path: \"{}\" }}\n{control_section}",
            store.display()
        );
        let config = folder.path().join("collect.yaml");
        std::fs::write(&config, text).unwrap();
        let child = tollgate(&config, &["collect"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let [grpc, http, control] =
            [grpc, http, control].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let collect = Self { child, folder, grpc, http, control };
        let until = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(http).is_err() || collect.get("/ready").status != 200 {
            assert!(Instant::now() < until, "it did not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
        collect
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        exchange(self.control, &local(request("GET", path, &[], b"")))
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("collect.yaml")
    }

    pub(crate) fn key(&self, arguments: &[&str]) -> String {
        let made = tollgate(&self.config(), &[&["key", "new"], arguments].concat()).output();
        let Output { status, stdout, stderr } = made.unwrap();
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap().lines().last().unwrap().to_owned()
    }

    pub(crate) fn token(&self, key: &str) -> String {
        let body = json!({ "credential": key }).to_string();
        let answer = post(self.control, "/v1/ingest-token/exchange", &[], &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// Sends one span of this name and project.
    pub(crate) fn send(&self, name: &str, project: &str, headers: &[&str]) -> Answer {
        let body = json!({ "resourceSpans": [{
            "resource": { "attributes": [{ "key": "project.id", "value": { "stringValue": project } }] },
            "scopeSpans": [{ "spans": [{
                "traceId": trace_id(), "spanId": "0102030405060708", "name": name,
                "startTimeUnixNano": "1000", "endTimeUnixNano": "2000",
            }] }],
        }] });
        post(self.http, "/v1/traces", headers, &body.to_string())
    }

    pub(crate) fn query(&self, sql: &str, headers: &[&str]) -> Answer {
        self.query_at(self.control, sql, headers)
    }

    fn query_at(&self, to: SocketAddr, sql: &str, headers: &[&str]) -> Answer {
        let body = json!({ "query": sql }).to_string();
        let request = request("POST", "/v1/query", headers, body.as_bytes());
        // Whoever shows a key comes by any name.
        exchange(to, &if headers.is_empty() { local(request) } else { request })
    }

    /// The number of the metric with these labels, as `/metrics` writes both.
    pub(crate) fn counter(&self, series: &str) -> u64 {
        let text = self.get("/metrics").text();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{series} ")));
        line.unwrap_or_else(|| panic!("{series} in\n{text}")).parse().unwrap()
    }

    /// The most memory that it ever had, in bytes; `None` where the system does not say.
    pub(crate) fn peak_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(peak.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    }

    /// Ends it as a supervisor does; returns its exit code.
    fn terminate(&mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < until, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Collect {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn names(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let rows = answer.json()["rows"].as_array().unwrap().clone();
    rows.iter().map(|row| row[0].as_str().unwrap().to_owned()).collect()
}

const NAMES: &str = "SELECT SpanName FROM otel_traces ORDER BY SpanName";

#[test]
fn the_collector_alone_takes_exchanges_answers_and_ends_in_good_order() {
    // What is said of requests is not looked at: these keys are nowhere.
    let gateway = "providers: { openai: { models: [gpt-4o], credential: \"env::NOT_SET_AT_ALL\" } }\n\
                   targets: { odd: { model: nobody-has-this } }\n";
    let mut collect = Collect::start("auth: required", gateway);
    assert_eq!((collect.get("/health").status, collect.get("/ready").status), (200, 200));
    let writer = collect.key(&["--scope", "otel:write", "--project", "p1"]);
    let reader = collect.key(&["--scope", "query:read", "--project", "p1"]);
    let token = bearer(&collect.token(&writer));
    assert_eq!(collect.send("refused", "p1", &[]).status, 401);
    assert_eq!(collect.send("kept", "p2", &[&token]).status, 200);
    assert_eq!(names(&collect.query(NAMES, &[&bearer(&reader)])), ["kept"]);
    assert!(collect.get("/").text().contains("<html"), "the console is there");
    assert_eq!(collect.get("/.well-known/jwks.json").status, 200);
    assert_eq!(collect.get("/api/targets").json(), json!([]));
    for (series, expected) in [
        (r#"gateway_collector_auth_total{result="accepted"}"#, 1),
        (r#"gateway_collector_auth_total{result="missing"}"#, 1),
        (r#"gateway_collector_items_total{signal="traces",result="received"}"#, 1),
        (r#"gateway_collector_items_total{signal="traces",result="stored"}"#, 1),
        (r#"gateway_collector_writes_total{cause="idle"}"#, 1),
        (r#"gateway_collector_memory_bytes{of="in_work"}"#, 0),
    ] {
        assert_eq!(collect.counter(series), expected, "{series}");
    }
    assert!(collect.counter(r#"gateway_collector_memory_bytes{of="process"}"#) > 1 << 20);
    assert_eq!(collect.terminate(), Some(0));
    let asked = tollgate(&collect.config(), &["query", "--format", "csv", NAMES]).output().unwrap();
    assert_eq!(String::from_utf8(asked.stdout).unwrap(), "SpanName\r\nkept\r\n");
}

#[test]
fn without_a_collector_or_a_store_it_says_so() {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("collect.yaml");
    for (text, code, said) in [
        ("control: { port: 4500 }\n", 1, "`collector: {}`"),
        ("collector: { enabled: false }\n", 1, "`collector: {}`"),
        ("collector: {}\nstore: { kind: none }\n", 1, "needs a store"),
        ("collector: { limits: { items: 1 } }\n", 2, "unknown field"),
        ("colector: {}\n", 2, "unknown field"),
    ] {
        std::fs::write(&config, text).unwrap();
        let output = tollgate(&config, &["collect"]).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{text}{complaint}");
        assert!(complaint.contains(said), "{complaint}");
    }
    let serve = tollgate(&config, &["serve"]).output().unwrap();
    assert_eq!(serve.status.code(), Some(2), "a gateway still needs providers");
}

#[test]
fn two_projects_never_see_each_others_spans_through_queries() {
    let collect = Collect::start("auth: required", "");
    let project = |project: &str| {
        let write = collect.key(&["--scope", "otel:write", "--project", project]);
        let token = bearer(&collect.token(&write));
        assert_eq!(collect.send(&format!("of {project}"), "claimed", &[&token]).status, 200);
        bearer(&collect.key(&["--scope", "query:read", "--project", project]))
    };
    let readers = [("p1", project("p1")), ("p2", project("p2"))];
    for (project, reader) in &readers {
        let own = format!("of {project}");
        for sql in [
            NAMES,
            "SELECT SpanName FROM otel_traces WHERE ResourceAttributes['project.id'] != '' OR 1 = 1",
            "SELECT a.SpanName FROM otel_traces AS a CROSS JOIN otel_traces AS b",
            "SELECT SpanName FROM otel_traces UNION ALL SELECT SpanName FROM otel.otel_traces LIMIT 1",
            "WITH x AS (SELECT SpanName FROM otel_traces) SELECT SpanName FROM x",
            "SELECT any(SpanName) FROM (SELECT SpanName FROM otel_traces)",
        ] {
            let answer = collect.query(sql, &[reader]);
            assert!(names(&answer).iter().all(|name| *name == own), "{sql}: {}", answer.text());
            assert!(!names(&answer).is_empty(), "{sql}");
        }
        assert_eq!(collect.query("SELECT * FROM spans", &[reader]).status, 400);
    }
    let all = bearer(&collect.key(&["--scope", "query:read", "--all-projects"]));
    assert_eq!(names(&collect.query(NAMES, &[&all])), ["of p1", "of p2"]);
    assert_eq!(names(&collect.query(NAMES, &[])).len(), 2, "who is on this machine sees all");
}

#[test]
fn keys_answer_to_any_peer_and_without_one_only_to_this_machine() {
    let collect = Collect::start("auth: off", "control: { host: 0.0.0.0, port: {control} }\n");
    assert_eq!(collect.send("one", "p1", &[]).status, 200);
    let key = collect.key(&["--scope", "query:read", "--project", "p1"]);
    let (reader, writer) =
        (bearer(&key), bearer(&collect.key(&["--scope", "otel:write", "--project", "p1"])));
    let Some(own) = own_address() else { return };
    let elsewhere = SocketAddr::new(own, collect.control.port());
    let status = |to, headers: &[&str]| collect.query_at(to, NAMES, headers).status;
    assert_eq!((status(collect.control, &[]), status(elsewhere, &[])), (200, 401));
    assert_eq!((status(collect.control, &[&reader]), status(elsewhere, &[&reader])), (200, 200));
    assert_eq!((status(collect.control, &[&writer]), status(elsewhere, &[&writer])), (403, 403));
    let two = [&*reader, &*reader];
    assert_eq!(status(elsewhere, &two), 401);
    let end = if key.ends_with('x') { 'y' } else { 'x' };
    let wrong = bearer(&format!("{}{end}", &key[..key.len() - 1]));
    let ask = || collect.query_at(elsewhere, NAMES, &[&wrong]);
    assert_eq!(ask().status, 401);
    // At once, so that more of them come in a second than are allowed, however slow the machine is.
    let answers: Vec<_> = std::thread::scope(|scope| {
        let asking: Vec<_> =
            (0..16).map(|_| scope.spawn(|| [ask(), ask(), ask(), ask()])).collect();
        asking.into_iter().flat_map(|it| it.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| !answer.text().contains(&key[..key.len() - 1])));
    let held_up: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(!held_up.is_empty(), "64 tries at once");
    assert!(held_up.iter().all(|answer| answer.header("retry-after") == Some("1")));
    assert_eq!(status(collect.control, &[&reader]), 200, "others are not held up");
}

#[test]
fn where_keys_are_required_this_machine_needs_one_too() {
    let collect = Collect::start("auth: off", "keys: { required: true }\n");
    assert_eq!(collect.send("one", "p1", &[]).status, 200);
    assert_eq!(collect.query(NAMES, &[]).status, 401);
    let reader = bearer(&collect.key(&["--scope", "query:read", "--project", "p1"]));
    assert_eq!(names(&collect.query(NAMES, &[&reader])), ["one"]);
    let other = bearer(&collect.key(&["--scope", "query:read", "--project", "p2"]));
    assert_eq!(collect.query(NAMES, &[&other]).json()["rows"], Value::Array(Vec::new()));
}
