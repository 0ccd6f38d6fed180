//! Times: nanoseconds since 1970, in UTC.

use rusqlite::Connection;

use super::{PURE, failed};
use crate::calendar::{civil_from_days, days_from_civil, days_of_month};

const SECOND_NS: i64 = 1_000_000_000;
const DAY_NS: i64 = 86_400 * SECOND_NS;

pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_scalar_function("ch_time_text", 2, PURE, |context| {
        Ok(text(context.get(0)?, context.get_raw(1).as_str()?))
    })?;
    connection.create_scalar_function("ch_add_months", 2, PURE, |context| {
        add_months(context.get(0)?, context.get(1)?)
            .ok_or_else(|| failed("a time beyond the years that can be held"))
    })?;
    connection.create_scalar_function("ch_time_part", 2, PURE, |context| {
        part(context.get(0)?, context.get_raw(1).as_str()?)
            .ok_or_else(|| failed("an unknown part of a time"))
    })
}

/// A time as its type shows it.
pub(crate) fn text(ns: i64, ty: &str) -> String {
    let (days, of_day) = (ns.div_euclid(DAY_NS), ns.rem_euclid(DAY_NS));
    let (year, month, day) = civil_from_days(days);
    let date = format!("{year:04}-{month:02}-{day:02}");
    if ty == "Date" {
        return date;
    }
    let seconds = of_day / SECOND_NS;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let clock = format!("{date} {hour:02}:{minute:02}:{second:02}");
    if ty == "DateTime" { clock } else { format!("{clock}.{:09}", of_day % SECOND_NS) }
}

/// So many months later; the last day of the month where it has no such day.
pub(super) fn add_months(ns: i64, months: i64) -> Option<i64> {
    let (year, month, day) = civil_from_days(ns.div_euclid(DAY_NS));
    let month = year.checked_mul(12)?.checked_add(month - 1)?.checked_add(months)?;
    let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
    let days = days_from_civil(year, month, day.min(days_of_month(year, month)))?;
    days.checked_mul(DAY_NS)?.checked_add(ns.rem_euclid(DAY_NS))
}

/// A part of a time, or the start of a unit of the calendar.
pub(super) fn part(ns: i64, name: &str) -> Option<i64> {
    let (days, seconds) = (ns.div_euclid(DAY_NS), ns.rem_euclid(DAY_NS) / SECOND_NS);
    let (year, month, day) = civil_from_days(days);
    // 1970-01-01 was a Thursday.
    let weekday = (days + 3).rem_euclid(7);
    Some(match name {
        "hour" => seconds / 3_600,
        "minute" => seconds / 60 % 60,
        "second" => seconds % 60,
        "weekday" => weekday + 1,
        "of_day" => day,
        "of_month" => month,
        "of_year" => year,
        "month" => days_from_civil(year, month, 1)? * DAY_NS,
        "year" => days_from_civil(year, 1, 1)? * DAY_NS,
        "monday" => (days - weekday) * DAY_NS,
        _ => return None,
    })
}
