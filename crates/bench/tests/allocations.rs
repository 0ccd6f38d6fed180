//! What the byte path of a stream asks the allocator for: nothing, once its buffers are there.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use allocation_counter::measure;
use bytes::Bytes;
use tollgate_bench::chunks::{Passage, Way};
use tollgate_bench::streams::{READ_BYTES, Stream, all, cut};

/// Pieces that come before; all further ones have the same length.
const WARM: usize = 120;
const PIECES: usize = 999;
/// After so many reads or bytes, the room for an unfinished event has its size.
const WARM_READS: usize = 3;
const WARM_BYTES: usize = 4 * 1024;

const NONE: (usize, Option<usize>) = (0, None);

/// How many chunks made the allocator work, and the first of them.
fn allocations(passage: &mut Passage, chunks: Vec<Bytes>) -> (usize, Option<usize>) {
    let mut found = (0, None);
    for (at, chunk) in chunks.into_iter().enumerate() {
        let asked = measure(|| {
            passage.on_chunk(chunk);
        });
        if asked.count_total > 0 {
            found = (found.0 + 1, found.1.or(Some(at)));
        }
    }
    found
}

fn after_the_first_pieces(stream: &Stream) -> Bytes {
    stream.body()[WARM..].concat().into()
}

#[test]
fn an_event_in_a_chunk_of_its_own_allocates_nothing_in_any_dialect() {
    for stream in all(PIECES) {
        let mut passage = Passage::into_stream(&stream, Way::Pass, WARM);
        let found = allocations(&mut passage, stream.body()[WARM..].to_vec());
        assert_eq!(found, NONE, "{}", stream.name);
    }
}

#[test]
fn a_full_read_of_many_events_allocates_nothing_in_any_dialect() {
    for stream in all(PIECES) {
        let mut passage = Passage::into_stream(&stream, Way::Pass, WARM);
        let mut reads = cut(&after_the_first_pieces(&stream), READ_BYTES);
        let rest = reads.split_off(WARM_READS);
        assert!(rest.len() >= 2, "{}: something is measured", stream.name);
        allocations(&mut passage, reads);
        assert_eq!(allocations(&mut passage, rest), NONE, "{}", stream.name);
    }
}

#[test]
fn events_that_are_cut_anywhere_allocate_nothing_once_one_was() {
    for stream in all(PIECES) {
        for chunk_bytes in [1, 37, 1_000] {
            let mut passage = Passage::into_stream(&stream, Way::Pass, WARM);
            let mut chunks = cut(&after_the_first_pieces(&stream), chunk_bytes);
            let rest = chunks.split_off(WARM_BYTES / chunk_bytes);
            allocations(&mut passage, chunks);
            let found = allocations(&mut passage, rest);
            assert_eq!(found, NONE, "{}, chunks of {chunk_bytes} bytes", stream.name);
        }
    }
}

#[test]
fn a_stream_whose_usage_may_have_to_be_taken_out_allocates_nothing_while_there_is_none() {
    let stream = Stream::chat(PIECES);
    let mut passage = Passage::into_stream(&stream, Way::Swallow, WARM);
    let found = allocations(&mut passage, stream.body()[WARM..].to_vec());
    assert_eq!(found, NONE);
}

#[test]
fn the_counter_sees_one_allocation() {
    let asked = measure(|| drop(std::hint::black_box(Box::new(1_u8))));
    assert_eq!(asked.count_total, 1, "or the other tests prove nothing");
}
