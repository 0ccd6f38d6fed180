//! The tables, how they came to be, and how a connection to them is opened.
//!
//! `span_rows` holds what lists and statistics read, and short attribute lists; `span_extras` and
//! `span_content` hold what is long or rare under the same id. Texts that come again and again are
//! numbers there: the view `spans` is what queries read. `traces`, `trace_facts` and `trace_stretches`
//! are sums of the spans, kept up to date by every insert: the list of traces is one index walk. Metrics and logs have
//! tables of their own, which the views `metric_rows` and `log_rows` join.

use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::failure::Place;
use super::insert::id_number;
use super::packing::{Shelf, Unpacker};
use super::texts::hash;
use crate::StoreError;

#[cfg(test)]
mod tests;

/// Marks a file as ours in SQLite's header: "toll".
pub(super) const APPLICATION_ID: i64 = 0x746f_6c6c;
/// Statements kept prepared by a connection.
const STATEMENTS_MAX: usize = 64;
/// Pages that the writer keeps in memory, in KiB.
const WRITER_CACHE_KIB: i64 = 64 * 1024;
/// Pages that each reader keeps in memory, in KiB.
const READER_CACHE_KIB: i64 = 16 * 1024;
/// After so many pages of 4 KiB (32 MiB) the log is written back into the file. Ids are random, so each
/// batch of spans touches the same pages of an index anew: once for many batches is enough.
const LOG_PAGES_MAX: i64 = 8_192;
/// The write-ahead log is cut back to this after a large load.
const LOG_BYTES_MAX: i64 = 64 * 1024 * 1024;

/// Each brings the schema from version `index` to `index + 1`. Never edit one that was released.
const MIGRATIONS: [&str; 4] = [
    include_str!("001_spans.sql"),
    include_str!("002_signals.sql"),
    include_str!("003_compressed.sql"),
    include_str!("004_stretches.sql"),
];

/// The version that this program reads and writes.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Opens the database for the writer; creates and migrates it as needed.
pub(super) fn open_for_writing(place: &Place) -> Result<Connection, StoreError> {
    create(place)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = connect(place, flags, WRITER_CACHE_KIB)?;
    let found = check(&connection, place)?;
    prepare(&mut connection, found).map_err(|error| place.failure(&error))?;
    Ok(connection)
}

/// Opens the database for a reader, and what unpacks its texts. It must be up to date.
pub(super) fn open_for_reading(place: &Place) -> Result<(Connection, Shelf), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(place, flags, READER_CACHE_KIB)?;
    let unpacker = Unpacker::new().map_err(|error| place.unusable(&error))?;
    let shelf = Arc::new(Mutex::new(unpacker));
    super::functions::register(&connection, &shelf).map_err(|error| place.failure(&error))?;
    let found = check(&connection, place)?;
    if found < VERSION {
        return Err(StoreError::OlderSchema { path: place.name(), found, known: VERSION });
    }
    Ok((connection, shelf))
}

/// Makes the file and the folders above it. SQLite gives the log beside it the same mode. The mode
/// of a file that exists is left as the operator has set it.
fn create(place: &Place) -> Result<(), StoreError> {
    let path = place.path();
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)
            .map_err(|error| place.unusable(&format_args!("{}: {error}", parent.display())))?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(place.unusable(&error)),
    }
}

fn connect(place: &Place, flags: OpenFlags, cache_kib: i64) -> Result<Connection, StoreError> {
    let open = || {
        let connection = Connection::open_with_flags(place.path(), flags)?;
        connection.busy_timeout(Duration::from_millis(place.busy_timeout_ms()))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        // Negative means KiB.
        connection.pragma_update(None, "cache_size", -cache_kib)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        Ok(connection)
    };
    open().map_err(|error| place.failure(&error))
}

/// Finds out whose file this is and how old: its schema version.
fn check(connection: &Connection, place: &Place) -> Result<i64, StoreError> {
    let number = |sql: &str| {
        connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .map_err(|error| place.failure(&error))
    };
    let objects = number("SELECT count(*) FROM sqlite_schema")?;
    let application = number("PRAGMA application_id")?;
    let found = number("PRAGMA user_version")?;
    if objects == 0 && application == 0 && found == 0 {
        return Ok(0);
    }
    if application != APPLICATION_ID {
        return Err(StoreError::Foreign { path: place.name() });
    }
    if found > VERSION {
        return Err(StoreError::NewerSchema { path: place.name(), found, known: VERSION });
    }
    Ok(found)
}

fn prepare(connection: &mut Connection, found: i64) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_MAX)?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES_MAX)?;
    if found == VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let done = usize::try_from(found).unwrap_or(0);
    functions(&transaction)?;
    for migration in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// What migrations call.
fn functions(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("id_number", 1, flags, |context| {
        Ok(context.get_raw(0).as_str().ok().and_then(id_number))
    })?;
    connection.create_scalar_function("text_hash", 1, flags, |context| {
        Ok(hash(context.get_raw(0).as_str()?))
    })
}
