//! Texts: matching and cutting. ClickHouse counts bytes.

use rusqlite::Connection;
use rusqlite::functions::Context;

use super::{PURE, failed};

pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_scalar_function("ch_like", 2, PURE, |context| {
        let (text, pattern) = two(context)?;
        Ok(like(text, pattern))
    })?;
    connection.create_scalar_function("ch_ilike", 2, PURE, |context| {
        let (text, pattern) = two(context)?;
        Ok(like(&text.to_lowercase(), &pattern.to_lowercase()))
    })?;
    connection.create_scalar_function("ch_starts_with", 2, PURE, |context| {
        let (text, start) = two(context)?;
        Ok(text.starts_with(start))
    })?;
    connection.create_scalar_function("ch_ends_with", 2, PURE, |context| {
        let (text, end) = two(context)?;
        Ok(text.ends_with(end))
    })?;
    connection.create_scalar_function("ch_position", 2, PURE, |context| {
        let (text, part) = two(context)?;
        let at = text.find(part).map_or(0, |at| at + 1);
        Ok(i64::try_from(at).unwrap_or(i64::MAX))
    })?;
    connection.create_scalar_function("ch_substring", 3, PURE, |context| {
        let text = context.get_raw(0).as_str()?;
        let (from, count): (i64, i64) = (context.get(1)?, context.get(2)?);
        substring(text, from, count).map(str::to_owned).ok_or_else(|| {
            failed("substring counts bytes, and one of its ends is inside a character")
        })
    })
}

fn two<'a>(context: &'a Context<'_>) -> rusqlite::Result<(&'a str, &'a str)> {
    Ok((context.get_raw(0).as_str()?, context.get_raw(1).as_str()?))
}

/// `from` counts from 1, from the end where it is negative; `None` inside a character.
pub(super) fn substring(text: &str, from: i64, count: i64) -> Option<&str> {
    let len = i64::try_from(text.len()).ok()?;
    let start = match from {
        1.. => from - 1,
        0 => return Some(""),
        _ => len + from,
    };
    let end = if count < 0 { len + count } else { start.saturating_add(count) };
    let (start, end) = (start.clamp(0, len), end.clamp(0, len));
    if start >= end {
        return Some("");
    }
    text.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

/// `LIKE`: `%` is any text, `_` one character, a backslash takes the next one as it is.
pub(super) fn like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<_>, Vec<_>) = (text.chars().collect(), tokens(pattern));
    // One place to go back to is enough: a later `%` makes an earlier one's choice irrelevant.
    let (mut at, mut of, mut back) = (0, 0, None);
    while let Some(ch) = text.get(at) {
        match pattern.get(of) {
            Some(Token::Any) => {
                back = Some((of + 1, at));
                of += 1;
            }
            Some(Token::One) => (at, of) = (at + 1, of + 1),
            Some(Token::Char(wanted)) if wanted == ch => (at, of) = (at + 1, of + 1),
            _ => match &mut back {
                Some((next, from)) => {
                    *from += 1;
                    (at, of) = (*from, *next);
                }
                None => return false,
            },
        }
    }
    pattern.get(of..).unwrap_or_default().iter().all(|token| *token == Token::Any)
}

#[derive(Clone, Copy, PartialEq)]
enum Token {
    Any,
    One,
    Char(char),
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(ch) = chars.next() {
        let token = match ch {
            '%' => Token::Any,
            '_' => Token::One,
            '\\' => match chars.next() {
                Some(quoted @ ('%' | '_' | '\\')) => Token::Char(quoted),
                Some(other) => {
                    tokens.push(Token::Char('\\'));
                    Token::Char(other)
                }
                None => Token::Char('\\'),
            },
            ch => Token::Char(ch),
        };
        tokens.push(token);
    }
    tokens
}
