//! The endpoints that are no chat: rankings, pictures, speech, transcripts, files.

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tollgate_mock::{Mock, Scenario};

use crate::client::{connect, exchange, start};

const FORM: &str = "content-type: multipart/form-data; boundary=\"a b\"\r\n";

fn form(fields: &[(&str, &str)]) -> String {
    let field = |(name, value): &(&str, &str)| {
        format!("--a b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let fields: String = fields.iter().map(field).collect();
    let file = "--a b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\nID3\r\n--a\r\n";
    format!("{fields}{file}--a b--\r\n")
}

async fn plain(mock: &Mock, path: &str, headers: &str, body: &str) -> Value {
    let raw = exchange(mock, path, headers, body).await;
    assert_eq!(raw.status(), 200, "{}", raw.text());
    serde_json::from_str(&raw.text()).unwrap()
}

#[tokio::test]
async fn documents_are_ranked_and_tokens_counted() {
    let mock = start().await;
    let body = r#"{"model":"r","query":"q","documents":["a",{"text":"b"},"c"]}"#;
    let ranked = plain(&mock, "/v2/rerank", "", body).await;
    let order: Vec<_> =
        ranked["results"].as_array().unwrap().iter().map(|it| it["index"].as_u64()).collect();
    assert_eq!(order, [Some(2), Some(1), Some(0)]);
    assert_eq!(ranked["results"][0]["relevance_score"], 1.0);
    let counted = plain(&mock, "/v1/messages/count_tokens", "", r#"{"model":"c"}"#).await;
    assert_eq!(counted, serde_json::json!({ "input_tokens": 12 }));
}

#[tokio::test]
async fn pictures_have_prompts_or_usage_by_their_model() {
    let mock = start().await;
    for (model, prompt, counted) in [("dall-e-3", true, false), ("gpt-image-1", false, true)] {
        mock.push("", Scenario { event_bytes: 300, ..Scenario::text("A cat.") });
        let body = format!(r#"{{"model":"{model}","prompt":"cat"}}"#);
        let found = plain(&mock, "/v1/images/generations", "", &body).await;
        assert_eq!(found["data"][0]["b64_json"].as_str().unwrap().len(), 400);
        assert_eq!(found["data"][0]["revised_prompt"] == "A cat.", prompt);
        assert_eq!(found["usage"]["total_tokens"].is_u64(), counted);
    }
    mock.push("", Scenario { stream_events: Some(3), ..Scenario::default() });
    let body = r#"{"model":"gpt-image-1","prompt":"cat","stream":true}"#;
    let streamed = exchange(&mock, "/v1/images/generations", "", body).await.text();
    assert_eq!(streamed.matches("image_generation.partial_image").count(), 3);
    assert!(streamed.contains("image_generation.completed"), "{streamed}");
}

#[tokio::test]
async fn speech_is_bytes_or_events() {
    let mock = start().await;
    let raw = exchange(&mock, "/v1/audio/speech", "", r#"{"model":"t","input":"x"}"#).await;
    assert!(
        raw.head.contains("content-type: audio/mpeg\r\n") && raw.chunks.concat().len() == 3_072
    );
    let body = r#"{"model":"t","input":"x","stream_format":"sse"}"#;
    let events = exchange(&mock, "/v1/audio/speech", "", body).await.text();
    assert!(events.contains("speech.audio.delta") && events.contains("speech.audio.done"));
}

#[tokio::test]
async fn a_transcript_comes_as_asked_for() {
    let mock = start().await;
    let said = |fields: Vec<(&'static str, &'static str)>| {
        mock.push("", Scenario::text("One two."));
        let body = form(&fields);
        let mock = &mock;
        async move { exchange(mock, "/v1/audio/transcriptions", FORM, &body).await.text() }
    };
    let json = said(vec![("model", "gpt-4o-transcribe")]).await;
    assert!(json.starts_with(r#"{"text":"One two.","usage":{"type":"tokens""#), "{json}");
    let seconds = said(vec![("model", "whisper-1")]).await;
    assert!(seconds.contains(r#""usage":{"type":"duration","seconds":3}"#), "{seconds}");
    assert_eq!(said(vec![("model", "m"), ("response_format", "text")]).await, "One two.\n");
    let events = said(vec![("model", "m"), ("stream", "true")]).await;
    assert_eq!(events.matches("transcript.text.delta").count(), 2, "{events}");
    assert!(events.contains(r#""type":"transcript.text.done","text":"One two.""#), "{events}");
    for (headers, body) in
        [("", form(&[("model", "m")])), (FORM, form(&[])), (FORM, "--a b--".to_owned())]
    {
        let raw = exchange(&mock, "/v1/audio/transcriptions", headers, &body).await;
        assert_eq!(raw.status(), 400, "{body}");
    }
}

/// Status and body of a request without one.
async fn send(mock: &Mock, method: &str, path: &str) -> (u16, String) {
    let mut stream = connect(mock).await;
    let head = format!("{method} {path} HTTP/1.1\r\nhost: mock\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut raw = String::new();
    stream.read_to_string(&mut raw).await.unwrap();
    let (head, body) = raw.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn a_file_is_kept_until_it_is_deleted() {
    let mock = start().await;
    let file = plain(&mock, "/v1/files", FORM, &form(&[("purpose", "batch")])).await;
    assert_eq!((&file["bytes"], &file["filename"]), (&Value::from(8), &Value::from("a.mp3")));
    assert_eq!(file["purpose"], "batch");
    let path = format!("/v1/files/{}", file["id"].as_str().unwrap());
    assert!(send(&mock, "GET", "/v1/files").await.1.contains("a.mp3"));
    assert_eq!(
        send(&mock, "GET", &format!("{path}/content")).await,
        (200, "ID3\r\n--a".to_owned())
    );
    assert_eq!(send(&mock, "PUT", &path).await.0, 405);
    assert!(send(&mock, "DELETE", &path).await.1.contains("\"deleted\":true"));
    assert_eq!(send(&mock, "GET", &path).await.0, 404);
}
