//! The members of a body, found in one pass over bytes that are as JSON has them.
//!
//! This reader may give up where it likes, for then serde reads the body and says what is wrong. It
//! must never take what serde would not: both would then have read a different body.

use std::borrow::Cow;

use memchr::memchr2;

use super::{DEPTH_MAX, Key, describe};

/// Members of an object, in order, values as written.
pub(super) type Members<'a> = Vec<(Cow<'a, str>, &'a str)>;

/// Room for members that few bodies outgrow.
const USUAL_MEMBERS: usize = 12;
/// How many 8-byte words of a string are looked at before `memchr` takes over: most are short.
const SHORT_WORDS: usize = 3;
/// The longest of the words below.
const MARK_BYTES_MAX: usize = 12;

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub(super) members: Members<'a>,
    /// Whether some string is the name of an image's block: without one there is none.
    pub(super) names_image: bool,
    /// Whether some string is the key of a tool result's id.
    pub(super) names_result: bool,
}

/// A place in the text.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    names_image: bool,
    names_result: bool,
}

/// A body as serde reads it.
struct Judged<'a>(Members<'a>);

/// What serde reads.
///
/// # Errors
/// Its own, without the value it may quote.
pub(super) fn judged(body: &[u8]) -> Result<Found<'_>, String> {
    let Judged(members) = serde_json::from_slice(body).map_err(|error| describe(&error))?;
    Ok(Found { members, names_image: true, names_result: true })
}

/// The same in one pass, with no more than [`DEPTH_MAX`] levels; `None` for whatever is not plainly
/// good.
pub(super) fn found(body: &[u8]) -> Option<Found<'_>> {
    let text = std::str::from_utf8(body).ok()?;
    let mut scan = Scan { text, at: 0, names_image: false, names_result: false };
    let mut members = Vec::with_capacity(USUAL_MEMBERS);
    scan.blank();
    scan.expect(b'{')?;
    scan.blank();
    if scan.peek()? == b'}' {
        scan.at += 1;
    } else {
        loop {
            let key = scan.plain_key()?;
            let start = scan.at;
            scan.value()?;
            members.push((Cow::Borrowed(key), text.get(start..scan.at)?));
            scan.blank();
            match scan.next()? {
                b',' => scan.blank(),
                b'}' => break,
                _ => return None,
            }
        }
    }
    scan.blank();
    let Scan { at, names_image, names_result, .. } = scan;
    (at == text.len()).then_some(Found { members, names_image, names_result })
}

// === impl Judged ===

impl<'de> serde::Deserialize<'de> for Judged<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Judged<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(USUAL_MEMBERS);
                while let Some(key) = map.next_key::<Key<'de>>()? {
                    let value: &serde_json::value::RawValue = map.next_value()?;
                    members.push((key.0, value.get()));
                }
                Ok(Judged(members))
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}

// === impl Scan ===

impl<'a> Scan<'a> {
    /// Past a value, whatever is in it.
    fn value(&mut self) -> Option<()> {
        // Of each bracket that is open, the innermost lowest: whether it is an object's. The body's
        // own is not among them.
        let (mut depth, mut objects) = (0, 0_u64);
        loop {
            let opened = self.opening_or_scalar()?;
            if let Some(is_object) = opened {
                depth += 1;
                if depth >= DEPTH_MAX {
                    return None;
                }
                objects = objects << 1 | u64::from(is_object);
                self.blank();
                let closing = if is_object { b'}' } else { b']' };
                if self.peek()? != closing {
                    if is_object {
                        self.key()?;
                    }
                    continue;
                }
            }
            // A value has ended here, or is about to.
            loop {
                if depth == 0 {
                    return Some(());
                }
                self.blank();
                let is_object = objects & 1 == 1;
                match self.next()? {
                    b',' => {
                        self.blank();
                        if is_object {
                            self.key()?;
                        }
                        break;
                    }
                    b'}' if is_object => {}
                    b']' if !is_object => {}
                    _ => return None,
                }
                depth -= 1;
                objects >>= 1;
            }
        }
    }

    /// Past a scalar, or past a bracket that opens an object (`true`) or a list.
    fn opening_or_scalar(&mut self) -> Option<Option<bool>> {
        match self.peek()? {
            b'"' => {
                self.string()?;
            }
            bracket @ (b'{' | b'[') => {
                self.at += 1;
                return Some(Some(bracket == b'{'));
            }
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            b'n' => self.word("null")?,
            _ => self.number()?,
        }
        Some(None)
    }

    /// Past a key and its colon, to the value.
    fn key(&mut self) -> Option<(&'a str, bool)> {
        if self.peek()? != b'"' {
            return None;
        }
        let key = self.string()?;
        self.blank();
        self.expect(b':')?;
        self.blank();
        Some(key)
    }

    /// A key of the body itself; one with escapes is left to serde.
    fn plain_key(&mut self) -> Option<&'a str> {
        self.key().and_then(|(key, escaped)| (!escaped).then_some(key))
    }

    /// The string that begins here, as written, and whether it has escapes.
    fn string(&mut self) -> Option<(&'a str, bool)> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let mut end = start;
        let mut escaped = false;
        loop {
            end += special(bytes.get(end..)?)?;
            match bytes.get(end)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    end += escape_bytes(bytes.get(end + 1..)?)?;
                }
                _ => return None,
            }
        }
        self.at = end + 1;
        let inner = self.text.get(start..end)?;
        if inner.len() <= MARK_BYTES_MAX {
            match inner {
                "image" | "image_url" | "input_image" => self.names_image = true,
                "call_id" | "tool_call_id" | "tool_use_id" => self.names_result = true,
                _ => {}
            }
        }
        Some((inner, escaped))
    }

    fn number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        if self.next()? != b'0' {
            self.at -= 1;
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    /// At least one.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += word.len();
        rest.starts_with(word.as_bytes()).then_some(())
    }

    fn blank(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }
}

const fn splat(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The high bit of each byte of `word` that is below `bound`; exact up to the lowest one.
const fn below(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(splat(bound)) & !word & splat(0x80)
}

/// Where the first quote, escape or control character stands; `None` where there is none.
#[inline]
fn special(bytes: &[u8]) -> Option<usize> {
    let (words, _) = bytes.as_chunks::<8>();
    let mut at = 0;
    for word in words.iter().take(SHORT_WORDS) {
        let word = u64::from_le_bytes(*word);
        let hits = below(word, 0x20) | below(word ^ splat(b'"'), 1) | below(word ^ splat(b'\\'), 1);
        if hits != 0 {
            return Some(at + hits.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = bytes.get(at..)?;
    let ends = memchr2(b'"', b'\\', rest)?;
    // All of them in one go: a control character is never there.
    let least = rest.get(..ends)?.iter().fold(u8::MAX, |least, byte| least.min(*byte));
    (least >= 0x20).then_some(at + ends)
}

/// How long an escape is, of which `rest` stands behind the backslash.
fn escape_bytes(rest: &[u8]) -> Option<usize> {
    match rest.first()? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => rest.get(1..5)?.iter().all(u8::is_ascii_hexdigit).then_some(6),
        _ => None,
    }
}
