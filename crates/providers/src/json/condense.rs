//! Makes a JSON text of any size small while it arrives, so that what matters of it can be read.
//!
//! Structure, numbers and short strings stay; a long string keeps its beginning; once the result
//! has grown, the elements of arrays are left out. What an API says last and must be read (usage)
//! is a small object behind long arrays and strings, and survives.

use memchr::memchr2;

/// How much of a string is kept, in bytes.
const STRING_BYTES_MAX: usize = 1_024;
/// How much of a string is kept behind the key that was asked for, in bytes.
const LONG_BYTES_MAX: usize = 20 * 1_024;
/// From this size of the result on, array elements are left out.
const ARRAYS_BYTES_MAX: usize = 24 * 1_024;
/// The result's bound. What does not fit is lost.
const RESULT_BYTES_MAX: usize = 48 * 1_024;
/// A backslash was read; what follows tells how long the escape is.
const ESCAPE_BEGINS: u8 = u8::MAX;

/// Takes a JSON text in pieces.
#[derive(Debug, Default)]
pub(crate) struct Condenser {
    out: Vec<u8>,
    /// Strings behind this (a key with its quotes and its colon) are kept longer.
    long_key: &'static [u8],
    /// How much of the string at hand is kept.
    string_bytes_max: usize,
    /// Bytes of the string at hand; `None` outside of strings.
    string: Option<usize>,
    /// Bytes of an escape that are still to come, or [`ESCAPE_BEGINS`].
    escape: u8,
    /// Whether the character at hand is kept.
    keeps_char: bool,
    /// One bit per open container, the innermost lowest: 1 for an array.
    arrays: u128,
    depth: u32,
    /// The depth at which leaving out began.
    dropping_from: Option<u32>,
}

impl Condenser {
    /// Keeps strings behind `long_key`, written `"key":`, up to the result's bound.
    pub(crate) fn keeping(long_key: &'static [u8]) -> Self {
        Self { long_key, ..Self::default() }
    }

    /// Takes the next bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((byte, after)) = rest.split_first() {
            match self.string {
                // Megabytes of an image: straight to where the string may end.
                Some(length) if length >= self.string_bytes_max && self.escape == 0 => {
                    let Some(at) = memchr2(b'"', b'\\', rest) else { return };
                    let (_, here) = rest.split_at_checked(at).unwrap_or_default();
                    self.in_string(here.first().copied().unwrap_or(b'"'));
                    rest = here.get(1..).unwrap_or_default();
                    continue;
                }
                Some(_) => self.in_string(*byte),
                // Megabytes of numbers: straight to where the array may end.
                None if self.dropping_from.is_some() => {
                    let matters = |b: &u8| matches!(b, b'"' | b'[' | b']' | b'{' | b'}');
                    let Some(at) = rest.iter().position(matters) else { return };
                    let (_, here) = rest.split_at_checked(at).unwrap_or_default();
                    self.outside(here.first().copied().unwrap_or(b' '));
                    rest = here.get(1..).unwrap_or_default();
                    continue;
                }
                None => self.outside(*byte),
            }
            rest = after;
        }
    }

    /// The small text.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }

    /// How much is held, in bytes.
    #[cfg(test)]
    pub(crate) const fn held_bytes(&self) -> usize {
        self.out.len()
    }

    fn in_string(&mut self, byte: u8) {
        let Some(length) = self.string else { return };
        if self.escape > 0 {
            self.escape = match (self.escape, byte) {
                (ESCAPE_BEGINS, b'u') => 4,
                (ESCAPE_BEGINS, _) => 0,
                (left, _) => left - 1,
            };
        } else if byte == b'"' {
            self.string = None;
            self.keep(byte);
            return;
        } else {
            // An escape is kept or dropped as a whole, by where its backslash stands.
            self.keeps_char = length < self.string_bytes_max;
            self.escape = if byte == b'\\' { ESCAPE_BEGINS } else { 0 };
        }
        if self.keeps_char {
            self.keep(byte);
        }
        self.string = Some(length + 1);
    }

    fn outside(&mut self, byte: u8) {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => {}
            b'"' => {
                self.string = Some(0);
                let is_long = !self.long_key.is_empty() && self.out.ends_with(self.long_key);
                self.string_bytes_max = if is_long { LONG_BYTES_MAX } else { STRING_BYTES_MAX };
                self.keep(byte);
            }
            b'{' | b'[' => {
                self.keep(byte);
                self.depth += 1;
                self.arrays = self.arrays << 1 | u128::from(byte == b'[');
                let grown = self.out.len() > ARRAYS_BYTES_MAX;
                if byte == b'[' && grown && self.dropping_from.is_none() {
                    self.dropping_from = Some(self.depth);
                }
            }
            b'}' | b']' => {
                if self.dropping_from == Some(self.depth) {
                    self.dropping_from = None;
                }
                self.depth = self.depth.saturating_sub(1);
                self.arrays >>= 1;
                self.keep(byte);
            }
            b',' => {
                // An array that has grown ends here, as far as we are concerned.
                let in_array = self.arrays & 1 == 1;
                if in_array && self.out.len() > ARRAYS_BYTES_MAX && self.dropping_from.is_none() {
                    self.dropping_from = Some(self.depth);
                }
                self.keep(byte);
            }
            _ => self.keep(byte),
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.dropping_from.is_none() && self.out.len() < RESULT_BYTES_MAX {
            self.out.push(byte);
        }
    }
}
