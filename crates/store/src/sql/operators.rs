//! Operators, with ClickHouse's meaning: `/` divides to a fraction, comparisons are of one type, and
//! intervals move times.

use sqlparser::ast::{
    BinaryOperator, DateTimeField, Expr, Interval, Spanned, UnaryOperator, Value,
};

use super::equality::equality;
use super::expression::{Allow, Names, Term, text_literal};
use super::literal::{DAY_NS, SECOND_NS, time};
use super::{SqlError, Ty};

/// How far an interval moves a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// By this many nanoseconds.
    Ns(i64),
    /// By this many months of the calendar.
    Months(i64),
}

// === impl Names ===

impl<'a> Names<'a> {
    /// Operators, and what is written like them.
    pub(super) fn operation(&self, expr: &'a Expr, allow: Allow) -> Result<Term, SqlError> {
        let negate = |term: Term, negated: bool| match negated {
            true => Term::of(format!("(NOT {})", term.sql), Ty::UInt, &[&term]),
            false => term,
        };
        match expr {
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right, allow),
            Expr::UnaryOp { op, expr } => self.unary(op, expr, allow),
            Expr::IsNull(inner) => self.null_test(inner, "IS NULL", allow),
            Expr::IsNotNull(inner) => self.null_test(inner, "IS NOT NULL", allow),
            Expr::Between { expr, negated, low, high } => {
                let above = self.comparison(expr, ">=", low, allow)?;
                let below = self.comparison(expr, "<=", high, allow)?;
                let both = format!("({} AND {})", above.sql, below.sql);
                Ok(negate(Term::of(both, Ty::UInt, &[&above, &below]), *negated))
            }
            Expr::InList { expr, list, negated } => {
                Ok(negate(self.in_list(expr, list, allow)?, *negated))
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char: None } => {
                Ok(negate(self.like("ch_like", expr, pattern, allow)?, *negated))
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char: None } => {
                Ok(negate(self.like("ch_ilike", expr, pattern, allow)?, *negated))
            }
            _ => self.written_as_operator(expr, allow),
        }
    }

    /// `IN` of a list, which may be long.
    fn in_list(&self, expr: &'a Expr, list: &'a [Expr], allow: Allow) -> Result<Term, SqlError> {
        if let [one] = list {
            return self.comparison(expr, "=", one, allow);
        }
        let term = self.term(expr, allow)?;
        let mut items = Vec::with_capacity(list.len());
        for item in list {
            let item = match as_time(item, term.ty)? {
                Some(time) => time,
                None => self.term(item, allow)?,
            };
            if item.ty == Ty::Null || !term.ty.compares_with(item.ty) {
                let message = format!("{} is not found among {}", term.ty, item.ty);
                return Err(SqlError::new(message).at(item.span));
            }
            items.push(item);
        }
        if items.is_empty() {
            return Err(SqlError::new("IN () of nothing".to_owned()));
        }
        let texts: Vec<_> = items.iter().map(|item| item.sql.as_str()).collect();
        let sql = format!("({} IN ({}))", term.sql, texts.join(", "));
        items.push(term);
        Ok(Term::of(sql, Ty::UInt, &items.iter().collect::<Vec<_>>()))
    }

    fn like(
        &self,
        function: &str,
        expr: &'a Expr,
        pattern: &'a Expr,
        allow: Allow,
    ) -> Result<Term, SqlError> {
        let (text, pattern) = (self.text(expr, allow)?, self.text(pattern, allow)?);
        let sql = format!("{function}({}, {})", text.sql, pattern.sql);
        Ok(Term::of(sql, Ty::UInt, &[&text, &pattern]))
    }

    /// A value that must be text.
    pub(super) fn text(&self, expr: &'a Expr, allow: Allow) -> Result<Term, SqlError> {
        let term = self.term(expr, allow)?;
        if term.ty == Ty::Str {
            return Ok(term);
        }
        Err(SqlError::new(format!("a text was expected, and this is {}", term.ty)).at(term.span))
    }

    /// A value that must be a number.
    pub(super) fn number(&self, expr: &'a Expr, allow: Allow) -> Result<Term, SqlError> {
        number(self.term(expr, allow)?)
    }

    fn null_test(&self, expr: &'a Expr, word: &str, allow: Allow) -> Result<Term, SqlError> {
        let term = self.term(expr, allow)?;
        Ok(Term::of(format!("({} {word})", term.sql), Ty::UInt, &[&term]))
    }

    fn unary(&self, op: &UnaryOperator, expr: &'a Expr, allow: Allow) -> Result<Term, SqlError> {
        match op {
            UnaryOperator::Not => {
                let term = self.condition(expr, allow)?;
                Ok(Term::of(format!("(NOT {})", term.sql), Ty::UInt, &[&term]))
            }
            UnaryOperator::Minus => {
                let term = self.number(expr, allow)?;
                let ty = if term.ty == Ty::UInt { Ty::Int } else { term.ty };
                Ok(Term::of(format!("(-{})", term.sql), ty, &[&term]))
            }
            UnaryOperator::Plus => self.number(expr, allow),
            _ => Err(SqlError::unknown(format_args!("the operator {op}"), expr.span())),
        }
    }

    fn binary(
        &self,
        left: &'a Expr,
        op: &BinaryOperator,
        right: &'a Expr,
        allow: Allow,
    ) -> Result<Term, SqlError> {
        match op {
            BinaryOperator::And | BinaryOperator::Or => {
                let (a, b) = (self.condition(left, allow)?, self.condition(right, allow)?);
                let word = if *op == BinaryOperator::And { "AND" } else { "OR" };
                Ok(Term::of(format!("({} {word} {})", a.sql, b.sql), Ty::UInt, &[&a, &b]))
            }
            BinaryOperator::Eq => self.comparison(left, "=", right, allow),
            BinaryOperator::NotEq => self.comparison(left, "<>", right, allow),
            BinaryOperator::Lt => self.comparison(left, "<", right, allow),
            BinaryOperator::LtEq => self.comparison(left, "<=", right, allow),
            BinaryOperator::Gt => self.comparison(left, ">", right, allow),
            BinaryOperator::GtEq => self.comparison(left, ">=", right, allow),
            BinaryOperator::Plus | BinaryOperator::Minus => self.sum(left, op, right, allow),
            BinaryOperator::Multiply => {
                Ok(arithmetic(&self.number(left, allow)?, "*", &self.number(right, allow)?))
            }
            BinaryOperator::Divide => {
                let (a, b) = (self.number(left, allow)?, self.number(right, allow)?);
                Ok(Term::of(format!("ch_divide({}, {})", a.sql, b.sql), Ty::Float, &[&a, &b]))
            }
            BinaryOperator::Modulo => self.remainder(left, right, "ch_modulo", allow),
            BinaryOperator::StringConcat => {
                let (a, b) = (self.text(left, allow)?, self.text(right, allow)?);
                Ok(Term::of(format!("({} || {})", a.sql, b.sql), Ty::Str, &[&a, &b]))
            }
            _ => Err(SqlError::unknown(format_args!("the operator {op}"), left.span())),
        }
    }

    /// `%` and `intDiv`, of whole numbers.
    pub(super) fn remainder(
        &self,
        left: &'a Expr,
        right: &'a Expr,
        function: &str,
        allow: Allow,
    ) -> Result<Term, SqlError> {
        let (a, b) = (self.number(left, allow)?, self.number(right, allow)?);
        match a.ty.common(b.ty) {
            Some(ty) if ty.is_integer() => {
                Ok(Term::of(format!("{function}({}, {})", a.sql, b.sql), ty, &[&a, &b]))
            }
            _ => Err(SqlError::unknown("a remainder of fractions", left.span())),
        }
    }

    fn sum(
        &self,
        left: &'a Expr,
        op: &BinaryOperator,
        right: &'a Expr,
        allow: Allow,
    ) -> Result<Term, SqlError> {
        let minus = *op == BinaryOperator::Minus;
        if let Expr::Interval(interval) = right {
            let time = self.term(left, allow)?;
            return moved(&time, step(interval)?, minus);
        }
        if let (Expr::Interval(interval), false) = (left, minus) {
            let time = self.term(right, allow)?;
            return moved(&time, step(interval)?, false);
        }
        let time = self.term(left, allow)?;
        if time.ty.is_time() {
            let count = self.number(right, allow)?;
            let unit = if time.ty == Ty::Date { DAY_NS } else { SECOND_NS };
            if !count.ty.is_integer() {
                let what = "a time and a number that is not whole (use toUnixTimestamp, dateDiff)";
                return Err(SqlError::unknown(what, right.span()));
            }
            let sign = if minus { '-' } else { '+' };
            let sql = format!("({} {sign} {} * {unit})", time.sql, count.sql);
            return Ok(Term::of(sql, time.ty, &[&time, &count]));
        }
        let sign = if minus { "-" } else { "+" };
        Ok(arithmetic(&number(time)?, sign, &self.number(right, allow)?))
    }

    /// Two values of one type; a literal text beside a time is a time.
    pub(super) fn comparison(
        &self,
        left: &'a Expr,
        sign: &str,
        right: &'a Expr,
        allow: Allow,
    ) -> Result<Term, SqlError> {
        if sign == "="
            && text_literal(right) == Some("true")
            && let Some(flag) = self.flag(left)
        {
            let mut term = Term::constant(flag, Ty::UInt);
            term.bare = true;
            return Ok(term);
        }
        let (mut a, mut b) = (self.term(left, allow)?, self.term(right, allow)?);
        let (left_ty, right_ty) = (a.ty, b.ty);
        for (one, other, written) in [(&mut a, right_ty, left), (&mut b, left_ty, right)] {
            if let Some(time) = as_time(written, other)? {
                *one = time;
            }
        }
        if !a.ty.compares_with(b.ty) {
            let message = format!("{} is not compared with {}", a.ty, b.ty);
            return Err(SqlError::new(message).at(left.span()));
        }
        let sql = (sign == "=").then(|| equality(&a.sql, &b.sql)).flatten();
        let sql = sql.unwrap_or_else(|| format!("({} {sign} {})", a.sql, b.sql));
        Ok(Term::of(sql, Ty::UInt, &[&a, &b]))
    }
}

/// A term that must be a number.
fn number(term: Term) -> Result<Term, SqlError> {
    if term.ty.is_number() {
        return Ok(term);
    }
    let hint = match term.ty {
        Ty::Str => ": write toUInt64OrZero(...) or toFloat64OrZero(...)",
        _ => "",
    };
    let message = format!("a number was expected, and this is {}{hint}", term.ty);
    Err(SqlError::new(message).at(term.span))
}

fn arithmetic(a: &Term, sign: &str, b: &Term) -> Term {
    let ty = match a.ty.common(b.ty).unwrap_or(Ty::Float) {
        Ty::UInt if sign == "-" => Ty::Int,
        ty => ty,
    };
    Term::of(format!("({} {sign} {})", a.sql, b.sql), ty, &[a, b])
}

/// A literal text beside a time, which then is one.
fn as_time(written: &Expr, other: Ty) -> Result<Option<Term>, SqlError> {
    let Some(text) = text_literal(written).filter(|_| other.is_time()) else { return Ok(None) };
    let ns = time(text).ok_or_else(|| {
        let message = "a time is written as 'YYYY-MM-DD' or 'YYYY-MM-DD hh:mm:ss'";
        SqlError::new(message.to_owned()).at(written.span())
    })?;
    Ok(Some(Term::constant(ns.to_string(), Ty::Time)))
}

/// A time, and how far it moves.
fn moved(time: &Term, step: Step, back: bool) -> Result<Term, SqlError> {
    if !time.ty.is_time() {
        let message = format!("an interval moves a time, and this is {}", time.ty);
        return Err(SqlError::new(message).at(time.span));
    }
    let sign = if back { '-' } else { '+' };
    Ok(match step {
        Step::Ns(ns) => {
            let ty = match time.ty {
                Ty::Date if ns % DAY_NS == 0 => Ty::Date,
                Ty::Time => Ty::Time,
                _ if ns % SECOND_NS == 0 => Ty::DateTime,
                _ => Ty::Time,
            };
            Term::of(format!("({} {sign} {ns})", time.sql), ty, &[time])
        }
        Step::Months(months) => {
            let months = if back { -months } else { months };
            Term::of(format!("ch_add_months({}, {months})", time.sql), time.ty, &[time])
        }
    })
}

/// `INTERVAL n unit` of a literal whole number, also as `INTERVAL 'n unit'`.
pub(super) fn step(interval: &Interval) -> Result<Step, SqlError> {
    let span = interval.value.span();
    let bad = || SqlError::new("an interval is written as INTERVAL 1 HOUR".to_owned()).at(span);
    let Expr::Value(value) = interval.value.as_ref() else { return Err(bad()) };
    let (count, unit) = match (&value.value, &interval.leading_field) {
        (Value::Number(text, _) | Value::SingleQuotedString(text), Some(field)) => {
            (text.as_str(), unit_word(field).to_owned())
        }
        (Value::SingleQuotedString(text), None) => {
            let (count, unit) = text.trim().split_once(' ').ok_or_else(bad)?;
            (count, unit.trim().to_ascii_lowercase())
        }
        _ => return Err(bad()),
    };
    let count: i64 = count.parse().map_err(|_| bad())?;
    step_of(count, unit.trim_end_matches('s')).ok_or_else(bad)
}

/// So many of a unit.
pub(super) fn step_of(count: i64, unit: &str) -> Option<Step> {
    let ns = |unit: i64| count.checked_mul(unit).map(Step::Ns);
    match unit {
        "nanosecond" => ns(1),
        "microsecond" => ns(1_000),
        "millisecond" => ns(1_000_000),
        "second" => ns(SECOND_NS),
        "minute" => ns(60 * SECOND_NS),
        "hour" => ns(3_600 * SECOND_NS),
        "day" => ns(DAY_NS),
        "week" => ns(7 * DAY_NS),
        "month" => Some(Step::Months(count)),
        "quarter" => count.checked_mul(3).map(Step::Months),
        "year" => count.checked_mul(12).map(Step::Months),
        _ => None,
    }
}

fn unit_word(field: &DateTimeField) -> &'static str {
    match field {
        DateTimeField::Nanosecond | DateTimeField::Nanoseconds => "nanosecond",
        DateTimeField::Microsecond | DateTimeField::Microseconds => "microsecond",
        DateTimeField::Millisecond | DateTimeField::Milliseconds => "millisecond",
        DateTimeField::Second | DateTimeField::Seconds => "second",
        DateTimeField::Minute | DateTimeField::Minutes => "minute",
        DateTimeField::Hour | DateTimeField::Hours => "hour",
        DateTimeField::Day | DateTimeField::Days => "day",
        DateTimeField::Week(None) | DateTimeField::Weeks => "week",
        DateTimeField::Month | DateTimeField::Months => "month",
        DateTimeField::Quarter => "quarter",
        DateTimeField::Year | DateTimeField::Years => "year",
        _ => "",
    }
}
