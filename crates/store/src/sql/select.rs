//! `SELECT` as a whole: the clauses, in the order in which they depend on each other.

use sqlparser::ast::{
    Distinct, Expr, LimitClause, OrderBy, OrderByExpr, OrderByKind, Query, Select, SelectItem,
    SetExpr, SetOperator, SetQuantifier, Spanned, Value,
};

use super::columns::is_table;
use super::expression::{Allow, Names, Term};
use super::from::Named;
use super::{Compiled, Compiler, SqlError};

/// The longest text that is handed to SQLite, in bytes; its own limit is a little higher.
const SQLITE_BYTES_MAX: usize = 900 * 1024;

// === impl Compiler ===

impl Compiler<'_> {
    /// A query with everything that may stand around a `SELECT`.
    pub(super) fn query(
        &self,
        query: &Query,
        outside: &[Named],
        depth: usize,
    ) -> Result<Compiled, SqlError> {
        let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
        refuse_clauses(query)?;
        let mut named = outside.to_vec();
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let span = cte.alias.span();
            if query.with.as_ref().is_some_and(|with| with.recursive) || cte.from.is_some() {
                return Err(SqlError::unknown("WITH RECURSIVE", span));
            }
            if !cte.alias.columns.is_empty() {
                return Err(SqlError::unknown("a list of columns behind WITH", span));
            }
            if is_table(&cte.alias.name.value) {
                return Err(SqlError::unknown("a table's own name behind WITH", span));
            }
            let compiled = self.query(&cte.query, &named, depth)?;
            named.push((cte.alias.name.value.clone(), compiled));
        }
        let order = order_by(query.order_by.as_ref())?;
        let mut compiled = match query.body.as_ref() {
            SetExpr::Select(select) => self.select(select, order, &named, depth)?,
            SetExpr::Query(inner) if order.is_empty() => self.query(inner, &named, depth)?,
            SetExpr::SetOperation { .. } if order.is_empty() => {
                self.union(&query.body, &named, depth)?
            }
            SetExpr::SetOperation { .. } | SetExpr::Query(_) => {
                let what = "ORDER BY over a UNION (put the UNION into a subquery)";
                return Err(SqlError::unknown(what, query.span()));
            }
            other => return Err(SqlError::unknown("this kind of query", other.span())),
        };
        if let Some(limit) = &query.limit_clause {
            compiled.sql.push_str(&limit_clause(limit)?);
        }
        Ok(compiled)
    }

    fn union(&self, body: &SetExpr, named: &[Named], depth: usize) -> Result<Compiled, SqlError> {
        let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
        match body {
            SetExpr::Select(select) => self.select(select, &[], named, depth),
            SetExpr::Query(query) => self.query(query, named, depth),
            SetExpr::SetOperation {
                left,
                op: SetOperator::Union,
                set_quantifier: SetQuantifier::All,
                right,
            } => {
                let (left, right) =
                    (self.union(left, named, depth)?, self.union(right, named, depth)?);
                let types =
                    |side: &Compiled| side.columns.iter().map(|it| it.1).collect::<Vec<_>>();
                if types(&left) != types(&right) {
                    let message = "the parts of a UNION have columns of other types".to_owned();
                    return Err(SqlError::new(message).at(body.span()));
                }
                let wrap = |side: &Compiled| format!("SELECT * FROM ({})", side.sql);
                let sql = format!("{} UNION ALL {}", wrap(&left), wrap(&right));
                // A limit behind it is the whole's.
                Ok(Compiled { sql: format!("SELECT * FROM ({sql})"), columns: left.columns })
            }
            other => Err(SqlError::unknown("anything but UNION ALL between queries", other.span())),
        }
    }

    fn select(
        &self,
        select: &Select,
        order: &[OrderByExpr],
        named: &[Named],
        depth: usize,
    ) -> Result<Compiled, SqlError> {
        refuse_parts(select)?;
        let relations = self.relations(&select.from, named, depth)?;
        let mut names = Names::new(self, relations, named, aliases(&select.projection)?, depth);
        let joins = names.joins()?;
        let keys = names.group_by(&select.group_by, &select.projection)?;
        let items = names.items(&select.projection)?;
        let before = names.perhaps(select.prewhere.as_ref(), Allow::rows())?;
        let filter = names.perhaps(select.selection.as_ref(), Allow::rows())?;
        let having = names.perhaps(select.having.as_ref(), Allow::groups())?;
        let sorted = names.order_by(order, &select.projection)?;
        let terms = || {
            items.iter().map(|item| &item.term).chain(&having).chain(sorted.iter().map(|it| &it.0))
        };
        let grouped = !names.keys.is_empty() || terms().any(|term| term.aggregate);
        if grouped && let Some(loose) = terms().find(|term| term.bare) {
            let message =
                "a value that is neither under GROUP BY nor inside an aggregate".to_owned();
            return Err(SqlError::new(message).at(loose.span));
        }
        if let (Some(having), false) = (&having, grouped) {
            return Err(SqlError::new("HAVING without groups".to_owned()).at(having.span));
        }
        let mut sql = String::from(if distinct(select)? { "SELECT DISTINCT " } else { "SELECT " });
        let listed = items.iter().enumerate();
        let listed = listed.map(|(at, item)| format!("{} AS c{at}", item.term.sql));
        sql.push_str(&listed.collect::<Vec<_>>().join(", "));
        let filters: Vec<_> = before.iter().chain(&filter).map(|term| term.sql.as_str()).collect();
        sql.push_str(&joins_text(&joins, &filters, &names));
        push_list(&mut sql, " WHERE ", &filters, " AND ");
        push_list(&mut sql, " GROUP BY ", &keys, ", ");
        if let Some(having) = &having {
            sql.push_str(" HAVING ");
            sql.push_str(&having.sql);
        }
        let sorted: Vec<_> =
            sorted.iter().map(|(term, way)| format!("{}{way}", term.sql)).collect();
        push_list(&mut sql, " ORDER BY ", &sorted, ", ");
        if sql.len() > SQLITE_BYTES_MAX {
            return Err(too_large());
        }
        let columns = items.into_iter().map(|item| (item.name, item.term.ty)).collect();
        Ok(Compiled { sql, columns })
    }
}

/// `FROM` and its joins; nothing for a `SELECT` without. `filters` are the conditions behind it.
fn joins_text(joins: &[Option<String>], filters: &[&str], names: &Names<'_>) -> String {
    let mut out = String::new();
    let several = names.relations.len() > 1;
    for (at, (relation, on)) in names.relations.iter().zip(joins).enumerate() {
        let word = match (at, relation.outer, on) {
            (0, _, _) => " FROM ",
            (_, true, _) => " LEFT JOIN ",
            (_, false, Some(_)) => " JOIN ",
            (_, false, None) => " CROSS JOIN ",
        };
        out.push_str(word);
        let mut conditions = on.iter().map(String::as_str).chain(filters.iter().copied());
        let whole = several && relation.is_gathered(at, &mut conditions);
        out.push_str(&names.compiler.source(relation, whole));
        if let Some(on) = on {
            out.push_str(" ON ");
            out.push_str(on);
        }
    }
    out
}

fn push_list(sql: &mut String, word: &str, parts: &[impl AsRef<str>], between: &str) {
    if parts.is_empty() {
        return;
    }
    sql.push_str(word);
    let parts: Vec<_> = parts.iter().map(AsRef::as_ref).collect();
    sql.push_str(&parts.join(between));
}

/// What its names stand for makes it so.
pub(super) fn too_large() -> SqlError {
    SqlError::new("the query is too large once its names are written out".to_owned())
}

pub(super) fn too_deep() -> SqlError {
    SqlError::new("the query nests too deeply".to_owned())
}

fn distinct(select: &Select) -> Result<bool, SqlError> {
    match &select.distinct {
        None | Some(Distinct::All) => Ok(false),
        Some(Distinct::Distinct) => Ok(true),
        Some(Distinct::On(_)) => Err(SqlError::unknown("DISTINCT ON", select.span())),
    }
}

fn refuse_clauses(query: &Query) -> Result<(), SqlError> {
    let refused = [
        ("FETCH", query.fetch.is_some()),
        ("FOR", query.for_clause.is_some() || !query.locks.is_empty()),
        ("SETTINGS", query.settings.is_some()),
        ("FORMAT (`--format` chooses it)", query.format_clause.is_some()),
        ("a pipe", !query.pipe_operators.is_empty()),
    ];
    match refused.into_iter().find(|(_, there)| *there) {
        Some((what, _)) => Err(SqlError::unknown(what, query.span())),
        None => Ok(()),
    }
}

fn refuse_parts(select: &Select) -> Result<(), SqlError> {
    let refused = [
        ("TOP", select.top.is_some()),
        ("INTO", select.into.is_some()),
        ("LATERAL VIEW", !select.lateral_views.is_empty()),
        ("CONNECT BY", !select.connect_by.is_empty()),
        ("CLUSTER BY", !select.cluster_by.is_empty()),
        ("DISTRIBUTE BY", !select.distribute_by.is_empty()),
        ("SORT BY", !select.sort_by.is_empty()),
        ("WINDOW", !select.named_window.is_empty()),
        ("QUALIFY", select.qualify.is_some()),
        ("EXCLUDE", select.exclude.is_some()),
    ];
    match refused.into_iter().find(|(_, there)| *there) {
        Some((what, _)) => Err(SqlError::unknown(what, select.span())),
        None => Ok(()),
    }
}

/// The names that the query gives to what it selects.
fn aliases(projection: &[SelectItem]) -> Result<Vec<(&str, &Expr)>, SqlError> {
    let mut aliases: Vec<(&str, &Expr)> = Vec::new();
    for item in projection {
        let SelectItem::ExprWithAlias { expr, alias } = item else { continue };
        if aliases.iter().any(|(known, _)| *known == alias.value) {
            let message = format!("the name `{}` is given twice", alias.value);
            return Err(SqlError::new(message).at(alias.span));
        }
        aliases.push((&alias.value, expr));
    }
    Ok(aliases)
}

fn order_by(order: Option<&OrderBy>) -> Result<&[OrderByExpr], SqlError> {
    match order {
        None => Ok(&[]),
        Some(OrderBy { kind: OrderByKind::Expressions(list), interpolate: None }) => Ok(list),
        Some(order) => Err(SqlError::unknown("ORDER BY ALL or INTERPOLATE", order.span())),
    }
}

fn limit_clause(limit: &LimitClause) -> Result<String, SqlError> {
    let (limit, offset) = match limit {
        LimitClause::LimitOffset { limit, offset, limit_by } => {
            if let Some(by) = limit_by.first() {
                return Err(SqlError::unknown("LIMIT BY", by.span()));
            }
            (limit.as_ref(), offset.as_ref().map(|offset| &offset.value))
        }
        LimitClause::OffsetCommaLimit { offset, limit } => (Some(limit), Some(offset)),
    };
    let count = |expr: &Expr| {
        whole(expr).ok_or_else(|| {
            SqlError::new("LIMIT and OFFSET take a whole number".to_owned()).at(expr.span())
        })
    };
    // -1 is SQLite's word for "all".
    let limit = limit.map_or(Ok(-1), count)?;
    let offset = offset.map_or(Ok(0), count)?;
    Ok(format!(" LIMIT {limit} OFFSET {offset}"))
}

/// A literal whole number.
pub(super) fn whole(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => text.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

// === impl Names ===

impl<'a> Names<'a> {
    /// The conditions of the joins, one a relation.
    fn joins(&self) -> Result<Vec<Option<String>>, SqlError> {
        let mut joins = Vec::with_capacity(self.relations.len());
        for (at, relation) in self.relations.iter().enumerate() {
            let Some(on) = relation.on else {
                joins.push(None);
                continue;
            };
            let term = self.condition(on, Allow::join(at))?;
            joins.push(Some(term.sql));
        }
        Ok(joins)
    }

    /// A condition that may be left out.
    fn perhaps(&self, expr: Option<&'a Expr>, allow: Allow) -> Result<Option<Term>, SqlError> {
        expr.map(|expr| self.condition(expr, allow)).transpose()
    }
}
