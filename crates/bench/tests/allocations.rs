//! What the byte path of a stream asks the allocator for: nothing, once its buffers are there.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use allocation_counter::measure;
use bytes::Bytes;
use tollgate_bench::chunks::{Passage, Way};
use tollgate_bench::streams::{READ_BYTES, Stream, all, cut};

/// Pieces after which buffers have their size.
const WARM: usize = 50;
const PIECES: usize = 500;

/// Chunks that made the allocator work, each with how often.
fn allocations(passage: &mut Passage, chunks: Vec<Bytes>) -> Vec<(usize, u64)> {
    let mut found = Vec::new();
    for (at, chunk) in chunks.into_iter().enumerate() {
        let asked = measure(|| {
            passage.on_chunk(chunk);
        });
        if asked.count_total > 0 {
            found.push((at, asked.count_total));
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
        assert_eq!(found, [], "{}", stream.name);
    }
}

#[test]
fn a_full_read_of_many_events_allocates_nothing_in_any_dialect() {
    for stream in all(PIECES) {
        let mut passage = Passage::into_stream(&stream, Way::Pass, WARM);
        let found = allocations(&mut passage, cut(&after_the_first_pieces(&stream), READ_BYTES));
        assert_eq!(found, [], "{}", stream.name);
    }
}

#[test]
fn events_that_are_cut_anywhere_allocate_nothing_once_one_was() {
    for stream in all(PIECES) {
        for chunk_bytes in [1, 37, 1_000] {
            let mut passage = Passage::into_stream(&stream, Way::Pass, WARM);
            let mut chunks = cut(&after_the_first_pieces(&stream), chunk_bytes);
            // The room for an unfinished event is made when there is one.
            let rest = chunks.split_off((4 * 1_024 / chunk_bytes).max(2));
            for chunk in chunks {
                passage.on_chunk(chunk);
            }
            let found = allocations(&mut passage, rest);
            assert_eq!(found, [], "{}, chunks of {chunk_bytes} bytes", stream.name);
        }
    }
}

#[test]
fn a_stream_whose_usage_may_have_to_be_taken_out_allocates_nothing_while_there_is_none() {
    let stream = Stream::chat(PIECES);
    let mut passage = Passage::into_stream(&stream, Way::Swallow, WARM);
    let found = allocations(&mut passage, stream.body()[WARM..].to_vec());
    assert_eq!(found, []);
}

#[test]
fn the_counter_sees_one_allocation() {
    let asked = measure(|| drop(std::hint::black_box(Box::new(1_u8))));
    assert_eq!(asked.count_total, 1, "or the other tests prove nothing");
}
