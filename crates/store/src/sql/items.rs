//! What a `SELECT` lists, by what it groups, and in which order.

use sqlparser::ast::{
    Expr, GroupByExpr, OrderByExpr, OrderBySort, SelectItem, Spanned, WildcardAdditionalOptions,
};

use super::expression::{Allow, Names, Term};
use super::select::whole;
use super::{SqlError, Ty};

/// What is selected: the name, and the value.
pub(super) struct Item {
    pub(super) name: String,
    pub(super) term: Term,
}

// === impl Names ===

impl<'a> Names<'a> {
    /// What is selected.
    pub(super) fn items(&self, projection: &'a [SelectItem]) -> Result<Vec<Item>, SqlError> {
        let mut items = Vec::new();
        for item in projection {
            match item {
                SelectItem::UnnamedExpr(expr) => {
                    let term = self.term(expr, Allow::groups())?;
                    items.push(Item { name: heading(expr), term });
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    let term = self.term(expr, Allow::groups())?;
                    items.push(Item { name: alias.value.clone(), term });
                }
                SelectItem::Wildcard(options) if is_plain(options) => {
                    for relation in &self.relations {
                        for (name, _) in relation.columns() {
                            let term = self.column_of(relation, &name, item.span(), None)?;
                            items.push(Item { name, term });
                        }
                    }
                }
                other => return Err(SqlError::unknown("this kind of `*`", other.span())),
            }
        }
        Ok(items)
    }

    /// Remembers the keys, and returns their texts.
    pub(super) fn group_by(
        &mut self,
        group_by: &'a GroupByExpr,
        projection: &'a [SelectItem],
    ) -> Result<Vec<String>, SqlError> {
        let GroupByExpr::Expressions(list, modifiers) = group_by else {
            return Err(SqlError::new("GROUP BY ALL is not supported here".to_owned()));
        };
        if !modifiers.is_empty() {
            return Err(SqlError::unknown("a modifier of GROUP BY", group_by.span()));
        }
        let mut keys = Vec::with_capacity(list.len());
        for expr in list {
            let expr = positional(expr, projection)?.unwrap_or(expr);
            keys.push(self.term(expr, Allow::rows())?.sql);
        }
        self.keys.clone_from(&keys);
        Ok(keys.into_iter().map(no_position).collect())
    }

    /// The order, and which way each goes.
    pub(super) fn order_by(
        &self,
        order: &'a [OrderByExpr],
        projection: &'a [SelectItem],
    ) -> Result<Vec<(Term, &'static str)>, SqlError> {
        let mut sorted = Vec::with_capacity(order.len());
        for by in order {
            if by.with_fill.is_some() {
                return Err(SqlError::unknown("WITH FILL", by.span()));
            }
            let expr = positional(&by.expr, projection)?.unwrap_or(&by.expr);
            let mut term = self.term(expr, Allow::groups())?;
            term.sql = no_position(term.sql);
            let descending = match &by.options.sort {
                None | Some(OrderBySort::Asc) => false,
                Some(OrderBySort::Desc) => true,
                Some(_) => return Err(SqlError::unknown("ORDER BY USING", by.span())),
            };
            // What has no value stands last, unless told otherwise. Most types always have one, and
            // then saying so would only keep SQLite from its indexes.
            let nullable = matches!(term.ty, Ty::Float | Ty::Null);
            let way = match (descending, by.options.nulls_first.filter(|_| nullable)) {
                (false, Some(true)) => " ASC NULLS FIRST",
                (false, _) if nullable => " ASC NULLS LAST",
                (false, _) => " ASC",
                (true, Some(true)) => " DESC NULLS FIRST",
                (true, _) => " DESC",
            };
            sorted.push((term, way));
        }
        Ok(sorted)
    }
}

/// SQLite would take a number alone for a position.
fn no_position(sql: String) -> String {
    if sql.bytes().all(|byte| byte.is_ascii_digit()) { format!("+{sql}") } else { sql }
}

/// What a position stands for, where the expression is one.
fn positional<'a>(expr: &Expr, projection: &'a [SelectItem]) -> Result<Option<&'a Expr>, SqlError> {
    let Some(position) = whole(expr) else { return Ok(None) };
    let at = usize::try_from(position).ok().and_then(|position| position.checked_sub(1));
    match at.and_then(|at| projection.get(at)) {
        Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) => {
            Ok(Some(expr))
        }
        _ => Err(SqlError::new(format!("there is no column {position}")).at(expr.span())),
    }
}

fn is_plain(options: &WildcardAdditionalOptions) -> bool {
    options.opt_ilike.is_none()
        && options.opt_exclude.is_none()
        && options.opt_except.is_none()
        && options.opt_replace.is_none()
        && options.opt_rename.is_none()
        && options.opt_alias.is_none()
}

/// What a column without a name is called.
fn heading(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(ident) => ident.value.clone(),
        Expr::CompoundIdentifier(parts) => {
            parts.last().map(|part| part.value.clone()).unwrap_or_default()
        }
        other => other.to_string(),
    }
}
