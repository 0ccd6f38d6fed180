//! Spans of a team's own: a key from the command line, a token from the exchange, an SDK that sends.

use std::net::SocketAddr;
use std::process::{Command, Output};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::client::{Answer, exchange, post, request};
use crate::harness::{
    ANTHROPIC_KEY, OPENAI_KEY, USUAL, World, attribute, free_port, helper_is_installed, sdk_folder,
    trace_id, until,
};

/// A gateway with a collector that wants tokens.
pub(crate) struct Ingest {
    pub(crate) world: World,
    pub(crate) grpc: u16,
    pub(crate) http: SocketAddr,
}

impl Ingest {
    fn new() -> Self {
        Self::with("auth: required")
    }

    /// With this said of the collector.
    pub(crate) fn with(collector: &str) -> Self {
        let (grpc, http) = (free_port(), free_port());
        let world = World::new(&format!(
            // Tests may share a process, whose memory is all of theirs.
            "{USUAL}collector: {{ grpc_port: {grpc}, http_port: {http}, memory_limit_mib: 16384, {collector} }}\n"
        ));
        Self { world, grpc, http: SocketAddr::from(([127, 0, 0, 1], http)) }
    }

    fn tollgate(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .arg("-c")
            .arg(self.world.config())
            .args(arguments)
            .envs([("OPENAI_KEY", OPENAI_KEY), ("ANTHROPIC_KEY", ANTHROPIC_KEY)])
            .env_remove("RUST_LOG")
            .output()
            .unwrap()
    }

    /// A new key, as it is printed.
    pub(crate) fn key(&self, arguments: &[&str]) -> String {
        let output = self.tollgate(&[&["key", "new"], arguments].concat());
        let out = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{out}{}", String::from_utf8_lossy(&output.stderr));
        // A key's id may end in these letters, too.
        let shown = out.split_whitespace().filter(|word| word.starts_with("tg_")).count();
        assert_eq!(shown, 1, "shown once: {out}");
        out.lines().last().unwrap().to_owned()
    }

    fn ask(&self, body: &Value) -> Answer {
        post(self.world.control, "/v1/ingest-token/exchange", &[], &body.to_string())
    }

    pub(crate) fn token(&self, key: &str) -> String {
        let answer = self.ask(&json!({ "credential": key }));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// Sends one span of `project` with these credentials.
    pub(crate) fn send(&self, trace: &str, project: &str, headers: &[&str]) -> Answer {
        let body = json!({ "resourceSpans": [{
            "resource": { "attributes": [{ "key": "project.id", "value": { "stringValue": project } }] },
            "scopeSpans": [{ "spans": [{
                "traceId": trace, "spanId": "0102030405060708", "name": "step",
                "startTimeUnixNano": "1", "endTimeUnixNano": "2",
            }] }],
        }] });
        post(self.http, "/v1/traces", headers, &body.to_string())
    }

    pub(crate) fn counter(&self, result: &str) -> u64 {
        let metrics = self.world.running().metrics();
        let start = format!("gateway_collector_auth_total{{result=\"{result}\"}} ");
        let value = metrics.lines().find_map(|line| line.strip_prefix(&start));
        value.unwrap_or_else(|| panic!("{metrics}")).parse().unwrap()
    }
}

fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}")
}

pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn the_documented_example_stores_its_span_in_the_trace_of_the_call_it_surrounds() {
    if !helper_is_installed(&sdk_folder().join("python-is-installed")) {
        return;
    }
    let ingest = Ingest::new();
    let key = ingest.key(&["--scope", "otel:write", "--project", "proj_abc123", "--name", "rag"]);
    let world = &ingest.world;
    for claimed in ["proj_abc123", "proj_of_somebody_else"] {
        let output = Command::new(sdk_folder().join("venv/bin/python"))
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/ingest.py"))
            .arg(format!("http://{}", world.gateway))
            .arg(format!("http://localhost:{}", world.control.port()))
            .args([format!("localhost:{}", ingest.grpc).as_str(), claimed])
            .env("TOLLGATE_KEY", &key)
            .output()
            .unwrap();
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && err.is_empty(), "{out}\n{err}");
        let said: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(said["exchanged"]["projectId"], "proj_abc123");
        let trace = said["trace"].as_str().unwrap();
        let genai = world.genai(trace);
        let spans = world.spans(trace);
        let own = spans.iter().find(|span| span.name == "document-preprocessing").unwrap();
        assert_eq!(
            (own.span_id.as_str(), said["span"].as_str()),
            (&*own.span_id, Some(&*own.span_id))
        );
        assert_eq!(own.resource_attribute("project.id"), Some("proj_abc123"), "{claimed}");
        assert_eq!(own.resource_attribute("service.name"), Some("my-rag-pipeline"));
        assert_eq!(attribute(own, "document.count"), Some("42"));
        let parent = spans.iter().find(|span| span.span_id == genai.parent_span_id);
        let parent = parent.map_or(&genai.parent_span_id, |span| &span.parent_span_id);
        assert!([&own.span_id, &genai.parent_span_id].contains(&parent), "{spans:#?}");
    }
    assert_eq!(ingest.counter("accepted"), 2);
}

#[test]
fn the_exchange_says_what_is_documented_and_the_key_set_verifies_it() {
    let ingest = Ingest::new();
    let key = ingest.key(&["--scope", "otel:write", "--project", "p1", "--env", "live"]);
    assert!(key.starts_with("tg_live_"));
    let before = now_s();
    let answer = ingest.ask(&json!({ "credential": key, "requestedProjectId": null }));
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    let said = answer.json();
    let fields: Vec<_> = said.as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, ["token", "projectId", "expiresAt", "scopes"]);
    assert_eq!((&said["projectId"], &said["scopes"]), (&json!("p1"), &json!(["otel:write"])));
    let expires = said["expiresAt"].as_str().unwrap();
    let possible: Vec<_> = (before..=now_s()).map(|at| tollgate_keys::iso_8601(at + 900)).collect();
    assert!(possible.contains(&expires.to_owned()), "{expires}");

    let get = |path: &str| exchange(ingest.world.control, &request("GET", path, &[], b"")).json();
    let discovery = get("/.well-known/openid-configuration");
    let issuer = format!("http://localhost:{}", ingest.world.control.port());
    assert_eq!(discovery["issuer"], issuer);
    assert_eq!(discovery["jwks_uri"], format!("{issuer}/.well-known/jwks.json"));
    let set = get("/.well-known/jwks.json").to_string();
    assert!(set.contains("Ed25519") && !set.contains("\"d\""), "{set}");
    let keys = tollgate_keys::KeySet::parse(set.as_bytes()).unwrap();
    let token = tollgate_keys::token::Unverified::parse(said["token"].as_str().unwrap()).unwrap();
    let rules = tollgate_keys::token::Rules {
        issuer,
        audience: tollgate_keys::TOKEN_AUDIENCE.to_owned(),
        life_s_max: 900,
        scope: Some(tollgate_keys::Scope::OtelWrite),
    };
    assert_eq!(token.verify(&rules, &keys, now_s()).unwrap().project, "p1");
    assert!(token.verify(&rules, &keys, now_s() + 931).is_err());
}

#[test]
fn a_key_that_opens_nothing_gets_one_answer_whatever_the_reason() {
    let ingest = Ingest::new();
    let revoked = ingest.key(&["--scope", "otel:write", "--project", "p"]);
    let expired = ingest.key(&["--scope", "otel:write", "--project", "p", "--expires", "1s"]);
    let prefix = revoked.split('_').nth(1).unwrap();
    assert!(ingest.tollgate(&["key", "revoke", prefix]).status.success());
    std::thread::sleep(Duration::from_millis(1_100));
    let (typo, unknown) =
        (format!("{}0", &revoked[..revoked.len() - 1]), "tg_0123456789_nothing".to_owned());
    let answers: Vec<_> = [revoked, expired, typo, unknown, "sk-other".to_owned()]
        .iter()
        .map(|key| {
            let answer = ingest.ask(&json!({ "credential": key }));
            let headers: Vec<_> =
                answer.headers.iter().filter(|(name, _)| name != "date").cloned().collect();
            (answer.status, headers, answer.text())
        })
        .collect();
    assert_eq!(answers[0].0, 401);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
}

#[test]
fn a_good_key_without_the_right_is_forbidden_and_what_is_no_request_is_said() {
    let ingest = Ingest::new();
    let reader = ingest.key(&["--scope", "query:read", "--project", "p"]);
    let own = ingest.key(&["--scope", "otel:write", "--scope", "query:read", "--project", "p"]);
    let all = ingest.key(&["--scope", "otel:write", "--all-projects"]);
    let ask = |key: &str, project: Value| {
        let answer = ingest.ask(&json!({ "credential": key, "requestedProjectId": project }));
        (answer.status, answer.json())
    };
    assert_eq!(ask(&reader, Value::Null).0, 403);
    assert_eq!(ask(&own, json!("q")).0, 403);
    assert_eq!(ask(&own, json!("p")).1["projectId"], "p");
    assert_eq!(ask(&all, json!("q")).1["projectId"], "q");
    assert_eq!(ask(&all, Value::Null).0, 400);
    assert_eq!(ask(&all, json!(7)).0, 400);
    std::thread::sleep(Duration::from_millis(1_100));
    for body in ["", "{}", "[]", r#"{"credential":7}"#, "{"] {
        let answer = post(ingest.world.control, "/v1/ingest-token/exchange", &[], body);
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.json()["error"].as_str().unwrap().contains("credential"));
    }
}

#[test]
fn requests_are_bounded_in_size_and_number() {
    let ingest = Ingest::new();
    let sized = |bytes: usize| {
        let frame = json!({ "credential": "" }).to_string().len();
        ingest.ask(&json!({ "credential": "x".repeat(bytes - frame) })).status
    };
    assert_eq!((sized(1_024), sized(1_025)), (401, 413));
    std::thread::sleep(Duration::from_millis(1_100));
    let ask = || ingest.ask(&json!({ "credential": "x" }));
    // At once, so that more of them come in a second than are allowed, however slow the machine is.
    let began = Instant::now();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let asking: Vec<_> =
            (0..16).map(|_| scope.spawn(|| [ask(), ask(), ask(), ask()])).collect();
        asking.into_iter().flat_map(|it| it.join().unwrap()).collect()
    });
    let refilled = began.elapsed().as_secs_f64() * 10.0;
    let limited: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    let passed = answers.iter().filter(|answer| answer.status == 401).count();
    assert_eq!(limited.len() + passed, 64);
    assert!(passed >= 10 && passed as f64 <= 10.0 + refilled, "{passed}, {refilled} came back");
    assert_eq!(limited[0].header("retry-after"), Some("1"));
    let metrics = ingest.world.running().metrics();
    let line = format!(
        "gateway_ingest_token_exchanges_total{{result=\"rate_limited\"}} {}",
        limited.len()
    );
    assert!(metrics.contains(&line), "{metrics}");
    until("a moment later it goes on", || ask().status == 401);
}

#[test]
fn without_a_good_token_nothing_is_taken_and_the_counters_say_why() {
    let ingest = Ingest::new();
    let key = ingest.key(&["--scope", "otel:write", "--project", "mine"]);
    let token = ingest.token(&key);
    let parts: Vec<_> = token.split('.').collect();
    let none = "eyJhbGciOiJub25lIn0";
    let cases = [
        ("missing", String::new()),
        ("malformed", bearer("nonsense")),
        ("malformed", bearer(&token[..token.len() - 1])),
        ("malformed", bearer(&format!("{token}=="))),
        ("algorithm", bearer(&format!("{none}.{}.", parts[1]))),
        ("signature", bearer(&format!("{}.{}.{}", parts[0], parts[1], "A".repeat(86)))),
        ("too_long", bearer(&"x".repeat(4_097))),
        ("missing", bearer(&key).replace("Bearer", "Basic")),
    ];
    let trace = trace_id();
    for (reason, header) in &cases {
        let before = ingest.counter(reason);
        let headers: Vec<&str> =
            Some(header.as_str()).filter(|it| !it.is_empty()).into_iter().collect();
        let answer = ingest.send(&trace, "mine", &headers);
        assert_eq!((answer.status, answer.json()["code"].as_u64()), (401, Some(16)), "{reason}");
        assert_eq!(ingest.counter(reason), before + 1, "{reason}");
        assert!(!answer.text().contains(parts[2]));
    }
    let store = ingest.world.running().store().unwrap();
    assert!(ingest.world.block_on(store.trace(&trace)).unwrap().is_empty());
    assert_eq!(ingest.send(&trace, "theirs", &[&bearer(&token)]).status, 200);
    let spans = ingest.world.spans(&trace);
    assert_eq!(spans[0].resource_attribute("project.id"), Some("mine"), "whatever was claimed");
}

#[test]
fn a_revoked_key_and_its_tokens_end_within_five_seconds() {
    let ingest = Ingest::new();
    let key = ingest.key(&["--scope", "otel:write", "--project", "p"]);
    let token = ingest.token(&key);
    assert_eq!(ingest.send(&trace_id(), "p", &[&bearer(&token)]).status, 200);
    let list = String::from_utf8(ingest.tollgate(&["key", "list"]).stdout).unwrap();
    let id = list.lines().nth(1).and_then(|line| line.split(' ').next()).unwrap();
    assert!(list.contains("good") && !list.contains(&key[20..]), "{list}");
    assert!(ingest.tollgate(&["key", "revoke", id]).status.success());
    let (revoked, mut sent) = (Instant::now(), Instant::now());
    while ingest.send(&trace_id(), "p", &[&bearer(&token)]).status != 401 {
        // However long the answer took.
        assert!(sent - revoked < Duration::from_secs(5));
        std::thread::sleep(Duration::from_millis(50));
        sent = Instant::now();
    }
    assert_eq!(ingest.ask(&json!({ "credential": key })).status, 401);
    assert!(ingest.counter("revoked") >= 1);
    let list = String::from_utf8(ingest.tollgate(&["key", "list"]).stdout).unwrap();
    assert!(list.contains("revoked 20"), "{list}");
}

#[test]
fn the_command_line_says_what_is_wrong_by_its_exit_code() {
    let ingest = Ingest::new();
    let code = |arguments: &[&str]| {
        let output = ingest.tollgate(&[&["key"], arguments].concat());
        assert!(!String::from_utf8_lossy(&output.stdout).contains("tg_"));
        output.status.code()
    };
    assert_eq!(code(&["list"]), Some(0), "no keys are a short list");
    assert_eq!(code(&["revoke", "key_nobody"]), Some(1));
    for wrong in [
        &["new", "--scope", "otel:write"][..],
        &["new", "--project", "p"],
        &["new", "--scope", "everything", "--project", "p"],
        &["new", "--scope", "otel:write", "--project", "p", "--expires", "soon"],
        &["new", "--scope", "otel:write", "--project", "p", "--expires", "0d"],
        &["new", "--scope", "otel:write", "--project", " "],
        &["new", "--scope", "otel:write", "--project", "p", "--all-projects"],
        &["steal"],
    ] {
        assert_eq!(code(wrong), Some(2), "{wrong:?}");
    }
    assert_eq!(code(&["revoke", "key_nobody"]), Some(1), "still none");
}

#[test]
fn on_loopback_a_token_is_welcome_and_none_is_needed() {
    let ingest = Ingest::with("host: 127.0.0.1");
    let (with, without) = (trace_id(), trace_id());
    let key = ingest.key(&["--scope", "otel:write", "--project", "mine"]);
    let token = ingest.token(&key);
    assert_eq!(ingest.send(&without, "theirs", &[]).status, 200);
    assert_eq!(ingest.send(&with, "theirs", &[&bearer(&token)]).status, 200);
    assert_eq!(ingest.send(&with, "theirs", &[&bearer("nonsense")]).status, 401);
    let project = |trace: &str| {
        let spans = ingest.world.spans(trace);
        spans[0].resource_attribute("project.id").unwrap().to_owned()
    };
    assert_eq!((project(&without), project(&with)), ("theirs".to_owned(), "mine".to_owned()));
}
