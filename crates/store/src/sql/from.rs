//! `FROM` and `JOIN`: which relations a `SELECT` reads, and how they are written.

use sqlparser::ast::{
    Expr, Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, Spanned, TableAlias,
    TableFactor, TableWithJoins,
};

use super::columns::{COLUMNS, DATABASE, TRACES};
use super::literal::quoted;
use super::signals::{RECORD_TRACE, SignalTable, signal_table};
use super::{Compiled, Compiler, Scope, SqlError, Ty};

/// The most relations of one `SELECT`; SQLite joins 64 tables.
pub(super) const RELATIONS_MAX: usize = 20;

/// A relation that a `SELECT` reads.
pub(super) struct Relation<'a> {
    /// The name that the query calls it by.
    pub(super) name: Option<&'a str>,
    /// The name in SQLite's text.
    pub(super) sql: String,
    pub(super) kind: Kind,
    /// Whether it stands on the right of a `LEFT JOIN`: rows without a match have absent values.
    pub(super) outer: bool,
    /// The condition that joins it.
    pub(super) on: Option<&'a Expr>,
}

/// What a relation is.
pub(super) enum Kind {
    /// `otel_traces`, which is the view `spans`.
    Traces,
    /// A table of metrics or logs.
    Signal(&'static SignalTable),
    /// A subquery.
    Derived(Compiled),
}

/// A named subquery.
pub(super) type Named = (String, Compiled);

// === impl Compiler ===

impl Compiler<'_> {
    /// The relations of a `FROM`, in order.
    pub(super) fn relations<'a>(
        &self,
        from: &'a [TableWithJoins],
        named: &[Named],
        depth: usize,
    ) -> Result<Vec<Relation<'a>>, SqlError> {
        let mut relations = Vec::new();
        for table in from {
            let first = relations.len();
            relations.push(self.relation(&table.relation, first, named, depth)?);
            for join in &table.joins {
                let (outer, constraint) = match &join.join_operator {
                    JoinOperator::Join(on) | JoinOperator::Inner(on) => (false, Some(on)),
                    JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => (true, Some(on)),
                    JoinOperator::CrossJoin(JoinConstraint::None) => (false, None),
                    _ => {
                        let what = "a join other than INNER, LEFT and CROSS";
                        return Err(SqlError::unknown(what, join.relation.span()));
                    }
                };
                let mut relation = self.relation(&join.relation, relations.len(), named, depth)?;
                relation.outer = outer;
                relation.on = match constraint {
                    None => None,
                    Some(JoinConstraint::On(on)) => Some(on),
                    Some(_) => {
                        let what = "a join without ON";
                        return Err(SqlError::unknown(what, join.relation.span()));
                    }
                };
                relations.push(relation);
            }
        }
        if relations.len() > RELATIONS_MAX {
            let message = format!("a query joins at most {RELATIONS_MAX} tables");
            return Err(SqlError::new(message));
        }
        Ok(relations)
    }

    fn relation<'a>(
        &self,
        factor: &'a TableFactor,
        number: usize,
        named: &[Named],
        depth: usize,
    ) -> Result<Relation<'a>, SqlError> {
        let span = factor.span();
        let relation =
            |name, kind| Relation { name, sql: format!("r{number}"), kind, outer: false, on: None };
        match factor {
            TableFactor::Table { name, alias, args: None, sample: None, version: None, .. } => {
                let (found, kind) = table(name, named)?;
                Ok(relation(Some(called(alias.as_ref())?.unwrap_or(found)), kind))
            }
            TableFactor::Derived { lateral: false, subquery, alias, sample: None } => {
                let compiled = self.query(subquery, named, depth)?;
                Ok(relation(called(alias.as_ref())?, Kind::Derived(compiled)))
            }
            TableFactor::Table { .. } => Err(SqlError::unknown("a table function or SAMPLE", span)),
            _ => Err(SqlError::unknown("this kind of table", span)),
        }
    }

    /// The text of a relation; of a table only the rows that the scope allows. With `whole` its rows
    /// are gathered first: SQLite does not look through a limit.
    pub(super) fn source(&self, relation: &Relation<'_>, whole: bool) -> String {
        let name = &relation.sql;
        let limit = if whole { " LIMIT -1" } else { "" };
        let project = match self.scope {
            Scope::All => None,
            // A name that cannot be written is nobody's.
            Scope::Project(project) => Some(quoted(project).unwrap_or_else(|| "NULL".to_owned())),
        };
        let condition = project.map(|project| format!("project = {project}"));
        match (&relation.kind, &condition) {
            (Kind::Traces, None) if !whole => format!("spans AS {name}"),
            (Kind::Traces, None) => format!("(SELECT * FROM spans{limit}) AS {name}"),
            (Kind::Traces, Some(condition)) => {
                format!("(SELECT * FROM spans WHERE {condition}{limit}) AS {name}")
            }
            (Kind::Signal(table), condition) => {
                format!("({}{limit}) AS {name}", table.rows(condition.as_deref()))
            }
            (Kind::Derived(compiled), _) if !whole => format!("({}) AS {name}", compiled.sql),
            (Kind::Derived(compiled), _) => {
                format!("(SELECT * FROM ({}){limit}) AS {name}", compiled.sql)
            }
        }
    }
}

/// The name that a query gives to a table.
fn called(alias: Option<&TableAlias>) -> Result<Option<&str>, SqlError> {
    let Some(alias) = alias else { return Ok(None) };
    if alias.columns.is_empty() {
        return Ok(Some(&alias.name.value));
    }
    Err(SqlError::unknown("a list of columns behind a table's name", alias.name.span))
}

/// A table's own name, and what it is.
fn table<'a>(name: &'a ObjectName, named: &[Named]) -> Result<(&'a str, Kind), SqlError> {
    let mut parts = Vec::with_capacity(2);
    for part in &name.0 {
        match part {
            ObjectNamePart::Identifier(Ident { value, .. }) => parts.push(value.as_str()),
            ObjectNamePart::Function(_) => {
                return Err(SqlError::unknown("a table function", name.span()));
            }
        }
    }
    if let [one] = parts.as_slice()
        && let Some((_, compiled)) = named.iter().rev().find(|(known, _)| known == one)
    {
        return Ok((one, Kind::Derived(compiled.clone())));
    }
    let last = match parts.as_slice() {
        [last] | [DATABASE, last] => *last,
        _ => "",
    };
    match signal_table(last) {
        _ if last == TRACES => Ok((TRACES, Kind::Traces)),
        Some(table) => Ok((table.name, Kind::Signal(table))),
        None => {
            let message = format!(
                "there is no table `{name}` here: `{TRACES}`, `otel_logs` and `otel_metrics_*` are \
                 those to ask"
            );
            Err(SqlError::new(message).at(name.span()))
        }
    }
}

// === impl Relation ===

impl Relation<'_> {
    /// Whether a join must gather its rows first, as the relation at `at` of several. What a view
    /// computes has no index: SQLite would go through it once for every row of the others, but of
    /// gathered rows it makes one. What is found by its trace, a span or a log record, has one already.
    pub(super) fn is_gathered<'c>(
        &self,
        at: usize,
        conditions: &mut impl Iterator<Item = &'c str>,
    ) -> bool {
        let trace = match self.kind {
            Kind::Traces => "trace",
            Kind::Signal(_) => RECORD_TRACE,
            Kind::Derived(_) => return true,
        };
        let name = &self.sql;
        let (left, right) = (format!("({name}.{trace} = "), format!(" = {name}.{trace})"));
        at > 0 && !conditions.any(|it| it.contains(&left) || it.contains(&right))
    }

    /// Names and types of its columns.
    pub(super) fn columns(&self) -> Vec<(String, Ty)> {
        match &self.kind {
            Kind::Traces => COLUMNS.iter().map(|(name, ty, _)| ((*name).to_owned(), *ty)).collect(),
            Kind::Signal(table) => {
                table.columns().map(|(name, ty, _)| ((*name).to_owned(), *ty)).collect()
            }
            Kind::Derived(compiled) => compiled.columns.clone(),
        }
    }
}
