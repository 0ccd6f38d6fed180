//! A peer that leaves is noticed at once, whatever the provider is doing.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tollgate_mock::{Ended, Fault, Mock, Scenario};

use crate::client::{LIMIT, connect, post, start};

const NOTICED_WITHIN: Duration = Duration::from_millis(100);
const STREAM: &str = r#"{"model":"m","stream":true}"#;

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
    let mock = start().await;
    mock.push("", Scenario::fault(Fault::Stall { after_events: 2 }));
    let took = leave_after(&mock, &post("/v1/chat/completions", "", STREAM), 1).await;
    assert!(took < NOTICED_WITHIN, "{took:?}");
}

#[tokio::test]
async fn a_peer_that_leaves_between_slow_events_is_noticed() {
    let mock = start().await;
    mock.push("", Scenario { gap_ms: 3_600_000, ..Scenario::default() });
    let took = leave_after(&mock, &post("/v1/messages", "", STREAM), 1).await;
    assert!(took < NOTICED_WITHIN, "{took:?}");
    let received = mock.log().remove(0);
    assert_eq!(received.response.status, Some(200));
    assert!(!received.response.sent.is_empty());
}

#[tokio::test]
async fn a_peer_that_leaves_before_the_head_is_noticed() {
    let mock = start().await;
    mock.push("", Scenario::fault(Fault::HangHead));
    let took = leave_after(&mock, &post("/v1/chat/completions", "", STREAM), 0).await;
    assert!(took < NOTICED_WITHIN, "{took:?}");
    assert_eq!(mock.log()[0].response.status, None);
}

#[tokio::test]
async fn a_peer_that_leaves_a_delayed_head_is_noticed() {
    let mock = start().await;
    mock.push("", Scenario { head_delay_ms: 3_600_000, ..Scenario::default() });
    let took = leave_after(&mock, &post("/v1/chat/completions", "", STREAM), 0).await;
    assert!(took < NOTICED_WITHIN, "{took:?}");
}

#[tokio::test]
async fn a_peer_that_leaves_in_the_middle_of_its_own_body_is_noticed() {
    let mock = start().await;
    let request = b"POST /v1/messages HTTP/1.1\r\nhost: m\r\ncontent-length: 100\r\n\r\n{\"model\"";
    let took = leave_after(&mock, request, 0).await;
    assert!(took < NOTICED_WITHIN, "{took:?}");
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
