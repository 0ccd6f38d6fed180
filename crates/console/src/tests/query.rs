//! Questions in SQL over the socket.

use std::net::IpAddr;

use serde_json::{Value, json};
use tollgate_store::sql::Scope;

use super::*;
use crate::query::{BODY_BYTES_MAX, NotOpened, QueryKeys, ROWS_MAX};

async fn posted(store: Option<Arc<dyn SpanStore>>, head: &str, body: &str) -> (String, Value) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    serve(listener, state(store, true));
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let head = format!(
        "POST /v1/query HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{head}content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // A refusal may come before the body has been read.
    let _refused = stream.write_all(body.as_bytes()).await;
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), serde_json::from_str(body).unwrap_or(Value::Null))
}

/// What keys are good for in these tests.
pub(super) fn opens(_: IpAddr, key: &[u8]) -> Result<Scope, NotOpened> {
    match key {
        b"Bearer one" => Ok(Scope::Project("p1".to_owned())),
        b"Bearer all" => Ok(Scope::All),
        b"Bearer writer" => Err(NotOpened::WrongScope),
        b"Bearer often" => Err(NotOpened::TooMany),
        b"Bearer dark" => Err(NotOpened::Unavailable),
        _ => Err(NotOpened::Unknown),
    }
}

const JSON: &str = "content-type: application/json\r\n";

impl Kept {
    async fn asked(&self, question: Value) -> (String, Value) {
        posted(Some(self.store.clone()), JSON, &question.to_string()).await
    }
}

#[tokio::test]
async fn a_question_is_answered_with_columns_and_rows() {
    let rows = vec![row("aa", "01", "", 1_000, 10), row("bb", "02", "", 2_000, 30)];
    let kept = Kept::with(rows, "query").await;
    let text = "SELECT SpanName, Duration / 4 AS q FROM otel_traces ORDER BY Duration";
    let (head, body) = kept.asked(json!({ "query": text })).await;
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("no-store"), "{head}");
    let rows = json!([["span 01", 2.5], ["span 02", 7.5]]);
    assert_eq!(body, json!({ "columns": ["SpanName", "q"], "rows": rows, "more": false }));
    let (_, body) = kept.asked(json!({ "query": text, "rows_max": 1 })).await;
    assert_eq!(body["more"], true);
    assert_eq!(body["rows"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn no_question_gets_more_rows_than_there_may_be() {
    let spans = (0..=ROWS_MAX as i64)
        .map(|at| SpanRow { span_id: format!("{at:016x}"), ..row("aa", "01", "", at, 1) });
    let kept = Kept::with(spans.collect(), "query-rows").await;
    let text = format!("SELECT SpanId FROM otel_traces LIMIT {ROWS_MAX}");
    let (_, body) = kept.asked(json!({ "query": text, "rows_max": ROWS_MAX * 2 })).await;
    assert_eq!((body["rows"].as_array().unwrap().len(), &body["more"]), (ROWS_MAX, &json!(false)));
    let (_, body) = kept.asked(json!({ "query": "SELECT SpanId FROM otel_traces" })).await;
    assert_eq!((body["rows"].as_array().unwrap().len(), &body["more"]), (ROWS_MAX, &json!(true)));
}

#[tokio::test]
async fn what_is_wrong_with_a_question_is_told_with_its_place() {
    let kept = Kept::with(vec![row("aa", "01", "", 1, 1)], "query-wrong").await;
    let (head, body) = kept.asked(json!({ "query": "SELECT 1,\n frob(2) FROM otel_traces" })).await;
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    assert_eq!((&body["line"], &body["column"]), (&json!(2), &json!(2)), "{body}");
    assert!(body["error"].as_str().unwrap().contains("frob"), "{body}");
    for question in ["DROP TABLE spans", "SELECT 1; SELECT 2", "SELECT * FROM spans", ""] {
        let (head, body) = kept.asked(json!({ "query": question })).await;
        assert!(head.starts_with("HTTP/1.1 400"), "{question}: {head}");
        assert!(body["error"].is_string(), "{body}");
    }
    for question in [json!({}), json!({ "query": 1 }), json!({ "query": "", "scope": "all" })] {
        let (head, _) = kept.asked(question.clone()).await;
        assert!(head.starts_with("HTTP/1.1 422"), "{question}: {head}");
    }
    // A form of another site can send text, and nothing else without asking first.
    for kind in ["", "content-type: text/plain\r\n"] {
        let (head, _) = posted(Some(kept.store.clone()), kind, r#"{"query":"SELECT 1"}"#).await;
        assert!(head.starts_with("HTTP/1.1 415"), "{head}");
    }
    let (head, _) = posted(None, JSON, r#"{"query":"SELECT 1"}"#).await;
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
}

#[tokio::test]
async fn a_body_is_as_large_as_it_may_be_and_not_larger() {
    let kept = Kept::with(vec![row("aa", "01", "", 1, 1)], "query-body").await;
    let question = r#"{"query":"SELECT 1"}"#;
    let padded = |bytes: usize| format!("{question}{}", " ".repeat(bytes - question.len()));
    let fits = posted(Some(kept.store.clone()), JSON, &padded(BODY_BYTES_MAX)).await;
    assert!(fits.0.starts_with("HTTP/1.1 200"), "{}", fits.0);
    let over = posted(Some(kept.store.clone()), JSON, &padded(BODY_BYTES_MAX + 1)).await;
    assert!(over.0.starts_with("HTTP/1.1 413"), "{}", over.0);
}

/// The status and body of one question from this peer with these headers.
async fn asked_by(
    kept: &Kept,
    peer: Option<&str>,
    headers: &[(&str, &str)],
    required: bool,
) -> (http::Response<()>, Value) {
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    let mut request = http::Request::post("/v1/query")
        .header("content-type", "application/json")
        .body(axum::body::Body::from(r#"{"query":"SELECT SpanName FROM otel_traces"}"#))
        .unwrap();
    for (name, value) in headers {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    if let Some(peer) = peer {
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
    }
    let query_keys = QueryKeys { required: Arc::new(move || required), opens: Arc::new(opens) };
    let state = ConsoleState { query_keys, ..state(Some(kept.store.clone()), true) };
    let (head, body) = router(state).oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (http::Response::from_parts(head, ()), serde_json::from_slice(&body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn without_a_key_only_this_machine_is_answered() {
    let kept = Kept::with(vec![row("aa", "01", "", 1, 1)], "query-peer").await;
    for (peer, status) in [
        (None, 401),
        (Some("192.0.2.7:1"), 401),
        (Some("[2001:db8::1]:1"), 401),
        (Some("[::ffff:192.0.2.7]:1"), 401),
        (Some("127.0.0.1:1"), 200),
        (Some("[::1]:1"), 200),
        (Some("[::ffff:127.0.0.1]:1"), 200),
    ] {
        let (head, _) = asked_by(&kept, peer, &[("host", "localhost")], false).await;
        assert_eq!(head.status().as_u16(), status, "{peer:?}");
        assert_eq!(head.headers().contains_key("www-authenticate"), status == 401);
        let (head, _) = asked_by(&kept, peer, &[("host", "localhost")], true).await;
        assert_eq!(head.status().as_u16(), 401, "{peer:?} where keys are required");
    }
}

#[tokio::test]
async fn a_key_opens_its_projects_rows_to_any_peer_by_any_name_and_no_others() {
    let of = |id: &str, project: &str| SpanRow {
        resource_attributes: vec![("project.id".into(), project.to_owned())].into(),
        ..row("aa", id, "", 1, 1)
    };
    let rows = vec![of("01", "p1"), of("02", "p2"), row("aa", "03", "", 1, 1)];
    let kept = Kept::with(rows, "query-keys").await;
    for (key, status, rows) in [
        ("Bearer one", 200, json!([["span 01"]])),
        ("Bearer all", 200, json!([["span 01"], ["span 02"], ["span 03"]])),
        ("Bearer writer", 403, Value::Null),
        ("Bearer often", 429, Value::Null),
        ("Bearer dark", 503, Value::Null),
        ("Bearer nobody", 401, Value::Null),
        ("Basic one", 401, Value::Null),
        ("", 401, Value::Null),
    ] {
        // Whoever shows a key is judged by it, on this machine as elsewhere.
        for peer in ["192.0.2.7:1", "127.0.0.1:1"] {
            let headers = [("host", "gateway.example.com"), ("authorization", key)];
            let (head, mut body) = asked_by(&kept, Some(peer), &headers, false).await;
            assert_eq!(head.status().as_u16(), status, "{key} from {peer}");
            assert_eq!(body["rows"].take(), rows, "{key}");
            assert_eq!(head.headers().contains_key("retry-after"), [429, 503].contains(&status));
        }
    }
    let two = [("host", "a"), ("authorization", "Bearer one"), ("authorization", "Bearer all")];
    assert_eq!(asked_by(&kept, Some("127.0.0.1:1"), &two, false).await.0.status(), 401);
    let foreign = [("host", "rebound.example.com")];
    assert_eq!(asked_by(&kept, Some("127.0.0.1:1"), &foreign, false).await.0.status(), 421);
}
