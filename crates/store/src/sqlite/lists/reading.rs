//! Lists read again: one value of them, or all pairs.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::{DECIMAL, DIGITS_MAX, HEX, KIND_BITS, PLAIN, TEXT, WHOLE, WORD};
use crate::sqlite::words::BETWEEN_KEYS;

/// The words, as a reader knows them.
#[derive(Default)]
pub(in crate::sqlite) struct Vocabulary {
    words: HashMap<u64, Arc<str>, RandomState>,
    latest: i64,
}

/// Why a list cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sqlite) struct Damaged(&'static str);

/// An item, as far as it is known without its word.
enum Item<'a> {
    Text(&'a [u8]),
    Word(u64),
    Made(String),
}

/// A key and its value.
pub(in crate::sqlite) type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// What is left of a list.
struct Rest<'a>(&'a [u8]);

// === impl Damaged ===

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

// === impl Vocabulary ===

impl Vocabulary {
    /// The highest number that it knows; 0 for none.
    pub(in crate::sqlite) const fn latest(&self) -> i64 {
        self.latest
    }

    /// Learns a word; the numbers rise.
    pub(in crate::sqlite) fn learn(&mut self, id: i64, text: &str) {
        self.words.insert(id.unsigned_abs(), text.into());
        self.latest = id;
    }

    /// The value of the first attribute of this name.
    pub(in crate::sqlite) fn find<'a>(
        &'a self,
        list: &'a [u8],
        key: &str,
    ) -> Result<Option<Cow<'a, str>>, Damaged> {
        let mut rest = Rest::of(list)?;
        let head = rest.number()?;
        let mut place = None;
        if head & 1 == 1 {
            place = self.keys(head >> 1)?.position(|it| it == key);
        } else {
            for at in 0..head >> 1 {
                if self.text(rest.item()?)? == key && place.is_none() {
                    place = usize::try_from(at).ok();
                }
            }
        }
        let Some(place) = place else { return Ok(None) };
        for _ in 0..place {
            rest.skip()?;
        }
        self.text(rest.item()?).map(Some)
    }

    /// All pairs, in order.
    pub(in crate::sqlite) fn pairs<'a>(&'a self, list: &'a [u8]) -> Result<Vec<Pair<'a>>, Damaged> {
        let mut rest = Rest::of(list)?;
        let head = rest.number()?;
        let mut keys = Vec::new();
        if head & 1 == 1 {
            keys.extend(self.keys(head >> 1)?.map(Cow::Borrowed));
        } else {
            for _ in 0..head >> 1 {
                keys.push(self.text(rest.item()?)?);
            }
        }
        let mut pairs = Vec::with_capacity(keys.len());
        for key in keys {
            pairs.push((key, self.text(rest.item()?)?));
        }
        if rest.0.is_empty() { Ok(pairs) } else { Err(Damaged("it is too long")) }
    }

    fn keys(&self, shape: u64) -> Result<impl Iterator<Item = &str>, Damaged> {
        let keys = self.word(shape)?;
        let keys = keys.strip_suffix(char::from(BETWEEN_KEYS));
        Ok(keys.ok_or(Damaged("its shape is none"))?.split(char::from(BETWEEN_KEYS)))
    }

    fn word(&self, id: u64) -> Result<&str, Damaged> {
        self.words.get(&id).map(AsRef::as_ref).ok_or(Damaged("it has an unknown word"))
    }

    fn text<'a>(&'a self, item: Item<'a>) -> Result<Cow<'a, str>, Damaged> {
        match item {
            Item::Word(id) => self.word(id).map(Cow::Borrowed),
            Item::Made(text) => Ok(Cow::Owned(text)),
            Item::Text(bytes) => std::str::from_utf8(bytes)
                .map(Cow::Borrowed)
                .map_err(|_| Damaged("it is not UTF-8")),
        }
    }
}

// === impl Rest ===

impl<'a> Rest<'a> {
    fn of(list: &'a [u8]) -> Result<Self, Damaged> {
        match list.split_first() {
            Some((&PLAIN, rest)) => Ok(Self(rest)),
            _ => Err(Damaged("it is no list")),
        }
    }

    fn number(&mut self) -> Result<u64, Damaged> {
        let (mut number, mut shift) = (0_u64, 0_u32);
        loop {
            let (byte, rest) = self.0.split_first().ok_or(Damaged("it is too short"))?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f)
                .checked_shl(shift)
                .ok_or(Damaged("it has too large a number"))?;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
            shift += 7;
        }
    }

    fn bytes(&mut self, count: u64) -> Result<&'a [u8], Damaged> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(Damaged("it is too short"))?;
        self.0 = rest;
        Ok(bytes)
    }

    fn item(&mut self) -> Result<Item<'a>, Damaged> {
        let head = self.number()?;
        let number = head >> KIND_BITS;
        match head & ((1 << KIND_BITS) - 1) {
            WORD => Ok(Item::Word(number)),
            TEXT => self.bytes(number).map(Item::Text),
            WHOLE => Ok(Item::Made(number.to_string())),
            HEX => Ok(Item::Made(hex(self.bytes(number)?))),
            DECIMAL => decimal(number, self.number()?).map(Item::Made),
            _ => Err(Damaged("it has an unknown kind of item")),
        }
    }

    /// Passes over an item.
    fn skip(&mut self) -> Result<(), Damaged> {
        let head = self.number()?;
        match head & ((1 << KIND_BITS) - 1) {
            WORD | WHOLE => Ok(()),
            TEXT | HEX => self.bytes(head >> KIND_BITS).map(drop),
            DECIMAL => self.number().map(drop),
            _ => Err(Damaged("it has an unknown kind of item")),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

fn decimal(behind: u64, digits: u64) -> Result<String, Damaged> {
    let behind = usize::try_from(behind).ok().filter(|behind| *behind <= DIGITS_MAX);
    let behind = behind.ok_or(Damaged("it has too long a number"))?;
    let mut text = format!("{digits:0width$}", width = behind + 1);
    text.insert(text.len() - behind, '.');
    Ok(text)
}
