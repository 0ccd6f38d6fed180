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

/// A configuration whose store has two spans.
fn kept(folder: &std::path::Path) -> String {
    use tollgate_store::{SpanRow, SpanStore, Sqlite, SqliteSettings};

    let database = folder.join("spans.db");
    let file = folder.join("gateway.yaml");
    let config = format!(
        "store: {{ kind: sqlite, path: {} }}\nproviders:\n  one: {{ base_url: 'http://localhost/v1', models: [m] }}\n",
        database.display()
    );
    std::fs::write(&file, config).unwrap();
    let row = |span: u8, name: &str, project: &str| SpanRow {
        trace_id: format!("{span:032x}"),
        span_id: format!("{span:016x}"),
        timestamp_ns: i64::from(span),
        duration_ns: 5,
        name: name.to_owned(),
        resource_attributes: vec![("project.id".into(), project.to_owned())].into(),
        ..SpanRow::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Sqlite::open(&database, SqliteSettings::default()).unwrap();
        let rows = vec![row(1, "a, b", "acme"), row(2, "c\u{1b}[2J", "globex")];
        store.insert(rows).await.unwrap();
        store.close().await;
    });
    file.to_string_lossy().into_owned()
}

#[test]
fn query_answers_in_three_forms_and_says_what_it_does_not_know() {
    use std::io::Write;

    let folder = tempfile::TempDir::new().unwrap();
    let path = kept(folder.path());
    let text = "SELECT SpanName, Duration / 2 AS half FROM otel_traces ORDER BY SpanName";
    let query = |arguments: &[&str]| tollgate(&[&["query", "-c", &path], arguments].concat());
    let cases: [(&[&str], &str); 5] = [
        (&[text], "SpanName  half\n────────  ────\na, b       2.5\nc\u{fffd}[2J      2.5\n"),
        (&[text, "--format", "csv"], "SpanName,half\r\n\"a, b\",2.5\r\nc\u{1b}[2J,2.5\r\n"),
        (
            &[text, "--format", "json"],
            "{\"columns\":[\"SpanName\",\"half\"],\"rows\":[[\"a, b\",2.5],[\"c\\u001b[2J\",2.5]],\"more\":false}\n",
        ),
        (&[text, "--format", "csv", "--project", "acme"], "SpanName,half\r\n\"a, b\",2.5\r\n"),
        (
            &[text, "--rows", "1"],
            "SpanName  half\n────────  ────\na, b       2.5\n... more than these 1 rows\n",
        ),
    ];
    for (arguments, wanted) in cases {
        let output = query(arguments);
        assert_eq!(text_of(&output), (Some(0), wanted.to_owned()), "{arguments:?}");
    }
    for (text, says) in [
        ("SELECT frob(1)", "line 1, column 8: the function `frob`"),
        ("DROP TABLE otel_traces", "only SELECT"),
    ] {
        let output = query(&[text]);
        assert_eq!(output.status.code(), Some(2));
        assert!(self::text(&output.stderr).contains(says), "{}", self::text(&output.stderr));
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["query", "-c", &path, "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"SELECT count() AS n FROM otel_traces").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(text_of(&output), (Some(0), "n\n─\n2\n".to_owned()));
}

fn text_of(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), text(&output.stdout))
}

#[test]
fn watch_shows_each_trace_once_as_it_comes_and_ends_with_ctrl_c() {
    use std::io::{BufRead, BufReader};

    use tollgate_store::{SpanRow, SpanStore, Sqlite, SqliteSettings};

    let folder = tempfile::TempDir::new().unwrap();
    let path = kept(folder.path());
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["traces", "--watch", "-c", &path])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert!(next().starts_with("TRACE"));
    assert!(next().contains("a, b"), "oldest first");
    assert!(next().contains("c\u{fffd}"));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let settings = SqliteSettings::default();
    let store = Sqlite::open(&folder.path().join("spans.db"), settings).unwrap();
    for trace in 10..14_u8 {
        let row = |span: u8| SpanRow {
            trace_id: format!("{trace:032x}"),
            span_id: format!("{span:016x}"),
            timestamp_ns: i64::try_from(now.as_nanos()).unwrap() + i64::from(trace),
            name: format!("new {trace}"),
            ..SpanRow::default()
        };
        runtime.block_on(store.insert(vec![row(1)])).unwrap();
        assert!(next().contains(&format!("new {trace}")));
        // A further span of it is no further trace: the next line is the next one's.
        runtime.block_on(store.insert(vec![row(2)])).unwrap();
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(lines.next().is_none(), "nothing twice");
}
