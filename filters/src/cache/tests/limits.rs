//! Every bound, at it and one beyond.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::{admission, admit, cache, request, send, settings, stack, told};
use crate::cache::recording::{Allowance, Recording};
use crate::cache::{Answer, Piece, ResponseCache, Told};

fn recorded(bytes_max: usize, pieces: &[&[u8]]) -> Option<(Bytes, Vec<Piece>)> {
    let mut recording = Recording::new(Allowance::new(usize::MAX), bytes_max);
    let began = Instant::now();
    for (at, piece) in pieces.iter().enumerate() {
        let at = began + Duration::from_millis(at as u64);
        recording.push(&Bytes::copy_from_slice(piece), at);
    }
    recording.finish()
}

#[test]
fn a_recording_holds_as_much_as_an_entry_may_and_not_a_byte_more() {
    let (body, pieces) = recorded(6, &[b"abc", b"", b"def"]).unwrap();
    assert_eq!(body, "abcdef");
    let (three, six) = (Piece { end: 3, at_us: 0 }, Piece { end: 6, at_us: 2_000 });
    assert_eq!(pieces, [three, six]);
    assert_eq!(recorded(6, &[b"abc", b"defg"]), None);
    assert_eq!(recorded(6, &[b"abcdefg", b"a"]), None, "it does not begin again");
    assert_eq!(recorded(6, &[]), Some((Bytes::new(), Vec::new())));
}

#[test]
fn all_recordings_together_hold_as_much_as_they_may_and_give_it_back() {
    let allowance = Allowance::new(10);
    let recording = || Recording::new(allowance.clone(), 10);
    let piece = Bytes::from_static(b"12345");
    let (mut one, mut two) = (recording(), recording());
    assert!(one.push(&piece, Instant::now()) && two.push(&piece, Instant::now()));
    assert_eq!(allowance.taken(), 10);
    let mut three = recording();
    assert!(!three.push(&Bytes::from_static(b"1"), Instant::now()));
    assert!(!two.push(&Bytes::from_static(b"6"), Instant::now()), "one more is too much");
    assert_eq!(allowance.taken(), 5, "what is given up is given back");
    assert!(one.finish().is_some());
    assert_eq!(allowance.taken(), 0);
    drop((two, three));
    assert_eq!(allowance.taken(), 0);
}

#[test]
fn what_left_together_is_one_piece() {
    let mut recording = Recording::new(Allowance::new(100), 100);
    let at = Instant::now();
    for _ in 0..3 {
        recording.push(&Bytes::from_static(b"ab"), at);
    }
    assert_eq!(recording.finish().unwrap().1, [Piece { end: 6, at_us: 0 }]);
}

#[test]
fn pieces_that_lie_about_the_body_stay_within_it() {
    let answer = Answer {
        stream: true,
        headers: Vec::new(),
        body: Bytes::from_static(b"abcdef"),
        pieces: [4, 2, 99].map(|end| Piece { end, at_us: 0 }).to_vec(),
        told: Told::default(),
        stored_ns: 0,
    };
    let pieces: Vec<_> = answer.pieces().map(|(_, piece)| piece).collect();
    assert_eq!(pieces, ["abcd", "", "ef"]);
}

/// Fills the cache with so many answers of this size and says how many bytes it takes.
async fn filled(cache: &std::sync::Arc<ResponseCache>, count: usize, bytes: usize) -> u64 {
    let stack = stack(cache);
    for at in 0..count {
        let body = super::BODY.replace("hi", &at.to_string());
        let verdict = send(&stack, request(&body, &[])).await.unwrap();
        admit(admission(verdict), &"x".repeat(bytes));
    }
    cache.size().1
}

#[tokio::test]
async fn all_entries_together_stay_within_the_size_and_the_newest_stays() {
    let mut small = settings();
    small.bytes_max = 200_000;
    let cache = cache(small);
    let taken = filled(&cache, 100, 10_000).await;
    assert!(taken <= 200_000, "{taken}");
    assert!(taken > 100_000, "it is used: {taken}");
    let evicted = cache.counts.evicted.get();
    assert_eq!(cache.counts.admitted.get(), 100);
    assert_eq!(evicted + cache.size().0, 100);
    let newest = super::BODY.replace("hi", "99");
    let verdict = send(&stack(&cache), request(&newest, &[])).await.unwrap();
    assert!(told(&verdict).is_some());
}

#[tokio::test]
async fn the_weight_of_an_entry_counts_more_than_its_body() {
    let cache = cache(settings());
    assert!(filled(&cache, 10, 0).await >= 10 * 100);
}
