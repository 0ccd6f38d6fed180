//! A peer that leaves is noticed at once, whatever the provider is doing.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tollgate_mock::{Ended, Fault, Mock, Scenario};

use crate::client::{LIMIT, connect, post, start};

const NOTICED_WITHIN: Duration = Duration::from_millis(100);
/// How often it may be later than that: a busy machine adds to one time and not to every one.
const TRIES_MAX: usize = 10;
const STREAM: &str = r#"{"model":"m","stream":true}"#;

/// Asks a provider of its own with this scenario and leaves; the provider, once it noticed in time.
async fn noticed(scenario: Option<Scenario>, request: &[u8], reads: usize) -> Mock {
    let mut all = Vec::new();
    loop {
        let mock = start().await;
        if let Some(scenario) = &scenario {
            mock.push("", scenario.clone());
        }
        let took = leave_after(&mock, request, reads).await;
        if took < NOTICED_WITHIN {
            return mock;
        }
        all.push(took);
        assert!(all.len() < TRIES_MAX, "{all:?}");
    }
}

/// Sends a request, reads `reads` times, leaves, and returns how long the provider took to notice.
async fn leave_after(mock: &Mock, request: &[u8], reads: usize) -> Duration {
    let mut stream = connect(mock).await;
    stream.write_all(request).await.unwrap();
    let mut buffer = [0; 4096];
    for _ in 0..reads {
        assert_ne!(stream.read(&mut buffer).await.unwrap(), 0, "it must still be answering");
    }
    while mock.log().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // Long enough for the provider to be silent in its turn.
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert_eq!(mock.log().last().unwrap().response.ended, None, "nothing has ended yet");
    let left = Instant::now();
    drop(stream);
    let log = mock.ended(1, LIMIT).await;
    let (at, ended) = log[0].response.ended.expect("the end is noticed");
    assert_eq!(ended, Ended::PeerClosed);
    at.saturating_duration_since(left)
}

#[tokio::test]
async fn a_peer_that_leaves_a_stalled_stream_is_noticed() {
    let stalled = Scenario::fault(Fault::Stall { after_events: 2 });
    noticed(Some(stalled), &post("/v1/chat/completions", "", STREAM), 1).await;
}

#[tokio::test]
async fn a_peer_that_leaves_between_slow_events_is_noticed() {
    let slow = Scenario { gap_ms: 3_600_000, ..Scenario::default() };
    let mock = noticed(Some(slow), &post("/v1/messages", "", STREAM), 1).await;
    let received = mock.log().remove(0);
    assert_eq!(received.response.status, Some(200));
    assert!(!received.response.sent.is_empty());
}

#[tokio::test]
async fn a_peer_that_leaves_before_the_head_is_noticed() {
    let hanging = Scenario::fault(Fault::HangHead);
    let mock = noticed(Some(hanging), &post("/v1/chat/completions", "", STREAM), 0).await;
    assert_eq!(mock.log()[0].response.status, None);
}

#[tokio::test]
async fn a_peer_that_leaves_a_delayed_head_is_noticed() {
    let late = Scenario { head_delay_ms: 3_600_000, ..Scenario::default() };
    noticed(Some(late), &post("/v1/chat/completions", "", STREAM), 0).await;
}

#[tokio::test]
async fn a_peer_that_leaves_in_the_middle_of_its_own_body_is_noticed() {
    let request = b"POST /v1/messages HTTP/1.1\r\nhost: m\r\ncontent-length: 100\r\n\r\n{\"model\"";
    let mock = noticed(None, request, 0).await;
    assert!(!mock.log()[0].body_complete);
}

#[tokio::test]
async fn an_exchange_that_runs_when_the_provider_stops_was_stopped() {
    let mock = start().await;
    mock.push("", Scenario::fault(Fault::HangHead));
    let mut stream = connect(&mock).await;
    stream.write_all(&post("/v1/messages", "", STREAM)).await.unwrap();
    while mock.log().first().is_none_or(|received| !received.body_complete) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    mock.stop().await;
    assert_eq!(mock.log()[0].ended(), Some(Ended::Stopped));
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap_or(0), 0, "the connection is closed");
    let refused = tokio::net::TcpStream::connect(mock.addr()).await;
    assert!(refused.is_err(), "the port is closed");
    let again = Mock::start(mock.addr()).await.unwrap();
    assert_eq!(again.addr(), mock.addr(), "a provider can come back to its port");
}
