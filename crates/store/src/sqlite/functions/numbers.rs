//! Numbers: division, rounding, and numbers out of text.

use rusqlite::Connection;
use rusqlite::functions::Context;
use rusqlite::types::ValueRef;

use super::{PURE, failed};

pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_scalar_function("ch_divide", 2, PURE, |context| {
        // What is no number becomes NULL; what is without end stays so.
        let (Some(a), Some(b)) = (float(context, 0)?, float(context, 1)?) else { return Ok(None) };
        Ok(Some(a / b))
    })?;
    connection.create_scalar_function("ch_int_div", 2, PURE, |context| {
        whole(context, i64::checked_div)
    })?;
    connection
        .create_scalar_function("ch_modulo", 2, PURE, |context| whole(context, i64::checked_rem))?;
    connection.create_scalar_function("ch_round", 2, PURE, |context| {
        let digits: i32 = context.get(1)?;
        Ok(float(context, 0)?.map(|number| round(number, digits)))
    })?;
    connection.create_scalar_function("ch_floor", 1, PURE, |context| {
        Ok(float(context, 0)?.map(f64::floor))
    })?;
    connection.create_scalar_function("ch_ceil", 1, PURE, |context| {
        Ok(float(context, 0)?.map(f64::ceil))
    })?;
    connection.create_scalar_function("ch_uint", 1, PURE, |context| {
        unsigned(context.get_raw(0).as_str()?)
            .ok_or_else(|| failed("a whole number above 2^63 in toUInt64OrZero"))
    })?;
    connection.create_scalar_function("ch_int", 1, PURE, |context| {
        Ok(integer(context.get_raw(0).as_str()?).unwrap_or(0))
    })?;
    connection.create_scalar_function("ch_float", 1, PURE, |context| {
        Ok(context.get_raw(0).as_str()?.parse().unwrap_or(0.0_f64))
    })?;
    connection.create_scalar_function("ch_float_text", 1, PURE, |context| {
        Ok(float(context, 0)?.map(float_text))
    })
}

fn float(context: &Context<'_>, argument: usize) -> rusqlite::Result<Option<f64>> {
    match context.get_raw(argument) {
        ValueRef::Null => Ok(None),
        ValueRef::Integer(number) => Ok(Some(number as f64)),
        value => Ok(Some(value.as_f64()?)),
    }
}

fn whole(context: &Context<'_>, divide: impl Fn(i64, i64) -> Option<i64>) -> rusqlite::Result<i64> {
    divide(context.get(0)?, context.get(1)?).ok_or_else(|| failed("a division by zero"))
}

/// A whole number in decimal digits.
fn integer(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// A whole number without a sign, or 0; `None` where it cannot be held.
pub(super) fn unsigned(text: &str) -> Option<i64> {
    match text.parse::<u64>() {
        Ok(number) => i64::try_from(number).ok(),
        Err(_) => Some(0),
    }
}

/// The shortest text that means this number, with an exponent where it would be long.
pub(super) fn float_text(number: f64) -> String {
    let size = number.abs();
    if size.is_finite() && size != 0.0 && !(1e-6..1e21).contains(&size) {
        format!("{number:e}")
    } else {
        number.to_string()
    }
}

/// Halves go to the even neighbour.
pub(super) fn round(number: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    let scaled = number * scale;
    if scaled.is_finite() { scaled.round_ties_even() / scale } else { number }
}
