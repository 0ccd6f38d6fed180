//! A translated query, run: one statement, read-only, for so long and so many rows.

use std::time::Instant;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, Statement};

use super::functions::times;
use crate::StoreError;
use crate::sql::{Cell, Compiled, SqlQuery, Table, Ty};

/// The most text that an answer has, in bytes: what is cut off counts as more rows.
pub(super) const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How often the clock is looked at, in instructions of SQLite's machine.
const INSTRUCTIONS_BETWEEN_LOOKS: i32 = 20_000;

/// Runs `compiled` as `query` allows. The outer error is SQLite's, the inner one the caller's.
pub(super) fn run(
    connection: &mut Connection,
    compiled: &Compiled,
    query: &SqlQuery,
) -> rusqlite::Result<Result<Table, StoreError>> {
    let until = Instant::now() + query.time_max;
    connection
        .progress_handler(INSTRUCTIONS_BETWEEN_LOOKS, Some(move || Instant::now() >= until))?;
    let answer = match connection.prepare(&compiled.sql) {
        Ok(mut statement) => match rows(&mut statement, compiled, query.rows_max) {
            Ok(table) => Ok(Ok(table)),
            Err(error) => failure(error, query),
        },
        Err(error) => unprepared(error),
    };
    connection.progress_handler(0, None::<fn() -> bool>)?;
    answer
}

/// What went wrong on the way.
fn failure(
    error: rusqlite::Error,
    query: &SqlQuery,
) -> rusqlite::Result<Result<Table, StoreError>> {
    match error {
        rusqlite::Error::SqliteFailure(error, _)
            if error.code == ErrorCode::OperationInterrupted =>
        {
            let seconds = query.time_max.as_secs_f64();
            Ok(Err(StoreError::TimedOut { seconds: format!("{seconds}") }))
        }
        // What a function of ours says is for the caller.
        rusqlite::Error::SqliteFailure(error, Some(message))
            if error.code == ErrorCode::Unknown =>
        {
            Ok(Err(StoreError::Sql { message, place: None }))
        }
        rusqlite::Error::UserFunctionError(error) => {
            Ok(Err(StoreError::Sql { message: error.to_string(), place: None }))
        }
        error => Err(error),
    }
}

/// A query that is known here and still more than SQLite takes: too many terms, too deep.
fn unprepared(error: rusqlite::Error) -> rusqlite::Result<Result<Table, StoreError>> {
    let reason = match error {
        rusqlite::Error::SqlInputError { error, msg, .. } if error.code == ErrorCode::Unknown => {
            msg
        }
        rusqlite::Error::SqliteFailure(error, Some(message))
            if error.code == ErrorCode::Unknown =>
        {
            message
        }
        error => return Err(error),
    };
    let message = format!("the store cannot do this: {reason}");
    Ok(Err(StoreError::Sql { message, place: None }))
}

fn rows(
    statement: &mut Statement<'_>,
    compiled: &Compiled,
    rows_max: usize,
) -> rusqlite::Result<Table> {
    let mut found = statement.query([])?;
    let mut table = Table {
        columns: compiled.columns.iter().map(|(name, _)| name.clone()).collect(),
        ..Table::default()
    };
    let mut left = ANSWER_BYTES_MAX;
    while let Some(row) = found.next()? {
        if table.rows.len() == rows_max {
            table.more = true;
            break;
        }
        let mut cells = Vec::with_capacity(compiled.columns.len());
        for (at, (_, ty)) in compiled.columns.iter().enumerate() {
            cells.push(cell(row.get_ref(at)?, *ty)?);
        }
        let bytes = cells.iter().map(Cell::bytes).sum();
        let Some(rest) = left.checked_sub(bytes) else {
            table.more = true;
            break;
        };
        left = rest;
        table.rows.push(cells);
    }
    Ok(table)
}

fn cell(value: ValueRef<'_>, ty: Ty) -> rusqlite::Result<Cell> {
    Ok(match (value, ty) {
        (ValueRef::Null, _) => Cell::Null,
        (ValueRef::Integer(ns), Ty::Time | Ty::DateTime | Ty::Date) => {
            Cell::Text(times::text(ns, &ty.to_string()))
        }
        (ValueRef::Integer(number), Ty::UInt) if number >= 0 => Cell::UInt(number.unsigned_abs()),
        (ValueRef::Integer(number), Ty::Float) => Cell::Float(number as f64),
        (ValueRef::Integer(number), _) => Cell::Int(number),
        // SQLite turns whole numbers that are too large into others, silently.
        (ValueRef::Real(_), Ty::Int | Ty::UInt) => {
            return Err(rusqlite::Error::UserFunctionError("a whole number beyond 63 bits".into()));
        }
        (ValueRef::Real(number), _) if number.is_finite() => Cell::Float(number),
        (ValueRef::Real(_), _) => Cell::Null,
        (ValueRef::Text(text) | ValueRef::Blob(text), _) => {
            Cell::Text(String::from_utf8_lossy(text).into_owned())
        }
    })
}
