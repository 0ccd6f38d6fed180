//! A JSON string's content as text.

use std::borrow::Cow;

use memchr::memchr;

/// Resolves escapes. Broken escapes, lone surrogates and invalid UTF-8 become U+FFFD.
pub(crate) fn unescape(raw: &[u8]) -> Cow<'_, str> {
    if memchr(b'\\', raw).is_none() {
        return String::from_utf8_lossy(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr(b'\\', rest) {
        let (before, escape) = rest.split_at(at);
        out.extend_from_slice(before);
        let (ch, used) = resolve(escape.get(1..).unwrap_or_default());
        out.extend_from_slice(ch.encode_utf8(&mut [0; 4]).as_bytes());
        rest = escape.get(1 + used..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    match String::from_utf8(out) {
        Ok(text) => Cow::Owned(text),
        Err(error) => Cow::Owned(String::from_utf8_lossy(error.as_bytes()).into_owned()),
    }
}

/// The character behind a backslash, and how many bytes it takes there.
pub(crate) fn resolve(escape: &[u8]) -> (char, usize) {
    let simple = |ch| (ch, 1);
    match escape.first() {
        Some(b'n') => simple('\n'),
        Some(b't') => simple('\t'),
        Some(b'r') => simple('\r'),
        Some(b'b') => simple('\u{8}'),
        Some(b'f') => simple('\u{c}'),
        Some(b @ (b'"' | b'\\' | b'/')) => simple(char::from(*b)),
        Some(b'u') => unicode(escape),
        Some(_) => simple(char::REPLACEMENT_CHARACTER),
        None => (char::REPLACEMENT_CHARACTER, 0),
    }
}

fn unicode(escape: &[u8]) -> (char, usize) {
    let Some(first) = hex4(escape, 1) else { return (char::REPLACEMENT_CHARACTER, 1) };
    if !(0xD800..0xDC00).contains(&first) {
        return (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 5);
    }
    let second = (escape.get(5..7) == Some(b"\\u")).then(|| hex4(escape, 7)).flatten();
    match second {
        Some(second @ 0xDC00..=0xDFFF) => {
            let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 11)
        }
        _ => (char::REPLACEMENT_CHARACTER, 5),
    }
}

fn hex4(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 4)?;
    digits.iter().try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?))
}

/// A JSON value in one spacing, `{"a": 1, "b": [2, 3]}`: a value in place has no text of its own.
pub(crate) fn respaced(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() + 16);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json {
        if in_string {
            out.push(*byte);
            in_string = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            continue;
        }
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => {}
            b',' | b':' => out.extend_from_slice(&[*byte, b' ']),
            _ => {
                in_string = *byte == b'"';
                out.push(*byte);
            }
        }
    }
    out
}
