//! The functions that ClickHouse has and SQLite lacks: what the translated queries call.
//!
//! All of them are pure. Text in, text out; times are nanoseconds since 1970. A BLOB is a packed
//! text.

mod aggregates;
mod attributes;
mod lists;
mod numbers;
mod texts;
pub(super) mod times;

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use super::packing::Shelf;

#[cfg(test)]
mod tests;

/// Nothing but the arguments counts, and no schema may call them.
const PURE: FunctionFlags = FunctionFlags::SQLITE_UTF8
    .union(FunctionFlags::SQLITE_DETERMINISTIC)
    .union(FunctionFlags::SQLITE_DIRECTONLY);

/// Makes them known to a connection.
pub(super) fn register(connection: &Connection, shelf: &Shelf) -> rusqlite::Result<()> {
    attributes::register(connection, shelf)?;
    lists::register(connection)?;
    texts::register(connection)?;
    numbers::register(connection)?;
    times::register(connection)?;
    aggregates::register(connection)
}

/// An error that the caller of a query is told.
fn failed(message: &str) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(message.into())
}
