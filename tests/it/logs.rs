//! What the real binary tells of requests: whose they are, and nothing of what is in them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tollgate_mock::{Fault, Mock, Scenario};

use crate::client::{Answer, connect, exchange, leave_after, post, read, request};
use crate::harness::{
    ANTHROPIC_KEY, OPENAI_KEY, PATIENCE, USUAL, free_port, trace_id, traceparent, until,
};
use crate::http2::Connection;

/// Stands in every place where a caller or an upstream can put a secret or content.
const CANARY: &str = "canary-5e1d";
/// The header in which exporters show who they are.
const EXPORTER_KEY: &str = "exporter-canary-90aa";

/// The binary with a mock provider behind it.
struct Served {
    child: Child,
    out: Told,
    err: Told,
    gateway: SocketAddr,
    collector: SocketAddr,
    control: SocketAddr,
    mock: Arc<Mock>,
    runtime: Runtime,
    _folder: TempDir,
}

/// What was written so far.
#[derive(Clone, Default)]
struct Told {
    lines: Arc<Mutex<Vec<String>>>,
    /// Ends when whoever writes has ended.
    reader: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// A request, and how its access line must say that it ended.
struct Sent {
    what: &'static str,
    trace: String,
    /// What `x-to11-request-id` and `traceparent` of the answer say, where there was one.
    answered: Option<(String, String)>,
    outcome: &'static str,
}

// === impl Told ===

impl Told {
    fn follow(pipe: impl Read + Send + 'static) -> Self {
        let told = Self::default();
        let lines = Arc::clone(&told.lines);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                lines.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned());
            }
        });
        *told.reader.lock().unwrap() = Some(reader);
        told
    }

    /// All lines, once there will be no more.
    fn whole(&self) -> Vec<String> {
        if let Some(reader) = self.reader.lock().unwrap().take() {
            reader.join().unwrap();
        }
        self.lines()
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

// === impl Served ===

impl Served {
    fn start(log: &str, rust_log: Option<&str>) -> Self {
        let runtime = Runtime::new().unwrap();
        let mock = Arc::new(runtime.block_on(Mock::start(([127, 0, 0, 1], 0).into())).unwrap());
        let folder = TempDir::new().unwrap();
        let [gateway, control, grpc, http, nobody] = [(); 5].map(|()| free_port());
        let store = folder.path().join("spans.db");
        let sections = USUAL.replace("{mock}", mock.url("").trim_end_matches('/')).replace(
            "targets:\n",
            &format!(
                "  closed:    {{ base_url: \"http://127.0.0.1:{nobody}/v1\", models: [closed], auth_type: none }}\n\
                 \x20 keyed:     {{ base_url: \"{}\", models: [keyed], auth_type: query_param }}\n\
                 targets:\n",
                mock.url("/v1"),
            ),
        );
        let config = format!(
            "{sections}server: {{ port: {gateway}, threads: 1, log: {log} }}\n\
             control: {{ port: {control} }}\n\
             limits: {{ body_bytes_max: 65536 }}\n\
             collector: {{ enabled: true, grpc_port: {grpc}, http_port: {http} }}\n\
             store: {{ kind: sqlite, path: \"{}\" }}\n\
             telemetry: {{ enabled: true, otlp_endpoint: \"http://127.0.0.1:{nobody}\", headers: {{ authorization: \"env::EXPORTER_KEY\" }} }}\n\
             genai_telemetry: {{ otlp_endpoint: \"http://127.0.0.1:{nobody}\", protocol: http, headers: {{ x-api-key: \"env::EXPORTER_KEY\" }} }}\n",
            store.display(),
        );
        let file = folder.path().join("tollgate.yaml");
        fs::write(&file, config).unwrap();
        let mut child = serve(&file, rust_log);
        let out = Told::follow(child.stdout.take().unwrap());
        let err = Told::follow(child.stderr.take().unwrap());
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (gateway, collector, control) = (local(gateway), local(http), local(control));
        let served =
            Self { child, out, err, gateway, collector, control, mock, runtime, _folder: folder };
        served.wait_for("open", || TcpStream::connect(gateway).is_ok());
        served
    }

    fn wait_for(&self, what: &str, is_there: impl Fn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !is_there() {
            assert!(Instant::now() < until, "{what} is not there: {:#?}", self.err.lines());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends one of everything; all but the last kind get an access line.
    fn provoke(&self) -> Vec<Sent> {
        let said = format!("said {CANARY}");
        let chat = |model: &str, more: &str| {
            format!(
                r#"{{"model":"{model}",{more}"messages":[{{"role":"user","content":"{said}"}}]}}"#
            )
        };
        let failing =
            Fault::Status { code: 500, body: Some(said.clone()), headers: Default::default() };
        self.mock.set("first", Scenario::fault(failing.clone()));
        let path = "/v1/chat/completions";
        let mut sent = Vec::new();
        let mut send = |what, scenario: Option<Scenario>, path: &str, body: &str, outcome| {
            if let Some(scenario) = scenario {
                self.mock.push("/v1/", scenario);
            }
            let trace = trace_id();
            let answer = post(self.gateway, path, &headers(&trace), body);
            sent.push(Sent { what, answered: ids(&answer), trace, outcome });
        };
        let mini = chat("gpt-4o-mini", "");
        let query = format!("{path}?key={CANARY}");
        let says = || Scenario::text(&said);
        let calls = || Scenario::tools(&[("find", &format!(r#"{{"q":"{CANARY}"}}"#))]);
        let fault = |fault| Some(Scenario { fault: Some(fault), ..says() });
        send("plain", Some(says()), &query, &mini, "complete");
        send("stream", Some(calls()), path, &chat("gpt-4o-mini", r#""stream":true,"#), "complete");
        send("key in the query", Some(says()), &query, &chat("keyed", ""), "complete");
        send("fail-over", Some(says()), path, &chat("gpt-4o", ""), "complete");
        send("refused upstream", fault(failing), path, &mini, "upstream_failed");
        send("no upstream", None, path, &chat("closed", ""), "upstream_failed");
        send("cut", fault(Fault::Truncated), path, &mini, "upstream_failed");
        send(
            "error event",
            fault(Fault::ErrorEventAfter(2)),
            path,
            &chat("gpt-4o-mini", r#""stream":true,"#),
            "upstream_failed",
        );
        send("unknown model", None, path, &chat(CANARY, ""), "rejected");
        send("bad JSON", None, path, &format!("{{\"model\": {said}"), "rejected");
        send("unknown path", None, &format!("/{CANARY}?key={CANARY}"), &mini, "rejected");
        send("too large", None, path, &format!("\"{CANARY}{}\"", "x".repeat(70_000)), "rejected");
        sent.push(self.abort(&chat("gpt-4o-mini", r#""stream":true,"#)));
        sent.push(self.by_http2(&mini));
        self.speak_nonsense();
        self.mock.push("/v1/", Scenario { fault: Some(Fault::Garbage), ..says() });
        post(self.gateway, path, &headers(&trace_id()), &mini);
        sent
    }

    fn abort(&self, body: &str) -> Sent {
        self.mock.push("/v1/", Scenario { gap_ms: 50, ..Scenario::text(&"word ".repeat(200)) });
        let trace = trace_id();
        let bytes = request("POST", "/v1/chat/completions", &headers(&trace), body.as_bytes());
        let (answer, _) = leave_after(self.gateway, &bytes, 2);
        Sent { what: "aborted", answered: ids(&answer), trace, outcome: "cancelled" }
    }

    fn by_http2(&self, body: &str) -> Sent {
        let trace = trace_id();
        let parent = traceparent(&trace);
        let secret = format!("Bearer {CANARY}");
        let headers = [parent.split_once(": ").unwrap(), ("authorization", &*secret)];
        self.runtime.block_on(async {
            let mut connection = Connection::open(self.gateway).await;
            let answer = connection.send("/v1/chat/completions", &headers, body.as_bytes()).await;
            assert_eq!(answer.status(), 200);
            let get = |name| answer.headers().get(name).unwrap().to_str().unwrap().to_owned();
            let answered = Some((get("x-to11-request-id"), get("traceparent")));
            drop(http_body_util::BodyExt::collect(answer.into_body()).await);
            Sent { what: "HTTP/2", answered, trace, outcome: "complete" }
        })
    }

    /// Bytes that are no request, at the gateway; an export that is none, at the collector.
    fn speak_nonsense(&self) {
        for bytes in [
            format!(
                "POST / HTTP/1.1\r\nauthorization: Bearer {CANARY}\r\nbad header {CANARY}\r\n\r\n"
            ),
            format!("{CANARY} {CANARY} {CANARY}\r\n\r\n"),
            format!("GET /{} HTTP/1.1\r\nx: {CANARY}\r\n\r\n", CANARY.repeat(20_000)),
            format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{CANARY}"),
        ] {
            let mut stream = connect(self.gateway);
            // It may have hung up before all of it was written.
            let _early = stream.write_all(bytes.as_bytes());
            let _refused = read(&mut stream, usize::MAX);
        }
        let bearer = format!("authorization: Bearer {CANARY}");
        for (headers, status) in [(vec![], 400), (vec![bearer.as_str()], 401)] {
            let export = request("POST", "/v1/traces", &headers, CANARY.as_bytes());
            assert_eq!(exchange(self.collector, &export).status, status);
        }
        let key = format!("{{\"credential\":\"{CANARY}\"}}");
        let exchanged = post(self.control, "/v1/ingest-token/exchange", &[], &key);
        assert_eq!(exchanged.status, 401);
    }

    /// Ends it in good order; all that it wrote.
    fn stop(mut self) -> (Vec<String>, Vec<String>) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
        until("it stops", || self.child.try_wait().unwrap().is_some());
        (self.out.whole(), self.err.whole())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        self.runtime.block_on(self.mock.stop());
    }
}

fn serve(config: &Path, rust_log: Option<&str>) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(["serve", "-c"]).arg(config).env_remove("RUST_LOG").env("NO_COLOR", "1");
    command.env("OPENAI_KEY", OPENAI_KEY).env("ANTHROPIC_KEY", ANTHROPIC_KEY);
    command.env("EXPORTER_KEY", EXPORTER_KEY);
    if let Some(rust_log) = rust_log {
        command.env("RUST_LOG", rust_log);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Headers of a caller, most of which hold what nobody may see.
fn headers(trace: &str) -> Vec<&'static str> {
    [
        traceparent(trace),
        format!("authorization: Bearer {CANARY}"),
        format!("x-api-key: {CANARY}"),
        format!("cookie: session={CANARY}"),
        format!("user-agent: {CANARY}"),
        format!("tracestate: v={CANARY}"),
        format!("x-to11-user-id: {CANARY}"),
        "x-to11-context-operation: retrieval".to_owned(),
        format!("x-to11-context-retrieval-source: {CANARY}"),
    ]
    .map(|header| &*header.leak())
    .to_vec()
}

fn ids(answer: &Answer) -> Option<(String, String)> {
    let id = answer.header("x-to11-request-id")?;
    Some((id.to_owned(), answer.header("traceparent")?.to_owned()))
}

fn nothing_leaks(out: &[String], err: &[String]) {
    for line in out.iter().chain(err) {
        for canary in [CANARY, EXPORTER_KEY, OPENAI_KEY, ANTHROPIC_KEY, "Bearer"] {
            assert!(!line.contains(canary), "{canary} in {line}");
        }
    }
}

/// The one access line of a request; it says both ids and how it ended.
fn access_line<'a>(err: &'a [String], sent: &Sent) -> &'a str {
    let lines: Vec<_> = err
        .iter()
        .filter(|line| line.contains("tollgate::access") && line.contains(&sent.trace))
        .collect();
    let [line] = lines[..] else { panic!("{}: {lines:#?} of {err:#?}", sent.what) };
    assert!(line.contains(&format!("\"{}\"", sent.outcome)), "{}: {line}", sent.what);
    if let Some((request_id, traceparent)) = &sent.answered {
        assert!(line.contains(request_id.as_str()), "{}: {line}", sent.what);
        assert!(traceparent.contains(&sent.trace), "{}: {traceparent}", sent.what);
    }
    line
}

fn object(line: &str) -> Map<String, Value> {
    match serde_json::from_str(line) {
        Ok(Value::Object(object)) => object,
        other => panic!("no object in a line: {line}: {other:?}"),
    }
}

/// `2026-01-02T03:04:05.678901Z`.
fn is_rfc3339(text: &str) -> bool {
    let shape: String = text.chars().map(|ch| if ch.is_ascii_digit() { '0' } else { ch }).collect();
    shape.starts_with("0000-00-00T00:00:00.") && shape.ends_with("0Z")
}

/// All requests and their lines; `answered` counts access lines that must be there.
fn told(log: &str, rust_log: Option<&str>) -> (Vec<Sent>, Vec<String>, Vec<String>) {
    let served = Served::start(log, rust_log);
    let sent = served.provoke();
    let is_told = |sent: &Sent| {
        let lines = served.err.lines();
        lines.iter().any(|line| line.contains("tollgate::access") && line.contains(&sent.trace))
    };
    for sent in &sent {
        served.wait_for(sent.what, || is_told(sent));
    }
    // Exporters have nobody to talk to, and say so.
    served.wait_for("a complaint", || served.err.lines().iter().any(|l| l.contains("not taken")));
    let (out, err) = served.stop();
    (sent, out, err)
}

#[test]
fn text_lines_tell_whose_a_request_is_and_nothing_of_what_is_in_it() {
    let (sent, out, err) = told("{}", Some("trace"));
    nothing_leaks(&out, &err);
    for sent in &sent {
        let line = access_line(&err, sent);
        assert!(line.contains(&format!("trace_id={}", sent.trace)), "{line}");
        assert!(line.contains("request_id=\""), "{line}");
    }
    let steps: Vec<_> = err.iter().filter(|line| line.contains(" tollgate::proxy::")).collect();
    assert!(steps.len() > 10, "steps are told at trace: {err:#?}");
    for line in steps {
        assert!(line.contains("trace_id=") && line.contains("request_id="), "{line}");
    }
}

#[test]
fn json_lines_are_objects_with_the_ids_that_the_caller_was_told() {
    let (sent, out, err) = told("{ format: json, level: trace }", None);
    nothing_leaks(&out, &err);
    for line in &err {
        let object = object(line);
        let field = |name: &str| object.get(name).and_then(Value::as_str);
        assert!(is_rfc3339(field("timestamp").unwrap()), "{line}");
        let levels = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];
        assert!(levels.contains(&field("level").unwrap()), "{line}");
        assert!(field("message").is_some_and(|message| !message.is_empty()), "{line}");
        let target = field("target").unwrap();
        if target.starts_with("tollgate::proxy") || target == "tollgate::access" {
            assert_eq!(field("trace_id").map(str::len), Some(32), "{line}");
            assert!(field("request_id").is_some_and(|id| !id.is_empty()), "{line}");
        }
    }
    for sent in &sent {
        let object = object(access_line(&err, sent));
        let field = |name: &str| object.get(name).and_then(Value::as_str);
        assert_eq!(field("trace_id"), Some(&*sent.trace), "{}", sent.what);
        assert_eq!(field("outcome"), Some(sent.outcome), "{}", sent.what);
        let failed = ["upstream_failed", "rejected"].contains(&sent.outcome);
        assert_eq!(field("level"), Some(if failed { "INFO" } else { "DEBUG" }), "{}", sent.what);
        if let Some((request_id, traceparent)) = &sent.answered {
            assert_eq!(field("request_id"), Some(&**request_id), "{}", sent.what);
            assert_eq!(traceparent.split('-').nth(1), field("trace_id"), "{}", sent.what);
        }
    }
}

#[test]
fn at_the_usual_level_failures_alone_are_told() {
    let served = Served::start("{ format: json }", None);
    let sent = served.provoke();
    let failed = |sent: &&Sent| ["upstream_failed", "rejected"].contains(&sent.outcome);
    for sent in sent.iter().filter(failed) {
        served.wait_for(sent.what, || served.err.lines().iter().any(|l| l.contains(&sent.trace)));
    }
    let (out, err) = served.stop();
    nothing_leaks(&out, &err);
    for sent in &sent {
        let told = err.iter().filter(|line| line.contains(&sent.trace)).count();
        assert_eq!(told, usize::from(failed(&sent)), "{}: {err:#?}", sent.what);
    }
}
