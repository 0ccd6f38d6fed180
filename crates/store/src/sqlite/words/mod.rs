//! Words: texts that come so often in attribute lists that a list has their numbers instead.
//!
//! A text becomes a word once it came often: ids of requests never do. Words stay few enough to be
//! known by heart, by the writer and by every reader; a number is never given twice, so a reader
//! only ever learns more. Like a shared text, a word carries the latest start of a span that may
//! refer to it.

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use rusqlite::{Connection, params};

use super::texts::AHEAD_NS;

#[cfg(test)]
mod tests;

/// Longer texts are no words.
pub(super) const WORD_BYTES_MAX: usize = 128;
/// How many words a database has at most; further texts stay in their lists.
pub(super) const WORDS_MAX: usize = 32_768;
/// What is between the keys of a shape.
pub(super) const BETWEEN_KEYS: u8 = 0x1f;
/// Lists with more bytes of keys have no shape.
pub(super) const SHAPE_BYTES_MAX: usize = 4_096;
/// How many shapes a database has at most; further lists have their keys themselves.
pub(super) const SHAPES_MAX: usize = 1_024;
/// A text becomes a word when it comes for this time.
pub(super) const SEEN_MIN: u8 = 16;
/// How many texts are counted at a time; two that share a place start each other over.
const SEEN_PLACES: usize = 1 << 16;

/// What is a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A key or a value.
    Text = 0,
    /// All keys of a list, in order.
    Shape = 1,
}

/// The words, as the writer knows them.
pub(super) struct Words {
    known: HashMap<Box<[u8]>, Known, RandomState>,
    counts: [usize; 2],
    seen: Vec<Seen>,
    hasher: RandomState,
    is_loaded: bool,
}

/// A word's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) id: u64,
    /// Until which start of spans it is kept.
    pub(super) used_ns: i64,
}

#[derive(Clone, Copy)]
struct Known {
    word: Word,
    kind: Kind,
}

/// A text that is no word yet.
#[derive(Clone, Copy, Default)]
struct Seen {
    mark: u32,
    times: u8,
}

// === impl Kind ===

impl Kind {
    const fn most(self) -> (usize, usize) {
        match self {
            Self::Text => (WORD_BYTES_MAX, WORDS_MAX),
            Self::Shape => (SHAPE_BYTES_MAX, SHAPES_MAX),
        }
    }
}

// === impl Words ===

impl Words {
    pub(super) fn new() -> Self {
        Self {
            known: HashMap::default(),
            counts: [0, 0],
            seen: vec![Seen::default(); SEEN_PLACES],
            hasher: RandomState::default(),
            is_loaded: false,
        }
    }

    /// To be called at the start of every transaction.
    pub(super) fn begin(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.is_loaded {
            return Ok(());
        }
        self.known.clear();
        self.counts = [0, 0];
        let mut all = connection.prepare("SELECT id, used_ns, kind, text FROM words")?;
        let mut all = all.query([])?;
        while let Some(row) = all.next()? {
            let kind = if row.get::<_, i64>(2)? == 0 { Kind::Text } else { Kind::Shape };
            let known =
                Known { word: Word { id: number(row.get(0)?), used_ns: row.get(1)? }, kind };
            self.known.insert(row.get_ref(3)?.as_bytes()?.into(), known);
            self.count(kind);
        }
        self.is_loaded = true;
        Ok(())
    }

    /// To be called when a transaction was rolled back, or another process has written.
    pub(super) const fn forget(&mut self) {
        self.is_loaded = false;
    }

    /// The number of a text in a list of a span that started at `started_ns`; `None` while it is no
    /// word.
    pub(super) fn number(
        &mut self,
        connection: &Connection,
        text: &[u8],
        kind: Kind,
        started_ns: i64,
    ) -> rusqlite::Result<Option<Word>> {
        if text.len() > kind.most().0 {
            return Ok(None);
        }
        if let Some(known) = self.known.get_mut(text) {
            if known.kind != kind {
                return Ok(None);
            }
            let word = &mut known.word;
            if word.used_ns < started_ns {
                word.used_ns = started_ns.saturating_add(AHEAD_NS);
                connection
                    .prepare_cached("UPDATE words SET used_ns = ? WHERE id = ?")?
                    .execute(params![word.used_ns, word.id.cast_signed()])?;
            }
            return Ok(Some(*word));
        }
        if !self.comes_often(text) || !self.has_room(kind) {
            return Ok(None);
        }
        let Ok(checked) = std::str::from_utf8(text) else { return Ok(None) };
        let used_ns = started_ns.saturating_add(AHEAD_NS);
        connection
            .prepare_cached("INSERT INTO words (used_ns, kind, text) VALUES (?, ?, ?)")?
            .execute(params![used_ns, kind as u8, checked])?;
        let word = Word { id: number(connection.last_insert_rowid()), used_ns };
        self.known.insert(text.into(), Known { word, kind });
        self.count(kind);
        Ok(Some(word))
    }

    /// Drops the words that no span refers to any more.
    pub(super) fn sweep(&mut self, connection: &Connection) -> rusqlite::Result<usize> {
        self.forget();
        connection
            .prepare_cached(
                "DELETE FROM words WHERE used_ns < \
                 coalesce((SELECT min(timestamp_ns) FROM span_rows), 9223372036854775807)",
            )?
            .execute([])
    }

    /// Counts a text; whether that is enough.
    fn comes_often(&mut self, text: &[u8]) -> bool {
        let hash = self.hasher.hash_one(text);
        let place = usize::try_from(hash).unwrap_or_default() % SEEN_PLACES;
        let mark = (hash >> 32) as u32;
        let Some(seen) = self.seen.get_mut(place) else { return false };
        if seen.mark != mark {
            *seen = Seen { mark, times: 0 };
        }
        seen.times = seen.times.saturating_add(1);
        seen.times >= SEEN_MIN
    }

    fn has_room(&self, kind: Kind) -> bool {
        self.counts.get(kind as usize).is_some_and(|count| *count < kind.most().1)
    }

    fn count(&mut self, kind: Kind) {
        if let Some(count) = self.counts.get_mut(kind as usize) {
            *count += 1;
            if *count == kind.most().1 {
                tracing::info!(?kind, "there are as many words as there may be: lists get longer");
            }
        }
    }
}

/// Ids begin at one.
fn number(id: i64) -> u64 {
    id.unsigned_abs()
}
