//! Bodies, wherever they are cut.

use proptest::prelude::*;

use super::*;

/// The body that `wire` is the framing of, what is behind it, and how far it was read; read in
/// pieces that end at `cuts`.
fn read(
    framing: Framing,
    wire: &[u8],
    cuts: &[usize],
) -> Result<(Vec<u8>, Vec<u8>, Body), Malformed> {
    let mut body = Body::new(framing);
    let (mut found, mut behind) = (Vec::new(), Vec::new());
    let mut from = 0;
    for to in cuts.iter().copied().chain([wire.len()]) {
        let mut input = &wire[from..to];
        while let Some(piece) = body.next(&mut input)? {
            assert!(!piece.is_empty());
            found.extend_from_slice(piece);
        }
        behind.extend_from_slice(input);
        assert!(body.is_done() || input.is_empty());
        from = to;
    }
    Ok((found, behind, body))
}

fn whole(framing: Framing, wire: &str) -> Result<(String, String, bool), Malformed> {
    let (found, behind, body) = read(framing, wire.as_bytes(), &[])?;
    Ok((String::from_utf8(found).unwrap(), String::from_utf8(behind).unwrap(), body.is_done()))
}

fn chunked(wire: &str) -> Result<(String, String, bool), Malformed> {
    whole(Framing::Chunked, wire)
}

fn ok(body: &str, behind: &str, done: bool) -> Result<(String, String, bool), Malformed> {
    Ok((body.to_owned(), behind.to_owned(), done))
}

#[test]
fn a_body_with_a_length_ends_there() {
    assert_eq!(whole(Framing::Length(5), "hello"), ok("hello", "", true));
    assert_eq!(whole(Framing::Length(5), "hell"), ok("hell", "", false));
    assert_eq!(whole(Framing::Length(5), "hello!"), ok("hello", "!", true));
    assert_eq!(whole(Framing::Length(0), "!"), ok("", "!", true));
    assert_eq!(whole(Framing::Empty, "!"), ok("", "!", true));
}

#[test]
fn only_a_body_without_a_framing_ends_with_its_connection() {
    let (found, _, mut body) = read(Framing::UntilClose, b"all of it", &[3]).unwrap();
    assert_eq!((&*found, body.is_done()), (&b"all of it"[..], false));
    assert_eq!((body.close(), body.is_done()), (Ok(()), true));
    for (framing, wire) in [
        (Framing::Length(5), "hell"),
        (Framing::Chunked, ""),
        (Framing::Chunked, "5\r\nhello\r\n"),
        (Framing::Chunked, "5\r\nhello\r\n0\r\n"),
    ] {
        let (_, _, mut body) = read(framing, wire.as_bytes(), &[]).unwrap();
        assert_eq!(body.close(), Err(Malformed::Truncated), "{wire:?}");
    }
    let (_, _, mut body) = read(Framing::Chunked, b"0\r\n\r\n", &[]).unwrap();
    assert_eq!(body.close(), Ok(()));
}

#[test]
fn chunks_are_read_with_all_that_may_be_around_them() {
    assert_eq!(chunked("5\r\nhello\r\n0\r\n\r\n"), ok("hello", "", true));
    assert_eq!(chunked("0\r\n\r\nHTTP/1.1"), ok("", "HTTP/1.1", true));
    assert_eq!(chunked("aB\r\n"), ok("", "", false));
    assert_eq!(chunked("00005;name=\"value\"\r\nhello\r\n0;a\r\n\r\n"), ok("hello", "", true));
    assert_eq!(chunked("5 \t\r\nhello\r\n0\r\nx-sum: 1\r\nx: y\r\n\r\n!"), ok("hello", "!", true));
    let wire = "5\r\nhello\r\n2\r\n, \r\n5\r\nworld\r\n0\r\n\r\n";
    assert_eq!(chunked(wire), ok("hello, world", "", true));
    assert_eq!(chunked("A\r\n0123456789\r\n"), ok("0123456789", "", false));
}

#[test]
fn what_is_no_framing_is_an_error_and_the_end() {
    for (wire, error) in [
        ("\r\n", Malformed::ChunkSize),
        (" 5\r\nhello\r\n", Malformed::ChunkSize),
        ("-5\r\n", Malformed::ChunkSize),
        ("0x5\r\nhello\r\n", Malformed::ChunkSize),
        ("5\nhello\r\n", Malformed::ChunkSize),
        ("5;a\nhello\r\n", Malformed::ChunkSize),
        ("5\rhello", Malformed::ChunkSize),
        ("10000000000000000\r\n", Malformed::ChunkSize),
        ("5\r\nhello0\r\n\r\n", Malformed::ChunkEnd),
        ("5\r\nhello\n0\r\n\r\n", Malformed::ChunkEnd),
        ("0\r\n\n", Malformed::Trailer),
        ("0\r\na: b\n\r\n", Malformed::Trailer),
        ("0\r\n\rx", Malformed::Trailer),
    ] {
        assert_eq!(chunked(wire), Err(error), "{wire:?}");
        let mut body = Body::new(Framing::Chunked);
        let mut input = wire.as_bytes();
        while let Ok(Some(_)) = body.next(&mut input) {}
        assert!(body.is_done(), "{wire:?}");
    }
    assert_eq!(chunked("ffffffffffffffff\r\nabc"), ok("abc", "", false));
}

#[test]
fn a_line_may_be_so_long_and_no_longer() {
    let most = "a".repeat(LINE_BYTES_MAX);
    let extension = &most[1..];
    assert_eq!(chunked(&format!("0;{extension}\r\n\r\n")), ok("", "", true));
    assert_eq!(chunked(&format!("0;{extension}a\r\n\r\n")), Err(Malformed::LineTooLong));
    assert_eq!(chunked(&format!("0\r\n{most}\r\n{most}\r\n\r\n")), ok("", "", true));
    assert_eq!(chunked(&format!("0\r\n{most}a\r\n\r\n")), Err(Malformed::LineTooLong));
}

proptest! {
    #[test]
    fn wherever_it_is_cut_it_is_the_same_body(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
        extension in ";?[a-z= ]{0,6}",
        behind in prop::collection::vec(any::<u8>(), 0..8),
        mut cuts in prop::collection::vec(0_usize..400, 0..12),
    ) {
        let extension = if extension.starts_with(';') { extension } else { String::new() };
        let mut wire = Vec::new();
        for piece in &pieces {
            wire.extend_from_slice(format!("{:x}{extension}\r\n", piece.len()).as_bytes());
            wire.extend_from_slice(piece);
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(b"0\r\nx: y\r\n\r\n");
        wire.extend_from_slice(&behind);
        cuts.iter_mut().for_each(|cut| *cut = (*cut).min(wire.len()));
        cuts.sort_unstable();
        let (found, left, body) = read(Framing::Chunked, &wire, &cuts).unwrap();
        prop_assert_eq!(found, pieces.concat());
        prop_assert_eq!(left, behind);
        prop_assert!(body.is_done());
    }

    #[test]
    fn any_bytes_are_read_the_same_wherever_they_are_cut(
        wire in prop::collection::vec(prop::sample::select(b"0123aF;\r\n x".to_vec()), 0..40),
        cut in 0_usize..40,
    ) {
        let cut = cut.min(wire.len());
        let whole = read(Framing::Chunked, &wire, &[]).map(|(found, behind, _)| (found, behind));
        let parts = read(Framing::Chunked, &wire, &[cut]).map(|(found, behind, _)| (found, behind));
        prop_assert_eq!(whole, parts);
    }
}
