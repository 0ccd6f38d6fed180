//! Expressions: names, literals, and what is built from them.

use std::cell::RefCell;

use sqlparser::ast::{AccessExpr, CaseWhen, Expr, Ident, Query, Spanned, Subscript, Value};
use sqlparser::tokenizer::Span;

use super::columns::{FLAG_ATTRIBUTE, Place, TEXT_ATTRIBUTES, column};
use super::from::{Kind, Named, Relation};
use super::literal::quoted;
use super::{Compiler, SqlError, Ty};
use crate::CONTENT_KEYS;

/// One value in SQLite's text.
#[derive(Clone, Debug)]
pub(super) struct Term {
    /// The text, in parentheses where it is composed.
    pub(super) sql: String,
    pub(super) ty: Ty,
    /// Whether it has a column that is neither a key of the groups nor inside an aggregate.
    pub(super) bare: bool,
    /// Whether it has an aggregate.
    pub(super) aggregate: bool,
    /// Where it was written.
    pub(super) span: Span,
}

/// What may stand at a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allow {
    pub(super) aggregates: bool,
    /// The relation whose own condition this is: its columns are there.
    pub(super) own: Option<usize>,
}

/// The names that a `SELECT` can use.
pub(super) struct Names<'a> {
    pub(super) compiler: &'a Compiler<'a>,
    pub(super) relations: Vec<Relation<'a>>,
    named: &'a [Named],
    aliases: Vec<(&'a str, &'a Expr)>,
    /// The names whose meaning is being written right now.
    expanding: RefCell<Vec<&'a str>>,
    /// The keys of the groups, as written for SQLite.
    pub(super) keys: Vec<String>,
    depth: usize,
}

// === impl Allow ===

impl Allow {
    /// A condition on rows.
    pub(super) const fn rows() -> Self {
        Self { aggregates: false, own: None }
    }

    /// What is said of groups.
    pub(super) const fn groups() -> Self {
        Self { aggregates: true, own: None }
    }

    /// The condition that joins the relation of this number.
    pub(super) const fn join(own: usize) -> Self {
        Self { aggregates: false, own: Some(own) }
    }
}

// === impl Term ===

impl Term {
    /// A composed value.
    pub(super) fn of(sql: String, ty: Ty, parts: &[&Self]) -> Self {
        Self {
            sql,
            ty,
            bare: parts.iter().any(|part| part.bare),
            aggregate: parts.iter().any(|part| part.aggregate),
            span: Span::empty(),
        }
    }

    /// A value that depends on no row.
    pub(super) fn constant(sql: String, ty: Ty) -> Self {
        Self::of(sql, ty, &[])
    }
}

// === impl Names ===

impl<'a> Names<'a> {
    pub(super) const fn new(
        compiler: &'a Compiler<'a>,
        relations: Vec<Relation<'a>>,
        named: &'a [Named],
        aliases: Vec<(&'a str, &'a Expr)>,
        depth: usize,
    ) -> Self {
        let expanding = RefCell::new(Vec::new());
        Self { compiler, relations, named, aliases, expanding, keys: Vec::new(), depth }
    }

    /// A value.
    pub(super) fn term(&self, expr: &'a Expr, allow: Allow) -> Result<Term, SqlError> {
        let span = expr.span();
        let mut term = self.node(expr, allow).map_err(|error| error.at(span))?;
        term.span = span;
        if self.keys.contains(&term.sql) {
            term.bare = false;
        }
        Ok(term)
    }

    /// A truth value.
    pub(super) fn condition(&self, expr: &'a Expr, allow: Allow) -> Result<Term, SqlError> {
        let term = self.term(expr, allow)?;
        if term.ty.is_integer() || term.ty == Ty::Null {
            return Ok(term);
        }
        Err(SqlError::new(format!("a condition was expected, and this is {}", term.ty))
            .at(term.span))
    }

    fn node(&self, expr: &'a Expr, allow: Allow) -> Result<Term, SqlError> {
        match expr {
            Expr::Nested(inner) => self.term(inner, allow),
            Expr::Value(value) => literal(&value.value),
            Expr::Identifier(ident) => self.name(ident, allow),
            Expr::CompoundIdentifier(parts) => self.path(parts, allow),
            Expr::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain),
            Expr::Function(function) => self.function(function, allow),
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), allow)
            }
            Expr::Subquery(query) => self.scalar(query),
            Expr::InSubquery { expr, subquery, negated } => {
                self.in_query(expr, subquery, *negated, allow)
            }
            _ => self.operation(expr, allow),
        }
    }

    fn name(&self, ident: &'a Ident, allow: Allow) -> Result<Term, SqlError> {
        let name = ident.value.as_str();
        let alias = self.aliases.iter().find(|(known, _)| *known == name);
        let Some((alias, meaning)) = alias else { return self.column_named(ident, allow) };
        let is_itself = match meaning {
            Expr::Identifier(inner) => inner.value == name,
            Expr::CompoundIdentifier(parts) => parts.last().is_some_and(|last| last.value == name),
            _ => false,
        };
        if is_itself {
            return match meaning {
                Expr::CompoundIdentifier(parts) => self.path(parts, allow),
                _ => self.column_named(ident, allow),
            };
        }
        let hides = self.relations.iter().any(|it| it.columns().iter().any(|(it, _)| it == name));
        if hides {
            let message = format!("the name `{name}` hides a column: choose another one");
            return Err(SqlError::new(message).at(ident.span));
        }
        if allow.own.is_some() {
            return Err(SqlError::new(format!("`{name}` is not known in ON")).at(ident.span));
        }
        if self.expanding.borrow().contains(alias) {
            let message = format!("`{name}` is defined by itself");
            return Err(SqlError::new(message).at(ident.span));
        }
        self.expanding.borrow_mut().push(alias);
        let term = self.term(meaning, allow);
        self.expanding.borrow_mut().pop();
        term
    }

    fn column_named(&self, ident: &Ident, allow: Allow) -> Result<Term, SqlError> {
        self.find(&ident.value, ident.span, allow)
    }

    /// A column by its name alone.
    fn find(&self, name: &str, span: Span, allow: Allow) -> Result<Term, SqlError> {
        let has = |relation: &&Relation<'_>| relation.columns().iter().any(|(it, _)| it == name);
        let mut found = self.relations.iter().filter(has);
        match (found.next(), found.next()) {
            (Some(relation), None) => self.column_of(relation, name, span, allow.own),
            (Some(_), Some(_)) => {
                let message = format!("`{name}` is in more than one table: write `table.{name}`");
                Err(SqlError::new(message).at(span))
            }
            (None, _) => Err(SqlError::new(format!("there is no column `{name}`")).at(span)),
        }
    }

    /// `table.column`, or a column whose name has a dot.
    fn path(&self, parts: &[Ident], allow: Allow) -> Result<Term, SqlError> {
        let words: Vec<_> = parts.iter().map(|part| part.value.as_str()).collect();
        let span = parts.first().map_or(Span::empty(), |part| part.span);
        let (first, rest) = words.split_first().unwrap_or((&"", &[]));
        if let Some(relation) = self.relations.iter().find(|it| it.name == Some(first)) {
            return self.column_of(relation, &rest.join("."), span, allow.own);
        }
        self.find(&words.join("."), span, allow)
    }

    /// One column of one relation.
    pub(super) fn column_of(
        &self,
        relation: &Relation<'_>,
        name: &str,
        span: Span,
        own: Option<usize>,
    ) -> Result<Term, SqlError> {
        let sql = &relation.sql;
        let missing = || SqlError::new(format!("there is no column `{name}`")).at(span);
        let (text, ty) = match &relation.kind {
            Kind::Derived(compiled) => {
                let mut columns = compiled.columns.iter().enumerate();
                let (at, (_, ty)) =
                    columns.find(|(_, (known, _))| known == name).ok_or_else(missing)?;
                (format!("{sql}.c{at}"), *ty)
            }
            Kind::Traces { details, content } => {
                let (ty, place) = column(name).ok_or_else(missing)?;
                if !matches!(place, Place::Span(_)) {
                    details.set(true);
                }
                let text = match place {
                    Place::Span(column) => format!("{sql}.{column}"),
                    Place::Details(column) => format!("{sql}d.{column}"),
                    Place::ResourceAttributes => format!("{sql}d.resource_attributes"),
                    Place::SpanAttributes => {
                        content.set(true);
                        format!("ch_map({sql}d.attributes, {sql}c.attributes)")
                    }
                    Place::Events(member) => format!("ch_list({sql}d.events, '{member}')"),
                    Place::Links(member) => format!("ch_list({sql}d.links, '{member}')"),
                };
                (text, ty)
            }
        };
        let sql = self.or_absent(relation, text, ty, own);
        Ok(Term { sql, ty, bare: true, aggregate: false, span })
    }

    /// Right of a `LEFT JOIN` a row may have no match; not in the join's own condition.
    fn or_absent(
        &self,
        relation: &Relation<'_>,
        sql: String,
        ty: Ty,
        own: Option<usize>,
    ) -> String {
        let is_own =
            own.and_then(|own| self.relations.get(own)).is_some_and(|own| own.sql == relation.sql);
        if relation.outer && !is_own { format!("coalesce({sql}, {})", ty.absent()) } else { sql }
    }

    /// `map['key']`, also behind a table's name.
    fn access(&self, root: &'a Expr, chain: &'a [AccessExpr]) -> Result<Term, SqlError> {
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
                let is_traces = |it: &&Relation<'_>| matches!(it.kind, Kind::Traces { .. });
                let mut found = self.relations.iter().filter(is_traces);
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
        match (&relation.kind, column(name)) {
            (Kind::Traces { .. }, Some((Ty::Map, place))) => Ok((relation, place)),
            _ => Err(no_map()),
        }
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
        let Kind::Traces { details, content } = &relation.kind else {
            return Err(SqlError::unknown("a map of a subquery", span));
        };
        let text = quoted(key)
            .ok_or_else(|| SqlError::new("a text with a NUL character".to_owned()).at(span))?;
        if map == Place::ResourceAttributes {
            if key == "project.id" {
                return Ok(format!("{name}.project"));
            }
            details.set(true);
            return Ok(format!("ch_attribute({name}d.resource_attributes, {text})"));
        }
        if let Some((_, column)) = TEXT_ATTRIBUTES.iter().find(|(known, _)| *known == key) {
            return Ok(format!("{name}.{column}"));
        }
        if CONTENT_KEYS.contains(&key) {
            content.set(true);
            return Ok(format!("ch_attribute({name}c.attributes, {text})"));
        }
        details.set(true);
        Ok(format!("ch_attribute({name}d.attributes, {text})"))
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

    fn case(
        &self,
        operand: Option<&'a Expr>,
        conditions: &'a [CaseWhen],
        otherwise: Option<&'a Expr>,
        allow: Allow,
    ) -> Result<Term, SqlError> {
        if let Some(operand) = operand {
            return Err(SqlError::unknown(
                "CASE with an operand (write CASE WHEN)",
                operand.span(),
            ));
        }
        let mut parts = Vec::new();
        for CaseWhen { condition, result } in conditions {
            parts.push((self.condition(condition, allow)?, self.term(result, allow)?));
        }
        let otherwise = match otherwise {
            Some(otherwise) => self.term(otherwise, allow)?,
            None => Term::constant("NULL".to_owned(), Ty::Null),
        };
        choice(&parts, &otherwise)
    }

    /// A subquery of one value.
    fn scalar(&self, query: &Query) -> Result<Term, SqlError> {
        let compiled = self.compiler.query(query, self.named, self.depth)?;
        match compiled.columns.as_slice() {
            [(_, ty)] => Ok(Term::constant(format!("({})", compiled.sql), *ty)),
            _ => Err(SqlError::new("a subquery as a value has one column".to_owned())),
        }
    }

    fn in_query(
        &self,
        expr: &'a Expr,
        query: &Query,
        negated: bool,
        allow: Allow,
    ) -> Result<Term, SqlError> {
        let term = self.term(expr, allow)?;
        let set = self.scalar(query)?;
        if !term.ty.compares_with(set.ty) {
            return Err(SqlError::new(format!("{} is not found among {}", term.ty, set.ty)));
        }
        let word = if negated { "NOT IN" } else { "IN" };
        Ok(Term::of(format!("({} {word} {})", term.sql, set.sql), Ty::UInt, &[&term]))
    }
}

/// The first result whose condition holds.
pub(super) fn choice(parts: &[(Term, Term)], otherwise: &Term) -> Result<Term, SqlError> {
    let mut ty = otherwise.ty;
    let mut sql = String::from("(CASE");
    let mut all = vec![otherwise];
    for (condition, result) in parts {
        ty = ty.common(result.ty).ok_or_else(|| {
            SqlError::new(format!("{ty} and {} in one choice", result.ty)).at(result.span)
        })?;
        sql.push_str(&format!(" WHEN {} THEN {}", condition.sql, result.sql));
        all.extend([condition, result]);
    }
    sql.push_str(&format!(" ELSE {} END)", otherwise.sql));
    Ok(Term::of(sql, ty, &all))
}

/// A literal text.
pub(super) fn text_literal(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        Expr::Nested(inner) => text_literal(inner),
        _ => None,
    }
}

fn literal(value: &Value) -> Result<Term, SqlError> {
    let refuse = |what: &str| Err(SqlError::new(format!("{what} is not supported here")));
    Ok(match value {
        Value::SingleQuotedString(text) => match quoted(text) {
            Some(quoted) => Term::constant(quoted, Ty::Str),
            None => return refuse("a text with a NUL character"),
        },
        Value::Number(text, _) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            match text.parse::<i64>() {
                Ok(_) => Term::constant(text.clone(), Ty::UInt),
                Err(_) => return refuse("a whole number above 2^63"),
            }
        }
        Value::Number(text, _) => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Term::constant(format!("{number:?}"), Ty::Float),
            _ => return refuse("a number of this form"),
        },
        Value::Boolean(yes) => Term::constant(u8::from(*yes).to_string(), Ty::UInt),
        Value::Null => Term::constant("NULL".to_owned(), Ty::Null),
        _ => return refuse("a literal of this form"),
    })
}
