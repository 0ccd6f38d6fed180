//! The decoder against a naive one, in any split, and its cap.

use proptest::prelude::*;

use super::{MAX_EVENT_BYTES, SseDecoder};

/// Data of an event, and whether its type is `error`.
type Event = (String, bool);

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
    let mut events = Vec::new();
    let mut decoder = SseDecoder::new();
    let mut sink = |event: super::SseEvent<'_>| {
        events.push((String::from_utf8_lossy(event.data).into_owned(), event.is_error));
    };
    for piece in pieces {
        decoder.feed(piece, &mut sink);
    }
    decoder.finish(&mut sink);
    events
}

/// The rules of the standard, written down without a thought for speed or splits.
fn oracle(stream: &[u8]) -> Vec<Event> {
    let stream = stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream);
    let text = String::from_utf8_lossy(stream).replace("\r\n", "\n").replace('\r', "\n");
    let (mut events, mut data, mut is_error) = (Vec::new(), Vec::new(), false);
    for line in text.split('\n').chain([""]) {
        if line.is_empty() {
            if !data.is_empty() {
                events.push((data.join("\n"), is_error));
            }
            (data, is_error) = (Vec::new(), false);
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "data" => data.push(value.to_owned()),
            "event" => is_error = value == "error",
            _ => {}
        }
    }
    events
}

fn one(data: &str) -> Vec<Event> {
    vec![(data.to_owned(), false)]
}

#[test]
fn every_line_end_ends_a_line() {
    for end in ["\n", "\r", "\r\n"] {
        let stream = format!("data: a{end}data: b{end}{end}data: c{end}{end}");
        assert_eq!(
            decode([stream.as_bytes()]),
            [("a\nb".to_owned(), false), ("c".to_owned(), false)]
        );
    }
}

#[test]
fn comments_and_unknown_fields_say_nothing() {
    assert_eq!(decode([&b": ping\n\nid: 1\nretry: 5\nerror: {}\ndata: x\n: c\n\n"[..]]), one("x"));
    assert_eq!(decode([&b"datax: y\n\ndat: z\n\n"[..]]), []);
}

#[test]
fn one_space_after_the_colon_is_no_content() {
    assert_eq!(decode([&b"data:x\n\n"[..]]), one("x"));
    assert_eq!(decode([&b"data:  x\n\n"[..]]), one(" x"));
    assert_eq!(decode([&b"data\n\n"[..]]), one(""));
    assert_eq!(decode([&b"data:\n\n"[..]]), one(""));
}

#[test]
fn the_type_of_an_event_is_its_own() {
    let stream = b"event: error\ndata: a\n\ndata: b\n\nevent: error\n\ndata: c\n\n";
    let flags: Vec<_> = decode([&stream[..]]).into_iter().map(|(_, is_error)| is_error).collect();
    assert_eq!(flags, [true, false, false]);
}

#[test]
fn an_event_without_its_blank_line_counts_at_the_end() {
    assert_eq!(decode([&b"data: x"[..]]), one("x"));
    assert_eq!(decode([&b"data: x\n"[..]]), one("x"));
    assert_eq!(decode([&b"data: x\r"[..]]), one("x"));
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_line() {
    let stream = b"\xEF\xBB\xBFdata: x\n\n\xEF\xBB\xBFdata: y\n\n";
    for at in 0..stream.len() {
        let (left, right) = stream.split_at(at);
        assert_eq!(decode([left, right]), one("x"), "split at {at}");
    }
}

#[test]
fn the_end_of_an_event_is_where_the_next_one_begins() {
    let stream = b"data: a\r\n\r\ndata: b\n\n: c\n\ndata: d\n\n";
    let mut ends = Vec::new();
    SseDecoder::new().feed(stream, &mut |event| ends.push(event.end));
    assert!(stream[..ends[0]].ends_with(b"a\r\n\r\n"));
    assert!(stream[..ends[1]].ends_with(b"b\n\n"));
    assert_eq!(ends[2], stream.len());
}

#[test]
fn an_event_up_to_the_cap_is_held_whole_and_a_longer_one_is_condensed() {
    for (len, whole) in [(MAX_EVENT_BYTES, true), (MAX_EVENT_BYTES + 1, false)] {
        for stream in [data_of(len), data_of(len).replace("data: ", "data:")] {
            for size in [stream.len(), 4_096, 1_000, 65_541] {
                let mut decoder = SseDecoder::new();
                let mut lens = Vec::new();
                for piece in stream.as_bytes().chunks(size) {
                    decoder.feed(piece, &mut |event| lens.push(event.data.len()));
                }
                assert_eq!(lens.len(), 1);
                assert_eq!(lens[0] == len, whole, "{len} bytes in pieces of {size}");
                assert_eq!(decoder.lost(), !whole);
            }
        }
    }
}

#[test]
fn a_long_event_leaves_no_allocation_behind() {
    let mut decoder = SseDecoder::new();
    for piece in data_of(MAX_EVENT_BYTES).as_bytes().chunks(1_000) {
        decoder.feed(piece, &mut |_| {});
    }
    assert_eq!(decoder.held_bytes().0, 0);
    assert!(
        decoder.held_bytes().1 <= 2 * super::decoder::IDLE_BYTES_MAX,
        "{:?}",
        decoder.held_bytes()
    );
}

#[test]
fn a_comment_beyond_the_cap_stays_a_comment() {
    let mut stream = b": ".to_vec();
    stream.resize(3 * MAX_EVENT_BYTES, b'x');
    let comment = stream.len();
    stream.extend_from_slice(b"data: no\n\ndata: x\n\n");
    for size in [stream.len(), MAX_EVENT_BYTES, comment / 2, comment] {
        assert_eq!(decode(stream.chunks(size)), one("x"), "pieces of {size}");
    }
}

#[test]
fn what_is_held_never_passes_the_cap() {
    let mut decoder = SseDecoder::new();
    for prefix in ["data: \"", ": ", "data: \"a\"\ndata: \""] {
        decoder.feed(prefix.as_bytes(), &mut |_| {});
        for _ in 0..64 {
            decoder.feed(&[b'x'; 16 * 1024], &mut |_| {});
            assert!(decoder.held_bytes().0 <= 2 * MAX_EVENT_BYTES, "{:?}", decoder.held_bytes());
        }
        decoder.feed(b"\"\n\n", &mut |_| {});
    }
}

/// An event with a JSON string, `len` bytes long with its quotes.
fn data_of(len: usize) -> String {
    format!("data: \"{}\"\n\n", "x".repeat(len - 2))
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => Just("data: {\"a\": \"é\u{1F600}\"}"),
        2 => Just("data:b"),
        1 => Just("data"),
        1 => Just(": comment"),
        1 => Just("event: error"),
        1 => Just("event:x"),
        1 => Just("\u{feff}data: y"),
        1 => Just("dat"),
        4 => Just(""),
    ];
    let end = prop_oneof![3 => Just("\n"), 1 => Just("\r"), 2 => Just("\r\n"), 1 => Just("\n\n")];
    let lines = proptest::collection::vec((line, end), 0..24);
    lines.prop_map(|lines| {
        let text: String = lines.into_iter().flat_map(|(line, end)| [line, end]).collect();
        text.into_bytes()
    })
}

proptest! {
    #[test]
    fn any_split_of_any_stream_gives_what_the_standard_says(
        stream in stream(),
        cut in 0..40usize,
        sizes in proptest::collection::vec(1..9usize, 1..8),
    ) {
        let stream = &stream[..stream.len().saturating_sub(cut)];
        let expected = oracle(stream);
        prop_assert_eq!(decode([stream]), expected.clone());
        let (mut pieces, mut rest) = (Vec::new(), stream);
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, later) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece);
            rest = later;
        }
        prop_assert_eq!(decode(pieces), expected);
    }
}
