//! Functions of single values.

use sqlparser::ast::{CeilFloorKind, Expr, Function, FunctionArguments, Spanned, Value};

use super::aggregates::{aggregate, expressions};
use super::columns::{NUMBER_ATTRIBUTES, Place};
use super::expression::{Allow, Names, Term, choice, text_literal};
use super::literal::{DAY_NS, SECOND_NS, time};
use super::operators::{Step, step, step_of};
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

    fn of_texts(
        &self,
        name: &str,
        args: &[&'a Expr],
        allow: Allow,
    ) -> Result<Option<Term>, SqlError> {
        let one = |sql: &str, ty| -> Result<Option<Term>, SqlError> {
            let [arg] = args else { return Ok(None) };
            let text = self.text(arg, allow)?;
            Ok(Some(Term::of(sql.replace("{}", &text.sql), ty, &[&text])))
        };
        let two = |sql: &str, ty| -> Result<Option<Term>, SqlError> {
            let [a, b] = args else { return Ok(None) };
            let (a, b) = (self.text(a, allow)?, self.text(b, allow)?);
            Ok(Some(Term::of(format!("{sql}({}, {})", a.sql, b.sql), ty, &[&a, &b])))
        };
        match (name, args) {
            ("lower", _) => one("lower({})", Ty::Str),
            ("upper", _) => one("upper({})", Ty::Str),
            ("length", _) => one("length(CAST({} AS BLOB))", Ty::UInt),
            ("empty", _) => one("({} = '')", Ty::UInt),
            ("notEmpty", _) => one("({} <> '')", Ty::UInt),
            ("startsWith", _) => two("ch_starts_with", Ty::UInt),
            ("endsWith", _) => two("ch_ends_with", Ty::UInt),
            ("position", _) => two("ch_position", Ty::UInt),
            ("like", _) => two("ch_like", Ty::UInt),
            ("ilike", _) => two("ch_ilike", Ty::UInt),
            ("substring" | "substr", [text, from]) => {
                self.substring(text, from, None, allow).map(Some)
            }
            ("substring" | "substr", [text, from, count]) => {
                self.substring(text, from, Some(count), allow).map(Some)
            }
            ("replaceAll" | "replace", [text, from, to]) => {
                let terms =
                    [self.text(text, allow)?, self.text(from, allow)?, self.text(to, allow)?];
                let [a, b, c] = &terms;
                let sql = format!("replace({}, {}, {})", a.sql, b.sql, c.sql);
                Ok(Some(Term::of(sql, Ty::Str, &[a, b, c])))
            }
            ("concat", [_, _, ..]) => {
                let mut terms = Vec::with_capacity(args.len());
                for arg in args {
                    terms.push(self.text(arg, allow)?);
                }
                let texts: Vec<_> = terms.iter().map(|term| term.sql.as_str()).collect();
                let sql = format!("({})", texts.join(" || "));
                Ok(Some(Term::of(sql, Ty::Str, &terms.iter().collect::<Vec<_>>())))
            }
            ("toString", [arg]) => {
                let term = self.term(arg, allow)?;
                let sql = match term.ty {
                    Ty::Str => return Ok(Some(term)),
                    Ty::Int | Ty::UInt => format!("CAST({} AS TEXT)", term.sql),
                    Ty::Float => format!("ch_float_text({})", term.sql),
                    Ty::Time | Ty::DateTime | Ty::Date => {
                        format!("ch_time_text({}, '{}')", term.sql, term.ty)
                    }
                    Ty::Null | Ty::Map | Ty::List => return Ok(None),
                };
                Ok(Some(Term::of(sql, Ty::Str, &[&term])))
            }
            ("mapContains", [map, key]) => self.map_contains(map, key).map(Some),
            _ => Ok(None),
        }
    }

    fn map_contains(&self, map: &'a Expr, key: &'a Expr) -> Result<Term, SqlError> {
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

    fn substring(
        &self,
        text: &'a Expr,
        from: &'a Expr,
        count: Option<&'a Expr>,
        allow: Allow,
    ) -> Result<Term, SqlError> {
        let (text, from) = (self.text(text, allow)?, self.number(from, allow)?);
        let Some(count) = count else {
            let sql = format!("ch_substring({}, {}, 9223372036854775807)", text.sql, from.sql);
            return Ok(Term::of(sql, Ty::Str, &[&text, &from]));
        };
        let count = self.number(count, allow)?;
        let sql = format!("ch_substring({}, {}, {})", text.sql, from.sql, count.sql);
        Ok(Term::of(sql, Ty::Str, &[&text, &from, &count]))
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
                let digits = match digits {
                    Expr::Value(value) => match &value.value {
                        Value::Number(text, _) => text.parse::<u8>().ok().filter(|it| *it <= 15),
                        _ => None,
                    },
                    _ => None,
                };
                let Some(digits) = digits else { return Ok(None) };
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

    /// The column that has an attribute's number already.
    fn number_column(&self, arg: &'a Expr, ty: Ty) -> Option<Term> {
        use sqlparser::ast::{AccessExpr, Subscript};

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

    fn of_times(
        &self,
        name: &str,
        args: &[&'a Expr],
        allow: Allow,
    ) -> Result<Option<Term>, SqlError> {
        let now_ns = self.compiler.now_ns;
        let floor = |ns: i64| now_ns - now_ns.rem_euclid(ns);
        match (name, args) {
            ("now", []) => Ok(Some(Term::constant(floor(SECOND_NS).to_string(), Ty::DateTime))),
            ("now64", []) => Ok(Some(Term::constant(now_ns.to_string(), Ty::Time))),
            ("today", []) => Ok(Some(Term::constant(floor(DAY_NS).to_string(), Ty::Date))),
            ("yesterday", []) => {
                Ok(Some(Term::constant((floor(DAY_NS) - DAY_NS).to_string(), Ty::Date)))
            }
            ("toDateTime", [arg]) => self.at_unit(arg, SECOND_NS, Ty::DateTime, allow).map(Some),
            ("toDateTime64", [arg, _]) => self.at_unit(arg, 1, Ty::Time, allow).map(Some),
            ("toDate", [arg]) => self.at_unit(arg, DAY_NS, Ty::Date, allow).map(Some),
            ("toStartOfSecond", [arg]) => self.at_unit(arg, SECOND_NS, Ty::Time, allow).map(Some),
            ("toStartOfInterval", [arg, Expr::Interval(interval)]) => match step(interval)? {
                Step::Ns(ns)
                    if (SECOND_NS..=DAY_NS).contains(&ns) && 7 * DAY_NS % ns == 0 =>
                {
                    self.at_unit(arg, ns, Ty::DateTime, allow).map(Some)
                }
                _ => Ok(None),
            },
            ("toUnixTimestamp", [arg]) => {
                let time = self.time(arg, allow)?;
                Ok(Some(Term::of(format!("({} / {SECOND_NS})", time.sql), Ty::UInt, &[&time])))
            }
            ("dateDiff", [unit, from, to]) => {
                let unit = text_literal(unit).map(str::to_ascii_lowercase).unwrap_or_default();
                let Some(Step::Ns(ns)) = step_of(1, &unit).filter(|_| unit != "week") else {
                    return Ok(None);
                };
                let (from, to) = (self.time(from, allow)?, self.time(to, allow)?);
                let sql = format!("({} / {ns} - {} / {ns})", to.sql, from.sql);
                Ok(Some(Term::of(sql, Ty::Int, &[&from, &to])))
            }
            (_, [arg]) => match start_of(name) {
                Some((ns, ty)) => self.at_unit(arg, ns, ty, allow).map(Some),
                None => self.part_of_time(name, arg, allow),
            },
            _ => Ok(None),
        }
    }

    /// `toHour` and the like, and the starts of units that the calendar makes uneven.
    fn part_of_time(
        &self,
        name: &str,
        arg: &'a Expr,
        allow: Allow,
    ) -> Result<Option<Term>, SqlError> {
        let (part, ty) = match name {
            "toStartOfMonth" => ("month", Ty::Date),
            "toStartOfYear" => ("year", Ty::Date),
            "toMonday" => ("monday", Ty::Date),
            "toHour" => ("hour", Ty::UInt),
            "toMinute" => ("minute", Ty::UInt),
            "toSecond" => ("second", Ty::UInt),
            "toYear" => ("of_year", Ty::UInt),
            "toMonth" => ("of_month", Ty::UInt),
            "toDayOfMonth" => ("of_day", Ty::UInt),
            "toDayOfWeek" => ("weekday", Ty::UInt),
            _ => return Ok(None),
        };
        let time = self.time(arg, allow)?;
        Ok(Some(Term::of(format!("ch_time_part({}, '{part}')", time.sql), ty, &[&time])))
    }

    /// A time, or a literal text that is one.
    fn time(&self, arg: &'a Expr, allow: Allow) -> Result<Term, SqlError> {
        if let Some(text) = text_literal(arg) {
            let ns = time(text).ok_or_else(|| {
                let message = "a time is written as 'YYYY-MM-DD' or 'YYYY-MM-DD hh:mm:ss'";
                SqlError::new(message.to_owned()).at(arg.span())
            })?;
            return Ok(Term::constant(ns.to_string(), Ty::Time));
        }
        let term = self.term(arg, allow)?;
        if term.ty.is_time() {
            return Ok(term);
        }
        Err(SqlError::new(format!("a time was expected, and this is {}", term.ty)).at(term.span))
    }

    fn at_unit(&self, arg: &'a Expr, ns: i64, ty: Ty, allow: Allow) -> Result<Term, SqlError> {
        let time = self.time(arg, allow)?;
        let sql = &time.sql;
        let floored = if ns == 1 { sql.clone() } else { format!("({sql} - {sql} % {ns})") };
        Ok(Term::of(floored, ty, &[&time]))
    }
}

/// The even units: how long, and the type of their start.
fn start_of(name: &str) -> Option<(i64, Ty)> {
    let minutes = |count: i64| Some((count * 60 * SECOND_NS, Ty::DateTime));
    match name {
        "toStartOfMinute" => minutes(1),
        "toStartOfFiveMinutes" | "toStartOfFiveMinute" => minutes(5),
        "toStartOfTenMinutes" => minutes(10),
        "toStartOfFifteenMinutes" => minutes(15),
        "toStartOfHour" => minutes(60),
        "toStartOfDay" => Some((DAY_NS, Ty::DateTime)),
        _ => None,
    }
}
