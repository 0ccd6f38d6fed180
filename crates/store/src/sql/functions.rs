//! Functions of single values.

use sqlparser::ast::{CeilFloorKind, Expr, Function, FunctionArguments, Spanned, Value};

use super::aggregates::{aggregate, expressions};
use super::expression::{Allow, Names, Term, choice};
use super::{SqlError, Ty};

/// Names that are SQL's own may be written in any case.
const ANY_CASE: [&str; 20] = [
    "now",
    "today",
    "round",
    "floor",
    "ceil",
    "ceiling",
    "abs",
    "lower",
    "upper",
    "length",
    "coalesce",
    "ifnull",
    "if",
    "concat",
    "substring",
    "substr",
    "position",
    "least",
    "greatest",
    "replace",
];

/// The most digits behind the point that rounding keeps.
const DIGITS_MAX: u8 = 15;

// === impl Names ===

impl<'a> Names<'a> {
    /// A call: an aggregate, or a function of values.
    pub(super) fn function(&self, function: &'a Function, allow: Allow) -> Result<Term, SqlError> {
        let span = function.span();
        let refused = [
            ("a window function (OVER)", function.over.is_some()),
            ("FILTER", function.filter.is_some()),
            ("WITHIN GROUP", !function.within_group.is_empty()),
            ("IGNORE NULLS", function.null_treatment.is_some()),
        ];
        if let Some((what, _)) = refused.into_iter().find(|(_, there)| *there) {
            return Err(SqlError::unknown(what, span));
        }
        let written = function.name.to_string();
        if let Some((name, conditional)) = aggregate(&written) {
            return self.aggregate(name, conditional, function, allow);
        }
        if !matches!(function.parameters, FunctionArguments::None) {
            return Err(SqlError::unknown(format_args!("the aggregate `{written}`"), span));
        }
        let lower = written.to_ascii_lowercase();
        let name = if ANY_CASE.contains(&lower.as_str()) { lower.as_str() } else { &written };
        let args = expressions(&function.args)?;
        let found = match self.of_texts(name, &args, allow)? {
            Some(term) => Some(term),
            None => match self.of_numbers(name, &args, allow)? {
                Some(term) => Some(term),
                None => self.of_times(name, &args, allow)?,
            },
        };
        let found = match found {
            Some(term) => Some(term),
            None => self.of_choice(name, &args, allow)?,
        };
        found.ok_or_else(|| {
            let many = format_args!("the function `{written}` with {} arguments", args.len());
            SqlError::unknown(many, span)
        })
    }

    /// Functions that the parser takes for operators.
    pub(super) fn written_as_operator(
        &self,
        expr: &'a Expr,
        allow: Allow,
    ) -> Result<Term, SqlError> {
        let whole = |field: &CeilFloorKind| {
            matches!(field, CeilFloorKind::DateTimeField(sqlparser::ast::DateTimeField::NoDateTime))
        };
        match expr {
            Expr::Ceil { expr, field } if whole(field) => self.rounded("ch_ceil", expr, allow),
            Expr::Floor { expr, field } if whole(field) => self.rounded("ch_floor", expr, allow),
            Expr::Substring {
                expr,
                substring_from: Some(from),
                substring_for,
                special: true,
                ..
            } => self.substring(expr, from, substring_for.as_deref(), allow),
            Expr::Substring { expr, substring_from: Some(from), substring_for, .. } => {
                self.substring(expr, from, substring_for.as_deref(), allow)
            }
            Expr::Trim { trim_where: None, trim_what: None, expr, trim_characters: None } => {
                let text = self.text(expr, allow)?;
                Ok(Term::of(format!("trim({}, ' ')", text.sql), Ty::Str, &[&text]))
            }
            other => Err(SqlError::unknown(format_args!("`{other}`"), other.span())),
        }
    }

    fn of_numbers(
        &self,
        name: &str,
        args: &[&'a Expr],
        allow: Allow,
    ) -> Result<Option<Term>, SqlError> {
        let parsed = |function: &str, ty, arg: &'a Expr| -> Result<Option<Term>, SqlError> {
            if let Some(column) = self.number_column(arg, ty) {
                return Ok(Some(column));
            }
            let text = self.text(arg, allow)?;
            Ok(Some(Term::of(format!("{function}({})", text.sql), ty, &[&text])))
        };
        match (name, args) {
            ("toUInt64OrZero" | "toUInt32OrZero", [arg]) => parsed("ch_uint", Ty::UInt, arg),
            ("toInt64OrZero" | "toInt32OrZero", [arg]) => parsed("ch_int", Ty::Int, arg),
            ("toFloat64OrZero", [arg]) => parsed("ch_float", Ty::Float, arg),
            ("toFloat64", [arg]) => {
                let number = self.number(arg, allow)?;
                Ok(Some(Term::of(format!("CAST({} AS REAL)", number.sql), Ty::Float, &[&number])))
            }
            ("toUInt64" | "toInt64", [arg]) => {
                let number = self.number(arg, allow)?;
                let ty = if name == "toInt64" { Ty::Int } else { Ty::UInt };
                let fits = number.ty == ty || (ty == Ty::Int && number.ty.is_integer());
                if !fits {
                    return Ok(None);
                }
                Ok(Some(Term::of(number.sql.clone(), ty, &[&number])))
            }
            ("round", [arg]) => self.rounded("ch_round", arg, allow).map(Some),
            ("floor", [arg]) => self.rounded("ch_floor", arg, allow).map(Some),
            ("ceil" | "ceiling", [arg]) => self.rounded("ch_ceil", arg, allow).map(Some),
            ("round", [arg, digits]) => {
                let number = self.number(arg, allow)?;
                let Some(digits) = digits_literal(digits) else { return Ok(None) };
                if number.ty.is_integer() {
                    return Ok(Some(number));
                }
                let sql = format!("ch_round({}, {digits})", number.sql);
                Ok(Some(Term::of(sql, Ty::Float, &[&number])))
            }
            ("abs", [arg]) => {
                let number = self.number(arg, allow)?;
                let ty = if number.ty == Ty::Int { Ty::UInt } else { number.ty };
                Ok(Some(Term::of(format!("abs({})", number.sql), ty, &[&number])))
            }
            ("intDiv", [a, b]) => self.remainder(a, b, "ch_int_div", allow).map(Some),
            ("modulo", [a, b]) => self.remainder(a, b, "ch_modulo", allow).map(Some),
            ("divide", [a, b]) => {
                let (a, b) = (self.number(a, allow)?, self.number(b, allow)?);
                let sql = format!("ch_divide({}, {})", a.sql, b.sql);
                Ok(Some(Term::of(sql, Ty::Float, &[&a, &b])))
            }
            _ => Ok(None),
        }
    }

    fn rounded(&self, function: &str, arg: &'a Expr, allow: Allow) -> Result<Term, SqlError> {
        let number = self.number(arg, allow)?;
        if number.ty.is_integer() {
            return Ok(number);
        }
        let digits = if function == "ch_round" { ", 0" } else { "" };
        Ok(Term::of(format!("{function}({}{digits})", number.sql), Ty::Float, &[&number]))
    }

    fn of_choice(
        &self,
        name: &str,
        args: &[&'a Expr],
        allow: Allow,
    ) -> Result<Option<Term>, SqlError> {
        match (name, args) {
            ("if" | "multiIf", [rest @ .., otherwise])
                if !rest.is_empty() && rest.len() % 2 == 0 =>
            {
                let mut parts = Vec::new();
                for pair in rest.chunks(2) {
                    let [condition, result] = pair else { return Ok(None) };
                    parts.push((self.condition(condition, allow)?, self.term(result, allow)?));
                }
                choice(&parts, &self.term(otherwise, allow)?).map(Some)
            }
            ("coalesce" | "ifnull" | "least" | "greatest", [_, _, ..]) => {
                let mut terms = Vec::with_capacity(args.len());
                let mut ty = Ty::Null;
                for arg in args {
                    let term = self.term(arg, allow)?;
                    ty = ty.common(term.ty).ok_or_else(|| {
                        SqlError::new(format!("{ty} and {} in one `{name}`", term.ty)).at(term.span)
                    })?;
                    terms.push(term);
                }
                let function = match name {
                    "least" => "min",
                    "greatest" => "max",
                    _ => "coalesce",
                };
                let texts: Vec<_> = terms.iter().map(|term| term.sql.as_str()).collect();
                let sql = format!("{function}({})", texts.join(", "));
                Ok(Some(Term::of(sql, ty, &terms.iter().collect::<Vec<_>>())))
            }
            ("nullIf", [a, b]) => {
                let same = self.comparison(a, "=", b, allow)?;
                let value = self.term(a, allow)?;
                let sql = format!("(CASE WHEN {} THEN NULL ELSE {} END)", same.sql, value.sql);
                Ok(Some(Term::of(sql, value.ty, &[&same, &value])))
            }
            _ => Ok(None),
        }
    }
}

/// How many digits a number is rounded to: a literal up to what a float can tell apart.
fn digits_literal(expr: &Expr) -> Option<u8> {
    let Expr::Value(value) = expr else { return None };
    let Value::Number(text, _) = &value.value else { return None };
    text.parse().ok().filter(|digits| *digits <= DIGITS_MAX)
}
