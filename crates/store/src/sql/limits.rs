//! How large a query may be: what it costs to read it is bounded before anything is done with it.

use std::cell::Cell;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Query, Visit, Visitor};
use sqlparser::dialect::ClickHouseDialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, Tokenizer};

use super::select::{too_deep, too_large};
use super::{DEPTH_MAX, SqlError};

/// The most words and signs that a query has, without literals and commas: a list may be long.
pub(super) const WORDS_MAX: usize = 2_000;
/// How deep expressions may nest; every operator of a chain is a level.
pub(super) const EXPRESSION_DEPTH_MAX: usize = 100;
/// How much SQLite text may be written in all, in bytes: an alias is written out wherever it stands,
/// so that a short query can mean a very long one.
const WRITTEN_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a term counts beside its text.
const TERM_BYTES: usize = 64;

/// What a translation may still do.
pub(super) struct Budget {
    bytes: Cell<usize>,
    levels: Cell<usize>,
}

// === impl Budget ===

impl Default for Budget {
    fn default() -> Self {
        Self { bytes: Cell::new(WRITTEN_BYTES_MAX), levels: Cell::new(2 * EXPRESSION_DEPTH_MAX) }
    }
}

impl Budget {
    /// Pays for a text, and for the work around it.
    pub(super) fn written(&self, text: &str) -> Result<(), SqlError> {
        let left = self.bytes.get().checked_sub(text.len() + TERM_BYTES).ok_or_else(too_large)?;
        self.bytes.set(left);
        Ok(())
    }

    /// Runs `inner` one level deeper.
    pub(super) fn deeper<T>(
        &self,
        inner: impl FnOnce() -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        let levels = self.levels.get();
        self.levels.set(levels.checked_sub(1).ok_or_else(too_deep)?);
        let answer = inner();
        self.levels.set(levels);
        answer
    }
}

/// Refuses what would nest too deeply for whoever walks over it, the parser's own tree included.
pub(super) fn check_words(text: &str) -> Result<(), SqlError> {
    let tokens = Tokenizer::new(&ClickHouseDialect {}, text).tokenize();
    let tokens = tokens.map_err(|error| SqlError::parsed(&error.to_string()))?;
    let (mut words, mut unions) = (0_usize, 0_usize);
    for token in &tokens {
        match token {
            Token::Whitespace(_)
            | Token::Comma
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::EOF => {}
            Token::Word(word) => {
                words += 1;
                let joins_queries =
                    matches!(word.keyword, Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT);
                unions += usize::from(joins_queries);
            }
            _ => words += 1,
        }
    }
    if words > WORDS_MAX {
        let message = format!("a query has at most {WORDS_MAX} words and signs beside literals");
        return Err(SqlError::new(message));
    }
    if unions >= DEPTH_MAX { Err(too_deep()) } else { Ok(()) }
}

/// Refuses expressions that nest too deeply.
pub(super) fn check_depth(query: &Query) -> Result<(), SqlError> {
    match query.visit(&mut Depth { expressions: 0, queries: 0 }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(too_deep()),
    }
}

/// Counts the levels on the way down and stops before there are too many.
struct Depth {
    expressions: usize,
    queries: usize,
}

impl Visitor for Depth {
    type Break = ();

    fn pre_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        self.expressions += 1;
        if self.expressions > EXPRESSION_DEPTH_MAX {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        self.expressions -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries += 1;
        if self.queries > DEPTH_MAX {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }
}
