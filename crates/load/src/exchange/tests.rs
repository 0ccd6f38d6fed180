//! What is read of an answer.

use std::time::{Duration, Instant};

use super::{BadUrl, Seen, Target, since_epoch};
use crate::record::Measured;

#[test]
fn events_and_stamps_are_found_however_the_stream_is_cut() {
    let began = Instant::now();
    let stamp = u64::try_from(since_epoch().as_nanos()).unwrap() - 5_000_000;
    let stream = format!("data: {{\"content\":\"sent:{stamp} x\"}}\n\ndata: [DONE]\n\n");
    for cut in 1..stream.len() {
        let mut seen = Seen::new(200);
        let sent = Instant::now();
        seen.on_data(&stream.as_bytes()[..cut], sent);
        seen.on_data(&stream.as_bytes()[cut..], sent);
        let mut measured = Measured::default();
        seen.record(sent, &mut measured);
        assert_eq!(measured.events, 2, "cut at {cut}");
        assert_eq!(measured.bytes, stream.len() as u64);
        let delay = measured.event_delay().p50;
        // Counts are kept to a few hundredths.
        let most = 1.1 * (5_000.0 + began.elapsed().as_secs_f64() * 1e6) + 1_000.0;
        assert!(delay == 0.0 || (5_000.0..most).contains(&delay), "{delay} at {cut}");
    }
}

#[test]
fn an_answer_that_is_no_success_is_a_failure_by_its_status() {
    let mut measured = Measured::default();
    Seen::new(503).record(Instant::now(), &mut measured);
    assert_eq!((measured.requests, measured.failures["503"]), (0, 1));
    assert_eq!(measured.refusals, 0, "it does not say when to come back");
}

#[test]
fn a_refusal_says_when_to_come_back_and_has_a_time_of_its_own() {
    let mut measured = Measured::default();
    let due = Instant::now().checked_sub(Duration::from_millis(3)).unwrap();
    Seen { retry_after: true, ..Seen::new(503) }.record(due, &mut measured);
    Seen { retry_after: true, ..Seen::new(429) }.record(due, &mut measured);
    assert_eq!((measured.refusals, measured.failed()), (1, 2));
    assert!(measured.refusal().p50 >= 3_000.0 && measured.latency().max == 0.0);
}

#[tokio::test]
async fn urls_that_cannot_be_asked_say_why() {
    for (url, expected) in [
        ("https://localhost/v1", BadUrl::Scheme),
        ("localhost", BadUrl::Form),
        ("/v1/chat", BadUrl::Form),
        ("http://no-such-host.invalid/", BadUrl::Host),
    ] {
        assert_eq!(Target::new(url, "").await.unwrap_err(), expected, "{url}");
    }
    assert!(Target::new("http://127.0.0.1:9/v1?x=1", "{}").await.is_ok());
}
