//! Writing rows: the span, what belongs to it, and what it changes about its trace.

use std::collections::BTreeMap;

use rusqlite::{Connection, ToSql, params};
use serde::Serialize;

use super::packing::Packer;
use super::summary::{SpanFacts, Summary};
use super::texts::{TEXT_BYTES_MAX, Texts};
use crate::{CONTENT_KEYS, SpanRow, StatusCode};

const INSERT_SPAN: &str = "INSERT INTO span_rows (timestamp_ns, duration_ns, trace, span, parent, \
    name, kind, service_name, status, operation, provider, model, stream, input_tokens, \
    output_tokens, ttft_seconds, session, user, project) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
    ON CONFLICT (trace, span) DO NOTHING";
const INSERT_EXTRAS: &str = "INSERT INTO span_extras (span, trace_state, scope_name, \
    scope_version, status_message, resource_attributes, attributes, events, links) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
const INSERT_CONTENT: &str = "INSERT INTO span_content (span, attributes) VALUES (?, ?)";
/// What most spans' attributes fit into as JSON.
const JSON_BYTES_USUAL: usize = 2_048;

/// How texts become short; the writer's own.
pub(super) struct Shortener {
    pub(super) texts: Texts,
    pub(super) packer: Packer,
}

/// One transaction's work.
struct Writing<'a> {
    connection: &'a Connection,
    shortener: &'a mut Shortener,
}

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
pub(super) fn write(
    connection: &Connection,
    batches: &[&[SpanRow]],
    shortener: &mut Shortener,
) -> rusqlite::Result<Vec<u64>> {
    shortener.texts.begin(connection)?;
    // A trace is looked up and written once, however many of its spans are here.
    let mut traces: BTreeMap<&str, Summary> = BTreeMap::new();
    let mut next_id = None;
    let mut stored = Vec::with_capacity(batches.len());
    let mut writing = Writing { connection, shortener };
    for rows in batches {
        let mut new = 0;
        for row in *rows {
            let trace = match traces.entry(&row.trace_id) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(Summary::load(connection, &row.trace_id, &mut next_id)?)
                }
            };
            let promoted = Promoted::of(row);
            if writing.span(row, trace.id(), &promoted)? {
                new += 1;
                trace.absorb(&promoted.facts(row));
            }
        }
        stored.push(new);
    }
    for (trace_id, trace) in &mut traces {
        trace.save(connection, trace_id)?;
    }
    Ok(stored)
}

// === impl Shortener ===

impl Shortener {
    pub(super) fn open(connection: &Connection) -> rusqlite::Result<Self> {
        Ok(Self { texts: Texts::default(), packer: Packer::open(connection)? })
    }
}

// === impl Writing ===

impl Writing<'_> {
    /// Whether the span was new.
    fn span(
        &mut self,
        row: &SpanRow,
        trace: i64,
        promoted: &Promoted<'_>,
    ) -> rusqlite::Result<bool> {
        let (db, texts, ns) = (self.connection, &mut self.shortener.texts, row.timestamp_ns);
        let inserted = db.prepare_cached(INSERT_SPAN)?.execute(params![
            row.timestamp_ns,
            row.duration_ns,
            trace,
            id_number(&row.span_id),
            id_number(&row.parent_span_id),
            texts.share(db, &row.name, ns)?,
            row.kind.number(),
            texts.share(db, &row.service_name, ns)?,
            row.status.number(),
            texts.share_some(db, promoted.operation, ns)?,
            texts.share_some(db, promoted.provider, ns)?,
            texts.share_some(db, promoted.model, ns)?,
            promoted.stream,
            promoted.input_tokens,
            promoted.output_tokens,
            promoted.ttft_seconds,
            texts.share_some(db, promoted.session, ns)?,
            texts.share_some(db, promoted.user, ns)?,
            texts.share_some(db, row.resource_attribute("project.id"), ns)?,
        ])?;
        if inserted == 0 {
            return Ok(false);
        }
        self.rest(row, db.last_insert_rowid())?;
        Ok(true)
    }

    /// What only the view of one span needs.
    fn rest(&mut self, row: &SpanRow, span: i64) -> rusqlite::Result<()> {
        let (db, ns) = (self.connection, row.timestamp_ns);
        let Shortener { texts, packer } = &mut *self.shortener;
        let (content, attributes): (Vec<_>, Vec<_>) =
            row.attributes.iter().partition(|(key, _)| CONTENT_KEYS.contains(&key.as_str()));
        let mut pack_some = |some: bool, json: rusqlite::Result<String>| {
            some.then(|| packer.pack(json?)).transpose()
        };
        let events = pack_some(!row.events.is_empty(), json(&row.events))?;
        let links = pack_some(!row.links.is_empty(), json(&row.links))?;
        let packed = packer.pack(json(&Object(attributes))?)?;
        let resource = json(&Object(row.resource_attributes.iter().collect()))?;
        let long = resource.len() > TEXT_BYTES_MAX;
        let long = long.then(|| packer.pack(resource.clone())).transpose()?;
        let shared = texts.share(db, &resource, ns)?;
        db.prepare_cached(INSERT_EXTRAS)?.execute(params![
            span,
            texts.share(db, &row.trace_state, ns)?,
            texts.share(db, &row.scope_name, ns)?,
            texts.share(db, &row.scope_version, ns)?,
            texts.share(db, &row.status_message, ns)?,
            long.as_ref().map_or(&shared as &dyn ToSql, |long| long),
            packed,
            events,
            links,
        ])?;
        if !content.is_empty() {
            let content = packer.pack(json(&Object(content))?)?;
            db.prepare_cached(INSERT_CONTENT)?.execute(params![span, content])?;
        }
        Ok(())
    }
}

/// A span's id as it is kept; `None` if it is not the id of a span, as a root's parent.
pub(super) fn id_number(id: &str) -> Option<i64> {
    u64::from_str_radix(id, 16).ok().map(u64::cast_signed)
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
