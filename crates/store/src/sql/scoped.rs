//! A tenant's query for ClickHouse itself: the text stays as it is, but for every read of a table,
//! which becomes a read of the tenant's rows.

use std::ops::ControlFlow;

use sqlparser::ast::{ObjectNamePart, Spanned, TableFactor, Visit, Visitor};
use sqlparser::dialect::ClickHouseDialect;
use sqlparser::tokenizer::{Location, Span, Token, Tokenizer, Whitespace};

use super::columns::is_table;
use super::{Scope, SqlError, compile, parse};

/// Where tables are read.
#[derive(Default)]
struct Reads(Vec<Read>);

struct Read {
    /// The table's usual name.
    table: String,
    /// Where it stands, with its database.
    span: Span,
    /// Whether the query calls it by another name there.
    has_alias: bool,
}

/// `text` for ClickHouse, limited to `scope`.
///
/// For everybody's rows it is the text itself. A tenant's must be one that `compile` knows: what is
/// not known could read something else. Comments and odd names are refused: where they end is the
/// one thing that two parsers could see differently.
///
/// # Errors
/// What `compile` says.
pub fn scoped(text: &str, scope: &Scope, now_ns: i64) -> Result<String, SqlError> {
    let Scope::Project(project) = scope else { return Ok(text.to_owned()) };
    compile(text, scope, now_ns)?;
    refuse_comments(text)?;
    let mut reads = Reads::default();
    let _all = parse(text)?.visit(&mut reads);
    let escaped = project.replace('\\', "\\\\").replace('\'', "\\'");
    replaced(text, &reads.0, |read, written| {
        // What stands there is what was understood.
        let is_it = written.trim_end_matches(['`', '"']).ends_with(&read.table);
        is_it.then(|| {
            format!(
                "(SELECT * FROM {written} WHERE ResourceAttributes['project.id'] = '{escaped}')"
            )
        })
    })
}

/// `text` with another table wherever it reads one that `name_of` has another name for; it goes on
/// under its usual one.
///
/// # Errors
/// A text that cannot be parsed.
pub(crate) fn renamed(
    text: &str,
    name_of: impl Fn(&str) -> Option<String>,
) -> Result<String, SqlError> {
    let mut reads = Reads::default();
    let _all = parse(text)?.visit(&mut reads);
    reads.0.retain(|read| name_of(&read.table).is_some());
    replaced(text, &reads.0, |read, _| name_of(&read.table))
}

/// `text` with something else in place of each read.
fn replaced(
    text: &str,
    reads: &[Read],
    instead: impl Fn(&Read, &str) -> Option<String>,
) -> Result<String, SqlError> {
    let lost = || SqlError::new("a table's place in the query is not known".to_owned());
    let mut out = String::with_capacity(text.len() + 128 * reads.len());
    let mut from = 0;
    for read in reads {
        let start = offset(text, read.span.start).ok_or_else(lost)?;
        let end = offset(text, read.span.end).ok_or_else(lost)?;
        let written = text.get(start..end).ok_or_else(lost)?;
        out.push_str(text.get(from..start).ok_or_else(lost)?);
        out.push_str(&instead(read, written).ok_or_else(lost)?);
        if !read.has_alias {
            out.push_str(&format!(" AS {}", read.table));
        }
        from = end;
    }
    out.push_str(text.get(from..).ok_or_else(lost)?);
    Ok(out)
}

fn refuse_comments(text: &str) -> Result<(), SqlError> {
    let tokens = Tokenizer::new(&ClickHouseDialect {}, text).tokenize_with_location();
    for token in tokens.map_err(|error| SqlError::parsed(&error.to_string()))? {
        let what = match &token.token {
            Token::Whitespace(
                Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_),
            ) => "a comment",
            Token::Word(word) if word.quote_style.is_some() && !is_plain(&word.value) => {
                "a quoted name of other characters than letters, digits, `_` and `.`"
            }
            Token::SemiColon => "a semicolon",
            _ => continue,
        };
        return Err(SqlError::unknown(what, token.span));
    }
    Ok(())
}

fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
}

/// The byte where a place is: lines and characters count from 1.
fn offset(text: &str, place: Location) -> Option<usize> {
    let line = usize::try_from(place.line.checked_sub(1)?).ok()?;
    let column = usize::try_from(place.column.checked_sub(1)?).ok()?;
    let start = match line {
        0 => 0,
        line => text.match_indices('\n').nth(line - 1)?.0 + 1,
    };
    let rest = text.get(start..)?;
    let within = rest.char_indices().map(|(at, _)| at).chain([rest.len()]).nth(column)?;
    Some(start + within)
}

impl Visitor for Reads {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, .. } = factor
            && let Some(ObjectNamePart::Identifier(last)) = name.0.last()
            && is_table(&last.value)
        {
            let (table, span) = (last.value.clone(), name.span());
            self.0.push(Read { table, span, has_alias: alias.is_some() });
        }
        ControlFlow::Continue(())
    }
}
