//! The tables: created if they are absent, looked at if they are there, never altered.
//!
//! Columns, codecs, indexes and keys are those of the OpenTelemetry Collector's ClickHouse exporter,
//! so that both can write into the same table. Ours on top, in tables that we create: a window in
//! which a repeated insert is known by its token, and a flush to the disk before it is answered.

use super::http::{Http, Statement};
use super::read::rows;
use super::rowbinary::COLUMNS;
use super::{ClickHouseSettings, literal, quoted};
use crate::StoreError;

/// How many inserted blocks a table remembers by their tokens: hours of batches of one second.
const DEDUPLICATION_WINDOW_BLOCKS: u32 = 10_000;
/// The columns of the look-up table and their types.
const LOOKUP_COLUMNS: [(&str, &str); 3] =
    [("TraceId", "String"), ("Start", "DateTime"), ("End", "DateTime")];
pub(super) const ATTRIBUTES: &str = "Map(LowCardinality(String), String)";

/// Names of tables, quoted and with their database.
pub(super) struct Names {
    pub(super) traces: String,
    /// From a trace's id to its time, as the exporter calls it.
    pub(super) lookup: String,
    view: String,
    database: String,
    /// Unquoted.
    traces_table: String,
    lookup_table: String,
}

/// What is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prepared {
    /// Whether a trace's time can be looked up.
    pub(super) has_lookup: bool,
}

/// Creates what is absent and checks what is there.
pub(super) async fn prepare(
    http: &Http,
    names: &Names,
    settings: &ClickHouseSettings,
) -> Result<Prepared, StoreError> {
    let mut found = columns(http, settings, &names.traces_table).await?;
    if found.is_empty() {
        for sql in names.create(settings.retention_days) {
            http.run(Statement { sql: &sql, settings: Vec::new(), data: None, time_max: None })
                .await?;
        }
        found = columns(http, settings, &names.traces_table).await?;
    }
    if let Some(reason) = differences(&names.traces, &COLUMNS, &found) {
        return Err(StoreError::Schema { reason });
    }
    let lookup = columns(http, settings, &names.lookup_table).await?;
    let has_lookup = differences(&names.lookup, &LOOKUP_COLUMNS, &lookup).is_none();
    if !has_lookup {
        tracing::warn!(table = names.lookup, "no look-up table of trace ids: traces open slower");
    }
    warn_of_no_window(http, settings, &[&names.traces_table]).await?;
    Ok(Prepared { has_lookup })
}

pub(super) async fn columns(
    http: &Http,
    settings: &ClickHouseSettings,
    table: &str,
) -> Result<Vec<(String, String)>, StoreError> {
    let sql = format!(
        "SELECT name, type FROM system.columns WHERE database = {} AND table = {} ORDER BY position",
        literal(&settings.database),
        literal(table)
    );
    rows(http, &sql, Vec::new()).await
}

/// A table of somebody else's may take a batch twice whose answer was lost.
pub(super) async fn warn_of_no_window(
    http: &Http,
    settings: &ClickHouseSettings,
    tables: &[&str],
) -> Result<(), StoreError> {
    let names: Vec<_> = tables.iter().map(|table| literal(table)).collect();
    let sql = format!(
        "SELECT name, engine, create_table_query FROM system.tables \
         WHERE database = {} AND name IN ({})",
        literal(&settings.database),
        names.join(", ")
    );
    let tables: Vec<(String, String, String)> = rows(http, &sql, Vec::new()).await?;
    for (table, engine, create) in tables {
        if engine.ends_with("MergeTree")
            && !engine.starts_with("Replicated")
            && !engine.starts_with("Shared")
            && !create.contains("non_replicated_deduplication_window")
        {
            tracing::warn!(
                table,
                "a batch whose answer was lost may be stored twice: ALTER TABLE {} MODIFY SETTING \
                 non_replicated_deduplication_window = {DEDUPLICATION_WINDOW_BLOCKS}",
                quoted(&table)
            );
        }
    }
    Ok(())
}

/// What a table lacks, and how to add it.
pub(super) fn differences(
    table: &str,
    expected: &[(&str, &str)],
    found: &[(String, String)],
) -> Option<String> {
    if found.is_empty() {
        return Some(format!("the table {table} does not exist"));
    }
    let mut wrong = Vec::new();
    for (name, ty) in expected {
        match found.iter().find(|(found, _)| found == name) {
            None => wrong.push(format!("column {name} {ty} is missing")),
            Some((_, found)) if plain(found) != *ty => {
                wrong.push(format!("column {name} is {found}, not {ty}"));
            }
            Some(_) => {}
        }
    }
    (!wrong.is_empty()).then(|| {
        format!(
            "the table {table} is not the exporter's: {}; alter it, or name another table",
            wrong.join(", ")
        )
    })
}

/// A type without what the wire does not show: low cardinality, time zones, functions of merges.
pub(super) fn plain(ty: &str) -> String {
    let ty = ty.replace("LowCardinality(String)", "String");
    let inner = ty
        .strip_prefix("SimpleAggregateFunction(min, ")
        .or_else(|| ty.strip_prefix("SimpleAggregateFunction(max, "))
        .and_then(|inner| inner.strip_suffix(')'))
        .unwrap_or(&ty);
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    // `DateTime64(9, 'UTC')`, `DateTime('UTC')`
    while let Some((before, after)) = rest.split_once('\'') {
        let Some((_, after)) = after.split_once('\'') else { break };
        out.push_str(before.trim_end_matches(", "));
        rest = after;
    }
    out.push_str(rest);
    out.replace("DateTime()", "DateTime")
}

// === impl Names ===

impl Names {
    pub(super) fn new(settings: &ClickHouseSettings) -> Self {
        let full = |table: &str| format!("{}.{}", quoted(&settings.database), quoted(table));
        let lookup_table = format!("{}_trace_id_ts", settings.traces_table);
        Self {
            traces: full(&settings.traces_table),
            lookup: full(&lookup_table),
            view: full(&format!("{lookup_table}_mv")),
            database: quoted(&settings.database),
            traces_table: settings.traces_table.clone(),
            lookup_table,
        }
    }

    /// The statements that create everything, in order.
    fn create(&self, retention_days: u32) -> [String; 4] {
        let Self { traces, lookup, view, database, .. } = self;
        let settings = with_settings();
        [
            format!("CREATE DATABASE IF NOT EXISTS {database}"),
            format!(
                "CREATE TABLE IF NOT EXISTS {traces}\n({})\nENGINE = MergeTree\n\
                 PARTITION BY toDate(Timestamp)\n\
                 ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))\n{}{settings}",
                traces_columns(),
                ttl("Timestamp", retention_days),
            ),
            format!(
                "CREATE TABLE IF NOT EXISTS {lookup}\n(TraceId String CODEC(ZSTD(1)), \
                 Start DateTime CODEC(Delta, ZSTD(1)), End DateTime CODEC(Delta, ZSTD(1)), \
                 INDEX idx_trace_id TraceId TYPE bloom_filter(0.01) GRANULARITY 1)\n\
                 ENGINE = MergeTree\nPARTITION BY toDate(Start)\nORDER BY (TraceId, Start)\n\
                 {}{settings}",
                ttl("Start", retention_days),
            ),
            format!(
                "CREATE MATERIALIZED VIEW IF NOT EXISTS {view} TO {lookup} AS SELECT TraceId, \
                 min(Timestamp) AS Start, max(Timestamp) AS End FROM {traces} \
                 WHERE TraceId != '' GROUP BY TraceId"
            ),
        ]
    }
}

/// The clause that drops what is too old, if anything ever is.
pub(super) fn ttl(column: &str, retention_days: u32) -> String {
    match retention_days {
        0 => String::new(),
        days => format!("TTL toDateTime({column}) + toIntervalDay({days})\n"),
    }
}

/// The settings of every table that we create.
pub(super) fn with_settings() -> String {
    format!(
        "SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, \
         non_replicated_deduplication_window = {DEDUPLICATION_WINDOW_BLOCKS}, \
         fsync_after_insert = 1, fsync_part_directory = 1"
    )
}

/// Columns and indexes of the spans' table.
fn traces_columns() -> String {
    let mut parts = vec!["Timestamp DateTime64(9) CODEC(Delta, ZSTD(1))".to_owned()];
    for (name, ty) in [
        ("TraceId", "String"),
        ("SpanId", "String"),
        ("ParentSpanId", "String"),
        ("TraceState", "String"),
        ("SpanName", "LowCardinality(String)"),
        ("SpanKind", "LowCardinality(String)"),
        ("ServiceName", "LowCardinality(String)"),
        ("ResourceAttributes", ATTRIBUTES),
        ("ScopeName", "String"),
        ("ScopeVersion", "String"),
        ("SpanAttributes", ATTRIBUTES),
        ("Duration", "UInt64"),
        ("StatusCode", "LowCardinality(String)"),
        ("StatusMessage", "String"),
        (
            "Events",
            "Nested(Timestamp DateTime64(9), Name LowCardinality(String), \
             Attributes Map(LowCardinality(String), String))",
        ),
        (
            "Links",
            "Nested(TraceId String, SpanId String, TraceState String, \
             Attributes Map(LowCardinality(String), String))",
        ),
    ] {
        parts.push(format!("{name} {ty} CODEC(ZSTD(1))"));
    }
    for (name, expression, ty) in [
        ("trace_id", "TraceId", "bloom_filter(0.001)"),
        ("res_attr_key", "mapKeys(ResourceAttributes)", "bloom_filter(0.01)"),
        ("res_attr_value", "mapValues(ResourceAttributes)", "bloom_filter(0.01)"),
        ("span_attr_key", "mapKeys(SpanAttributes)", "bloom_filter(0.01)"),
        ("span_attr_value", "mapValues(SpanAttributes)", "bloom_filter(0.01)"),
        ("duration", "Duration", "minmax"),
    ] {
        parts.push(format!("INDEX idx_{name} {expression} TYPE {ty} GRANULARITY 1"));
    }
    parts.join(",\n ")
}

#[cfg(test)]
mod tests;
