//! The values of a JSON text that are text, each with the key it stands behind.

use std::ops::Range;

use memchr::memchr2;

/// How deep values may nest, as deep as readers go.
const DEPTH_MAX: usize = 128;

/// A string or a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value<'j> {
    /// The nearest key around it; empty where there is none.
    pub(super) key: &'j [u8],
    /// How many objects and arrays it is in.
    pub(super) depth: usize,
    /// Where a string's content stands, or all of a number.
    pub(super) range: Range<usize>,
    pub(super) is_string: bool,
}

/// An object or array that is open.
#[derive(Clone, Copy)]
struct Level<'j> {
    is_object: bool,
    key: &'j [u8],
}

/// Calls `sink` with each value but those behind a key of `skipped`. Ends where the text is no JSON.
pub(super) fn walk<'j>(json: &'j [u8], skipped: &[&[u8]], sink: &mut dyn FnMut(Value<'j>)) {
    let mut levels: Vec<Level<'j>> = Vec::with_capacity(8);
    let (mut at, mut key, mut skip_from) = (0, &b""[..], None);
    let mut expects_key = false;
    while let Some(byte) = json.get(at) {
        match byte {
            b'{' | b'[' => {
                if levels.len() >= DEPTH_MAX {
                    return;
                }
                if skip_from.is_none() && skipped.contains(&key) {
                    skip_from = Some(levels.len());
                }
                levels.push(Level { is_object: *byte == b'{', key });
                expects_key = *byte == b'{';
                at += 1;
            }
            b'}' | b']' => {
                let Some(level) = levels.pop() else { return };
                key = level.key;
                skip_from = skip_from.filter(|depth| *depth < levels.len());
                at += 1;
            }
            b',' => {
                expects_key = levels.last().is_some_and(|level| level.is_object);
                if !expects_key {
                    key = levels.last().map_or(b"", |level| level.key);
                }
                at += 1;
            }
            b'"' => {
                let Some(length) = string_len(json.get(at + 1..).unwrap_or_default()) else {
                    return;
                };
                let range = at + 1..at + 1 + length;
                at = range.end + 1;
                if std::mem::take(&mut expects_key) {
                    key = json.get(range).unwrap_or_default();
                } else if skip_from.is_none() && !skipped.contains(&key) {
                    sink(Value { key, depth: levels.len(), range, is_string: true });
                }
            }
            b'-' | b'0'..=b'9' => {
                let start = at;
                let number = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                at += json.get(at..).unwrap_or_default().iter().take_while(number).count();
                if skip_from.is_none() && !skipped.contains(&key) {
                    sink(Value { key, depth: levels.len(), range: start..at, is_string: false });
                }
            }
            _ => at += 1,
        }
    }
}

/// How long a string's content is.
fn string_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// Where the value behind a key stands, wherever it comes up.
pub(super) fn values_of(json: &[u8], key: &[u8]) -> Vec<Range<usize>> {
    let quoted = [b"\"", key, b"\":"].concat();
    let found = memchr::memmem::find_iter(json, &quoted).map(|at| at + quoted.len());
    found.filter_map(|at| Some(at..at + value_len(json.get(at..)?)?)).collect()
}

/// How long the object or array is that comes next; `None` for any other value.
fn value_len(json: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0_usize);
    loop {
        match json.get(at)? {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            b'"' if depth > 0 => at += 1 + string_len(json.get(at + 1..)?)?,
            byte if depth == 0 && !byte.is_ascii_whitespace() => return None,
            _ => {}
        }
        at += 1;
    }
}
