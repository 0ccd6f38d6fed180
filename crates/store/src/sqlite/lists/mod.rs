//! Attribute lists in few bytes, written and read without a parser.
//!
//! A list is [`PLAIN`], its shape, and its values in order. A shape is a number of a word with all
//! keys, or how many there are, then the keys themselves. Keys and values are *items*: a LEB128
//! number, whose lowest three bits say what it is, and what belongs to it. [`PACKED`] stands before
//! what `packing` has made of a longer list. Both marks are beyond the numbers of dictionaries, so
//! that no packed text begins like a list.

use rusqlite::Connection;

use super::words::{BETWEEN_KEYS, Kind, SHAPE_BYTES_MAX, Words};

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
        let Self { keys, out } = self;
        out.clear();
        out.push(PLAIN);
        keys.clear();
        let (mut count, mut has_shape) = (0, true);
        for (key, _) in pairs.clone() {
            count += 1;
            has_shape &= keys.len() + key.len() < SHAPE_BYTES_MAX;
            if has_shape {
                has_shape = !key.as_bytes().contains(&BETWEEN_KEYS);
                keys.extend_from_slice(key.as_bytes());
                keys.push(BETWEEN_KEYS);
            }
        }
        let has_shape = has_shape && count > 0;
        let shape = has_shape
            .then(|| words.number(connection, keys, Kind::Shape, started_ns))
            .transpose()?;
        match shape.flatten() {
            Some(shape) => leb128(out, shape << 1 | 1),
            None => {
                leb128(out, count << 1);
                for (key, _) in pairs.clone() {
                    item(out, connection, words, key, started_ns)?;
                }
            }
        }
        for (_, value) in pairs {
            item(out, connection, words, value, started_ns)?;
        }
        Ok(out)
    }
}

fn item(
    out: &mut Vec<u8>,
    connection: &Connection,
    words: &mut Words,
    text: &str,
    started_ns: i64,
) -> rusqlite::Result<()> {
    let bytes = text.as_bytes();
    if let Some(first) = bytes.first()
        && first.is_ascii_digit()
        && number(out, bytes)
    {
        return Ok(());
    }
    if let Some(word) = words.number(connection, bytes, Kind::Text, started_ns)? {
        leb128(out, word << KIND_BITS | WORD);
    } else if !hex(out, bytes) {
        leb128(out, (bytes.len() as u64) << KIND_BITS | TEXT);
        out.extend_from_slice(bytes);
    }
    Ok(())
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
