//! The cursor. Every method moves past what it reads; `None` means that this is no JSON.

use memchr::memchr2;

use crate::event::JsonStr;

/// How deep values may nest.
pub(crate) const DEPTH_MAX: usize = 128;

/// A place in a JSON text.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// What kind of value comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

/// How many 8-byte words are looked at before `memchr` takes over: most strings are short, and its
/// set-up costs more than they do.
const SHORT_WORDS: usize = 3;

const fn splat(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The high bit of each byte of `word` that is zero; exact up to the lowest one.
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(splat(0x01)) & !word & splat(0x80)
}

/// Where the first quote or backslash stands; `None` where there is none. Made for short strings.
#[inline]
pub fn quote_or_escape(bytes: &[u8]) -> Option<usize> {
    let (words, _) = bytes.as_chunks::<8>();
    let mut at = 0;
    for word in words.iter().take(SHORT_WORDS) {
        let word = u64::from_le_bytes(*word);
        let hits = zero_bytes(word ^ splat(b'"')) | zero_bytes(word ^ splat(b'\\'));
        if hits != 0 {
            return Some(at + hits.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    memchr2(b'"', b'\\', bytes.get(at..)?).map(|n| at + n)
}

/// The length of the string content at the start of `bytes`: up to its closing quote.
#[inline]
pub(crate) fn string_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += quote_or_escape(bytes.get(at..)?)?;
        if *bytes.get(at)? == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// As [`string_end`]; `None` also where a control character stands before it, as a line's end is one.
/// JSON has none in its strings.
#[inline]
pub(crate) fn clean_string_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += quote_escape_or_control(bytes.get(at..)?)?;
        match *bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' if *bytes.get(at + 1)? >= b' ' => at += 2,
            _ => return None,
        }
    }
}

/// Where the first byte stands that a JSON string cannot have as it is.
#[inline]
pub(super) fn quote_escape_or_control(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut at = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let controls = word.wrapping_sub(splat(b' ')) & !word & splat(0x80);
        let hits = zero_bytes(word ^ splat(b'"')) | zero_bytes(word ^ splat(b'\\')) | controls;
        if hits != 0 {
            return Some(at + hits.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let found = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..b' '));
    found.map(|n| at + n)
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    /// The kind of the next value.
    pub(crate) fn kind(&mut self) -> Option<Kind> {
        Some(match self.peek()? {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::String,
            b'-' | b'0'..=b'9' => Kind::Number,
            b't' | b'f' => Kind::Bool,
            b'n' => Kind::Null,
            _ => return None,
        })
    }

    /// Calls `f` with each key of the object; `f` must read the value. Any other value is skipped.
    pub(crate) fn object(
        &mut self,
        mut f: impl FnMut(&mut Self, &'a [u8]) -> Option<()>,
    ) -> Option<()> {
        if self.peek()? != b'{' {
            return self.skip();
        }
        self.at += 1;
        loop {
            match self.peek()? {
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                b',' => self.at += 1,
                b'"' => {
                    let key = self.string()?;
                    if self.peek()? != b':' {
                        return None;
                    }
                    self.at += 1;
                    f(self, key.raw())?;
                }
                _ => return None,
            }
        }
    }

    /// Calls `f` at each element of the array; `f` must read it. Any other value is skipped.
    pub(crate) fn array(&mut self, mut f: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        if self.peek()? != b'[' {
            return self.skip();
        }
        self.at += 1;
        loop {
            match self.peek()? {
                b']' => {
                    self.at += 1;
                    return Some(());
                }
                b',' => self.at += 1,
                _ => f(self)?,
            }
        }
    }

    /// The string that comes next; any other value is skipped and gives an empty one.
    pub(crate) fn text(&mut self) -> Option<JsonStr<'a>> {
        if self.peek()? == b'"' {
            return self.string();
        }
        self.skip()?;
        Some(JsonStr::new(&[]))
    }

    /// The whole number that comes next; any other value is skipped.
    pub(crate) fn count(&mut self) -> Option<Option<u64>> {
        if self.kind()? != Kind::Number {
            self.skip()?;
            return Some(None);
        }
        let raw = self.raw()?;
        let digits = raw.iter().take_while(|b| b.is_ascii_digit()).count();
        let text = std::str::from_utf8(raw.get(..digits)?).ok()?;
        Some(text.parse().ok())
    }

    /// The bytes of the value that comes next.
    pub(crate) fn raw(&mut self) -> Option<&'a [u8]> {
        self.peek()?;
        let start = self.at;
        self.skip()?;
        self.bytes.get(start..self.at)
    }

    /// Moves past the next value.
    pub(crate) fn skip(&mut self) -> Option<()> {
        let mut depth = 0usize;
        loop {
            match self.peek()? {
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    if depth > DEPTH_MAX {
                        return None;
                    }
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b'"' => {
                    self.string()?;
                }
                b',' | b':' if depth > 0 => self.at += 1,
                b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => self.word(),
                _ => return None,
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match *self.bytes.get(self.at)? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    /// A number or a literal: everything up to the next delimiter.
    fn word(&mut self) {
        while let Some(byte) = self.bytes.get(self.at) {
            if matches!(byte, b',' | b'}' | b']' | b':' | b' ' | b'\n' | b'\r' | b'\t' | b'"') {
                return;
            }
            self.at += 1;
        }
    }

    #[inline]
    fn string(&mut self) -> Option<JsonStr<'a>> {
        let rest = self.bytes.get(self.at + 1..)?;
        let len = string_end(rest)?;
        self.at += len + 2;
        rest.get(..len).map(JsonStr::new)
    }
}
