//! A translated query, run: one statement, read-only, for so long and so many rows.

use std::time::Instant;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode};

use super::functions::times;
use crate::StoreError;
use crate::sql::{Cell, Compiled, SqlQuery, Table, Ty};

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
    let answer = rows(connection, compiled, query.rows_max);
    connection.progress_handler(0, None::<fn() -> bool>)?;
    match answer {
        Ok(table) => Ok(Ok(table)),
        Err(rusqlite::Error::SqliteFailure(error, _))
            if error.code == ErrorCode::OperationInterrupted =>
        {
            let seconds = query.time_max.as_secs_f64();
            Ok(Err(StoreError::TimedOut { seconds: format!("{seconds}") }))
        }
        // What a function of ours says is for the caller.
        Err(rusqlite::Error::SqliteFailure(error, Some(message)))
            if error.code == ErrorCode::Unknown =>
        {
            Ok(Err(StoreError::Sql { message, place: None }))
        }
        Err(error) => Err(error),
    }
}

fn rows(connection: &Connection, compiled: &Compiled, rows_max: usize) -> rusqlite::Result<Table> {
    let mut statement = connection.prepare(&compiled.sql)?;
    let mut found = statement.query([])?;
    let mut table = Table {
        columns: compiled.columns.iter().map(|(name, _)| name.clone()).collect(),
        ..Table::default()
    };
    while let Some(row) = found.next()? {
        if table.rows.len() == rows_max {
            table.more = true;
            break;
        }
        let mut cells = Vec::with_capacity(compiled.columns.len());
        for (at, (_, ty)) in compiled.columns.iter().enumerate() {
            cells.push(cell(row.get_ref(at)?, *ty)?);
        }
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
