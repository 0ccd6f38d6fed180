//! The file with the keys: SQLite, readable by its owner alone.
//!
//! Several processes may have it open: the command line writes, gateways read. Rotation of signing
//! keys is a transaction, so that two gateways that rotate at once make one key.

mod grants;
mod record;
mod signing_keys;

use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};

use crate::api_key::random_symbols;
use crate::{ApiKey, NoRandomness};

pub use grants::Grants;
pub use record::{KeyRecord, NewKey};

#[cfg(test)]
pub(crate) mod tests;

/// Marks a file as ours in SQLite's header: "tkey".
const APPLICATION_ID: i64 = 0x746b_6579;
/// The version of the schema that this program reads and writes.
const VERSION: i64 = 2;
/// Each makes the next version of the schema.
const MIGRATIONS: [&str; VERSION as usize] =
    [include_str!("schema.sql"), include_str!("limits.sql")];
/// How long to wait for another process's lock.
const BUSY: Duration = Duration::from_millis(2_000);
/// Symbols of a key's id behind `key_`.
const ID_SYMBOLS: usize = 12;

/// The keys on disk.
pub struct KeyStore {
    path: PathBuf,
    connection: Mutex<Connection>,
}

/// Why the keys are not to be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// The file, its folder or the system is in the way.
    #[error("cannot use the key store {path}: {reason}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The file is something else.
    #[error("{path} is no key store")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A later version of this program wrote it.
    #[error("the key store {path} has schema {found}, this program knows {VERSION}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// No key has this id or prefix.
    #[error("no key has this id or prefix; `tollgate key list` shows them")]
    NoSuchKey,
    /// See there.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

// === impl KeyStore ===

impl KeyStore {
    /// Opens the file, or makes it (mode 0600) and the folders above it. Blocks on the file system.
    ///
    /// # Errors
    /// [`KeyStoreError`].
    pub fn create(path: &Path) -> Result<Self, KeyStoreError> {
        create_file(path).map_err(|error| unusable(path, &error))?;
        Self::connect(path)
    }

    /// Opens the file; `None` where there is none. Blocks on the file system.
    ///
    /// # Errors
    /// [`KeyStoreError`].
    pub fn open(path: &Path) -> Result<Option<Self>, KeyStoreError> {
        match path.try_exists() {
            Ok(true) => Self::connect(path).map(Some),
            Ok(false) => Ok(None),
            Err(error) => Err(unusable(path, &error)),
        }
    }

    fn connect(path: &Path) -> Result<Self, KeyStoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let failed = |error: rusqlite::Error| unusable(path, &error);
        let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        prepare(&mut connection, path)?;
        Ok(Self { path: path.to_owned(), connection: Mutex::new(connection) })
    }

    /// Keeps a new key. Its secret is in the answer and nowhere else.
    ///
    /// # Errors
    /// [`KeyStoreError`].
    pub fn add(&self, new: &NewKey, now_s: u64) -> Result<(ApiKey, KeyRecord), KeyStoreError> {
        let key = ApiKey::generate(new.environment)?;
        let id = format!("key_{}", random_symbols(ID_SYMBOLS)?);
        let record = KeyRecord::new(id, &key, new, now_s);
        let insert =
            "INSERT INTO keys (id, prefix, hash, name, project, scopes, created_s, expires_s)
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let KeyRecord { id, prefix, hash, name, project, .. } = &record;
        let (created_s, expires_s) = (signed(record.created_s), record.expires_s.map(signed));
        let scopes = crate::Scope::join(&record.scopes);
        let values = params![id, prefix, hash, name, project, scopes, created_s, expires_s];
        let mut connection = self.connection();
        let written = connection.transaction().and_then(|transaction| {
            transaction.execute(insert, values)?;
            record.grants.write(id, &transaction)?;
            transaction.commit()
        });
        written.map_err(|error| self.failed(&error))?;
        Ok((key, record))
    }

    /// Every key that ever was, oldest first.
    ///
    /// # Errors
    /// [`KeyStoreError`].
    pub fn list(&self) -> Result<Vec<KeyRecord>, KeyStoreError> {
        record::all(&self.connection()).map_err(|error| self.failed(&error))
    }

    /// Ends a key now; one that was revoked before stays revoked since then.
    ///
    /// # Errors
    /// [`KeyStoreError::NoSuchKey`], or the file's.
    pub fn revoke(&self, id_or_prefix: &str, now_s: u64) -> Result<KeyRecord, KeyStoreError> {
        let update = "UPDATE keys SET revoked_s = coalesce(revoked_s, ?2)
                      WHERE id = ?1 OR prefix = ?1 RETURNING id";
        let connection = self.connection();
        let id: Option<String> = connection
            .query_row(update, params![id_or_prefix, signed(now_s)], |row| row.get(0))
            .optional()
            .map_err(|error| self.failed(&error))?;
        let id = id.ok_or(KeyStoreError::NoSuchKey)?;
        let all = record::all(&connection).map_err(|error| self.failed(&error))?;
        all.into_iter().find(|record| record.id == id).ok_or(KeyStoreError::NoSuchKey)
    }

    /// A number that differs once another connection has changed the file.
    pub(crate) fn version(&self) -> Result<i64, KeyStoreError> {
        self.connection()
            .pragma_query_value(None, "data_version", |row| row.get(0))
            .map_err(|error| self.failed(&error))
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, error: &rusqlite::Error) -> KeyStoreError {
        unusable(&self.path, error)
    }
}

impl std::fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyStore").field("path", &self.path).finish_non_exhaustive()
    }
}

/// SQLite's integers are signed.
fn signed(at_s: u64) -> i64 {
    i64::try_from(at_s).unwrap_or(i64::MAX)
}

/// A time before 1970 is none of ours.
fn unsigned(at_s: i64) -> u64 {
    u64::try_from(at_s).unwrap_or(0)
}

fn unusable(path: &Path, reason: &dyn std::fmt::Display) -> KeyStoreError {
    KeyStoreError::Unusable { path: path.to_owned(), reason: reason.to_string() }
}

/// SQLite gives the log beside the file the same mode.
fn create_file(path: &Path) -> std::io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn prepare(connection: &mut Connection, path: &Path) -> Result<(), KeyStoreError> {
    let failed = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => KeyStoreError::Foreign { path: path.to_owned() },
        _ => unusable(path, &error),
    };
    connection.busy_timeout(BUSY).map_err(failed)?;
    let number = |connection: &Connection, name: &str| -> rusqlite::Result<i64> {
        connection.pragma_query_value(None, name, |row| row.get(0))
    };
    // Looked at before anything is changed: the file may be somebody else's.
    let (application, found) =
        (number(connection, "application_id"), number(connection, "user_version"));
    let (application, found) = (application.map_err(failed)?, found.map_err(failed)?);
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    if application != APPLICATION_ID && (application != 0 || tables > 0) {
        return Err(KeyStoreError::Foreign { path: path.to_owned() });
    }
    if found > VERSION {
        return Err(KeyStoreError::Newer { path: path.to_owned(), found });
    }
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    migrate(connection).map_err(failed)
}

fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    // Immediate: of two processes that start at once the second finds it done.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found < VERSION {
        let due = MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0));
        due.into_iter().try_for_each(|migration| transaction.execute_batch(migration))?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()
}
