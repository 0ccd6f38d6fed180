//! Events leave one by one, at their times.

use std::time::{Duration, Instant};

use tollgate_mock::Scenario;

use crate::client::{chat, exchange, start};

const STREAM: &str = r#"{"model":"m","stream":true}"#;

#[tokio::test]
async fn events_keep_their_pace_without_drift() {
    let mock = start().await;
    mock.push("", Scenario { first_delay_ms: 60, ..Scenario::load(40, 200, 10) });
    let asked = Instant::now();
    let raw = chat(&mock, STREAM).await;
    let log = mock.log();
    let sent = &log[0].response.sent;
    assert_eq!(sent.len(), 43, "role, 40 x text, finish, [DONE]");
    assert!(sent[0].0.duration_since(asked) < Duration::from_millis(50), "the role comes at once");
    assert!(sent[1].0.duration_since(sent[0].0) >= Duration::from_millis(60));
    let lasted = sent[40].0.duration_since(sent[1].0);
    assert!(lasted >= Duration::from_millis(388), "{lasted:?}");
    assert!(lasted < Duration::from_millis(450), "{lasted:?}");
    assert!(raw.reads.len() >= 40, "each event is flushed: {} reads", raw.reads.len());
}

#[tokio::test]
async fn load_events_have_the_size_asked_for() {
    let mock = start().await;
    mock.set("load", Scenario::load(50, 300, 0));
    for path in ["/@load/v1/chat/completions", "/@load/v1/messages"] {
        let raw = exchange(&mock, path, "", STREAM).await;
        let events = raw.chunks.iter().filter(|chunk| chunk.len() == 300).count();
        assert_eq!(events, 50, "{path}");
    }
}

#[tokio::test]
async fn events_can_share_a_chunk_or_be_split_anywhere() {
    let mock = start().await;
    let whole = chat(&mock, STREAM).await;
    mock.push("", Scenario { events_per_chunk: 3, ..Scenario::default() });
    let joined = chat(&mock, STREAM).await;
    assert_eq!(joined.body(), whole.body());
    assert_eq!(joined.chunks.len(), whole.chunks.len().div_ceil(3));

    let split_at = vec![5, 1, 40, 5, 1_000_000];
    mock.push("", Scenario { split_at, ..Scenario::default() });
    let split = chat(&mock, STREAM).await;
    assert_eq!(split.body(), whole.body());
    let lengths: Vec<usize> = split.chunks.iter().map(Vec::len).collect();
    assert_eq!(lengths, [1, 4, 35, whole.body().len() - 40]);
}
