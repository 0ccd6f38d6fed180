//! Why a query is refused, and where.

use std::fmt;

use sqlparser::tokenizer::Span;

/// Why a query is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlError {
    /// What is wrong, and what is possible instead.
    pub message: String,
    /// Line and column, from 1, where they are known.
    pub place: Option<(u64, u64)>,
}

// === impl SqlError ===

impl SqlError {
    pub(super) const fn new(message: String) -> Self {
        Self { message, place: None }
    }

    /// Something that is not known here.
    pub(super) fn unknown(what: impl fmt::Display, span: Span) -> Self {
        Self::new(format!("{what} is not supported here")).at(span)
    }

    /// Puts the place, unless a finer one is there.
    pub(super) fn at(mut self, span: Span) -> Self {
        if self.place.is_none() && span.start.line > 0 {
            self.place = Some((span.start.line, span.start.column));
        }
        self
    }

    /// From the parser's message, which ends in its place.
    pub(super) fn parsed(message: &str) -> Self {
        let Some((what, place)) = message.rsplit_once(" at Line: ") else {
            return Self::new(message.to_owned());
        };
        let place = place.split_once(", Column: ").and_then(|(line, column)| {
            Some((line.trim().parse().ok()?, column.trim().parse().ok()?))
        });
        match place {
            Some(place) => Self { message: what.to_owned(), place: Some(place) },
            None => Self::new(message.to_owned()),
        }
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.place {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for SqlError {}
