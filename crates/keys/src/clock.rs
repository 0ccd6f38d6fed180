//! Seconds since 1970, and how people read them.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY_S: u64 = 86_400;
/// Days in 400 years of the Gregorian calendar.
const ERA_DAYS: u64 = 146_097;
/// Days from 1 March of the year 0 to 1970.
const EPOCH_DAYS: u64 = 719_468;

/// Now, in seconds since 1970; 0 where the system's clock is before that.
pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Seconds since 1970 as ISO 8601 in UTC, for example `2026-03-25T17:30:00Z`.
pub fn iso_8601(at_s: u64) -> String {
    let (days, second) = (at_s / DAY_S, at_s % DAY_S);
    // Years start in March, so that the leap day is the last of one.
    let days = days + EPOCH_DAYS;
    let (era, day) = (days / ERA_DAYS, days % ERA_DAYS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + carry;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}Z")
}
