//! Events leave one by one, at their times.

use std::time::{Duration, Instant};

use tollgate_mock::Scenario;

use crate::client::{chat, exchange, start};

/// The timer's grain.
const GRAIN: Duration = Duration::from_millis(1);
const STREAM: &str = r#"{"model":"m","stream":true}"#;

/// How often events may be late: a busy machine adds to one stream and not to every one.
const TRIES_MAX: usize = 10;

#[tokio::test]
async fn events_keep_their_pace_without_drift() {
    let mut all = Vec::new();
    while all.len() < TRIES_MAX {
        let (least, reads) = late_and_reads().await;
        if least < Duration::from_millis(6) && reads >= 30 {
            return;
        }
        all.push((least, reads));
    }
    panic!("every late event is late by at least so much, or few are flushed singly: {all:?}");
}

/// By how much every late event of a stream is late at least, and in how many pieces it came.
async fn late_and_reads() -> (Duration, usize) {
    let mock = start().await;
    mock.push("", Scenario { first_delay_ms: 60, ..Scenario::load(40, 200, 10) });
    let raw = chat(&mock, STREAM).await;
    let log = mock.log();
    let sent: Vec<Instant> = log[0].response.sent.iter().map(|(at, _)| *at).collect();
    assert_eq!(sent.len(), 43, "role, 40 x text, finish, [DONE]");
    let late = |n: u64| {
        let due = Duration::from_millis(60 + 10 * n) - GRAIN;
        let at = sent[usize::try_from(n).unwrap() + 1].duration_since(sent[0]);
        at.checked_sub(due).unwrap_or_else(|| unreachable!("event {n} came early, after {at:?}"))
    };
    ((0..40).map(late).skip(20).min().unwrap(), raw.reads.len())
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

#[tokio::test]
async fn the_log_knows_when_the_first_content_left() {
    let mock = start().await;
    let hasty = Scenario { first_delay_ms: 30, ..Scenario::text("Hi there") };
    mock.push("", hasty.clone());
    mock.push("", Scenario { events_per_chunk: 3, ..hasty.clone() });
    mock.push("", Scenario { split_at: vec![10], ..hasty });
    for _ in 0..3 {
        chat(&mock, STREAM).await;
    }
    chat(&mock, r#"{"model":"m"}"#).await;
    let log = mock.log();
    // The role is no content; in one chunk with it, or cut anywhere, the content is all that counts.
    for (at, chunk) in [(0, 1), (1, 0), (2, 1)] {
        let response = &log[at].response;
        assert_eq!(response.first_content, Some(response.sent[chunk].0), "request {at}");
    }
    assert_eq!(log[3].response.first_content, None, "a plain answer is content as a whole");
}
