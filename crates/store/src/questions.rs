//! The typed questions of the terminal and the console, as the SQL that anybody could write: every
//! back end answers them, each with the rows of its scope only.

use std::time::Duration;

use serde::Serialize;

use crate::sql::{Cell, Scope, SqlQuery, Table};
use crate::{SpanStore, StoreError};

/// The most groups of an answer: those with the most calls.
pub const GROUPS_MAX: usize = 1000;
/// How long a question may take.
const TIME_MAX: Duration = Duration::from_secs(30);
const SECOND_NS: i64 = 1_000_000_000;

/// Whose spans a question is about, and when they started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Whose rows count.
    pub scope: Scope,
    /// Started at this moment or later, Unix time in nanoseconds.
    pub since_ns: i64,
    /// Started before this moment, Unix time in nanoseconds.
    pub before_ns: i64,
}

/// By what usage is added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageBy {
    /// `gen_ai.request.model`.
    Model,
    /// `gen_ai.session.id`.
    Session,
    /// `gen_ai.user.id`.
    User,
}

/// Three percentiles in seconds, each one of the values (as `quantileExact` has it); `None` where
/// there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half of the values are below.
    pub p50: Option<f64>,
    /// 95 of 100 are.
    pub p95: Option<f64>,
    /// 99 of 100 are.
    pub p99: Option<f64>,
}

/// How fast a model answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelLatency {
    /// `gen_ai.request.model`.
    pub model: String,
    /// How many calls there were.
    pub calls: u64,
    /// Time to first token, of the calls that have one.
    pub ttft: Percentiles,
    /// The spans' durations.
    pub duration: Percentiles,
}

/// What was used.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Usage {
    /// The model, the session or the user; empty for calls without.
    pub key: String,
    /// How many calls there were.
    pub calls: u64,
    /// The sum of `gen_ai.usage.input_tokens`.
    pub input_tokens: u64,
    /// The sum of `gen_ai.usage.output_tokens`.
    pub output_tokens: u64,
    /// The sum of `gateway.usage.cost`; `None` where no call has one: unknown is not zero.
    pub cost: Option<f64>,
}

/// How often a provider's calls failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProviderErrors {
    /// `gen_ai.provider.name`.
    pub provider: String,
    /// How many calls there were.
    pub calls: u64,
    /// How many of them have the status `Error`.
    pub errors: u64,
    /// `errors` of `calls`, from 0 to 1.
    pub rate: f64,
}

/// A call is a span of a model; a tool's, an agent's or an HTTP span has no provider.
const CALLS: &str = "SpanAttributes['gen_ai.provider.name'] != ''";

pub(crate) async fn latency_by_model<S: SpanStore + ?Sized>(
    store: &S,
    window: &Window,
) -> Result<Vec<ModelLatency>, StoreError> {
    let ttft = "toFloat64OrZero(SpanAttributes['gen_ai.server.time_to_first_token'])";
    let levels = "quantilesExact";
    let columns = format!(
        ", {levels}If(0.5, 0.95, 0.99)({ttft}, {ttft} > 0), \
         {levels}(0.5, 0.95, 0.99)(Duration / 1e9)"
    );
    let select = format!("SpanAttributes['gen_ai.request.model'] AS k, count() AS n{columns}");
    let mut found = Vec::new();
    for row in ask(store, window, &select).await?.rows {
        let mut cells = row.into_iter();
        found.push(ModelLatency {
            model: text(cells.next())?,
            calls: count(cells.next())?,
            ttft: percentiles(&text(cells.next())?),
            duration: percentiles(&text(cells.next())?),
        });
    }
    Ok(found)
}

pub(crate) async fn usage<S: SpanStore + ?Sized>(
    store: &S,
    by: UsageBy,
    window: &Window,
) -> Result<Vec<Usage>, StoreError> {
    let key = match by {
        UsageBy::Model => "gen_ai.request.model",
        UsageBy::Session => "gen_ai.session.id",
        UsageBy::User => "gen_ai.user.id",
    };
    let select = format!(
        "SpanAttributes['{key}'] AS k, count() AS n, \
         sum(toUInt64OrZero(SpanAttributes['gen_ai.usage.input_tokens'])), \
         sum(toUInt64OrZero(SpanAttributes['gen_ai.usage.output_tokens'])), \
         countIf(SpanAttributes['gateway.usage.cost'] != ''), \
         sum(toFloat64OrZero(SpanAttributes['gateway.usage.cost']))"
    );
    let mut found = Vec::new();
    for row in ask(store, window, &select).await?.rows {
        let mut cells = row.into_iter();
        let (key, calls) = (text(cells.next())?, count(cells.next())?);
        let (input_tokens, output_tokens) = (count(cells.next())?, count(cells.next())?);
        let priced = count(cells.next())?;
        let cost = cells.next().as_ref().and_then(number).filter(|_| priced > 0);
        found.push(Usage { key, calls, input_tokens, output_tokens, cost });
    }
    Ok(found)
}

pub(crate) async fn errors_by_provider<S: SpanStore + ?Sized>(
    store: &S,
    window: &Window,
) -> Result<Vec<ProviderErrors>, StoreError> {
    let select = "SpanAttributes['gen_ai.provider.name'] AS k, count() AS n, \
                  countIf(StatusCode = 'Error')";
    let mut found = Vec::new();
    for row in ask(store, window, select).await?.rows {
        let mut cells = row.into_iter();
        let (provider, calls) = (text(cells.next())?, count(cells.next())?);
        let errors = count(cells.next())?;
        let rate = if calls == 0 { 0.0 } else { errors as f64 / calls as f64 };
        found.push(ProviderErrors { provider, calls, errors, rate });
    }
    Ok(found)
}

/// The calls of the window in groups, the largest first.
async fn ask<S: SpanStore + ?Sized>(
    store: &S,
    window: &Window,
    select: &str,
) -> Result<Table, StoreError> {
    // A time literal has no place for what is before 1970.
    let (since, before) = (moment(window.since_ns.max(0)), moment(window.before_ns.max(0)));
    let text = format!(
        "SELECT {select} FROM otel_traces WHERE Timestamp >= '{since}' AND Timestamp < '{before}' \
         AND {CALLS} GROUP BY k ORDER BY n DESC, k LIMIT {GROUPS_MAX}"
    );
    let query =
        SqlQuery { text, scope: window.scope.clone(), rows_max: GROUPS_MAX, time_max: TIME_MAX };
    store.query(&query).await
}

/// A moment as a literal: `YYYY-MM-DD hh:mm:ss.nnnnnnnnn`, in UTC.
fn moment(ns: i64) -> String {
    let seconds = ns.div_euclid(SECOND_NS);
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = crate::calendar::civil_from_days(days);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    let fraction = ns.rem_euclid(SECOND_NS);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{fraction:09}")
}

fn text(cell: Option<Cell>) -> Result<String, StoreError> {
    match cell {
        Some(Cell::Text(text)) => Ok(text),
        other => Err(unexpected(&other)),
    }
}

fn count(cell: Option<Cell>) -> Result<u64, StoreError> {
    match cell {
        Some(Cell::UInt(number)) => Ok(number),
        Some(Cell::Int(number)) if number >= 0 => Ok(number.unsigned_abs()),
        other => Err(unexpected(&other)),
    }
}

fn unexpected(cell: &Option<Cell>) -> StoreError {
    StoreError::Failed { reason: format!("an answer has {cell:?} where something else belongs") }
}

const fn number(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Float(number) => Some(*number),
        Cell::UInt(number) => Some(*number as f64),
        Cell::Int(number) => Some(*number as f64),
        Cell::Null | Cell::Text(_) => None,
    }
}

/// From a list of three; what is no number there is none here.
fn percentiles(list: &str) -> Percentiles {
    let numbers = list.trim_start_matches('[').trim_end_matches(']').split(',');
    let mut numbers =
        numbers.map(|number| number.trim().parse().ok().filter(|it: &f64| it.is_finite()));
    let mut next = || numbers.next().flatten();
    Percentiles { p50: next(), p95: next(), p99: next() }
}
