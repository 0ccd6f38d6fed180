//! Which scenario answers, what is logged, and what is refused.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tollgate_mock::{BODY_BYTES_MAX, Ended, Scenario, body_hash};

use crate::client::{LIMIT, chat, connect, exchange, start};

const PLAIN: &str = r#"{"model":"m"}"#;

#[tokio::test]
async fn scripts_come_before_names_headers_and_models() {
    let mock = start().await;
    mock.set("b", Scenario::text("b"));
    mock.push("/@b/", Scenario::text("script"));
    let text = async |path: &str, headers: &str, body: &str| {
        let answer = exchange(&mock, path, headers, body).await.json();
        answer["choices"][0]["message"]["content"].as_str().map(str::to_owned)
    };
    let path = "/@b/v1/chat/completions";
    let header = "x-mock-scenario: {\"content\":[{\"text\":\"head\"}]}\r\n";
    let echo = r#"{"model":"mock-echo","messages":[{"role":"user","content":"say it"}]}"#;
    assert_eq!(text("/v1/chat/completions", header, echo).await.unwrap(), "head");
    assert_eq!(text(path, header, echo).await.unwrap(), "script");
    assert_eq!(text(path, header, echo).await.unwrap(), "b");
    assert_eq!(text("/v1/chat/completions", "", echo).await.unwrap(), "say it");
    assert!(text("/v1/chat/completions", "", PLAIN).await.unwrap().starts_with("Hello"));
    let labels: Vec<String> = mock.log().into_iter().map(|received| received.scenario).collect();
    assert_eq!(labels, ["header", "script", "@b", "model:mock-echo", "default"]);
    assert_eq!(mock.unserved(), 0);
}

#[tokio::test]
async fn a_header_that_makes_no_sense_is_refused() {
    let mock = start().await;
    for value in ["nobody", "{\"contents\":[]}", "{\"stream_events\":100001}"] {
        let headers = format!("x-mock-scenario: {value}\r\n");
        let raw = exchange(&mock, "/v1/chat/completions", &headers, PLAIN).await;
        assert_eq!(raw.status(), 400, "{value}");
    }
}

#[tokio::test]
async fn a_load_stream_can_be_asked_for_in_a_header() {
    let mock = start().await;
    let load = r#"{"stream_events": 20, "event_bytes": 250, "gap_ms": 1}"#;
    let headers = format!("x-mock-scenario: {load}\r\n");
    let body = r#"{"model":"m","stream":true}"#;
    let raw = exchange(&mock, "/v1/messages", &headers, body).await;
    assert_eq!(raw.chunks.iter().filter(|chunk| chunk.len() == 250).count(), 20);
}

#[tokio::test]
async fn the_callers_tools_are_called_until_they_have_answered() {
    let mock = start().await;
    let tools = r#""tools":[{"type":"function","function":{"name":"look","parameters":{"type":"object","properties":{"at":{"type":"string"},"n":{"type":"integer"}}}}}]"#;
    let body = format!(r#"{{"model":"m",{tools},"messages":[{{"role":"user","content":"x"}}]}}"#);
    let message = chat(&mock, &body).await.json()["choices"][0]["message"].clone();
    assert_eq!(message["tool_calls"].as_array().unwrap().len(), 2);
    assert_eq!(message["tool_calls"][1]["function"]["arguments"], r#"{"at":"Oslo","n":1}"#);
    let body = format!(r#"{{"model":"m",{tools},"messages":[{{"role":"tool","content":"x"}}]}}"#);
    let message = chat(&mock, &body).await.json()["choices"][0]["message"].clone();
    assert!(message["tool_calls"].is_null());
}

#[tokio::test]
async fn an_expected_key_may_come_either_way_and_is_never_shown() {
    let mock = start().await;
    let scenario = Scenario { expect_key: Some("sk-right".into()), ..Scenario::default() };
    assert!(!format!("{scenario:?}").contains("sk-right"));
    mock.set("k", scenario);
    let path = "/@k/v1/messages";
    for (headers, status) in [
        ("authorization: Bearer sk-right\r\n", 200),
        ("x-api-key: sk-right\r\n", 200),
        ("x-api-key: sk-wrong\r\n", 401),
        ("", 401),
    ] {
        assert_eq!(exchange(&mock, path, headers, PLAIN).await.status(), status, "{headers}");
    }
    let refused = exchange(&mock, path, "", PLAIN).await.json();
    assert_eq!(refused["error"]["type"], "authentication_error");
    let log = mock.log();
    assert_eq!(log[0].header("Authorization"), Some("Bearer sk-right"));
    assert!(!format!("{log:?}").contains("sk-"));
}

#[tokio::test]
async fn what_no_provider_serves_is_refused_in_the_dialect() {
    let mock = start().await;
    assert_eq!(exchange(&mock, "/v1/nothing", "", PLAIN).await.status(), 404);
    assert_eq!(exchange(&mock, "/v1/models", "", PLAIN).await.status(), 405);
    assert_eq!(chat(&mock, "not json").await.status(), 400);
    let raw = exchange(&mock, "/v1/messages", "", "{}").await;
    assert_eq!((raw.status(), &raw.json()["type"]), (400, &"error".into()));
}

#[tokio::test]
async fn requests_are_logged_as_they_came() {
    let mock = start().await;
    let headers = "X-One: 1\r\nx-two: 2\r\nx-one: 3\r\n";
    let raw = exchange(&mock, "/v1/chat/completions?a=b", headers, PLAIN).await;
    let log = mock.ended(1, LIMIT).await;
    let received = &log[0];
    assert_eq!(received.path_and_query, "/v1/chat/completions?a=b");
    assert_eq!(received.body, PLAIN);
    assert_eq!(received.body_hash, body_hash(PLAIN.as_bytes()));
    assert_eq!((received.connection, received.ended()), (1, Some(Ended::Complete)));
    let ones: Vec<_> = received.headers.iter().filter(|(name, _)| name == "x-one").collect();
    assert_eq!(ones.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["1", "3"]);
    let sent: usize = received.response.sent.iter().map(|(_, bytes)| bytes).sum();
    assert_eq!(sent, raw.body().len());
}

#[tokio::test]
async fn bodies_are_read_to_the_limit_and_not_beyond() {
    let mock = start().await;
    let head = |length: usize| {
        format!("POST /v1/messages HTTP/1.1\r\nhost: m\r\ncontent-length: {length}\r\n\r\n")
    };
    for (length, status) in [(BODY_BYTES_MAX, "200"), (BODY_BYTES_MAX + 1, "413")] {
        let (mut read, mut write) = connect(&mock).await.into_split();
        let sending = tokio::spawn(async move {
            let mut body = vec![b' '; length];
            body[..PLAIN.len()].copy_from_slice(PLAIN.as_bytes());
            let _ = write.write_all(head(length).as_bytes()).await;
            let _ = write.write_all(&body).await;
            write
        });
        let mut answer = [0; 12];
        read.read_exact(&mut answer).await.unwrap();
        assert_eq!(std::str::from_utf8(&answer[9..]).unwrap(), status);
        sending.abort();
    }
    let log = mock.log();
    assert_eq!(log[0].body.len(), BODY_BYTES_MAX);
    assert!(!log[1].body_complete);
}
