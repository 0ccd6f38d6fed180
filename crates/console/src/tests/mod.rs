//! The control plane over a real socket, and who may open it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use tollgate_store::{SpanRow, SpanStore, Sqlite, SqliteSettings, StatusCode};

mod query;

use crate::host::is_local_name;
use crate::{ConsoleState, QueryKeys, router};

async fn get(path: &str, host: &str, ready: bool) -> String {
    ask("GET", path, host, None, ready).await
}

async fn ask(
    method: &str,
    path: &str,
    host: &str,
    store: Option<Arc<dyn SpanStore>>,
    ready: bool,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    serve(listener, state(store, ready));
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn state(store: Option<Arc<dyn SpanStore>>, ready: bool) -> ConsoleState {
    ConsoleState {
        store,
        metrics: Arc::new(|| "up 1\n".to_owned()),
        ready: Arc::new(move || if ready { Ok(()) } else { Err("draining") }),
        targets: Arc::new(|| serde_json::json!([{ "target": "a", "standing": "in_service" }])),
        query_keys: QueryKeys { required: Arc::new(|| false), opens: Arc::new(query::opens) },
    }
}

/// With the caller's address, as the gateway does.
fn serve(listener: TcpListener, state: ConsoleState) {
    let router = router(state).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, router).await });
}

/// A store on disk that is gone when the test is.
struct Kept {
    folder: PathBuf,
    store: Arc<dyn SpanStore>,
}

impl Kept {
    async fn with(rows: Vec<SpanRow>, name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("console-{name}-{}", std::process::id()));
        let store = Sqlite::open(&folder.join("spans.db"), SqliteSettings::default()).unwrap();
        assert_eq!(store.insert(rows.clone()).await.unwrap(), rows.len() as u64);
        Self { folder, store: Arc::new(store) }
    }

    async fn api(&self, path: &str) -> (String, serde_json::Value) {
        let answer = ask("GET", path, "localhost", Some(self.store.clone()), true).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), serde_json::from_str(body).unwrap())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

fn row(trace: &str, id: &str, parent: &str, start_ns: i64, duration_ns: i64) -> SpanRow {
    SpanRow {
        timestamp_ns: start_ns,
        duration_ns,
        trace_id: trace.repeat(16),
        span_id: id.repeat(8),
        parent_span_id: parent.repeat(8),
        name: format!("span {id}"),
        ..SpanRow::default()
    }
}

#[tokio::test]
async fn health_readiness_metrics_and_targets_are_told() {
    assert!(get("/health", "localhost:4500", false).await.starts_with("HTTP/1.1 200"));
    assert!(get("/ready", "127.0.0.1", true).await.starts_with("HTTP/1.1 200"));
    assert!(get("/ready", "[::1]:4500", false).await.starts_with("HTTP/1.1 503"));
    assert!(get("/metrics", "localhost", true).await.ends_with("up 1\n"));
    let targets = get("/api/targets", "localhost", true).await;
    assert!(targets.ends_with(r#"[{"target":"a","standing":"in_service"}]"#), "{targets}");
}

#[tokio::test]
async fn pages_forbid_foreign_scripts_and_a_missing_store_is_said() {
    let page = get("/", "localhost", true).await;
    assert!(page.contains("default-src 'none'") && !page.contains("<script>"));
    for header in ["nosniff", "no-store", "same-origin", "no-referrer"] {
        assert!(page.contains(header), "{header} is missing in:\n{page}");
    }
    assert!(get("/app.js", "localhost", true).await.contains("text/javascript"));
    assert!(get("/api/traces", "localhost", true).await.contains("no span store"));
}

#[tokio::test]
async fn a_page_that_rebinds_its_name_is_refused_and_a_probe_is_not() {
    for path in ["/", "/app.js", "/metrics", "/api/traces", "/api/traces/abcd"] {
        assert!(get(path, "evil.example.com", true).await.starts_with("HTTP/1.1 421"), "{path}");
    }
    for path in ["/health", "/ready"] {
        assert!(get(path, "gate.ns.svc.cluster.local", true).await.starts_with("HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn nothing_but_reading_is_possible() {
    for path in ["/", "/metrics", "/health", "/ready", "/api/traces", "/api/traces/abcd"] {
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let answer = ask(method, path, "localhost", None, true).await;
            assert!(answer.starts_with("HTTP/1.1 405"), "{method} {path}: {answer}");
        }
    }
}

#[tokio::test]
async fn the_list_is_filtered_and_a_wrong_filter_is_named() {
    let mut failed = row("bb", "02", "", 2_000, 10);
    failed.status = StatusCode::Error;
    let kept = Kept::with(vec![row("aa", "01", "", 1_000, 10), failed], "list").await;
    let ids = |answer: &serde_json::Value| -> Vec<String> {
        let traces = answer["traces"].as_array().unwrap().iter();
        traces.map(|trace| trace["trace_id"].as_str().unwrap()[..2].to_owned()).collect()
    };
    assert_eq!(ids(&kept.api("/api/traces").await.1), ["bb", "aa"], "newest first");
    assert_eq!(ids(&kept.api("/api/traces?errors_only=true").await.1), ["bb"]);
    assert_eq!(ids(&kept.api("/api/traces?limit=1").await.1), ["bb"]);
    assert_eq!(ids(&kept.api("/api/traces?before_ns=2000").await.1), ["aa"]);
    for (wrong, named) in [("colour=red", "colour"), ("limit=many", "limit"), ("limit=-1", "limit")]
    {
        let (head, body) = kept.api(&format!("/api/traces?{wrong}")).await;
        assert!(head.starts_with("HTTP/1.1 400"), "{wrong}: {head}");
        assert!(body["error"].as_str().unwrap().contains(named), "{wrong}: {body}");
    }
}

#[tokio::test]
async fn a_trace_is_told_as_rows_with_depth_offset_and_hostile_names_as_text() {
    let mut chat = row("aa", "02", "01", 1_040, 60);
    chat.attributes = vec![
        ("__proto__".into(), "<script>alert(1)</script>".to_owned()),
        ("gateway.outcome".into(), "complete".to_owned()),
        ("gen_ai.provider.name".into(), "one".to_owned()),
        ("gen_ai.server.time_to_first_token".into(), "0.00000002".to_owned()),
    ];
    let kept = Kept::with(vec![chat, row("aa", "01", "", 1_000, 100)], "trace").await;
    let (head, body) = kept.api("/api/traces/AAAA").await;
    assert!(head.contains("200 OK") && head.contains("application/json"), "{head}");
    assert_eq!(body["trace_id"], "aa".repeat(16));
    let shown: Vec<_> = (body["spans"].as_array().unwrap().iter())
        .map(|span| (span["name"].as_str(), span["depth"].as_u64(), span["offset_ns"].as_i64()))
        .collect();
    assert_eq!(shown, [(Some("span 01"), Some(0), Some(0)), (Some("span 02"), Some(1), Some(40))]);
    let chat = &body["spans"][1];
    assert_eq!(chat["first_content_ns"], 20);
    assert_eq!(chat["notes"][0], "one (passthrough) · complete · ◆ first token 20 ns");
    let attributes = chat["attributes"].as_array().unwrap();
    let hostile = serde_json::json!(["__proto__", "<script>alert(1)</script>"]);
    assert!(attributes.contains(&hostile), "{attributes:?}");
}

#[tokio::test]
async fn a_trace_that_is_not_there_or_no_id_is_said() {
    let rows = vec![row("aa", "01", "", 1, 1), row("ab", "02", "", 2, 1)];
    let kept = Kept::with(rows, "missing").await;
    for (id, status) in [("abcd", "404"), ("zz", "400"), ("a", "400"), ("..%2f..%2fetc", "400")] {
        let (head, body) = kept.api(&format!("/api/traces/{id}")).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{id}: {head}");
        assert!(body["error"].is_string(), "{id}: {body}");
    }
    kept.store.close().await;
    let (head, _) = kept.api("/api/traces").await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
}

#[test]
fn the_script_sets_text_and_never_markup() {
    let script = include_str!("../../assets/app.js");
    for sink in
        ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("]
    {
        assert!(!script.contains(sink), "{sink} would run what an attribute's value says");
    }
    let page = include_str!("../../assets/index.html");
    let inline =
        |word: &str| word.contains('=') && (word.starts_with("on") || word.starts_with("style"));
    assert!(!page.split_whitespace().any(inline), "the policy forbids inline code");
}

#[test]
fn only_addresses_and_names_without_a_public_dot_are_local() {
    for local in ["localhost", "localhost:1", "127.0.0.1:4500", "[::1]", "gateway", "a.localhost"] {
        assert!(is_local_name(local), "{local}");
    }
    for foreign in ["", "example.com", "127.0.0.1.example.com", "[evil]", "a.b:4500"] {
        assert!(!is_local_name(foreign), "{foreign}");
    }
}
