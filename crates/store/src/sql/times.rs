//! Functions of times: nanoseconds since 1970, in UTC.

use sqlparser::ast::{Expr, Spanned};

use super::expression::{Allow, Names, Term, text_literal};
use super::literal::{DAY_NS, SECOND_NS, time};
use super::operators::{Step, step, step_of};
use super::{SqlError, Ty};

// === impl Names ===

impl<'a> Names<'a> {
    /// Functions of times.
    pub(super) fn of_times(
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
                Step::Ns(ns) if (SECOND_NS..=DAY_NS).contains(&ns) && 7 * DAY_NS % ns == 0 => {
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
