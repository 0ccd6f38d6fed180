//! Rows of one table, many with each statement: what running a statement costs is paid once for
//! all of them, and where an index ends is looked up once.

use std::sync::OnceLock;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ToSql};

#[cfg(test)]
mod tests;

/// How many rows a statement inserts: the first of these that so many are left for.
const ROWS: [usize; 3] = [16, 4, 1];

/// Longer texts are not compared with those before.
const TEXT_BYTES_MAX: usize = 128;

/// Inserts rows of so many columns; [`Inserter::finish`] says whether all were written.
pub(super) struct Inserter<'c, const COLUMNS: usize> {
    connection: &'c Connection,
    target: &'static Target<COLUMNS>,
    /// For each of [`ROWS`].
    bound: [Option<Bound<'c>>; ROWS.len()],
    /// Which of them is being filled.
    filling: usize,
    /// How many rows it has that it was not run with.
    waiting: usize,
    /// How many rows are still to come.
    left: usize,
    last_id: Option<i64>,
}

/// Where rows go.
pub(super) struct Target<const COLUMNS: usize> {
    into: &'static str,
    sql: [OnceLock<String>; ROWS.len()],
}

/// What a column gets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Field<'a> {
    Null,
    Whole(i64),
    Real(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// A statement, and what its parameters have from the row before: most of the next are the same.
struct Bound<'c> {
    statement: CachedStatement<'c>,
    has: Vec<Has>,
}

#[derive(Clone)]
enum Has {
    Something,
    Null,
    Whole(i64),
    Text(String),
}

// === impl Inserter ===

impl<'c, const COLUMNS: usize> Inserter<'c, COLUMNS> {
    /// More rows than `rows` are fine, just not as cheap.
    pub(super) const fn new(
        connection: &'c Connection,
        target: &'static Target<COLUMNS>,
        rows: usize,
    ) -> Self {
        let bound = [const { None }; ROWS.len()];
        Self { connection, target, bound, filling: 0, waiting: 0, left: rows, last_id: None }
    }

    /// Inserts a row, now or together with those after it.
    pub(super) fn row(&mut self, fields: &[Field<'_>; COLUMNS]) -> rusqlite::Result<()> {
        if self.waiting == 0 {
            let left = self.left.max(1);
            self.filling = ROWS.iter().position(|rows| *rows <= left).unwrap_or_default();
        }
        self.left = self.left.saturating_sub(1);
        let places = self.bound.get_mut(self.filling).zip(ROWS.get(self.filling));
        let (bound, rows) = places.ok_or(rusqlite::Error::InvalidQuery)?;
        let bound = match bound {
            Some(bound) => bound,
            None => {
                let sql = self.target.sql(self.filling, *rows)?;
                let statement = self.connection.prepare_cached(sql)?;
                // What comes from the cache, or is new, is bound to nothing.
                bound.insert(Bound { statement, has: vec![Has::Null; COLUMNS * rows] })
            }
        };
        bound.bind(self.waiting * COLUMNS, fields)?;
        self.waiting += 1;
        if self.waiting == *rows {
            self.waiting = 0;
            bound.statement.raw_execute()?;
            self.last_id = Some(self.connection.last_insert_rowid());
        }
        Ok(())
    }

    /// To be called behind the last row: an error if there were fewer than promised.
    pub(super) fn finish(self) -> rusqlite::Result<()> {
        if self.waiting > 0 {
            return Err(rusqlite::Error::StatementChangedRows(self.waiting));
        }
        Ok(())
    }

    /// The same of a table that numbers its rows: an error, too, if `next_id` is not what the next row
    /// would get. (A statement that is told the numbers keeps a copy of each page that it changes.)
    pub(super) fn finish_before(self, next_id: i64) -> rusqlite::Result<()> {
        match self.last_id {
            Some(last) if last.checked_add(1) != Some(next_id) => {
                Err(rusqlite::Error::QueryReturnedMoreThanOneRow)
            }
            _ => self.finish(),
        }
    }
}

// === impl Target ===

impl<const COLUMNS: usize> Target<COLUMNS> {
    /// `into` is the statement up to its rows.
    pub(super) const fn new(into: &'static str) -> Self {
        Self { into, sql: [const { OnceLock::new() }; ROWS.len()] }
    }

    fn sql(&self, at: usize, rows: usize) -> rusqlite::Result<&str> {
        let known = self.sql.get(at).ok_or(rusqlite::Error::InvalidQuery)?;
        Ok(known.get_or_init(|| {
            let row = format!("({})", ["?"; COLUMNS].join(","));
            format!("{} VALUES {}", self.into, vec![row.as_str(); rows].join(","))
        }))
    }
}

// === impl Bound ===

impl Bound<'_> {
    /// Gives the parameters from `first` on what they shall have.
    fn bind(&mut self, first: usize, fields: &[Field<'_>]) -> rusqlite::Result<()> {
        let places = self.has.iter_mut().enumerate().skip(first);
        for ((at, has), field) in places.zip(fields) {
            if !has.is(field) {
                self.statement.raw_bind_parameter(at + 1, field)?;
                has.set(field);
            }
        }
        Ok(())
    }
}

// === impl Has ===

impl Has {
    fn is(&self, field: &Field<'_>) -> bool {
        match (self, field) {
            (Self::Null, Field::Null) => true,
            (Self::Whole(old), Field::Whole(new)) => old == new,
            (Self::Text(old), Field::Text(new)) => old == new,
            _ => false,
        }
    }

    fn set(&mut self, field: &Field<'_>) {
        match (&mut *self, *field) {
            (_, Field::Null) => *self = Self::Null,
            (_, Field::Whole(number)) => *self = Self::Whole(number),
            (Self::Text(old), Field::Text(new)) if new.len() <= TEXT_BYTES_MAX => {
                old.clear();
                old.push_str(new);
            }
            (_, Field::Text(new)) if new.len() <= TEXT_BYTES_MAX => {
                *self = Self::Text(new.to_owned());
            }
            _ => *self = Self::Something,
        }
    }
}

// === impl Field ===

impl ToSql for Field<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Null => ValueRef::Null,
            Self::Whole(number) => ValueRef::Integer(number),
            Self::Real(number) => ValueRef::Real(number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl From<i64> for Field<'_> {
    fn from(number: i64) -> Self {
        Self::Whole(number)
    }
}

impl From<u8> for Field<'_> {
    fn from(number: u8) -> Self {
        Self::Whole(i64::from(number))
    }
}

impl From<bool> for Field<'_> {
    fn from(value: bool) -> Self {
        Self::Whole(i64::from(value))
    }
}

impl From<f64> for Field<'_> {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl<'a> From<&'a str> for Field<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Field<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a, T: Into<Self>> From<Option<T>> for Field<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
