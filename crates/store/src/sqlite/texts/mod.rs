//! Texts that many rows share, and the numbers that stand for them.
//!
//! Names of services, models, tenants and whole resources come again and again: a row has their
//! number. A text carries the latest start of a span that may refer to it, so that it can go once
//! every such span has gone; nobody counts references.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::inserter::Field;

#[cfg(test)]
mod tests;

/// Longer texts stay in their rows.
pub(super) const TEXT_BYTES_MAX: usize = 1024;
/// How many texts the writer knows by heart; then it starts over.
const KNOWN_TEXTS_MAX: usize = 65_536;
/// How many of them it remembers without looking them up.
const LAST_PLACES: usize = 128;
/// How far ahead a text's last use is noted, so that it is not written for every span.
pub(super) const AHEAD_NS: i64 = 60 * 60 * 1_000_000_000;

/// The texts that the writer has met.
#[derive(Default)]
pub(super) struct Texts {
    known: HashMap<String, Known, RandomState>,
    /// Those that were asked for last, each in its place: most rows have the same.
    last: Vec<(String, Known)>,
    /// Which state of the database `known` describes; another process may write, too.
    version: Option<i64>,
}

#[derive(Clone, Copy, Default)]
struct Known {
    id: i64,
    used_ns: i64,
}

/// A text in a row: its number, or itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shared<'a> {
    Number(i64),
    Text(&'a str),
}

// === impl Texts ===

impl Texts {
    /// To be called at the start of every transaction; says whether another process has written.
    pub(super) fn begin(&mut self, connection: &Connection) -> rusqlite::Result<bool> {
        let version: i64 =
            connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        let is_changed = self.version != Some(version);
        if is_changed || self.known.len() >= KNOWN_TEXTS_MAX {
            self.forget();
        }
        self.version = Some(version);
        Ok(is_changed)
    }

    /// Until which start of spans a shared text is known to be kept.
    pub(super) fn used_ns(&self, text: &str) -> Option<i64> {
        self.known.get(text).map(|known| known.used_ns)
    }

    /// To be called when a transaction was rolled back: what it has numbered does not exist.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.last.clear();
    }

    /// What a row has for `text`, of a span that started at `started_ns`.
    pub(super) fn share<'a>(
        &mut self,
        connection: &Connection,
        text: &'a str,
        started_ns: i64,
    ) -> rusqlite::Result<Shared<'a>> {
        if text.is_empty() || text.len() > TEXT_BYTES_MAX {
            return Ok(Shared::Text(text));
        }
        let place = place(text);
        if let Some((last, known)) = self.last.get(place)
            && last == text
            && known.used_ns >= started_ns
        {
            return Ok(Shared::Number(known.id));
        }
        let known = match self.known.get(text) {
            Some(known) if known.used_ns >= started_ns => *known,
            _ => self.look_up(connection, text, started_ns)?,
        };
        self.last.resize_with(LAST_PLACES, Default::default);
        if let Some((last, as_known)) = self.last.get_mut(place) {
            last.clear();
            last.push_str(text);
            *as_known = known;
        }
        Ok(Shared::Number(known.id))
    }

    /// A text's number in the database, which is made to keep it for long enough.
    fn look_up(
        &mut self,
        connection: &Connection,
        text: &str,
        started_ns: i64,
    ) -> rusqlite::Result<Known> {
        let used_ns = started_ns.saturating_add(AHEAD_NS);
        let hash = hash(text);
        let found = connection
            .prepare_cached("SELECT id, used_ns FROM texts WHERE hash = ? AND text = ?")?
            .query_row(params![hash, text], |row| {
                Ok(Known { id: row.get(0)?, used_ns: row.get(1)? })
            })
            .optional()?;
        let known = match found {
            Some(known) if known.used_ns >= started_ns => known,
            Some(Known { id, .. }) => {
                connection
                    .prepare_cached("UPDATE texts SET used_ns = ? WHERE id = ?")?
                    .execute([used_ns, id])?;
                Known { id, used_ns }
            }
            None => {
                connection
                    .prepare_cached("INSERT INTO texts (hash, used_ns, text) VALUES (?, ?, ?)")?
                    .execute(params![hash, used_ns, text])?;
                Known { id: connection.last_insert_rowid(), used_ns }
            }
        };
        self.known.insert(text.to_owned(), known);
        Ok(known)
    }

    /// The same for a text that may be absent.
    pub(super) fn share_some<'a>(
        &mut self,
        connection: &Connection,
        text: Option<&'a str>,
        started_ns: i64,
    ) -> rusqlite::Result<Option<Shared<'a>>> {
        text.map(|text| self.share(connection, text, started_ns)).transpose()
    }

    /// Drops the texts that no span refers to any more.
    pub(super) fn sweep(&mut self, connection: &Connection) -> rusqlite::Result<usize> {
        self.forget();
        connection
            .prepare_cached(
                "DELETE FROM texts WHERE used_ns < \
                 coalesce((SELECT min(timestamp_ns) FROM span_rows), 9223372036854775807)",
            )?
            .execute([])
    }
}

// === impl Shared ===

impl Shared<'_> {
    pub(super) const fn number(self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Text(_) => None,
        }
    }
}

impl<'a> From<Shared<'a>> for Field<'a> {
    fn from(shared: Shared<'a>) -> Self {
        match shared {
            Shared::Number(number) => Self::Whole(number),
            Shared::Text(text) => Self::Text(text),
        }
    }
}

impl ToSql for Shared<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Number(number) => ToSqlOutput::from(*number),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

/// The number of a text that is shared already.
pub(super) fn number(connection: &Connection, text: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT id FROM texts WHERE hash = ? AND text = ?")?
        .query_row(params![hash(text), text], |row| row.get(0))
        .optional()
}

/// Where a text is among the last ones; far cheaper than a hash.
fn place(text: &str) -> usize {
    let ends = text.as_bytes();
    let end = |byte: Option<&u8>| byte.map_or(0, |byte| usize::from(*byte));
    (ends.len() * 5 + end(ends.first()) + end(ends.last()) * 3) % LAST_PLACES
}

/// FNV-1a: the same in every version of this program, which is all that matters here.
pub(super) fn hash(text: &str) -> i64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash.cast_signed()
}
