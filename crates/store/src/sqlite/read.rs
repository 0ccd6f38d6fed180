//! The questions that a reader answers.

use std::sync::Arc;

use rusqlite::types::{ToSql, Type};
use rusqlite::{Connection, Row, params, params_from_iter};
use serde::de::DeserializeOwned;

use super::summary::{DIMENSIONS, Dimension, SpanFacts, Stretches, from_ns};
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
    walk: Walk,
    conditions: Vec<&'static str>,
    values: Vec<&'a dyn ToSql>,
}

/// What is gone through for traces, from the latest start on.
#[derive(Clone, Copy)]
enum Walk {
    /// An index of their lines.
    Lines(&'static str),
    /// Those that have a fact.
    Fact,
    /// Those that began in a stretch of time in which a fact occurs.
    Stretches,
}

/// A fact that was asked for.
struct Asked {
    dimension: u8,
    value: i64,
    /// As it is in a line, between commas.
    written: String,
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
    let stretches = [from_ns(since_ns), before_ns];
    search.range([&since_ns, &before_ns], [&stretches[0], &stretches[1]]);
    search.values.push(&limit);
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
        let status = text(row, "status")?.and_then(StatusCode::parse).unwrap_or_default();
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
            status: status.as_str(),
            failed: status == StatusCode::Error,
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
fn facts(connection: &Connection, filter: &TraceFilter) -> rusqlite::Result<Option<Vec<Asked>>> {
    let conditions = [
        (Dimension::Session, &filter.session),
        (Dimension::User, &filter.user),
        (Dimension::Model, &filter.model),
        (Dimension::Provider, &filter.provider),
    ];
    let mut facts = Vec::new();
    for (dimension, value) in conditions {
        let Some(value) = value else { continue };
        let Some(value) = texts::number(connection, value)? else { return Ok(None) };
        let dimension = dimension.number();
        facts.push(Asked { dimension, value, written: format!(",{dimension}:{value},") });
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
    fn new(filter: &TraceFilter, facts: &'a [Asked]) -> Self {
        let by_person = filter.session.is_some() || filter.user.is_some();
        let walk_failed = filter.errors_only && !by_person;
        let is_rare = filter.status.as_deref().and_then(StatusCode::parse).is_some_and(is_rare);
        let mut search = Self {
            walk: Walk::Lines("traces_by_start"),
            conditions: Vec::new(),
            values: Vec::new(),
        };
        let mut probed = facts;
        match facts {
            _ if walk_failed => search.walk = Walk::Lines("traces_failed"),
            [first, rest @ ..] => {
                (search.walk, probed) = if Stretches::have(first.dimension) {
                    (Walk::Stretches, facts)
                } else {
                    (Walk::Fact, rest)
                };
                search.and("f.dimension = ?", &first.dimension);
                search.and("f.value = ?", &first.value);
            }
            [] if is_rare => {
                search.walk = Walk::Lines("traces_by_status");
                search.conditions.push("t.status <> 'Unset'");
            }
            [] => {}
        }
        for fact in probed {
            search.and("instr(',' || t.facts || ',', ?) > 0", &fact.written);
        }
        if filter.errors_only {
            search.conditions.push("t.errors > 0");
        }
        search
    }

    fn and(&mut self, condition: &'static str, value: &'a dyn ToSql) {
        self.conditions.push(condition);
        self.values.push(value);
    }

    /// Traces that started from the first moment on and before the second; stretches alike.
    fn range(&mut self, starts: [&'a dyn ToSql; 2], stretches: [&'a dyn ToSql; 2]) {
        let [since, before] = starts;
        match self.walk {
            Walk::Lines(_) => {
                self.and("t.started_ns >= ?", since);
                self.and("t.started_ns < ?", before);
            }
            Walk::Fact => {
                self.and("f.started_ns >= ?", since);
                self.and("f.started_ns < ?", before);
            }
            Walk::Stretches => {
                let [first, end] = stretches;
                self.and("f.from_ns >= ?", first);
                self.and("f.from_ns < ?", end);
                self.and("t.started_ns >= max(f.from_ns, ?)", since);
                self.and("t.started_ns < min(f.from_ns + 67108864, ?)", before);
            }
        }
    }

    /// The last value is the limit.
    fn sql(&self) -> String {
        let conditions = self.conditions.join(" AND ");
        let (from, order) = match self.walk {
            Walk::Lines(index) => (format!("traces t INDEXED BY {index}"), "t.started_ns DESC"),
            Walk::Fact => (
                "trace_facts f CROSS JOIN traces t ON t.id = f.trace".to_owned(),
                "f.started_ns DESC",
            ),
            Walk::Stretches => (
                "trace_stretches f CROSS JOIN traces t INDEXED BY traces_by_start".to_owned(),
                "f.from_ns DESC, t.started_ns DESC",
            ),
        };
        format!("SELECT t.* FROM {from} WHERE {conditions} ORDER BY {order} LIMIT ?")
    }
}
