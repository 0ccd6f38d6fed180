//! Questions in SQL: the text goes to the engine as it is, limited to its rows and its time.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::http::{Http, Statement};
use super::schema::Names;
use super::{ClickHouseSettings, SignalTableNames, failure, signals};
use crate::StoreError;
use crate::sql::{Cell, Scope, SqlQuery, Table, renamed, scoped};

/// The spans' table as queries call it.
const TRACES: &str = "otel_traces";

#[derive(Deserialize)]
struct Answer {
    meta: Vec<Column>,
    data: Vec<Vec<Value>>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
    #[serde(rename = "type")]
    ty: String,
}

pub(super) async fn query(
    http: &Http,
    names: &Names,
    settings: &ClickHouseSettings,
    query: &SqlQuery,
    now_ns: i64,
) -> Result<Table, StoreError> {
    let mut sql = scoped(&query.text, &query.scope, now_ns)?;
    let name_of = |usual: &str| match usual {
        TRACES => (settings.traces_table != TRACES).then(|| names.traces.clone()),
        other => signals::renamed(settings, other),
    };
    if settings.traces_table != TRACES || settings.signal_tables != SignalTableNames::default() {
        sql = match (renamed(&sql, name_of), &query.scope) {
            (Ok(renamed), _) => renamed,
            // More than our parser knows: its author knows the table's name, too.
            (Err(_), Scope::All) => sql,
            (Err(error), Scope::Project(_)) => return Err(error.into()),
        };
    }
    let sql = sql.trim_end().trim_end_matches(';');
    let options = vec![
        ("database", settings.database.clone()),
        ("default_format", "JSONCompact".to_owned()),
        ("max_execution_time", seconds(query.time_max)),
        // One more than is shown, to know that there are more.
        ("max_result_rows", query.rows_max.saturating_add(1).to_string()),
        ("output_format_json_quote_64bit_integers", "0".to_owned()),
        ("output_format_json_quote_denormals", "0".to_owned()),
        ("result_overflow_mode", "break".to_owned()),
        ("session_timezone", "UTC".to_owned()),
        // The last one: afterwards nothing can be changed.
        ("readonly", "1".to_owned()),
    ];
    let statement =
        Statement { sql, settings: options, data: None, time_max: Some(query.time_max) };
    let body = http.run(statement).await.map_err(|error| for_the_caller(error, query))?;
    let answer: Answer = serde_json::from_slice(&body).map_err(|_| StoreError::Sql {
        message: "the answer is no table: leave FORMAT out".to_owned(),
        place: None,
    })?;
    let Answer { meta, mut data } = answer;
    let more = data.len() > query.rows_max;
    data.truncate(query.rows_max);
    let row = |row: Vec<Value>| {
        row.into_iter().zip(&meta).map(|(value, column)| cell(value, &column.ty)).collect()
    };
    Ok(Table {
        rows: data.into_iter().map(row).collect(),
        more,
        columns: meta.iter().map(|column| column.name.clone()).collect(),
    })
}

/// At least a second: older servers take whole ones only, and 0 is no limit.
fn seconds(time: Duration) -> String {
    time.as_secs_f64().ceil().max(1.0).to_string()
}

/// What is wrong with the question, and not with the server, is said as the embedded store says it.
fn for_the_caller(error: StoreError, query: &SqlQuery) -> StoreError {
    match error {
        StoreError::Refused { code: Some(failure::TIMEOUT_EXCEEDED), .. } => {
            StoreError::TimedOut { seconds: format!("{}", query.time_max.as_secs_f64()) }
        }
        StoreError::Refused { code: Some(code), reason, retryable: false, .. }
            if code != failure::AUTHENTICATION_FAILED =>
        {
            StoreError::Sql { message: reason, place: None }
        }
        error => error,
    }
}

fn cell(value: Value, ty: &str) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Bool(flag) => Cell::UInt(u64::from(flag)),
        Value::String(text) => Cell::Text(text),
        Value::Number(number) => {
            let ty = ty.strip_prefix("LowCardinality(").unwrap_or(ty);
            let ty = ty.strip_prefix("Nullable(").unwrap_or(ty);
            let whole = match ty.starts_with("UInt") {
                true => number.as_u64().map(Cell::UInt),
                false if ty.starts_with("Int") => number.as_i64().map(Cell::Int),
                false => None,
            };
            whole.or_else(|| number.as_f64().map(Cell::Float)).unwrap_or(Cell::Null)
        }
        value @ (Value::Array(_) | Value::Object(_)) => Cell::Text(value.to_string()),
    }
}
