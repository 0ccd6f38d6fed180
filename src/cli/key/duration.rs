//! `90d`, `12h`, `30m`, `45s`.

/// The longest life that can be asked for, in seconds: a hundred years.
const LIFE_S_MAX: u64 = 100 * 365 * 86_400;

/// Seconds.
pub(super) fn seconds(written: &str) -> Result<u64, String> {
    let units = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
    let found = units.into_iter().find_map(|(unit, unit_s)| {
        let number: u64 = written.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(unit_s)
    });
    match found {
        Some(life_s @ 1..=LIFE_S_MAX) => Ok(life_s),
        _ => Err("write a number and d, h, m or s, for example 90d".to_owned()),
    }
}
