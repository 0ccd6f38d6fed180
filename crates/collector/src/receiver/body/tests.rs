//! How bodies come: in pieces, too slowly, or not at all.

use std::convert::Infallible;

use futures_util::{StreamExt, stream};
use http_body::Frame;
use http_body_util::{Full, StreamBody};

use super::*;
use crate::MemoryLimits;
use crate::memory_limiter::MemoryLimiter;

fn reserved() -> (MemoryLimiter, Reservation) {
    let limiter = MemoryLimiter::new(MemoryLimits { poll_every: None, ..MemoryLimits::default() });
    let reserved = limiter.admit().unwrap();
    (limiter, reserved)
}

fn pieces(count: usize) -> impl stream::Stream<Item = Result<Frame<Bytes>, Infallible>> + Unpin {
    stream::iter(0..count).map(|_| Ok(Frame::data(Bytes::from_static(b"four"))))
}

#[tokio::test]
async fn a_body_may_come_in_pieces_and_is_counted_as_it_comes() {
    let (limiter, mut reserved) = reserved();
    let body = read(StreamBody::new(pieces(25)), 100, &mut reserved).await.unwrap();
    assert_eq!((body.len(), limiter.usage().in_work_bytes), (100, 100));
    let over = read(StreamBody::new(pieces(26)), 100, &mut reserved).await;
    assert_eq!(over, Err(Refusal::BodyBytes));
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_not_read() {
    let (limiter, mut reserved) = reserved();
    let body = Full::new(Bytes::from_static(&[0; 101]));
    assert_eq!(read(body, 100, &mut reserved).await, Err(Refusal::BodyBytes));
    assert_eq!(limiter.usage().in_work_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_given_up_after_its_time() {
    let (_limiter, mut reserved) = reserved();
    let started = tokio::time::Instant::now();
    let body = StreamBody::new(pieces(3).chain(stream::pending()));
    assert_eq!(read(body, 100, &mut reserved).await, Err(Refusal::Slow));
    assert_eq!(started.elapsed().as_secs(), READ_MAX.as_secs());
}
