//! Every fault, on the wire.

use std::collections::BTreeMap;
use std::time::Duration;

use tollgate_mock::{Ended, Fault, Mock, Scenario};

use crate::client::{LIMIT, Raw, chat, exchange, start};

const STREAM: &str = r#"{"model":"m","stream":true}"#;
const PLAIN: &str = r#"{"model":"m"}"#;

async fn told(mock: &Mock, fault: Fault, body: &str) -> Raw {
    mock.clear_log();
    mock.push("", Scenario::fault(fault));
    chat(mock, body).await
}

async fn how_it_ended(mock: &Mock) -> Ended {
    mock.ended(1, LIMIT).await[0].ended().expect("it has ended")
}

#[tokio::test]
async fn a_status_comes_in_each_dialects_envelope_with_its_headers() {
    let mock = start().await;
    let headers = BTreeMap::from([("retry-after".to_owned(), "7".to_owned())]);
    let fault = Fault::Status { code: 429, body: None, headers };
    let raw = told(&mock, fault.clone(), STREAM).await;
    assert_eq!(raw.status(), 429);
    assert!(raw.head.contains("retry-after: 7\r\n"), "{}", raw.head);
    assert_eq!(raw.json()["error"]["code"], "rate_limit_exceeded");

    mock.push("", Scenario::fault(fault));
    let raw = exchange(&mock, "/v1/messages", "", STREAM).await;
    assert_eq!(raw.json()["error"]["type"], "rate_limit_error");
    assert_eq!(raw.json()["type"], "error");

    let body = Some("over there".to_owned());
    let fault = Fault::Status { code: 503, body, headers: BTreeMap::new() };
    let raw = told(&mock, fault, STREAM).await;
    assert_eq!((raw.status(), raw.text().as_str()), (503, "over there"));
}

#[tokio::test]
async fn a_refusal_closes_without_a_byte_and_a_reset_resets() {
    let mock = start().await;
    let raw = told(&mock, Fault::RefuseAfterAccept, PLAIN).await;
    assert_eq!((raw.reads.len(), raw.reset), (0, false));
    assert_eq!(how_it_ended(&mock).await, Ended::Faulted);

    let raw = told(&mock, Fault::Reset, PLAIN).await;
    assert_eq!((raw.reads.len(), raw.reset), (0, true));

    let raw = told(&mock, Fault::ResetAfterEvents(2), STREAM).await;
    assert_eq!((raw.status(), raw.chunks.len(), raw.reset), (200, 2, true));
    assert_eq!(how_it_ended(&mock).await, Ended::Faulted);
}

#[tokio::test]
async fn a_cut_stream_has_its_events_and_no_last_chunk() {
    let mock = start().await;
    let whole = chat(&mock, STREAM).await;
    for events in [0, 1, 3] {
        let raw = told(&mock, Fault::CutAfterEvents(events), STREAM).await;
        assert_eq!(raw.chunks, whole.chunks[..events]);
        assert!(!raw.complete && !raw.reset);
        assert_eq!(how_it_ended(&mock).await, Ended::Faulted);
    }
    let raw = told(&mock, Fault::CutAfterBytes(10), STREAM).await;
    assert_eq!(raw.body(), &whole.body()[..10]);
    assert!(!raw.complete);
}

#[tokio::test]
async fn an_error_event_ends_the_stream_cleanly_after_status_200() {
    let mock = start().await;
    let raw = told(&mock, Fault::ErrorEventAfter(2), STREAM).await;
    assert_eq!((raw.status(), raw.complete), (200, true));
    assert_eq!(raw.data().len(), 3);
    assert_eq!(raw.data()[2]["error"]["type"], "server_error");
    assert!(!raw.text().contains("[DONE]"));

    mock.push("", Scenario::fault(Fault::ErrorEventAfter(4)));
    let raw = exchange(&mock, "/v1/messages", "", STREAM).await;
    assert!(raw.text().contains("\n\nevent: error\ndata: {\"type\":\"error\""));
    assert_eq!(raw.data().last().unwrap()["error"]["type"], "overloaded_error");

    mock.push("", Scenario::fault(Fault::ErrorEventAfter(2)));
    let raw = exchange(&mock, "/v1/responses", "", STREAM).await;
    let last = raw.data().pop().unwrap();
    assert_eq!((&last["type"], &last["sequence_number"]), (&"response.failed".into(), &3.into()));

    let raw = told(&mock, Fault::ErrorEventAfter(0), PLAIN).await;
    assert_eq!(raw.status(), 500);
    mock.push("", Scenario::fault(Fault::ErrorEventAfter(0)));
    assert_eq!(exchange(&mock, "/v1/messages", "", PLAIN).await.status(), 529);
}

#[tokio::test]
async fn the_end_mark_and_the_usage_can_be_missing() {
    let mock = start().await;
    let asks = r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#;
    let raw = told(&mock, Fault::NoDone, asks).await;
    assert!(raw.complete && !raw.text().contains("[DONE]"));
    assert!(raw.data().last().unwrap()["usage"].is_object());

    let raw = told(&mock, Fault::NoUsage, asks).await;
    assert!(raw.text().ends_with("data: [DONE]\n\n"));
    assert!(raw.data().iter().all(|chunk| chunk["usage"].is_null()));

    mock.push("", Scenario::fault(Fault::NoDone));
    let raw = exchange(&mock, "/v1/messages", "", STREAM).await;
    assert_eq!(raw.data().last().unwrap()["type"], "message_delta");
}

#[tokio::test]
async fn a_body_can_be_garbage_mislabelled_or_too_short() {
    let mock = start().await;
    for body in [STREAM, PLAIN] {
        let raw = told(&mock, Fault::Garbage, body).await;
        assert_eq!((raw.status(), raw.complete), (200, true));
        assert!(std::str::from_utf8(&raw.body()).is_err());

        let raw = told(&mock, Fault::BadContentType, body).await;
        assert!(raw.head.contains("content-type: text/html\r\n"));
        assert!(raw.text().contains("chat.completion"));

        let whole = chat(&mock, body).await.body();
        let raw = told(&mock, Fault::Truncated, body).await;
        assert!(raw.head.contains(&format!("content-length: {}\r\n", whole.len())));
        assert_eq!(raw.body(), &whole[..whole.len() / 2]);
        assert!(!raw.complete);
        assert_eq!(how_it_ended(&mock).await, Ended::Faulted);
    }
}

#[tokio::test]
async fn a_body_can_dribble() {
    let mock = start().await;
    let whole = chat(&mock, PLAIN).await.body();
    let raw = told(&mock, Fault::SlowBytes { bytes: 100, gap_ms: 5 }, PLAIN).await;
    assert_eq!((raw.body(), raw.complete), (whole.clone(), true));
    let pieces = whole.len().div_ceil(100);
    assert!(raw.reads.len() > pieces / 2, "{} reads", raw.reads.len());
    let received = &mock.log()[0];
    assert_eq!(received.response.sent.len(), pieces);
    // From the request on: a first piece that is late does not make the others late.
    let lasted = received.response.sent[pieces - 1].0.duration_since(received.at);
    assert!(lasted >= Duration::from_millis(5 * pieces as u64), "{lasted:?}");
}
