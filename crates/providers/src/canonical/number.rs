//! Numbers in one spelling: `1`, `1.0` and `10e-1` are the same.

use std::io::Write;

/// Above it not every whole number is one of floating point (2^53).
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Writes the number `raw` in its one spelling. What floating point cannot hold exactly stays as it
/// is written, so that no two numbers become one.
pub(super) fn write(raw: &[u8], out: &mut Vec<u8>) {
    if is_plain(raw) {
        out.extend_from_slice(raw);
        return;
    }
    let number = std::str::from_utf8(raw).ok().and_then(|text| text.parse::<f64>().ok());
    // Writing to memory cannot fail.
    let _infallible = match number {
        Some(whole) if whole.fract() == 0.0 && whole.abs() < EXACT_MAX => {
            write!(out, "{}", whole + 0.0)
        }
        Some(number) if number.is_finite() && digits(raw) <= f64::DIGITS as usize => {
            write!(out, "{number}")
        }
        _ => out.write_all(raw),
    };
}

/// A whole number as everyone writes it.
fn is_plain(raw: &[u8]) -> bool {
    raw.iter().all(u8::is_ascii_digit)
}

/// How many digits are written before the exponent.
fn digits(raw: &[u8]) -> usize {
    let mantissa = raw.iter().take_while(|byte| !matches!(byte, b'e' | b'E'));
    mantissa.filter(|byte| byte.is_ascii_digit()).count()
}
