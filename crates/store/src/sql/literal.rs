//! Literals: quoting for SQLite, and times out of text.

/// Nanoseconds of a second.
pub(super) const SECOND_NS: i64 = 1_000_000_000;
/// Nanoseconds of a day.
pub(super) const DAY_NS: i64 = 86_400 * SECOND_NS;

/// A text as SQLite reads it; `None` where it cannot hold it.
pub(super) fn quoted(text: &str) -> Option<String> {
    (!text.contains('\0')).then(|| format!("'{}'", text.replace('\'', "''")))
}

/// `YYYY-MM-DD`, with `hh:mm:ss` and up to nine digits of a second after a blank or a `T`, in UTC, as
/// nanoseconds since 1970.
pub(super) fn time(text: &str) -> Option<i64> {
    let (date, clock) = match text.split_once([' ', 'T']) {
        Some((date, clock)) => (date, Some(clock.trim_end_matches('Z'))),
        None => (text, None),
    };
    let mut parts = date.splitn(3, '-');
    let (year, month, day) =
        (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    if !(1970..=2261).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    let days = crate::calendar::days_from_civil(year, month, day)?;
    let clock = clock.map_or(Some(0), clock_ns)?;
    days.checked_mul(DAY_NS)?.checked_add(clock)
}

fn clock_ns(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = clock.splitn(3, ':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let second = digits(parts.next().unwrap_or("00"), 2)?;
    if hour > 23 || minute > 59 || second > 59 || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let scale = 10_i64.pow(u32::try_from(9 - fraction.len()).ok()?);
    let fraction = digits(fraction, fraction.len())? * scale;
    Some(((hour * 60 + minute) * 60 + second) * SECOND_NS + fraction)
}

fn digits(text: &str, count: usize) -> Option<i64> {
    let fine = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    fine.then(|| text.parse().ok()).flatten()
}
