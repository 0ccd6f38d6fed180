//! Heads, and what they say of the body.

use super::*;

fn head(text: &str) -> Result<Option<Head>, Malformed> {
    parse(&Bytes::copy_from_slice(text.as_bytes()))
}

/// A head of 1.1 with these fields.
fn with(fields: &str) -> Head {
    head(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n")).unwrap().unwrap()
}

fn values<'h>(head: &'h Head, name: &str) -> Vec<&'h str> {
    head.fields.values(name).map(|value| str::from_utf8(value).unwrap()).collect()
}

#[test]
fn a_head_is_read_once_all_of_it_is_there() {
    let text = "HTTP/1.1 429 Slow Down\r\nRetry-After: 1\r\nX-Two: a\r\nx-two: b\r\ncontent-length: 2\r\n\r\n{}";
    for cut in 0..text.len() - 2 {
        assert!(head(&text[..cut]).unwrap().is_none(), "{cut}");
    }
    let head = head(text).unwrap().unwrap();
    assert_eq!(&text[head.bytes..], "{}");
    assert_eq!((head.status.as_u16(), &*head.reason), (429, "Slow Down"));
    assert_eq!((values(&head, "retry-after"), values(&head, "x-two")), (vec!["1"], vec!["a", "b"]));
    assert_eq!((head.framing, head.keeps), (Framing::Length(2), true));
    // The sender's spelling and order go on.
    let names: Vec<_> = head.fields.iter().map(|(name, _)| &name[..]).collect();
    assert_eq!(names, [&b"Retry-After"[..], b"X-Two", b"x-two", b"content-length"]);
}

#[test]
fn a_field_may_go_on_in_the_next_line_and_have_any_bytes() {
    let text = b"HTTP/1.1 200 OK\r\nx-a: one\r\n two\r\nx-b: \xff\xfe\r\n\r\n";
    let head = parse(&Bytes::from_static(text)).unwrap().unwrap();
    let fields: Vec<_> = head.fields.into_iter().map(|(_, value)| value).collect();
    assert_eq!(fields, [&b"one\r\n two"[..], b"\xff\xfe"]);
}

#[test]
fn the_framing_is_that_of_the_standard() {
    for (fields, framing) in [
        ("", Framing::UntilClose),
        ("content-length: 0\r\n", Framing::Empty),
        ("content-length: 12\r\n", Framing::Length(12)),
        ("content-length: 12, 12\r\ncontent-length: 12\r\n", Framing::Length(12)),
        ("transfer-encoding: chunked\r\n", Framing::Chunked),
        ("transfer-encoding: gzip, Chunked \r\n", Framing::Chunked),
        ("transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n", Framing::Chunked),
        ("transfer-encoding: chunked, gzip\r\n", Framing::UntilClose),
        ("transfer-encoding: identity\r\ncontent-length: 5\r\n", Framing::UntilClose),
        ("content-length: 5\r\ntransfer-encoding: chunked\r\n", Framing::Chunked),
    ] {
        let head = with(fields);
        assert_eq!(head.framing, framing, "{fields:?}");
        let lengths = values(&head, "content-length");
        match framing {
            Framing::Length(length) => assert_eq!(lengths, [length.to_string()]),
            Framing::Empty => assert_eq!(lengths, ["0"]),
            _ => assert!(lengths.is_empty(), "{fields:?}"),
        }
    }
    for status in ["204 No Content", "304 Not Modified", "100 Continue", "103 Early Hints"] {
        let text = format!("HTTP/1.1 {status}\r\ntransfer-encoding: chunked\r\n\r\n");
        assert_eq!(head(&text).unwrap().unwrap().framing, Framing::Empty, "{status}");
    }
}

#[test]
fn a_length_that_is_none_or_several_is_an_error() {
    for length in ["", "-1", "+1", "1 2", "1x", "0x10", "1, 2", "1,", "18446744073709551616"] {
        let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        assert_eq!(head(&text).unwrap_err(), Malformed::Length, "{length:?}");
    }
    let text = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n";
    assert_eq!(head(text).unwrap_err(), Malformed::Length);
}

#[test]
fn a_connection_stays_where_both_ends_of_the_answer_are_known() {
    for (text, keeps) in [
        ("1.1 200 OK\r\ncontent-length: 1", true),
        ("1.1 200 OK\r\ncontent-length: 1\r\nconnection: keep-alive", true),
        ("1.1 200 OK\r\ncontent-length: 1\r\nconnection: x, Close", false),
        ("1.1 200 OK\r\ncontent-length: 1\r\nconnection: x\r\nconnection: close", false),
        ("1.1 200 OK\r\nx: y", false),
        ("1.1 101 Switching\r\nx: y", false),
        ("1.0 200 OK\r\ncontent-length: 1", false),
        ("1.0 200 OK\r\ncontent-length: 1\r\nconnection: Keep-Alive", true),
        ("1.0 200 OK\r\ntransfer-encoding: chunked\r\nconnection: keep-alive", false),
    ] {
        let head = head(&format!("HTTP/{text}\r\n\r\n")).unwrap().unwrap();
        assert_eq!(head.keeps, keeps, "{text:?}");
    }
}

#[test]
fn what_is_no_head_is_an_error() {
    for text in [
        "HTTP/2 200 OK\r\n\r\n",
        "SSH-2.0-x\r\n",
        "HTTP/1.1 20x OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx y\r\n\r\n",
    ] {
        assert!(matches!(head(text), Err(Malformed::Head(_))), "{text:?}");
    }
}

#[test]
fn a_head_has_so_many_fields_and_bytes_and_no_more() {
    let fields = |count: usize| "x: y\r\n".repeat(count);
    assert_eq!(values(&with(&fields(FIELDS_USUAL)), "x").len(), FIELDS_USUAL);
    assert_eq!(values(&with(&fields(FIELDS_MAX)), "x").len(), FIELDS_MAX);
    let text = format!("HTTP/1.1 200 OK\r\n{}\r\n", fields(FIELDS_MAX + 1));
    assert_eq!(head(&text).unwrap_err(), Malformed::Head(httparse::Error::TooManyHeaders));

    let around = "HTTP/1.1 200 OK\r\nx: \r\n\r\n".len();
    let long =
        |bytes: usize| format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(bytes - around));
    assert_eq!(head(&long(HEAD_BYTES_MAX)).unwrap().unwrap().bytes, HEAD_BYTES_MAX);
    assert_eq!(head(&long(HEAD_BYTES_MAX + 1)).unwrap_err(), Malformed::HeadTooLong);
    // Its end is not waited for.
    assert!(head(&long(HEAD_BYTES_MAX)[..HEAD_BYTES_MAX - 1]).unwrap().is_none());
    let endless = &long(HEAD_BYTES_MAX + 100)[..HEAD_BYTES_MAX];
    assert_eq!(head(endless).unwrap_err(), Malformed::HeadTooLong);
}
