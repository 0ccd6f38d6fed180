//! Which bytes leave.

use bytes::Bytes;
use tollgate_providers::{Dialect, StreamEvent, StreamReader};

use crate::response::{HELD_BYTES_MAX, HELD_EVENTS_MAX, Withhold, is_content};

const ROLE: &str = "data: {\"id\":\"a\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}],\"usage\":null}\n\n";
const TEXT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\\"usage\\\":null é\"}}],\"usage\":null}\n\n";
const PING: &str = ": keep-alive\n\n";
const FINISH: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n";
const USAGE: &str =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// What leaves of chunks that arrive one after the other.
fn pass(chunks: &[&[u8]], swallow: bool, hold: bool) -> (Vec<Bytes>, Bytes) {
    let mut reader = StreamReader::new(Dialect::Chat);
    let mut withhold = Withhold::new(swallow, hold);
    let mut has_content = false;
    let left = chunks
        .iter()
        .map(|chunk| {
            let chunk = Bytes::copy_from_slice(chunk);
            reader.feed(&chunk, &mut |event| {
                has_content |= is_content(&event);
                if let StreamEvent::Boundary { end, usage_only } = event {
                    withhold.on_boundary(end, usage_only);
                }
            });
            withhold.on_chunk(chunk, has_content)
        })
        .collect();
    (left, withhold.on_end())
}

fn all(parts: &(Vec<Bytes>, Bytes)) -> String {
    let mut bytes = parts.0.concat();
    bytes.extend_from_slice(&parts.1);
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_stream_that_needs_no_change_leaves_as_the_very_same_memory() {
    let mut withhold = Withhold::new(false, false);
    let chunk = Bytes::from_static(TEXT.as_bytes());
    assert_eq!(withhold.on_chunk(chunk.clone(), true).as_ptr(), chunk.as_ptr());
    let mut swallowing = Withhold::new(true, false);
    let plain = Bytes::from_static(DONE.as_bytes());
    swallowing.on_boundary(plain.len(), false);
    assert_eq!(swallowing.on_chunk(plain.clone(), true).as_ptr(), plain.as_ptr());
}

#[test]
fn usage_that_we_asked_for_is_taken_out_wherever_the_stream_is_split() {
    let whole = [ROLE, PING, TEXT, FINISH, USAGE, DONE].concat();
    let expected = [ROLE, PING, TEXT, FINISH, DONE].concat().replace(",\"usage\":null", "");
    for first in 0..whole.len() {
        for second in [first, (first + 40).min(whole.len()), whole.len()] {
            let bytes = whole.as_bytes();
            let chunks = [&bytes[..first], &bytes[first..second], &bytes[second..]];
            assert_eq!(all(&pass(&chunks, true, false)), expected, "split at {first} and {second}");
        }
    }
    assert_eq!(all(&pass(&[whole.as_bytes()], false, false)), whole, "who asked gets it all");
}

#[test]
fn a_comment_does_not_wait_for_the_next_event() {
    let (left, _) = pass(&[PING.as_bytes(), TEXT.as_bytes()], true, false);
    assert_eq!(left[0], PING.as_bytes());
}

#[test]
fn nothing_leaves_before_the_first_content_and_then_all_of_it() {
    let (left, rest) =
        pass(&[ROLE.as_bytes(), PING.as_bytes(), TEXT.as_bytes(), DONE.as_bytes()], false, true);
    assert!(left[0].is_empty() && left[1].is_empty());
    assert_eq!(left[2], [ROLE, PING, TEXT].concat().as_bytes());
    assert_eq!((left[3].as_ref(), rest.len()), (DONE.as_bytes(), 0));
    let (left, rest) = pass(&[ROLE.as_bytes()], false, true);
    assert!(left[0].is_empty());
    assert_eq!(rest, ROLE.as_bytes(), "an end without content lets go");
}

#[test]
fn what_is_held_is_bounded_in_events_and_in_bytes() {
    let role = Bytes::from_static(ROLE.as_bytes());
    let mut withhold = Withhold::new(false, true);
    for _ in 0..HELD_EVENTS_MAX {
        withhold.on_boundary(role.len(), false);
        assert!(withhold.on_chunk(role.clone(), false).is_empty());
    }
    withhold.on_boundary(role.len(), false);
    let left = withhold.on_chunk(role.clone(), false);
    assert_eq!(left.len(), role.len() * (HELD_EVENTS_MAX + 1), "one event too many");
    let mut withhold = Withhold::new(false, true);
    assert!(withhold.on_chunk(vec![b' '; HELD_BYTES_MAX].into(), false).is_empty());
    assert_eq!(withhold.on_chunk(Bytes::from_static(b" "), false).len(), HELD_BYTES_MAX + 1);
    assert!(!withhold.holds());
}
