//! Aggregates: what stands for nothing where there are no rows is as in ClickHouse, not NULL.

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Spanned,
};

use super::expression::{Allow, Names, Term};
use super::{SqlError, Ty};

/// Every aggregate, without its `If`.
const AGGREGATES: [&str; 14] = [
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "any",
    "uniq",
    "uniqExact",
    "quantile",
    "quantileExact",
    "median",
    "argMin",
    "argMax",
    "stddevPop",
];

/// An aggregate's name, and whether it ends in `If`.
pub(super) fn aggregate(name: &str) -> Option<(&'static str, bool)> {
    let known = |name: &str| {
        let same = |it: &&&str| {
            **it == name || (it.len() < 7 && it.eq_ignore_ascii_case(name) && is_sql(it))
        };
        AGGREGATES.iter().find(same).copied()
    };
    match known(name) {
        Some(found) => Some((found, false)),
        None => known(name.strip_suffix("If")?).map(|found| (found, true)),
    }
}

/// Names that are SQL's own may be written in any case.
fn is_sql(name: &str) -> bool {
    ["count", "sum", "avg", "min", "max"].contains(&name)
}

/// The arguments of a call, each an expression.
pub(super) fn expressions(arguments: &FunctionArguments) -> Result<Vec<&Expr>, SqlError> {
    let list = match arguments {
        FunctionArguments::None => return Ok(Vec::new()),
        FunctionArguments::Subquery(query) => {
            return Err(SqlError::unknown("a subquery as an argument", query.span()));
        }
        FunctionArguments::List(list) => list,
    };
    if !list.clauses.is_empty() {
        return Err(SqlError::new("a clause inside an argument list is not supported".to_owned()));
    }
    let mut found = Vec::with_capacity(list.args.len());
    for arg in &list.args {
        match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => found.push(expr),
            other => return Err(SqlError::unknown("this kind of argument", other.span())),
        }
    }
    Ok(found)
}

/// Whether the only argument is `*`.
fn is_star(arguments: &FunctionArguments) -> bool {
    matches!(arguments, FunctionArguments::List(list)
        if matches!(list.args.as_slice(), [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]))
}

fn is_distinct(arguments: &FunctionArguments) -> bool {
    matches!(arguments, FunctionArguments::List(list)
        if list.duplicate_treatment == Some(DuplicateTreatment::Distinct))
}

// === impl Names ===

impl<'a> Names<'a> {
    /// One aggregate.
    pub(super) fn aggregate(
        &self,
        name: &'static str,
        conditional: bool,
        function: &'a Function,
        allow: Allow,
    ) -> Result<Term, SqlError> {
        if !allow.aggregates {
            let message = format!("`{name}` is an aggregate, and here are single rows");
            return Err(SqlError::new(message).at(function.span()));
        }
        let distinct = is_distinct(&function.args);
        let mut args =
            if is_star(&function.args) { Vec::new() } else { expressions(&function.args)? };
        // What an aggregate is made of are rows.
        let inside = Allow { aggregates: false, ..allow };
        let condition = match (conditional, args.pop()) {
            (false, Some(last)) => {
                args.push(last);
                None
            }
            (true, Some(last)) => Some(self.condition(last, inside)?),
            (false, None) => None,
            (true, None) => return Err(SqlError::new(format!("{name}If needs a condition"))),
        };
        let mut terms = Vec::with_capacity(args.len());
        for arg in args {
            terms.push(self.term(arg, inside)?);
        }
        if distinct && !matches!(name, "count" | "sum" | "avg") {
            return Err(SqlError::unknown(format_args!("{name}(DISTINCT ...)"), function.span()));
        }
        let (sql, ty) = self.written(name, &terms, condition.as_ref(), distinct, function)?;
        Ok(Term { sql, ty, bare: false, aggregate: true, span: function.span() })
    }

    fn written(
        &self,
        name: &'static str,
        terms: &[Term],
        condition: Option<&Term>,
        distinct: bool,
        function: &Function,
    ) -> Result<(String, Ty), SqlError> {
        // Rows that do not count are NULL, which every aggregate leaves out.
        let counted = |sql: &str| match condition {
            Some(condition) => format!("CASE WHEN {} THEN {sql} END", condition.sql),
            None => sql.to_owned(),
        };
        let once = if distinct { "DISTINCT " } else { "" };
        if let ("count", []) = (name, terms) {
            return Ok((
                format!(
                    "count({})",
                    if condition.is_some() { counted("1") } else { "*".to_owned() }
                ),
                Ty::UInt,
            ));
        }
        let wrong =
            |what: &str| Err(SqlError::new(format!("{name} takes {what}")).at(function.span()));
        if let ("argMin" | "argMax", [value, by]) = (name, terms) {
            if !by.ty.compares_with(by.ty) {
                return wrong("a second argument that has an order");
            }
            let function = if name == "argMin" { "ch_arg_min" } else { "ch_arg_max" };
            let sql = format!("{function}({}, {})", counted(&value.sql), counted(&by.sql));
            return Ok((format!("coalesce({sql}, {})", value.ty.absent()), value.ty));
        }
        let [term] = terms else { return wrong("another number of arguments") };
        let value = counted(&term.sql);
        let number = term.ty.is_number();
        Ok(match name {
            "count" => (format!("count({once}{value})"), Ty::UInt),
            "uniq" | "uniqExact" => (format!("count(DISTINCT {value})"), Ty::UInt),
            "min" | "max" | "any" if term.ty.compares_with(term.ty) => {
                // Any of them will do, and the least one is the same each time.
                let function = if name == "max" { "max" } else { "min" };
                (format!("coalesce({function}({value}), {})", term.ty.absent()), term.ty)
            }
            "sum" if number => {
                (format!("coalesce(sum({once}{value}), {})", term.ty.absent()), term.ty)
            }
            "avg" if number => (format!("avg({once}{value})"), Ty::Float),
            "stddevPop" if number => (format!("ch_stddev_pop({value})"), Ty::Float),
            "median" if number => (format!("ch_quantile({value}, 0.5)"), Ty::Float),
            "quantile" | "quantileExact" if number => {
                let level = level(&function.parameters)?;
                let exact = name == "quantileExact";
                let function = if exact { "ch_quantile_exact" } else { "ch_quantile" };
                let sql = format!("{function}({value}, {level:?})");
                let whole = exact && term.ty.is_integer();
                if whole {
                    (format!("CAST(coalesce({sql}, 0) AS INTEGER)"), term.ty)
                } else {
                    (sql, Ty::Float)
                }
            }
            _ => return wrong("a number"),
        })
    }
}

/// The level of a quantile; a half unless told otherwise.
fn level(parameters: &FunctionArguments) -> Result<f64, SqlError> {
    let bad = || SqlError::new("a quantile's level is one number from 0 to 1".to_owned());
    match expressions(parameters)?.as_slice() {
        [] => Ok(0.5),
        [level] => {
            let level: f64 = level.to_string().parse().map_err(|_| bad())?;
            if (0.0..=1.0).contains(&level) {
                Ok(level)
            } else {
                Err(bad().at(parameters_span(parameters)))
            }
        }
        _ => Err(bad()),
    }
}

fn parameters_span(parameters: &FunctionArguments) -> sqlparser::tokenizer::Span {
    parameters.span()
}
