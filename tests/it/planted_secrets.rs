//! Secrets planted wherever one can be, and everything that the gateway says searched for them:
//! log lines in every detail, rows, exports, metrics, answers, the configuration's check and `Debug`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use tollgate_keys::{Grants, KeyStore, NewKey, Scope, now_s};
use tollgate_mock::{Fault, Scenario};

use crate::client::{exchange, post};
use crate::content::nowhere::{backend, database, logged};
use crate::harness::{
    ANTHROPIC_KEY, CLICKHOUSE_KEY, OPENAI_KEY, USUAL, World, free_port, trace_id, traceparent,
};

/// The caller's own key for a provider, and one that it pasted into a prompt. Its key for us is made
/// by the key store.
const CALLERS_KEY: &str = "sk-planted-caller-a1B2c3D4e5F6";
const PASTED_KEY: &str = "sk-proj-planted1B2c3D4e5F6g7H8i9J0";

const PLANTED: [&str; 5] = [OPENAI_KEY, ANTHROPIC_KEY, CLICKHOUSE_KEY, CALLERS_KEY, PASTED_KEY];

/// A key that lets its owner call.
fn gateway_key(folder: &Path) -> String {
    let store = KeyStore::create(&folder.join("keys.db")).unwrap();
    let new = NewKey {
        name: "planted".to_owned(),
        project: Some("proj_1".to_owned()),
        scopes: vec![Scope::GatewayCall],
        expires_s: None,
        environment: None,
        grants: Grants::default(),
    };
    store.add(&new, now_s()).unwrap().0.expose().to_owned()
}

fn sections(port: u16, keys: &Path) -> String {
    format!(
        r#"{USUAL}keys: {{ required: true, path: "{}" }}
security:
  enabled: true
  blocklist: [nightjar]
  secrets: {{ action: redact, direction: input }}
  webhooks:
    nobody: {{ url: "http://127.0.0.1:{}", on_error: open, headers: {{ x-guard-key: "env::CLICKHOUSE_KEY" }} }}
genai_telemetry: {{ capture_content: true, redact: [secrets], otlp_endpoint: "http://127.0.0.1:{port}", protocol: http }}
"#,
        keys.join("keys.db").display(),
        free_port()
    )
}

/// The variables that the configuration names.
const fn keys() -> [(&'static str, &'static str); 3] {
    [
        ("OPENAI_KEY", OPENAI_KEY),
        ("ANTHROPIC_KEY", ANTHROPIC_KEY),
        ("CLICKHOUSE_KEY", CLICKHOUSE_KEY),
    ]
}

/// What a provider says that quotes a key.
fn quoting(code: u16, key: &str) -> Scenario {
    let body = format!(
        r#"{{"error":{{"message":"Incorrect API key provided: {key}","type":"invalid_request_error"}}}}"#
    );
    let headers = BTreeMap::from([("x-echo".to_owned(), key.to_owned())]);
    Scenario::fault(Fault::Status { code, body: Some(body), headers })
}

#[test]
fn no_planted_secret_is_in_anything_that_the_gateway_says() {
    let log = logged();
    let (port, exported) = backend();
    let folder = tempfile::tempdir().unwrap();
    let gateway_key = gateway_key(folder.path());
    let world = World::new(&sections(port, folder.path()));
    let trace = trace_id();
    let chat = |text: &str, stream: bool| {
        format!(
            r#"{{"model":"gpt-4o","stream":{stream},"messages":[{{"role":"user","content":"{text}"}}]}}"#
        )
    };
    let path = "/v1/chat/completions";
    let own = format!("x-to11-authorization: Bearer {gateway_key}");
    let parent = traceparent(&trace);
    world.mock.set("first", Scenario::status(503));
    let mut answers = Vec::new();
    let mut send = |headers: &[&str], path: &str, body: &str| {
        answers.push(post(world.gateway, path, &[&[&*parent, &*own], headers].concat(), body));
    };
    // Managed: ours goes upstream, and comes back in errors.
    for code in [400, 401, 500] {
        world.mock.push("/v1/", quoting(code, OPENAI_KEY));
        send(&[], path, &chat(&format!("my key is {PASTED_KEY}"), code == 500));
    }
    world.mock.push("/v1/", quoting(401, ANTHROPIC_KEY));
    send(
        &[],
        "/v1/messages",
        r#"{"model":"claude-resilient","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#,
    );
    // Passthrough: the caller's.
    let bearer = format!("authorization: Bearer {CALLERS_KEY}");
    let mini = chat("hi", true).replace("gpt-4o", "gpt-4o-mini");
    send(&[&bearer], path, &mini);
    send(&[&format!("x-api-key: {CALLERS_KEY}")], path, &mini.replace("true", "false"));
    // Refused, by several layers.
    send(&[&bearer], path, &chat(&format!("nightjar {PASTED_KEY}"), false));
    send(&[&bearer], path, &format!(r#"{{"model":"gpt-4o","messages": {PASTED_KEY}"#));
    send(&[&bearer], path, &format!(r#"{{"model":{{"{PASTED_KEY}":1}}}}"#));
    send(&[&bearer, "x-genai-provider: nobody"], path, &mini);
    let long = format!(
        "POST {path} HTTP/1.1\r\nhost: g\r\n{bearer}\r\ntransfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n0\r\n\r\n"
    );
    answers.push(exchange(world.gateway, long.as_bytes()));
    world.spans(&trace);
    let refused: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(refused.iter().filter(|status| **status == 200).count(), 2, "{refused:?}");
    let said: String =
        answers.iter().map(|answer| format!("{:?}\n{}\n", answer.headers, answer.text())).collect();
    let settings =
        tollgate_config::load_str("t.yaml", &world.whole(&sections(port, folder.path())), |name| {
            keys().iter().find(|(known, _)| *known == name).map(|(_, key)| (*key).to_owned())
        });
    let debug = settings.map(|(settings, _)| format!("{settings:#?}")).unwrap();
    assert!(debug.contains("x-guard-key"), "there is something to see: {debug}");
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["check", world.config().to_str().unwrap()])
        .envs(keys())
        .env("RUST_LOG", "trace")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let all = [
        ("answers", said),
        ("rows", database(&world)),
        ("exports", exported.text()),
        ("log lines", log.text()),
        ("metrics", world.running().metrics()),
        ("Debug", debug),
        ("check", format!("{output:?}")),
    ];
    search(&all, &gateway_key);
}

/// Nothing that is planted stands in any of these texts.
fn search(all: &[(&str, String)], gateway_key: &str) {
    for (what, text) in all {
        for planted in PLANTED.into_iter().chain([gateway_key]) {
            let line = text.lines().find(|line| line.contains(planted));
            assert_eq!(line, None, "the {what} have {planted}");
        }
    }
}
