//! The questions that a reader answers.

use std::sync::Arc;

use rusqlite::types::{ToSql, Type};
use rusqlite::{Connection, Row, params, params_from_iter};
use serde::de::DeserializeOwned;

use super::summary::{DIMENSIONS, Dimension, SpanFacts};
use super::texts::{self, Texts};
use crate::span_row::pairs;
use crate::{
    LIMIT_MAX, Pairs, SpanKind, SpanRow, StatusCode, StoreError, TraceFilter, TraceSummary,
};

/// How many candidates an ambiguous prefix is answered with.
const CANDIDATES_MAX: usize = 5;

const TRACE: &str = "SELECT s.timestamp_ns, s.duration_ns, s.trace_id, s.span_id, s.parent_span_id, \
    s.name, s.kind, s.service_name, s.status, s.trace_state, s.scope_name, s.scope_version, \
    s.status_message, ch_unpack(s.resource_attributes) AS resource_attributes, \
    ch_unpack(s.attributes) AS attributes, ch_unpack(s.events) AS events, \
    ch_unpack(s.links) AS links, ch_unpack(s.content) AS content FROM spans s \
    WHERE s.trace = (SELECT id FROM traces WHERE trace_id = ?) \
    ORDER BY s.timestamp_ns, s.duration_ns DESC, s.id LIMIT ?";

/// An attribute list in the form in which it is kept.
#[derive(Default, serde::Deserialize)]
struct Object(#[serde(with = "pairs")] Pairs);

/// The list of traces as SQL.
struct Search<'a> {
    from: &'static str,
    /// The start as the index that is walked has it.
    start: &'static str,
    conditions: Vec<&'static str>,
    values: Vec<&'a dyn ToSql>,
}

/// The traces that match, newest start first.
pub(super) fn recent(
    connection: &Connection,
    filter: &TraceFilter,
) -> rusqlite::Result<Vec<TraceSummary>> {
    let status = match filter.status.as_deref().map(StatusCode::parse) {
        None => None,
        Some(Some(status)) => Some(status.as_str()),
        Some(None) => return Ok(Vec::new()),
    };
    let limit = integer(filter.limit.min(LIMIT_MAX));
    let (since_ns, before_ns) =
        (filter.since_ns.unwrap_or(i64::MIN), filter.before_ns.unwrap_or(i64::MAX));
    // A value without a number is no span's.
    let Some(facts) = facts(connection, filter)? else { return Ok(Vec::new()) };
    let mut search = Search::new(filter, &facts);
    if let Some(status) = &status {
        search.and("t.status = ?", status);
    }
    search.values.extend([&since_ns as &dyn ToSql, &before_ns, &limit]);
    let mut statement = connection.prepare_cached(&search.sql())?;
    let rows = statement.query_map(params_from_iter(&search.values), summary)?;
    rows.collect()
}

/// The ids that begin with `prefix`, one more than are shown.
pub(super) fn trace_ids(connection: &Connection, prefix: &str) -> rusqlite::Result<Vec<String>> {
    // After every hexadecimal digit, so this is the end of the prefix's range.
    let end = format!("{prefix}g");
    connection
        .prepare_cached(
            "SELECT trace_id FROM traces WHERE trace_id >= ? AND trace_id < ? \
             ORDER BY trace_id LIMIT ?",
        )?
        .query_map(params![prefix, end, integer(CANDIDATES_MAX + 1)], |row| row.get(0))?
        .collect()
}

/// The error for a prefix with several `candidates`.
pub(super) fn ambiguous(prefix: String, mut candidates: Vec<String>) -> StoreError {
    let more = candidates.len() > CANDIDATES_MAX;
    candidates.truncate(CANDIDATES_MAX);
    StoreError::AmbiguousTraceId { prefix, candidates, more }
}

/// A trace's spans by start, `spans_max` of them at most.
pub(super) fn trace(
    connection: &Connection,
    trace_id: &str,
    spans_max: usize,
) -> rusqlite::Result<Vec<SpanRow>> {
    connection
        .prepare_cached(TRACE)?
        .query_map(params![trace_id, integer(spans_max)], span_row)?
        .collect()
}

/// Shows every span of a trace to `see`.
pub(super) fn each_span(
    connection: &Connection,
    trace: i64,
    texts: &mut Texts,
    mut see: impl FnMut(&SpanFacts<'_>),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT timestamp_ns, duration_ns, parent_span_id = '' AS parentless, name, status, \
         provider, model, ttft_seconds, input_tokens, output_tokens, session, user \
         FROM spans WHERE trace = ? ORDER BY id",
    )?;
    let mut rows = statement.query([trace])?;
    while let Some(row) = rows.next()? {
        let status = text(row, "status")?.unwrap_or_default();
        let timestamp_ns: i64 = row.get("timestamp_ns")?;
        let mut values = [None; DIMENSIONS];
        for (dimension, value) in Dimension::ALL.iter().zip(&mut values) {
            if let Some(text) = text(row, dimension.column())? {
                *value = texts.share(connection, text, timestamp_ns)?.number();
            }
        }
        see(&SpanFacts {
            timestamp_ns,
            duration_ns: row.get("duration_ns")?,
            parentless: row.get("parentless")?,
            name: text(row, "name")?.unwrap_or_default(),
            status,
            failed: status == StatusCode::Error.as_str(),
            provider: text(row, "provider")?,
            model: text(row, "model")?,
            ttft_seconds: row.get("ttft_seconds")?,
            input_tokens: row.get("input_tokens")?,
            output_tokens: row.get("output_tokens")?,
            session: text(row, "session")?,
            values,
        });
    }
    Ok(())
}

/// A column that holds JSON; NULL means the empty value.
pub(super) fn json<T: Default + DeserializeOwned>(
    row: &Row<'_>,
    column: &str,
) -> rusqlite::Result<T> {
    match text(row, column)? {
        None => Ok(T::default()),
        Some(json) => serde_json::from_str(json).map_err(|error| unreadable(row, column, error)),
    }
}

/// SQLite's integers have a sign; as a limit, what is beyond them is everything.
fn integer(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A sum that is never negative.
fn count(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(|count| u64::try_from(count).unwrap_or(0)))
}

fn text<'a>(row: &'a Row<'_>, column: &str) -> rusqlite::Result<Option<&'a str>> {
    row.get_ref(column)?.as_str_or_null().map_err(|error| unreadable(row, column, error))
}

fn unreadable(
    row: &Row<'_>,
    column: &str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    let index = row.as_ref().column_index(column).unwrap_or_default();
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
}

/// The attributes that were asked for, the one with the fewest traces a value first; `None` if one of
/// the values is unknown.
fn facts(
    connection: &Connection,
    filter: &TraceFilter,
) -> rusqlite::Result<Option<Vec<(u8, i64)>>> {
    let conditions = [
        (Dimension::Session, &filter.session),
        (Dimension::User, &filter.user),
        (Dimension::Model, &filter.model),
        (Dimension::Provider, &filter.provider),
    ];
    let mut facts = Vec::new();
    for (dimension, value) in conditions {
        let Some(value) = value else { continue };
        let Some(number) = texts::number(connection, value)? else { return Ok(None) };
        facts.push((dimension.number(), number));
    }
    Ok(Some(facts))
}

fn span_row(row: &Row<'_>) -> rusqlite::Result<SpanRow> {
    let Object(mut attributes) = json(row, "attributes")?;
    let Object(content) = json(row, "content")?;
    attributes.extend(content);
    let Object(resource_attributes) = json(row, "resource_attributes")?;
    Ok(SpanRow {
        timestamp_ns: row.get("timestamp_ns")?,
        duration_ns: row.get("duration_ns")?,
        trace_id: row.get("trace_id")?,
        span_id: row.get("span_id")?,
        parent_span_id: row.get("parent_span_id")?,
        trace_state: row.get("trace_state")?,
        name: row.get("name")?,
        kind: text(row, "kind")?.and_then(SpanKind::parse).unwrap_or_default(),
        service_name: row.get("service_name")?,
        resource_attributes: Arc::new(resource_attributes),
        scope_name: row.get("scope_name")?,
        scope_version: row.get("scope_version")?,
        attributes,
        status: text(row, "status")?.and_then(StatusCode::parse).unwrap_or_default(),
        status_message: row.get("status_message")?,
        events: json(row, "events")?,
        links: json(row, "links")?,
    })
}

fn summary(row: &Row<'_>) -> rusqlite::Result<TraceSummary> {
    let (started_ns, ended_ns): (i64, i64) = (row.get("started_ns")?, row.get("ended_ns")?);
    Ok(TraceSummary {
        trace_id: row.get("trace_id")?,
        started_ns,
        duration_ns: ended_ns.saturating_sub(started_ns),
        root_name: row.get("root_name")?,
        spans: count(row, "spans")?.unwrap_or(0),
        errors: count(row, "errors")?.unwrap_or(0),
        provider: row.get("provider")?,
        model: row.get("model")?,
        input_tokens: count(row, "input_tokens")?,
        output_tokens: count(row, "output_tokens")?,
        ttft_seconds: row.get("ttft_seconds")?,
        status: text(row, "status")?.and_then(StatusCode::parse).unwrap_or_default(),
        session: row.get("session")?,
    })
}

/// Most traces have no status; the others have an index.
const fn is_rare(status: StatusCode) -> bool {
    !matches!(status, StatusCode::Unset)
}

// === impl Search ===

impl<'a> Search<'a> {
    /// Picks the index to walk. There are no statistics to plan by, so what is rarest by its
    /// nature comes first: a session or a user, then failures, then a model or a provider.
    fn new(filter: &TraceFilter, facts: &'a [(u8, i64)]) -> Self {
        let by_person = filter.session.is_some() || filter.user.is_some();
        let walk_failed = filter.errors_only && !by_person;
        let mut search = match facts {
            [(dimension, value), ..] if !walk_failed => Self {
                from: "trace_facts f CROSS JOIN traces t ON t.id = f.trace",
                start: "f.started_ns",
                conditions: vec!["f.dimension = ?", "f.value = ?"],
                values: vec![dimension, value],
            },
            _ if walk_failed => Self::over("traces t INDEXED BY traces_failed"),
            _ if filter.status.as_deref().and_then(StatusCode::parse).is_some_and(is_rare) => {
                Self::over_those(
                    "traces t INDEXED BY traces_by_status",
                    vec!["t.status <> 'Unset'"],
                )
            }
            _ => Self::over("traces t INDEXED BY traces_by_start"),
        };
        let probed = if search.values.is_empty() { facts } else { facts.get(1..).unwrap_or(&[]) };
        for (dimension, value) in probed {
            search.conditions.push(
                "EXISTS (SELECT 1 FROM trace_facts WHERE dimension = ? AND value = ? \
                 AND started_ns = t.started_ns AND trace = t.id)",
            );
            search.values.extend([dimension as &dyn ToSql, value]);
        }
        if filter.errors_only {
            search.conditions.push("t.errors > 0");
        }
        search
    }

    const fn over(from: &'static str) -> Self {
        Self::over_those(from, Vec::new())
    }

    const fn over_those(from: &'static str, conditions: Vec<&'static str>) -> Self {
        Self { from, start: "t.started_ns", conditions, values: Vec::new() }
    }

    fn and(&mut self, condition: &'static str, value: &'a dyn ToSql) {
        self.conditions.push(condition);
        self.values.push(value);
    }

    /// The last values are the earliest start, the end of the range, and the limit.
    fn sql(&self) -> String {
        let Self { from, start, conditions, .. } = self;
        let conditions: String =
            conditions.iter().flat_map(|condition| [*condition, " AND "]).collect();
        format!(
            "SELECT t.* FROM {from} WHERE {conditions}{start} >= ? AND {start} < ? \
             ORDER BY {start} DESC LIMIT ?"
        )
    }
}
