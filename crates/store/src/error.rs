//! Why the store could not do what it was asked.

/// Why the store could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the database's write lock.
    #[error("the span database is busy: another process has held its lock for {waited_ms} ms")]
    Busy {
        /// How long we waited.
        waited_ms: u64,
    },
    /// No room for the rows. Nothing was written.
    #[error("no space left for the span database {path}")]
    DiskFull {
        /// The database file.
        path: String,
    },
    /// The file is no SQLite database, or a broken one.
    #[error("the span database {path} is damaged: {reason}")]
    Corrupt {
        /// The database file.
        path: String,
        /// What SQLite said.
        reason: String,
    },
    /// A later version of tollgate has written this file.
    #[error(
        "the span database {path} has schema version {found}, but this tollgate knows versions up \
         to {known}: use the newer tollgate, or another file"
    )]
    NewerSchema {
        /// The database file.
        path: String,
        /// The file's version.
        found: i64,
        /// Our version.
        known: i64,
    },
    /// An earlier version has written this file and we may not bring it up to date.
    #[error(
        "the span database {path} has schema version {found}, this tollgate needs {known}: start \
         `tollgate serve` once to bring it up to date"
    )]
    OlderSchema {
        /// The database file.
        path: String,
        /// The file's version.
        found: i64,
        /// Our version.
        known: i64,
    },
    /// An SQLite database of some other program.
    #[error("{path} is an SQLite database, but not one of tollgate's")]
    Foreign {
        /// The database file.
        path: String,
    },
    /// The file cannot be opened, read or written.
    #[error("cannot use the span database {path}: {reason}")]
    Unusable {
        /// The database file.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// Opened for reading only.
    #[error("the span database {path} is open for reading only")]
    ReadOnly {
        /// The database file.
        path: String,
    },
    /// A row that no store could give back.
    #[error("bad span row: {reason}")]
    BadRow {
        /// What is wrong with it.
        reason: String,
    },
    /// A query that cannot be answered.
    #[error("{}{message}", place_text(place))]
    Sql {
        /// What is wrong, and what is possible instead.
        message: String,
        /// Line and column, from 1, where they are known.
        place: Option<(u64, u64)>,
    },
    /// A query that took too long.
    #[error("the query took more than {seconds} s: narrow the time down, or ask for less")]
    TimedOut {
        /// How long it was given.
        seconds: String,
    },
    /// Not 4 to 32 hexadecimal digits.
    #[error("a trace id has 32 hexadecimal digits; at least the first {min} are needed")]
    BadTraceId {
        /// The fewest digits that make a prefix.
        min: usize,
    },
    /// Several traces begin like this.
    #[error("several traces begin with {prefix}: {}{}", candidates.join(", "), if *more { ", ..." } else { "" })]
    AmbiguousTraceId {
        /// What was asked for.
        prefix: String,
        /// The first few that match.
        candidates: Vec<String>,
        /// Whether there are others.
        more: bool,
    },
    /// The store was closed, or its thread has ended.
    #[error("the span store is closed")]
    Closed,
    /// Anything else that SQLite said.
    #[error("the span database failed: {reason}")]
    Failed {
        /// What SQLite said.
        reason: String,
    },
}

// === impl StoreError ===

impl StoreError {
    /// Whether the same call may succeed later without anybody changing what is asked.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Busy { .. }
            | Self::DiskFull { .. }
            | Self::Unusable { .. }
            | Self::Failed { .. }
            | Self::Corrupt { .. }
            | Self::Closed => true,
            Self::NewerSchema { .. }
            | Self::OlderSchema { .. }
            | Self::Foreign { .. }
            | Self::ReadOnly { .. }
            | Self::BadRow { .. }
            | Self::BadTraceId { .. }
            | Self::Sql { .. }
            | Self::TimedOut { .. }
            | Self::AmbiguousTraceId { .. } => false,
        }
    }
}

fn place_text(place: &Option<(u64, u64)>) -> String {
    place.map(|(line, column)| format!("line {line}, column {column}: ")).unwrap_or_default()
}

impl From<crate::sql::SqlError> for StoreError {
    fn from(error: crate::sql::SqlError) -> Self {
        Self::Sql { message: error.message, place: error.place }
    }
}
