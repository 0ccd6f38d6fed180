//! Writing rows: the span, what belongs to it, and what it changes about its trace.

use std::collections::BTreeMap;

use rusqlite::{Connection, ToSql, params};
use serde::Serialize;

use super::summary::{SpanFacts, Summary};
use crate::{CONTENT_KEYS, SpanRow, StatusCode};

const INSERT_SPAN: &str = "INSERT INTO spans (timestamp_ns, duration_ns, trace_id, span_id, \
    parent_span_id, name, kind, service_name, status, operation, provider, model, stream, \
    input_tokens, output_tokens, ttft_seconds, session, user, project) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
    ON CONFLICT (trace_id, span_id) DO NOTHING";
const INSERT_DETAILS: &str = "INSERT INTO span_details (span, trace_state, scope_name, \
    scope_version, status_message, resource_attributes, attributes, events, links) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
const INSERT_CONTENT: &str = "INSERT INTO span_content (span, attributes) VALUES (?, ?)";
/// What most spans' attributes fit into as JSON.
const JSON_BYTES_USUAL: usize = 2_048;

/// The attributes that have columns of their own.
#[derive(Default)]
struct Promoted<'a> {
    operation: Option<&'a str>,
    provider: Option<&'a str>,
    model: Option<&'a str>,
    stream: Option<bool>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    ttft_seconds: Option<f64>,
    session: Option<&'a str>,
    user: Option<&'a str>,
}

/// Attribute lists as a JSON object.
#[derive(Serialize)]
struct Object<'a>(#[serde(serialize_with = "borrowed")] Vec<&'a (String, String)>);

/// Writes the batches inside the caller's transaction; returns how many rows of each were new.
pub(super) fn write(connection: &Connection, batches: &[&[SpanRow]]) -> rusqlite::Result<Vec<u64>> {
    // A trace is looked up and written once, however many of its spans are here.
    let mut traces: BTreeMap<&str, Summary> = BTreeMap::new();
    let mut stored = Vec::with_capacity(batches.len());
    for rows in batches {
        let mut new = 0;
        for row in *rows {
            let promoted = Promoted::of(row);
            if !write_span(connection, row, &promoted)? {
                continue;
            }
            new += 1;
            let trace = match traces.entry(&row.trace_id) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(Summary::load(connection, &row.trace_id)?)
                }
            };
            trace.absorb(&promoted.facts(row));
        }
        stored.push(new);
    }
    for (trace_id, trace) in &mut traces {
        trace.save(connection, trace_id)?;
    }
    Ok(stored)
}

/// Whether the span was new.
fn write_span(
    connection: &Connection,
    row: &SpanRow,
    promoted: &Promoted<'_>,
) -> rusqlite::Result<bool> {
    let inserted = connection.prepare_cached(INSERT_SPAN)?.execute(params![
        row.timestamp_ns,
        row.duration_ns,
        row.trace_id,
        row.span_id,
        row.parent_span_id,
        row.name,
        row.kind.as_str(),
        row.service_name,
        row.status.as_str(),
        promoted.operation,
        promoted.provider,
        promoted.model,
        promoted.stream,
        promoted.input_tokens,
        promoted.output_tokens,
        promoted.ttft_seconds,
        promoted.session,
        promoted.user,
        row.resource_attribute("project.id"),
    ])?;
    if inserted == 0 {
        return Ok(false);
    }
    let span = connection.last_insert_rowid();
    let (content, attributes): (Vec<_>, Vec<_>) =
        row.attributes.iter().partition(|(key, _)| CONTENT_KEYS.contains(&key.as_str()));
    let events = (!row.events.is_empty()).then(|| json(&row.events)).transpose()?;
    let links = (!row.links.is_empty()).then(|| json(&row.links)).transpose()?;
    connection.prepare_cached(INSERT_DETAILS)?.execute(params![
        span,
        row.trace_state,
        row.scope_name,
        row.scope_version,
        row.status_message,
        json(&Object(row.resource_attributes.iter().collect()))?,
        json(&Object(attributes))?,
        events,
        links,
    ])?;
    if !content.is_empty() {
        let content = json(&Object(content))?;
        connection.prepare_cached(INSERT_CONTENT)?.execute([&span as &dyn ToSql, &content])?;
    }
    Ok(true)
}

fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    let mut text = Vec::with_capacity(JSON_BYTES_USUAL);
    serde_json::to_writer(&mut text, value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    String::from_utf8(text)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn borrowed<S: serde::Serializer>(
    pairs: &[&(String, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(key, value)| (key, value)))
}

// === impl Promoted ===

impl<'a> Promoted<'a> {
    fn of(row: &'a SpanRow) -> Self {
        let mut promoted = Self::default();
        for (key, value) in &row.attributes {
            let value = value.as_str();
            match key.as_str() {
                "gen_ai.operation.name" => promoted.operation = Some(value),
                "gen_ai.provider.name" => promoted.provider = Some(value),
                "gen_ai.request.model" => promoted.model = Some(value),
                "gen_ai.request.stream" => promoted.stream = value.parse().ok(),
                "gen_ai.usage.input_tokens" => promoted.input_tokens = tokens(value),
                "gen_ai.usage.output_tokens" => promoted.output_tokens = tokens(value),
                "gen_ai.server.time_to_first_token" => promoted.ttft_seconds = seconds(value),
                "gen_ai.session.id" => promoted.session = Some(value),
                "gen_ai.user.id" => promoted.user = Some(value),
                _ => {}
            }
        }
        promoted
    }

    fn facts<'b>(&'b self, row: &'b SpanRow) -> SpanFacts<'b> {
        SpanFacts {
            timestamp_ns: row.timestamp_ns,
            duration_ns: row.duration_ns,
            parentless: row.parent_span_id.is_empty(),
            name: &row.name,
            status: row.status.as_str(),
            failed: row.status == StatusCode::Error,
            provider: self.provider,
            model: self.model,
            ttft_seconds: self.ttft_seconds,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            session: self.session,
            user: self.user,
        }
    }
}

/// A count of tokens; anything else is no count.
fn tokens(value: &str) -> Option<i64> {
    value.parse().ok().filter(|count| *count >= 0)
}

/// SQLite has no place for NaN, and infinity is no time.
fn seconds(value: &str) -> Option<f64> {
    value.parse().ok().filter(|seconds: &f64| seconds.is_finite())
}
