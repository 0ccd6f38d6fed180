//! The binary as people call it.

use std::process::{Command, Output};

fn tollgate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .env_remove("RUST_LOG")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_demo_shows_parallel_tool_calls_and_a_fail_over() {
    let output = tollgate(&["demo", "--once"]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}{}", text(&output.stderr));
    for part in [
        "tool_call.get_weather",
        "attempt 1: primary (broken) · failed",
        "attempt 2: secondary (openai) · complete",
        "◆ first token",
    ] {
        assert!(shown.contains(part), "`{part}` in\n{shown}");
    }
    assert!(shown.matches("tool_call.get_weather").count() >= 4, "{shown}");
    assert!(!shown.contains('\u{1b}'), "no colour when nobody looks");
}

#[test]
fn check_prints_the_table_or_every_problem() {
    let good = tollgate(&["check", "conf/examples/fallback.yaml"]);
    assert_eq!(good.status.code(), Some(2), "the example names variables that are not set here");
    assert!(text(&good.stderr).contains("_API_KEY"), "{}", text(&good.stderr));
    let demo = tollgate(&["check", "conf/demo.yaml"]);
    assert_eq!(demo.status.code(), Some(0), "{}", text(&demo.stderr));
    assert!(text(&demo.stdout).contains("resilient"));
    let bad = tollgate(&["check", "conf/invalid/references.yaml"]);
    assert_eq!(bad.status.code(), Some(2));
    assert!(text(&bad.stderr).contains("conf/invalid/references.yaml:"), "{}", text(&bad.stderr));
    let missing = tollgate(&["check", "conf/nowhere.yaml"]);
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn route_explains_and_says_when_a_model_leads_nowhere() {
    let found = tollgate(&["route", "gpt-4o", "-c", "conf/demo.yaml"]);
    assert_eq!(found.status.code(), Some(0));
    assert!(text(&found.stdout).contains("secondary"), "{}", text(&found.stdout));
    assert_eq!(tollgate(&["route", "nobody", "-c", "conf/demo.yaml"]).status.code(), Some(1));
    assert_eq!(
        tollgate(&["route", "x", "--endpoint", "what", "-c", "conf/demo.yaml"]).status.code(),
        Some(2)
    );
}

#[test]
fn route_tells_what_a_header_does_and_check_warns() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("gateway.yaml");
    std::fs::write(
        &file,
        "providers:\n  one: { base_url: 'http://localhost/v1', models: [m] }\n  two: { base_url: 'http://localhost/v1', models: [m, n] }\n",
    )
    .unwrap();
    let path = file.to_string_lossy().into_owned();
    let route = |arguments: &[&str]| tollgate(&[&["route", "m", "-c", &path], arguments].concat());
    let cases: [(&[&str], i32, &str); 5] = [
        (&[], 0, "- one: m at one"),
        (&["--header", "X-GenAI-Provider: two"], 0, "- two: m at two"),
        (&["--header", "x-genai-provider:none"], 1, "no provider is called this"),
        (&["--header", "x-other:1"], 0, "header `x-other` does not decide"),
        (&["--header", "nonsense"], 2, ""),
    ];
    for (arguments, code, part) in cases {
        let output = route(arguments);
        let shown = text(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{shown}{}", text(&output.stderr));
        assert!(shown.contains(part), "`{part}` in\n{shown}");
    }
    let checked = tollgate(&["check", &path]);
    assert_eq!(checked.status.code(), Some(0), "a warning is no problem");
    assert!(text(&checked.stderr).contains("warning: providers.two.models[0]"));
    assert!(text(&checked.stdout).contains("passthrough"), "{}", text(&checked.stdout));
}

#[test]
fn inspect_says_what_a_span_would_hold() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("answer.sse");
    std::fs::write(
        &file,
        concat!(
            "data: {\"id\":\"a\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\"\"}}]}}]}\n\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}}]},\"finish_reason\":\"tool_calls\"}]}\n\n",
            "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7}}\n\ndata: [DONE]\n\n",
        ),
    )
    .unwrap();
    let path = file.to_string_lossy().into_owned();
    for extra in [None, Some("--at-once")] {
        let mut arguments = vec!["inspect", &*path, "--api", "chat"];
        arguments.extend(extra);
        let output = tollgate(&arguments);
        assert_eq!(output.status.code(), Some(0));
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(said["id"], "a");
        assert_eq!(said["usage"]["output_tokens"], 4);
        assert_eq!(said["tool_calls"][0]["arguments"], "{\"x\":1}");
        assert_eq!(said["finish_reasons"], serde_json::json!(["tool_calls"]));
    }
    let seeded = |seed| tollgate(&["inspect", &path, "--api", "chat", "--seed", seed]).stdout;
    assert_eq!(seeded("1"), seeded("2"), "wherever it is cut");
    for api in ["embeddings", "images", "audio", "completions", "messages", "cohere", "gemini"] {
        assert_eq!(tollgate(&["inspect", &path, "--api", api]).status.code(), Some(0), "{api}");
    }
    let both = tollgate(&["inspect", &path, "--api", "chat", "--seed", "1", "--at-once"]);
    assert_eq!(both.status.code(), Some(2), "one or the other");
    assert_eq!(tollgate(&["inspect", "nowhere.sse", "--api", "chat"]).status.code(), Some(1));
    assert_eq!(tollgate(&["inspect", &path]).status.code(), Some(2), "the api must be named");
}
