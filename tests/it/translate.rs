//! Callers of every dialect against upstreams of every dialect: real SDKs see one and the same answer.

use std::process::Command;

use serde_json::Value;
use tollgate_mock::{Piece, Scenario, Tokens, ToolCall};

use crate::harness::{World, helper_is_installed, sdk_folder};

pub(crate) const UPSTREAMS: [&str; 5] = ["chat", "responses", "messages", "cohere", "gemini"];
const CALLERS: [&str; 3] = ["chat", "responses", "messages"];
/// What the mock's reasoning is sealed with, where the dialect has seals.
const SEALS: [(&str, &str); 3] = [
    ("/messages", "bW9jay1zaWduYXR1cmU="),
    ("/responses", "bW9jay1lbmNyeXB0ZWQ="),
    (":generateContent", "bW9jay10aG91Z2h0LXNpZ25hdHVyZQ=="),
];
/// One provider for each dialect, its one model named like the dialect.
pub(crate) const PROVIDERS: &str = r#"
providers:
  one:   { base_url: "{mock}/@turn/v1", models: [chat], auth_type: none }
  two:   { base_url: "{mock}/@turn/v1", models: [responses], dialect: responses, auth_type: none }
  three: { base_url: "{mock}/@turn/v1", models: [messages], dialect: messages, auth_type: none }
  four:  { base_url: "{mock}/@turn/v2", models: [cohere], dialect: cohere, auth_type: none }
  five:  { base_url: "{mock}/@turn/v1beta", models: [gemini], dialect: gemini, auth_type: none }
"#;

/// A thought, some text and two calls at once.
fn turn() -> Scenario {
    let call = |id: &str, arguments: &str| {
        Piece::ToolCall(ToolCall {
            id: Some(id.to_owned()),
            name: "weather".to_owned(),
            arguments: arguments.into(),
        })
    };
    Scenario {
        content: vec![
            Piece::reasoning("Two cities, so two calls."),
            Piece::text("Let me look: naïve “quotes” and a 🌦."),
            call("call_a", "{\"city\": \"Paris\"}"),
            call("call_b", "{\"city\": \"Tokyo\"}"),
        ],
        usage: Some(Tokens {
            input: 100,
            output: Some(40),
            cached: 20,
            reasoning: Some(12),
            ..Tokens::default()
        }),
        ..Scenario::default()
    }
}

/// The lines of a script; `None` where its SDKs are not installed.
fn run(world: &World, script: &str) -> Option<Vec<Value>> {
    let python = script.ends_with(".py");
    let mark = if python { "python-is-installed" } else { "node-is-installed" };
    if !helper_is_installed(&sdk_folder().join(mark)) {
        return None;
    }
    let program = if python { sdk_folder().join("venv/bin/python") } else { "node".into() };
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk").join(script);
    let output = Command::new(program)
        .arg(script)
        .arg(format!("http://{}", world.gateway))
        .args(UPSTREAMS)
        .env("TOLLGATE_SDK_DIR", sdk_folder())
        .output()
        .unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    Some(out.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// Each line but for its upstream equals the one of the upstream that speaks the caller's dialect,
/// where the caller has the upstream's own bytes.
fn compare(lines: &[Value], whats: usize) {
    assert_eq!(lines.len(), UPSTREAMS.len() * CALLERS.len() * whats, "{lines:#?}");
    for line in lines {
        let same = |other: &&Value| {
            other["upstream"] == line["caller"]
                && other["caller"] == line["caller"]
                && other["what"] == line["what"]
        };
        let mut direct = lines.iter().find(same).unwrap().clone();
        assert_eq!(direct["calls"].as_array().unwrap().len(), 2, "{direct:#}");
        direct["upstream"] = line["upstream"].clone();
        assert_eq!(line, &direct, "left: translated, right: spoken by the upstream itself");
    }
}

#[test]
fn the_python_sdks_get_the_same_answer_from_every_upstream() {
    let world = World::new(PROVIDERS);
    world.mock.set("turn", turn());
    let Some(lines) = run(&world, "translate.py") else { return };
    compare(&lines, 3);
    for received in world.upstream() {
        let body = String::from_utf8_lossy(&received.body);
        assert!(body.contains("iVBORw0KGgo"), "the image went along: {body}");
        assert!(body.contains("Be brief."), "the system prompt went along: {body}");
    }
    // What a provider sealed in the first turn it gets back in the second, through every caller.
    for (path, seal) in SEALS {
        let requests = world.upstream();
        let mut second_turns = requests.iter().filter(|received| {
            let body = String::from_utf8_lossy(&received.body);
            received.path_and_query.contains(path) && body.contains(seal)
        });
        assert_eq!(second_turns.by_ref().count(), CALLERS.len(), "{path}");
    }
}

#[test]
fn the_node_sdks_and_the_ai_sdk_get_the_same_answer_from_every_upstream() {
    let world = World::new(PROVIDERS);
    world.mock.set("turn", turn());
    let Some(lines) = run(&world, "translate.mjs") else { return };
    compare(&lines, 3);
}
