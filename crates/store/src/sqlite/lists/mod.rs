//! Attribute lists in few bytes, written and read without a parser.
//!
//! A list is [`PLAIN`], its shape, and its values in order. A shape is a number of a word with all
//! keys, or how many there are, then the keys themselves. Keys and values are *items*: a LEB128
//! number, whose lowest three bits say what it is, and what belongs to it. [`PACKED`] stands before
//! what `packing` has made of a longer list. Both marks are beyond the numbers of dictionaries, so
//! that no packed text begins like a list.

use rusqlite::Connection;

use self::last::{LASTS, Last};
use super::words::{BETWEEN_KEYS, Kind, SHAPE_BYTES_MAX, Word, Words};

mod last;
mod reading;

#[cfg(test)]
mod tests;

pub(super) use reading::{Pair, Vocabulary};

/// What a list begins with.
pub(super) const PLAIN: u8 = 0x80;
/// What a list begins with that is packed.
pub(super) const PACKED: u8 = 0x81;
/// Longer lists are packed.
pub(super) const PLAIN_BYTES_MAX: usize = 1_024;

/// The number of a word.
const WORD: u64 = 0;
/// So many bytes of text.
const TEXT: u64 = 1;
/// A whole number.
const WHOLE: u64 = 2;
/// So many bytes, each of which is two hexadecimal digits.
const HEX: u64 = 3;
/// So many digits behind the point; then all digits as a number.
const DECIMAL: u64 = 4;
/// How many bits say what an item is.
const KIND_BITS: u32 = 3;

/// So many digits fit into a number of 64 bits.
const DIGITS_MAX: usize = 19;
/// So many into one beside the item's kind.
const WHOLE_DIGITS_MAX: usize = 18;
/// Fewer hexadecimal digits are text.
const HEX_DIGITS_MIN: usize = 8;

/// Writes lists; keeps what it needs for that.
#[derive(Default)]
pub(super) struct Lists {
    keys: Vec<u8>,
    out: Vec<u8>,
    last: [Last; LASTS],
}

// === impl Lists ===

impl Lists {
    /// The list, of a span that started at `started_ns`.
    pub(super) fn write<'a>(
        &mut self,
        connection: &Connection,
        words: &mut Words,
        pairs: impl Iterator<Item = (&'a str, &'a str)> + Clone,
        started_ns: i64,
    ) -> rusqlite::Result<&[u8]> {
        let Self { keys, out, last } = self;
        out.clear();
        out.push(PLAIN);
        let count = pairs.clone().count();
        let Some(last) = last.get_mut(count % LASTS) else { return Ok(out) };
        let names = pairs.clone().map(|(key, _)| key);
        match last.shape(names.clone(), count, started_ns) {
            Some(shape) => leb128(out, shape << 1 | 1),
            None => match shape(keys, connection, words, names.clone(), count, started_ns)? {
                Some(shape) => {
                    leb128(out, shape.id << 1 | 1);
                    last.set_shape(names, shape);
                }
                None => {
                    leb128(out, (count as u64) << 1);
                    for key in names {
                        item(out, connection, words, key, started_ns)?;
                    }
                }
            },
        }
        for (at, (_, value)) in pairs.enumerate() {
            if let Some(same) = last.value(at, value, started_ns) {
                out.extend_from_slice(same);
                continue;
            }
            let before = out.len();
            if let Some(word) = item(out, connection, words, value, started_ns)? {
                last.set_value(at, value, out.get(before..).unwrap_or_default(), word);
            }
        }
        Ok(out)
    }

    /// To be called when the numbers of words may have become others.
    pub(super) fn forget(&mut self) {
        self.last = Default::default();
    }
}

/// The word that all keys are, if they are one.
fn shape<'a>(
    keys: &mut Vec<u8>,
    connection: &Connection,
    words: &mut Words,
    names: impl Iterator<Item = &'a str>,
    count: usize,
    started_ns: i64,
) -> rusqlite::Result<Option<Word>> {
    keys.clear();
    for key in names {
        if keys.len() + key.len() >= SHAPE_BYTES_MAX || key.as_bytes().contains(&BETWEEN_KEYS) {
            return Ok(None);
        }
        keys.extend_from_slice(key.as_bytes());
        keys.push(BETWEEN_KEYS);
    }
    if count == 0 {
        return Ok(None);
    }
    words.number(connection, keys, Kind::Shape, started_ns)
}

/// Writes a key or a value; which word it became, if it is one now.
fn item(
    out: &mut Vec<u8>,
    connection: &Connection,
    words: &mut Words,
    text: &str,
    started_ns: i64,
) -> rusqlite::Result<Option<Word>> {
    let bytes = text.as_bytes();
    if let Some(first) = bytes.first()
        && first.is_ascii_digit()
        && number(out, bytes)
    {
        return Ok(None);
    }
    let word = words.number(connection, bytes, Kind::Text, started_ns)?;
    if let Some(word) = word {
        leb128(out, word.id << KIND_BITS | WORD);
    } else if !hex(out, bytes) {
        leb128(out, (bytes.len() as u64) << KIND_BITS | TEXT);
        out.extend_from_slice(bytes);
    }
    Ok(word)
}

/// Writes a text that is a number as its digits alone would make it again.
fn number(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    let (mut digits, mut all, mut behind) = (0_u64, 0, None);
    if bytes.len() > DIGITS_MAX + 1 {
        return false;
    }
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' if all < DIGITS_MAX => {
                digits = digits * 10 + u64::from(byte - b'0');
                all += 1;
            }
            b'.' if behind.is_none() && at > 0 => behind = Some(all),
            _ => return false,
        }
    }
    let before = behind.unwrap_or(all);
    if before > 1 && bytes.first() == Some(&b'0') {
        return false;
    }
    match behind {
        None if all > WHOLE_DIGITS_MAX => return false,
        None => leb128(out, digits << KIND_BITS | WHOLE),
        Some(before) if all > before => {
            leb128(out, ((all - before) as u64) << KIND_BITS | DECIMAL);
            leb128(out, digits);
        }
        Some(_) => return false,
    }
    true
}

fn hex(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    let (pairs, odd) = bytes.as_chunks::<2>();
    if bytes.len() < HEX_DIGITS_MIN || !odd.is_empty() {
        return false;
    }
    let before = out.len();
    leb128(out, (pairs.len() as u64) << KIND_BITS | HEX);
    for [high, low] in pairs {
        let (Some(high), Some(low)) = (nibble(*high), nibble(*low)) else {
            out.truncate(before);
            return false;
        };
        out.push(high << 4 | low);
    }
    true
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

fn leb128(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
