//! ClickHouse's dialect on the embedded store: one `SELECT` over the spans', metrics' and
//! logs' tables becomes SQLite's SQL.
//!
//! A query means here what it means there, or it is refused with the place and the name of what is
//! not known; nothing is approximated. Source: the documented queries (metrics page), the columns
//! of the OpenTelemetry Collector's ClickHouse exporter, and the engine itself as the tests' oracle.

mod aggregates;
mod attributes;
mod columns;
mod equality;
mod error;
mod expression;
mod from;
mod functions;
mod items;
mod limits;
mod literal;
mod operators;
mod scoped;
mod select;
mod signals;
mod texts;
mod times;
mod ty;

use std::time::Duration;

use sqlparser::ast::{Query, Statement};
use sqlparser::dialect::ClickHouseDialect;
use sqlparser::parser::{Parser, ParserError};

pub use error::SqlError;
use limits::Budget;
pub(crate) use scoped::renamed;
pub use scoped::scoped;
pub(crate) use ty::Ty;

#[cfg(test)]
pub(crate) use literal::time as moment;

#[cfg(test)]
mod tests;

/// The longest query, in bytes.
pub const SQL_BYTES_MAX: usize = 64 * 1024;
/// How deep subqueries may nest.
const DEPTH_MAX: usize = 50;

/// Whose rows a question may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's: the operator asks.
    All,
    /// One project's, by `project.id`.
    Project(String),
}

/// A question in SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlQuery {
    /// One `SELECT` in ClickHouse's dialect.
    pub text: String,
    /// Whose rows it may see.
    pub scope: Scope,
    /// The most rows that are returned.
    pub rows_max: usize,
    /// How long it may take.
    pub time_max: Duration,
}

/// The answer to a question in SQL.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The columns' names, in order.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
    /// Whether there were more rows than may be returned.
    pub more: bool,
}

/// One value of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// No value; what is not a number, too.
    Null,
    /// A whole number with a sign.
    Int(i64),
    /// A whole number without one.
    UInt(u64),
    /// A number.
    Float(f64),
    /// Text; a time as `YYYY-MM-DD hh:mm:ss` in UTC; a map or a list as JSON.
    Text(String),
}

// === impl Cell ===

impl Cell {
    /// What it takes up in memory, in bytes.
    pub(crate) const fn bytes(&self) -> usize {
        let inside = if let Self::Text(text) = self { text.len() } else { 0 };
        size_of::<Self>() + inside
    }
}

/// A query for SQLite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Compiled {
    /// The text; nothing of it comes from the caller but literals, quoted.
    pub(crate) sql: String,
    /// Name and type of each column.
    pub(crate) columns: Vec<(String, Ty)>,
}

/// What a whole query needs to know.
struct Compiler<'a> {
    scope: &'a Scope,
    /// One moment for the whole query.
    now_ns: i64,
    budget: Budget,
}

/// Translates one query, asked at `now_ns` (Unix time in nanoseconds).
///
/// # Errors
/// What cannot be parsed, and what is not known here.
pub(crate) fn compile(text: &str, scope: &Scope, now_ns: i64) -> Result<Compiled, SqlError> {
    let query = parse(text)?;
    Compiler { scope, now_ns, budget: Budget::default() }.query(&query, &[], DEPTH_MAX)
}

/// The one query that a text must be.
fn parse(text: &str) -> Result<Box<Query>, SqlError> {
    if text.len() > SQL_BYTES_MAX {
        return Err(SqlError::new(format!("a query has at most {SQL_BYTES_MAX} bytes")));
    }
    limits::check_words(text)?;
    let parser = Parser::new(&ClickHouseDialect {}).with_recursion_limit(DEPTH_MAX * 2);
    let mut statements = parser
        .try_with_sql(text)
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| parse_error(&error))?;
    match (statements.pop(), statements.is_empty()) {
        (Some(Statement::Query(query)), true) => {
            limits::check_depth(&query)?;
            Ok(query)
        }
        (Some(_), true) => Err(SqlError::new("only SELECT can be asked here".to_owned())),
        (None, _) => Err(SqlError::new("the query is empty".to_owned())),
        (Some(_), false) => Err(SqlError::new("one query at a time".to_owned())),
    }
}

fn parse_error(error: &ParserError) -> SqlError {
    match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => {
            SqlError::parsed(message)
        }
        ParserError::RecursionLimitExceeded => {
            SqlError::new("the query nests too deeply".to_owned())
        }
    }
}
