//! A tenant's query for ClickHouse itself: the text stays as it is, but for every read of the table,
//! which becomes a read of the tenant's rows.

use std::ops::ControlFlow;

use sqlparser::ast::{ObjectNamePart, Spanned, TableFactor, Visit, Visitor};
use sqlparser::dialect::ClickHouseDialect;
use sqlparser::tokenizer::{Location, Span, Token, Tokenizer, Whitespace};

use super::columns::TRACES;
use super::{Scope, SqlError, compile, parse};

/// Where the table is read, and whether the query calls it by another name there.
#[derive(Default)]
struct Reads(Vec<(Span, bool)>);

/// `text` for ClickHouse, limited to `scope`.
///
/// For everybody's rows it is the text itself. A tenant's must be one that [`compile`] knows: what is
/// not known could read something else. Comments and odd names are refused: where they end is the
/// one thing that two parsers could see differently.
///
/// # Errors
/// What [`compile`] says.
pub fn scoped(text: &str, scope: &Scope, now_ns: i64) -> Result<String, SqlError> {
    let Scope::Project(project) = scope else { return Ok(text.to_owned()) };
    compile(text, scope, now_ns)?;
    refuse_comments(text)?;
    let mut reads = Reads::default();
    let _all = parse(text)?.visit(&mut reads);
    let escaped = project.replace('\\', "\\\\").replace('\'', "\\'");
    let lost = || SqlError::new("a table's place in the query is not known".to_owned());
    let mut out = String::with_capacity(text.len() + 128 * reads.0.len());
    let mut from = 0;
    for (span, has_alias) in reads.0 {
        let start = offset(text, span.start).ok_or_else(lost)?;
        let end = offset(text, span.end).ok_or_else(lost)?;
        let table =
            text.get(start..end).filter(|table| table.ends_with(TRACES)).ok_or_else(lost)?;
        out.push_str(text.get(from..start).ok_or_else(lost)?);
        out.push_str(&format!(
            "(SELECT * FROM {table} WHERE ResourceAttributes['project.id'] = '{escaped}')"
        ));
        if !has_alias {
            out.push_str(&format!(" AS {TRACES}"));
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
            && last.value == TRACES
        {
            self.0.push((name.span(), alias.is_some()));
        }
        ControlFlow::Continue(())
    }
}
