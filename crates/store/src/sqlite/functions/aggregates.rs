//! Aggregates: quantiles, the value beside an extreme, the spread.

use std::cmp::Ordering;

use rusqlite::Connection;
use rusqlite::functions::{Aggregate, Context};
use rusqlite::types::{Value, ValueRef};

use super::{PURE, failed};

/// The most values that a quantile is made of; 64 MiB of them.
const VALUES_MAX: usize = 8 * 1024 * 1024;
/// The largest whole number of which a float keeps every digit.
const EXACT_MAX: u64 = 1 << 53;

pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_aggregate_function("ch_quantile", 2, PURE, Quantile { exact: false })?;
    connection.create_aggregate_function("ch_quantile_exact", 2, PURE, Quantile { exact: true })?;
    connection.create_aggregate_function("ch_arg_min", 2, PURE, Extreme(Ordering::Less))?;
    connection.create_aggregate_function("ch_arg_max", 2, PURE, Extreme(Ordering::Greater))?;
    connection.create_aggregate_function("ch_stddev_pop", 1, PURE, Spread)
}

/// `quantile` between two values, or `quantileExact`: one of them.
struct Quantile {
    exact: bool,
}

/// The numbers so far and the level.
type Numbers = (Vec<f64>, f64);

impl Aggregate<Numbers, Option<f64>> for Quantile {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Numbers> {
        Ok((Vec::new(), 0.5))
    }

    fn step(
        &self,
        context: &mut Context<'_>,
        (numbers, level): &mut Numbers,
    ) -> rusqlite::Result<()> {
        let Some(number) = number(context.get_raw(0))? else { return Ok(()) };
        if numbers.len() >= VALUES_MAX {
            return Err(failed("a quantile of too many values: narrow the time down"));
        }
        *level = context.get(1)?;
        numbers.push(number);
        Ok(())
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        state: Option<Numbers>,
    ) -> rusqlite::Result<Option<f64>> {
        let (mut numbers, level) = state.unwrap_or_default();
        Ok(quantile(&mut numbers, level, self.exact))
    }
}

/// The value below which `level` of them lie.
pub(super) fn quantile(numbers: &mut [f64], level: f64, exact: bool) -> Option<f64> {
    let last = numbers.len().checked_sub(1)?;
    let place = if exact { level * numbers.len() as f64 } else { level * last as f64 };
    let below = (place.floor() as usize).min(last);
    let (_, low, above) = numbers.select_nth_unstable_by(below, f64::total_cmp);
    let low = *low;
    let share = place - place.floor();
    let next = above.iter().copied().min_by(f64::total_cmp);
    match next {
        Some(next) if !exact && share > 0.0 => Some(low * (1.0 - share) + next * share),
        _ => Some(low),
    }
}

/// The first value whose neighbour is on this side of all others.
struct Extreme(Ordering);

type Best = Option<(Value, Value)>;

impl Aggregate<Best, Value> for Extreme {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Best> {
        Ok(None)
    }

    fn step(&self, context: &mut Context<'_>, best: &mut Best) -> rusqlite::Result<()> {
        let by: Value = context.get(1)?;
        if by == Value::Null {
            return Ok(());
        }
        let better = best.as_ref().is_none_or(|(_, known)| order(&by, known) == self.0);
        if better {
            *best = Some((context.get(0)?, by));
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, best: Option<Best>) -> rusqlite::Result<Value> {
        Ok(best.flatten().map_or(Value::Null, |(value, _)| value))
    }
}

fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
        (Value::Real(a), Value::Real(b)) => a.total_cmp(b),
        (Value::Integer(a), Value::Real(b)) => (*a as f64).total_cmp(b),
        (Value::Real(a), Value::Integer(b)) => a.total_cmp(&(*b as f64)),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}

/// The standard deviation of all there is (Welford's method).
struct Spread;

/// How many, their mean, the sum of squares around it.
type Moments = (f64, f64, f64);

impl Aggregate<Moments, Option<f64>> for Spread {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Moments> {
        Ok(Moments::default())
    }

    fn step(
        &self,
        context: &mut Context<'_>,
        (n, mean, squares): &mut Moments,
    ) -> rusqlite::Result<()> {
        if let Some(number) = number(context.get_raw(0))? {
            *n += 1.0;
            let off = number - *mean;
            *mean += off / *n;
            *squares += off * (number - *mean);
        }
        Ok(())
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        state: Option<Moments>,
    ) -> rusqlite::Result<Option<f64>> {
        let (n, _, squares) = state.unwrap_or_default();
        Ok((n > 0.0).then(|| (squares / n).sqrt()))
    }
}

fn number(value: ValueRef<'_>) -> rusqlite::Result<Option<f64>> {
    match value {
        ValueRef::Null => Ok(None),
        ValueRef::Integer(number) if number.unsigned_abs() > EXACT_MAX => {
            Err(failed("a whole number above 2^53 in a quantile or a deviation"))
        }
        ValueRef::Integer(number) => Ok(Some(number as f64)),
        value => Ok(Some(value.as_f64()?)),
    }
}
