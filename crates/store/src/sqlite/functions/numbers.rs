//! Numbers: division, rounding, and numbers out of text.

use rusqlite::Connection;
use rusqlite::functions::Context;
use rusqlite::types::{Value, ValueRef};

use super::{PURE, failed};

pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_scalar_function("ch_divide", 2, PURE, |context| {
        // What is no number is NULL, as ClickHouse's JSON has it.
        let (Some(a), Some(b)) = (float(context, 0)?, float(context, 1)?) else { return Ok(None) };
        Ok(Some(a / b).filter(|quotient| quotient.is_finite()))
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
        Ok(integer(context.get_raw(0).as_str()?).filter(|number| *number >= 0).unwrap_or(0))
    })?;
    connection.create_scalar_function("ch_int", 1, PURE, |context| {
        Ok(integer(context.get_raw(0).as_str()?).unwrap_or(0))
    })?;
    connection.create_scalar_function("ch_float", 1, PURE, |context| {
        let number: f64 = context.get_raw(0).as_str()?.parse().unwrap_or(0.0);
        Ok(if number.is_finite() { Value::Real(number) } else { Value::Null })
    })?;
    connection.create_scalar_function("ch_float_text", 1, PURE, |context| {
        Ok(float(context, 0)?.map(|number| number.to_string()))
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

/// Halves go to the even neighbour.
pub(super) fn round(number: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    let scaled = number * scale;
    if scaled.is_finite() { scaled.round_ties_even() / scale } else { number }
}
