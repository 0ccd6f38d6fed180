//! Attributes: elements of the maps, from a column of their own where there is one.

use sqlparser::ast::{AccessExpr, Expr, Spanned, Subscript};
use sqlparser::tokenizer::Span;

use super::columns::{FLAG_ATTRIBUTE, NUMBER_ATTRIBUTES, Place, TEXT_ATTRIBUTES, column};
use super::expression::{Names, Term, text_literal};
use super::from::{Kind, Relation};
use super::literal::quoted;
use super::signals::RESOURCE;
use super::{SqlError, Ty};
use crate::CONTENT_KEYS;

/// Where a relation has the map of this name.
fn map_of(relation: &Relation<'_>, name: &str) -> Option<Place> {
    match (&relation.kind, column(name)) {
        (Kind::Traces, Some((Ty::Map, place))) => Some(place),
        (Kind::Signal(table), _) => table.map(name).map(Place::Signal),
        _ => None,
    }
}

// === impl Names ===

impl<'a> Names<'a> {
    /// `map['key']`, also behind a table's name.
    pub(super) fn access(&self, root: &'a Expr, chain: &'a [AccessExpr]) -> Result<Term, SqlError> {
        let mut words: Vec<&str> = Vec::new();
        match root {
            Expr::Identifier(ident) => words.push(&ident.value),
            Expr::CompoundIdentifier(parts) => {
                words.extend(parts.iter().map(|part| part.value.as_str()));
            }
            other => return Err(SqlError::unknown("an element of a computed value", other.span())),
        }
        let mut key = None;
        for access in chain {
            match access {
                AccessExpr::Dot(Expr::Identifier(ident)) if key.is_none() => {
                    words.push(&ident.value);
                }
                AccessExpr::Subscript(Subscript::Index { index }) if key.is_none() => {
                    key = Some(index);
                }
                _ => return Err(SqlError::unknown("this way to an element", root.span())),
            }
        }
        let Some(key) = key else {
            return Err(SqlError::unknown("this way to an element", root.span()));
        };
        let Some(key) = text_literal(key) else {
            return Err(SqlError::unknown("a key that is no literal text", key.span()));
        };
        let (relation, map) = self.map_column(&words, root.span())?;
        self.attribute(relation, map, key, root.span())
    }

    /// The relation and the place of a map that is named, with or without its table.
    pub(super) fn map_column(
        &self,
        words: &[&str],
        span: Span,
    ) -> Result<(&Relation<'a>, Place), SqlError> {
        let no_map = || SqlError::new(format!("`{}` is no map", words.join("."))).at(span);
        let (relation, name) = match words {
            [name] => {
                let has = |it: &&Relation<'_>| map_of(it, name).is_some();
                let mut found = self.relations.iter().filter(has);
                let one = found.next().ok_or_else(no_map)?;
                if found.next().is_some() {
                    let message =
                        format!("`{name}` is in more than one table: write `table.{name}`");
                    return Err(SqlError::new(message).at(span));
                }
                (one, *name)
            }
            [table, name] => {
                let found = self.relations.iter().find(|it| it.name == Some(*table));
                (found.ok_or_else(no_map)?, *name)
            }
            _ => return Err(no_map()),
        };
        map_of(relation, name).map(|place| (relation, place)).ok_or_else(no_map)
    }

    fn attribute(
        &self,
        relation: &Relation<'_>,
        map: Place,
        key: &str,
        span: Span,
    ) -> Result<Term, SqlError> {
        let sql = self.attribute_or_null(relation, map, key, span)?;
        // An absent key is an empty text, and so is every key of a row without a match.
        let sql = format!("coalesce({sql}, '')");
        Ok(Term { sql, ty: Ty::Str, bare: true, aggregate: false, span })
    }

    /// The text of an attribute, NULL where it is absent.
    pub(super) fn attribute_or_null(
        &self,
        relation: &Relation<'_>,
        map: Place,
        key: &str,
        span: Span,
    ) -> Result<String, SqlError> {
        let name = &relation.sql;
        let text = quoted(key)
            .ok_or_else(|| SqlError::new("a text with a NUL character".to_owned()).at(span))?;
        if let Place::Signal(map) = map {
            return Ok(match (map, key) {
                (RESOURCE, "project.id") => format!("{name}.project"),
                _ => format!("ch_attribute({}, {text})", map.replace('@', name)),
            });
        }
        let Kind::Traces = &relation.kind else {
            return Err(SqlError::unknown("a map of a subquery", span));
        };
        if map == Place::ResourceAttributes {
            if key == "project.id" {
                return Ok(format!("{name}.project"));
            }
            return Ok(format!("ch_attribute({name}.resource_attributes, {text})"));
        }
        if let Some((_, column)) = TEXT_ATTRIBUTES.iter().find(|(known, _)| *known == key) {
            return Ok(format!("{name}.{column}"));
        }
        if CONTENT_KEYS.contains(&key) {
            return Ok(format!("ch_attribute({name}.content, {text})"));
        }
        Ok(format!("ch_attribute({name}.attributes, {text})"))
    }

    /// The flag that has a column, compared with `true`: exactly that column.
    pub(super) fn flag(&self, expr: &Expr) -> Option<String> {
        let Expr::CompoundFieldAccess { root, access_chain } = expr else { return None };
        let [AccessExpr::Subscript(Subscript::Index { index })] = access_chain.as_slice() else {
            return None;
        };
        let Expr::Identifier(map) = root.as_ref() else { return None };
        if text_literal(index) != Some(FLAG_ATTRIBUTE.0) {
            return None;
        }
        let (relation, place) = self.map_column(&[&map.value], map.span).ok()?;
        let name = &relation.sql;
        (place == Place::SpanAttributes)
            .then(|| format!("(coalesce({name}.{}, 0) = 1)", FLAG_ATTRIBUTE.1))
    }

    /// The column that has an attribute's number already.
    pub(super) fn number_column(&self, arg: &'a Expr, ty: Ty) -> Option<Term> {
        let Expr::CompoundFieldAccess { root, access_chain } = arg else { return None };
        let [AccessExpr::Subscript(Subscript::Index { index })] = access_chain.as_slice() else {
            return None;
        };
        let Expr::Identifier(map) = root.as_ref() else { return None };
        let key = text_literal(index)?;
        let (_, column, _) =
            NUMBER_ATTRIBUTES.iter().find(|(known, _, held)| *known == key && *held == ty)?;
        let (relation, place) = self.map_column(&[&map.value], map.span).ok()?;
        if place != Place::SpanAttributes {
            return None;
        }
        let sql = format!("coalesce({}.{column}, {})", relation.sql, ty.absent());
        let mut term = Term::constant(sql, ty);
        term.bare = true;
        Some(term)
    }

    /// Whether a map has a key.
    pub(super) fn map_contains(&self, map: &'a Expr, key: &'a Expr) -> Result<Term, SqlError> {
        let words = match map {
            Expr::Identifier(ident) => vec![ident.value.as_str()],
            Expr::CompoundIdentifier(parts) => parts.iter().map(|it| it.value.as_str()).collect(),
            other => return Err(SqlError::unknown("a computed map", other.span())),
        };
        let Some(text) = text_literal(key) else {
            return Err(SqlError::unknown("a key that is no literal text", key.span()));
        };
        let (relation, place) = self.map_column(&words, map.span())?;
        let sql = self.attribute_or_null(relation, place, text, map.span())?;
        let mut term = Term::constant(format!("({sql} IS NOT NULL)"), Ty::UInt);
        term.bare = true;
        Ok(term)
    }
}
