//! Questions in SQL over the socket.

use serde_json::{Value, json};

use super::*;
use crate::query::{BODY_BYTES_MAX, ROWS_MAX};

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

#[tokio::test]
async fn a_caller_whose_address_is_not_known_is_refused() {
    use tower::ServiceExt;

    let kept = Kept::with(vec![row("aa", "01", "", 1, 1)], "query-peer").await;
    let asked = |peer: Option<&str>| {
        let mut request = http::Request::post("/v1/query")
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(axum::body::Body::from(r#"{"query":"SELECT count() FROM otel_traces"}"#))
            .unwrap();
        if let Some(peer) = peer {
            let peer: SocketAddr = peer.parse().unwrap();
            request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
        }
        router(state(Some(kept.store.clone()), true)).oneshot(request)
    };
    for (peer, status) in [
        (None, 403),
        (Some("192.0.2.7:1"), 403),
        (Some("[2001:db8::1]:1"), 403),
        (Some("[::ffff:192.0.2.7]:1"), 403),
        (Some("127.0.0.1:1"), 200),
        (Some("[::1]:1"), 200),
        (Some("[::ffff:127.0.0.1]:1"), 200),
    ] {
        assert_eq!(asked(peer).await.unwrap().status().as_u16(), status, "{peer:?}");
    }
}
