//! Dated snapshots of models: `gpt-4o-2024-08-06` is `gpt-4o` as it was then.

#[cfg(test)]
mod tests;

/// Whether `name` is `base` with a date behind it: `-2024-08-06`, `-20240806`, `@20240806`, or
/// the short forms with month and day (`-0613`) or year and month (`-2411`).
///
/// ```
/// # use tollgate_providers::is_snapshot_of;
/// assert!(is_snapshot_of("gpt-4o-2024-08-06", "gpt-4o"));
/// assert!(!is_snapshot_of("gpt-4o-mini", "gpt-4o"));
/// ```
pub fn is_snapshot_of(name: &str, base: &str) -> bool {
    let Some(rest) = name.strip_prefix(base).filter(|_| !base.is_empty()) else { return false };
    let Some(date) = rest.strip_prefix(['-', '@']) else { return false };
    let mut parts = date.split('-');
    let parts = (parts.next(), parts.next(), parts.next(), parts.next());
    match parts {
        (Some(year), Some(month), Some(day), None) => {
            is_year(year) && is_within(month, 1..=12) && is_within(day, 1..=31)
        }
        (Some(digits), None, None, None) => match digits.split_at_checked(4) {
            Some((short, "")) => is_short(short),
            Some((year, rest)) => rest.split_at_checked(2).is_some_and(|(month, day)| {
                is_year(year) && is_within(month, 1..=12) && is_within(day, 1..=31)
            }),
            None => false,
        },
        _ => false,
    }
}

fn is_year(text: &str) -> bool {
    text.len() == 4 && text.starts_with("20") && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Month and day, or year and month.
fn is_short(text: &str) -> bool {
    text.split_at_checked(2).is_some_and(|(first, second)| {
        (is_within(first, 1..=12) && is_within(second, 1..=31))
            || (is_within(first, 20..=99) && is_within(second, 1..=12))
    })
}

/// Two digits that say a number in the range.
fn is_within(text: &str, range: std::ops::RangeInclusive<u8>) -> bool {
    let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && text.parse().is_ok_and(|number| range.contains(&number))
}
