//! The log forgets the oldest first, counts what it forgot, and knows how everything ended.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Ended, Log, Witness, body_hash};

const BODY_BYTES_MAX: usize = 100;

fn log() -> Arc<Log> {
    Arc::new(Log::new(BODY_BYTES_MAX))
}

fn enter(log: &Arc<Log>, path: &str) -> Witness {
    let (head, ()) = http::Request::get(path).body(()).unwrap().into_parts();
    log.enter(&head, 1)
}

fn paths(log: &Log) -> Vec<String> {
    log.snapshot().into_iter().map(|received| received.path_and_query).collect()
}

#[test]
fn the_oldest_requests_go_first_and_are_counted() {
    let log = log();
    log.keep(2);
    let _witnesses = [enter(&log, "/1"), enter(&log, "/2")];
    assert_eq!((paths(&log).len(), log.dropped()), (2, 0));
    let _witness = enter(&log, "/3");
    assert_eq!(paths(&log), ["/2", "/3"]);
    assert_eq!(log.dropped(), 1);
    log.keep(0);
    assert_eq!((paths(&log).len(), log.dropped()), (0, 3));
}

#[test]
fn bodies_are_kept_up_to_their_limit_and_not_one_byte_more() {
    let log = log();
    let (first, second) = (enter(&log, "/1"), enter(&log, "/2"));
    first.body(Bytes::from(vec![0; BODY_BYTES_MAX - 1]));
    second.body(Bytes::from(vec![0; 1]));
    assert_eq!(paths(&log), ["/1", "/2"]);
    let third = enter(&log, "/3");
    third.body(Bytes::from(vec![0; 1]));
    assert_eq!(paths(&log), ["/2", "/3"]);
    // What the first one held is free again.
    enter(&log, "/4").body(Bytes::from(vec![0; BODY_BYTES_MAX - 2]));
    assert_eq!(paths(&log), ["/2", "/3", "/4"]);
}

#[test]
fn a_body_that_comes_after_its_request_was_forgotten_takes_no_room() {
    let log = log();
    let late = enter(&log, "/late");
    log.clear();
    late.body(Bytes::from(vec![0; BODY_BYTES_MAX]));
    enter(&log, "/next").body(Bytes::from(vec![0; BODY_BYTES_MAX]));
    assert_eq!(paths(&log), ["/next"]);
}

#[test]
fn only_the_first_end_counts_and_none_at_all_means_that_the_peer_left() {
    let log = log();
    let mut told = enter(&log, "/told");
    told.end(Ended::Faulted);
    told.end(Ended::Complete);
    drop(told);
    drop(enter(&log, "/left"));
    let running = enter(&log, "/running");
    let ends = |log: &Log| log.snapshot().iter().map(super::Received::ended).collect::<Vec<_>>();
    assert_eq!(ends(&log), [Some(Ended::Faulted), Some(Ended::PeerClosed), None]);
    log.stop();
    drop(running);
    assert_eq!(ends(&log)[2], Some(Ended::Stopped));
}

#[tokio::test]
async fn waiting_for_ends_gives_up_at_the_limit() {
    let log = log();
    let witness = enter(&log, "/1");
    assert_eq!(log.ended(1, Duration::from_millis(5)).await[0].ended(), None);
    let waiting = tokio::spawn({
        let log = Arc::clone(&log);
        async move { log.ended(1, Duration::from_secs(60)).await }
    });
    tokio::task::yield_now().await;
    drop(witness);
    assert_eq!(waiting.await.unwrap()[0].ended(), Some(Ended::PeerClosed));
}

#[test]
fn hashes_tell_bodies_apart() {
    assert_eq!(body_hash(b"ab"), body_hash(b"ab"));
    assert_ne!(body_hash(b"ab"), body_hash(b"ba"));
}
