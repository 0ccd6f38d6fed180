//! Long texts, compressed one by one with a dictionary that was trained on texts like them.
//!
//! A packed text is the number of its dictionary (LEB128; 0 for none) and a zstd frame without its
//! magic number. The first thousands of spans are compressed without a dictionary; they train the
//! first one. When texts change so much that it no longer helps, another is trained; old ones stay,
//! for the rows that need them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params};
use serde::{Serialize, Serializer};
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{CParameter, get_frame_content_size};

use super::lists::{PACKED, PLAIN, PLAIN_BYTES_MAX, Pair, Vocabulary};

#[cfg(test)]
mod tests;

/// zstd's; higher ones cost the writer more than they save.
const LEVEL: i32 = 3;
/// What a frame begins with.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The largest dictionary that is trained.
const DICTIONARY_BYTES_MAX: usize = 32 * 1024;
/// How many texts a dictionary is trained on.
const SAMPLES_MIN: usize = 4_000;
/// How much text is kept for training at most; then training begins with fewer texts.
const SAMPLE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Of a longer text only the beginning is a sample.
const ONE_SAMPLE_BYTES_MAX: usize = 8 * 1024;
/// How many packed texts are weighed together.
const WEIGHED_TEXTS: u64 = 65_536;
/// How many dictionaries a database may have: each is kept for ever.
const DICTIONARIES_MAX: u32 = 100;
/// The longest text that is unpacked, against a frame that claims more.
const TEXT_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Compresses; the writer has one.
pub(super) struct Packer {
    compressor: Compressor<'static>,
    /// The dictionary in use; 0 for none.
    dictionary: u32,
    samples: Vec<u8>,
    sample_sizes: Vec<usize>,
    /// Whether samples are wanted.
    training: bool,
    weight: Weight,
    /// The share of its size that a text kept under the dictionary when it was new.
    best: Option<f64>,
}

/// What went in and came out since it was last looked at.
#[derive(Default)]
struct Weight {
    texts: u64,
    bytes_in: u64,
    bytes_out: u64,
}

/// A reader's unpacker, shared with the functions of its connection.
pub(super) type Shelf = Arc<Mutex<Unpacker>>;

/// Restores; every reader has one.
pub(super) struct Unpacker {
    by_dictionary: BTreeMap<u32, Decompressor<'static>>,
    frame: Vec<u8>,
    pub(super) vocabulary: Vocabulary,
}

/// A text as it is kept: packed where that is shorter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Packed {
    Bytes(Vec<u8>),
    Text(String),
}

// === impl Packer ===

impl Packer {
    /// Uses the latest dictionary of the database.
    pub(super) fn open(connection: &Connection) -> rusqlite::Result<Self> {
        let mut packer = Self {
            compressor: compressor(&[]).map_err(failed)?,
            dictionary: 0,
            samples: Vec::new(),
            sample_sizes: Vec::new(),
            training: true,
            weight: Weight::default(),
            best: None,
        };
        let mut latest =
            connection.prepare("SELECT id, bytes FROM dictionaries ORDER BY id DESC LIMIT 1")?;
        let mut rows = latest.query([])?;
        if let Some(row) = rows.next()? {
            let bytes: Vec<u8> = row.get(1)?;
            packer.take(row.get(0)?, &bytes)?;
        }
        Ok(packer)
    }

    /// What is kept for `text`.
    pub(super) fn pack(&mut self, text: String) -> rusqlite::Result<Packed> {
        let mut bytes = Vec::new();
        self.pack_bytes(text.as_bytes(), &mut bytes)?;
        if bytes.len() < text.len() { Ok(Packed::Bytes(bytes)) } else { Ok(Packed::Text(text)) }
    }

    /// What is kept for a list.
    pub(super) fn pack_list(&mut self, list: &[u8]) -> rusqlite::Result<Vec<u8>> {
        if list.len() <= PLAIN_BYTES_MAX {
            return Ok(list.to_vec());
        }
        let mut bytes = vec![PACKED];
        self.pack_bytes(list, &mut bytes)?;
        if bytes.len() < list.len() { Ok(bytes) } else { Ok(list.to_vec()) }
    }

    fn pack_bytes(&mut self, text: &[u8], bytes: &mut Vec<u8>) -> rusqlite::Result<()> {
        if self.training {
            let sample = text.get(..ONE_SAMPLE_BYTES_MAX).unwrap_or(text);
            self.samples.extend_from_slice(sample);
            self.sample_sizes.push(sample.len());
        }
        let frame = self.compressor.compress(text).map_err(failed)?;
        let before = bytes.len();
        let mut number = self.dictionary;
        while number >= 0x80 {
            bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        bytes.push((number & 0x7f) as u8);
        let body = frame.strip_prefix(&MAGIC).ok_or_else(|| failed("a frame without magic"))?;
        bytes.extend_from_slice(body);
        self.weight.texts += 1;
        self.weight.bytes_in += text.len() as u64;
        self.weight.bytes_out += (bytes.len() - before).min(text.len()) as u64;
        Ok(())
    }

    /// Trains a dictionary if it is time, and uses it from now on. To be called between
    /// transactions: the dictionary is on disk before any row that needs it.
    pub(super) fn tend(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.weigh();
        let enough =
            self.sample_sizes.len() >= SAMPLES_MIN || self.samples.len() >= SAMPLE_BYTES_MAX;
        if !self.training || !enough {
            return Ok(());
        }
        let samples = std::mem::take(&mut self.samples);
        let sizes = std::mem::take(&mut self.sample_sizes);
        self.training = false;
        // Texts that have nothing in common train no dictionary: the next ones may.
        let Ok(bytes) = zstd::dict::from_continuous(&samples, &sizes, DICTIONARY_BYTES_MAX) else {
            return Ok(());
        };
        let id: u32 = connection.query_row(
            "INSERT INTO dictionaries (id, bytes) \
             SELECT coalesce(max(id), 0) + 1, ? FROM dictionaries RETURNING id",
            params![bytes],
            |row| row.get(0),
        )?;
        self.take(id, &bytes)
    }

    fn take(&mut self, id: u32, bytes: &[u8]) -> rusqlite::Result<()> {
        self.compressor = compressor(bytes).map_err(failed)?;
        self.dictionary = id;
        self.training = false;
        self.best = None;
        self.weight = Weight::default();
        Ok(())
    }

    /// Asks for samples again once texts keep a half more of their size than they used to.
    fn weigh(&mut self) {
        if self.training || self.weight.texts < WEIGHED_TEXTS {
            return;
        }
        let weight = std::mem::take(&mut self.weight);
        let share = weight.bytes_out as f64 / weight.bytes_in.max(1) as f64;
        match self.best {
            _ if self.dictionary == 0 => self.training = true,
            None => self.best = Some(share),
            Some(best) if share > best * 1.5 && self.dictionary < DICTIONARIES_MAX => {
                self.training = true;
            }
            Some(best) => self.best = Some(best.min(share)),
        }
    }
}

fn compressor(dictionary: &[u8]) -> io::Result<Compressor<'static>> {
    let mut compressor = Compressor::with_dictionary(LEVEL, dictionary)?;
    compressor.set_parameter(CParameter::DictIdFlag(false))?;
    compressor.set_parameter(CParameter::ContentSizeFlag(true))?;
    Ok(compressor)
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
}

// === impl Unpacker ===

impl Unpacker {
    /// Knows no dictionary yet.
    pub(super) fn new() -> io::Result<Self> {
        let by_dictionary = BTreeMap::from([(0, Decompressor::new()?)]);
        Ok(Self { by_dictionary, frame: Vec::new(), vocabulary: Vocabulary::default() })
    }

    /// The highest number of a dictionary that it knows; 0 for none.
    pub(super) fn latest(&self) -> u32 {
        self.by_dictionary.keys().next_back().copied().unwrap_or(0)
    }

    /// Learns a dictionary.
    pub(super) fn learn(&mut self, id: u32, bytes: &[u8]) -> io::Result<()> {
        self.by_dictionary.insert(id, Decompressor::with_dictionary(bytes)?);
        Ok(())
    }

    /// The text that was packed; of a list a JSON object.
    pub(super) fn unpack(&mut self, packed: &[u8]) -> io::Result<String> {
        if is_list(packed) {
            let list = self.list(packed)?;
            let pairs = self.vocabulary.pairs(&list).map_err(|it| damaged(&it.to_string()))?;
            return Ok(serde_json::to_string(&Object(&pairs))?);
        }
        String::from_utf8(self.bytes(packed)?).map_err(|_| damaged("it is not UTF-8"))
    }

    /// A list as it was before it was packed.
    pub(super) fn list<'a>(&mut self, list: &'a [u8]) -> io::Result<Cow<'a, [u8]>> {
        match list.split_first() {
            Some((&PACKED, packed)) => self.bytes(packed).map(Cow::Owned),
            _ => Ok(Cow::Borrowed(list)),
        }
    }

    fn bytes(&mut self, packed: &[u8]) -> io::Result<Vec<u8>> {
        let (mut id, mut shift, mut rest) = (0_u32, 0_u32, packed);
        loop {
            let (byte, behind) = rest.split_first().ok_or_else(|| damaged("it is too short"))?;
            rest = behind;
            id |= u32::from(byte & 0x7f)
                .checked_shl(shift)
                .ok_or_else(|| damaged("its dictionary has no number"))?;
            if byte & 0x80 == 0 {
                break;
            }
            shift += 7;
        }
        let decompressor = self
            .by_dictionary
            .get_mut(&id)
            .ok_or_else(|| damaged("its dictionary is not in the database"))?;
        self.frame.clear();
        self.frame.extend_from_slice(&MAGIC);
        self.frame.extend_from_slice(rest);
        let size = get_frame_content_size(&self.frame).ok().flatten();
        let size = size
            .filter(|size| *size <= TEXT_BYTES_MAX)
            .ok_or_else(|| damaged("its size is not said, or too large"))?;
        let size = usize::try_from(size).map_err(|_| damaged("its size is too large"))?;
        decompressor.decompress(&self.frame, size)
    }
}

/// Whether what was kept is an attribute list.
pub(super) fn is_list(kept: &[u8]) -> bool {
    matches!(kept.first(), Some(&(PLAIN | PACKED)))
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Pairs as a JSON object, in order.
struct Object<'a>(&'a [Pair<'a>]);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

// === impl Packed ===

impl ToSql for Packed {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}
