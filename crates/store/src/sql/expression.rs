//! Expressions: names, literals, and what is built from them.

use std::cell::RefCell;

use sqlparser::ast::{CaseWhen, Expr, Ident, Query, Spanned, Value};
use sqlparser::tokenizer::Span;

use super::columns::{Place, column};
use super::from::{Kind, Named, Relation};
use super::literal::quoted;
use super::{Compiler, SqlError, Ty};

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
        let node = || self.node(expr, allow);
        let mut term = self.compiler.budget.deeper(node).map_err(|error| error.at(span))?;
        self.compiler.budget.written(&term.sql)?;
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
            Kind::Signal(table) => {
                let (ty, text) = table.column(name, sql).ok_or_else(missing)?;
                (text, ty)
            }
            Kind::Traces => {
                let (ty, place) = column(name).ok_or_else(missing)?;
                let text = match place {
                    Place::Span(column) => format!("{sql}.{column}"),
                    Place::ResourceAttributes => format!("{sql}.resource_attributes"),
                    Place::SpanAttributes => format!("ch_map({sql}.attributes, {sql}.content)"),
                    Place::Events(member) => format!("ch_list({sql}.events, '{member}')"),
                    Place::Links(member) => format!("ch_list({sql}.links, '{member}')"),
                    Place::Signal(text) => text.replace('@', sql),
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

    fn case(
        &self,
        operand: Option<&'a Expr>,
        conditions: &'a [CaseWhen],
        otherwise: Option<&'a Expr>,
        allow: Allow,
    ) -> Result<Term, SqlError> {
        let mut parts = Vec::new();
        for CaseWhen { condition, result } in conditions {
            let holds = match operand {
                Some(operand) => self.comparison(operand, "=", condition, allow)?,
                None => self.condition(condition, allow)?,
            };
            parts.push((holds, self.term(result, allow)?));
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
