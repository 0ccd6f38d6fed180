//! Writing rows: the span, what belongs to it, and what it changes about its trace.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use rusqlite::{CachedStatement, Connection, params};
use serde::Serialize;

use super::lists::Lists;
use super::packing::Packer;
use super::resources::{Kept, Resources};
use super::summary::{Lines, SpanFacts, Summary};
use super::texts::{Shared, Texts};
use super::words::Words;
use crate::{CONTENT_KEYS, Pairs, SpanRow, StatusCode};

const INSERT_SPAN: &str = "INSERT INTO span_rows (timestamp_ns, duration_ns, trace, span, parent, \
    name, kind, service_name, status, operation, provider, model, stream, input_tokens, \
    output_tokens, ttft_seconds, session, user, project, scope_name, scope_version, resource, \
    attributes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
    ON CONFLICT (trace, span) DO NOTHING";
const INSERT_EXTRAS: &str = "INSERT INTO span_extras (span, trace_state, status_message, \
    resource, attributes, events, links) VALUES (?, ?, ?, ?, ?, ?, ?)";
const INSERT_CONTENT: &str = "INSERT INTO span_content (span, attributes) VALUES (?, ?)";
/// Longer lists are no part of the rows that statistics go through.
pub(super) const LIST_BYTES_MAX: usize = 512;
/// What most spans' attributes fit into as JSON.
const JSON_BYTES_USUAL: usize = 2_048;

/// How texts become short; the writer's own.
pub(super) struct Shortener {
    pub(super) texts: Texts,
    pub(super) words: Words,
    pub(super) packer: Packer,
    lists: Lists,
    resources: Resources,
}

/// One transaction's work. Its statements are looked up once.
struct Writing<'a> {
    connection: &'a Connection,
    shortener: &'a mut Shortener,
    span: CachedStatement<'a>,
    lines: Lines<'a>,
    /// The traces that were met, in that order: looked up and written once, however many of their
    /// spans are here.
    traces: Vec<(&'a str, Summary)>,
    places: HashMap<&'a str, usize, RandomState>,
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

/// What some of them are in rows.
#[derive(Clone, Copy)]
struct Named<'a> {
    provider: Option<Shared<'a>>,
    model: Option<Shared<'a>>,
    session: Option<Shared<'a>>,
    user: Option<Shared<'a>>,
}

/// What is too long for a row.
struct Extras<'a> {
    resource: Option<&'a Kept>,
    list: Option<Vec<u8>>,
}

/// As in [`Pairs`].
type Attribute = <Pairs as IntoIterator>::Item;

/// Attribute lists as a JSON object.
#[derive(Serialize)]
struct Object<'a>(#[serde(serialize_with = "borrowed")] Vec<&'a Attribute>);

/// Writes the batches inside the caller's transaction; returns how many rows of each were new.
pub(super) fn write(
    connection: &Connection,
    batches: &[&[SpanRow]],
    shortener: &mut Shortener,
) -> rusqlite::Result<Vec<u64>> {
    shortener.begin(connection)?;
    let mut writing = Writing {
        connection,
        shortener,
        span: connection.prepare_cached(INSERT_SPAN)?,
        lines: Lines::open(connection)?,
        traces: Vec::new(),
        places: HashMap::default(),
    };
    let mut stored = Vec::with_capacity(batches.len());
    for rows in batches {
        let mut new = 0;
        for row in *rows {
            new += u64::from(writing.span(row)?);
        }
        stored.push(new);
    }
    let Writing { traces, mut lines, .. } = writing;
    for (trace_id, mut trace) in traces {
        trace.save(&mut lines, trace_id)?;
    }
    Ok(stored)
}

// === impl Shortener ===

impl Shortener {
    pub(super) fn open(connection: &Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            texts: Texts::default(),
            words: Words::new(),
            packer: Packer::open(connection)?,
            lists: Lists::default(),
            resources: Resources::default(),
        })
    }

    /// To be called when a transaction was rolled back: what it has numbered does not exist.
    pub(super) fn forget(&mut self) {
        self.texts.forget();
        self.words.forget();
        self.resources.forget();
    }

    /// Drops the texts and words that no span refers to any more; how many.
    pub(super) fn sweep(&mut self, connection: &Connection) -> rusqlite::Result<usize> {
        self.resources.forget();
        Ok(self.texts.sweep(connection)? + self.words.sweep(connection)?)
    }

    /// To be called at the start of every transaction: another process may have written.
    pub(super) fn begin(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.texts.begin(connection)? {
            self.forget();
        }
        self.words.begin(connection)
    }
}

// === impl Writing ===

impl<'a> Writing<'a> {
    /// Whether the span was new.
    fn span(&mut self, row: &'a SpanRow) -> rusqlite::Result<bool> {
        let place = self.trace(&row.trace_id)?;
        let (_, trace) = self.traces.get_mut(place).ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        let promoted = Promoted::of(row);
        let (db, ns) = (self.connection, row.timestamp_ns);
        let Shortener { texts, words, packer, lists, resources } = &mut *self.shortener;
        let resource = resources.of(db, texts, packer, row)?;
        let plain = row.attributes.iter().filter(|(key, _)| !is_content(key));
        let plain = plain.map(|(key, value)| (key.as_ref(), value.as_str()));
        let list = lists.write(db, words, plain, ns)?;
        let list_is_short = list.len() <= LIST_BYTES_MAX;
        let named = Named {
            provider: texts.share_some(db, promoted.provider, ns)?,
            model: texts.share_some(db, promoted.model, ns)?,
            session: texts.share_some(db, promoted.session, ns)?,
            user: texts.share_some(db, promoted.user, ns)?,
        };
        let inserted = self.span.execute(params![
            ns,
            row.duration_ns,
            trace.id(),
            id_number(&row.span_id),
            id_number(&row.parent_span_id),
            texts.share(db, &row.name, ns)?,
            row.kind.number(),
            texts.share(db, &row.service_name, ns)?,
            row.status.number(),
            texts.share_some(db, promoted.operation, ns)?,
            named.provider,
            named.model,
            promoted.stream,
            promoted.input_tokens,
            promoted.output_tokens,
            promoted.ttft_seconds,
            named.session,
            named.user,
            resource.project,
            texts.share(db, &row.scope_name, ns)?,
            texts.share(db, &row.scope_version, ns)?,
            Some(&resource.all).filter(|all| !all.is_long()),
            Some(list).filter(|_| list_is_short),
        ])?;
        if inserted == 0 {
            return Ok(false);
        }
        trace.absorb(&promoted.facts(row, named));
        let extras = Extras {
            resource: Some(&resource.all).filter(|all| all.is_long()),
            list: (!list_is_short).then(|| packer.pack_list(list)).transpose()?,
        };
        self.rest(row, &extras)?;
        Ok(true)
    }

    /// Where a trace is.
    fn trace(&mut self, trace_id: &'a str) -> rusqlite::Result<usize> {
        // Spans of one trace come together.
        if self.traces.last().is_some_and(|(last, _)| *last == trace_id) {
            return Ok(self.traces.len() - 1);
        }
        if let Some(place) = self.places.get(trace_id) {
            return Ok(*place);
        }
        let summary = self.lines.load(trace_id)?;
        let place = self.traces.len();
        self.places.insert(trace_id, place);
        self.traces.push((trace_id, summary));
        Ok(place)
    }

    /// What few spans have.
    fn rest(&mut self, row: &SpanRow, extras: &Extras<'_>) -> rusqlite::Result<()> {
        let (db, ns) = (self.connection, row.timestamp_ns);
        let Shortener { texts, packer, .. } = &mut *self.shortener;
        let span = db.last_insert_rowid();
        let is_plain = extras.resource.is_none()
            && extras.list.is_none()
            && row.trace_state.is_empty()
            && row.status_message.is_empty()
            && row.events.is_empty()
            && row.links.is_empty();
        if !is_plain {
            let mut pack = |json: String| packer.pack(json);
            let events = (!row.events.is_empty()).then(|| pack(json(&row.events)?)).transpose()?;
            let links = (!row.links.is_empty()).then(|| pack(json(&row.links)?)).transpose()?;
            db.prepare_cached(INSERT_EXTRAS)?.execute(params![
                span,
                texts.share(db, &row.trace_state, ns)?,
                texts.share(db, &row.status_message, ns)?,
                extras.resource,
                extras.list,
                events,
                links,
            ])?;
        }
        if row.attributes.iter().any(|(key, _)| is_content(key)) {
            let content = row.attributes.iter().filter(|(key, _)| is_content(key)).collect();
            let content = packer.pack(json(&Object(content))?)?;
            db.prepare_cached(INSERT_CONTENT)?.execute(params![span, content])?;
        }
        Ok(())
    }
}

/// Whether it is what people wrote.
fn is_content(key: &str) -> bool {
    key.starts_with("gen_ai.") && CONTENT_KEYS.contains(&key)
}

/// A span's id as it is kept; `None` if it is not the id of a span, as a root's parent.
pub(super) fn id_number(id: &str) -> Option<i64> {
    u64::from_str_radix(id, 16).ok().map(u64::cast_signed)
}

pub(super) fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    let mut text = Vec::with_capacity(JSON_BYTES_USUAL);
    serde_json::to_writer(&mut text, value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    String::from_utf8(text)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn borrowed<S: serde::Serializer>(pairs: &[&Attribute], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(key, value)| (key, value)))
}

// === impl Promoted ===

impl<'a> Promoted<'a> {
    fn of(row: &'a SpanRow) -> Self {
        let mut promoted = Self::default();
        for (key, value) in &row.attributes {
            let value = value.as_str();
            match key.as_ref() {
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

    fn facts<'b>(&'b self, row: &'b SpanRow, named: Named<'_>) -> SpanFacts<'b> {
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
            values: [named.provider, named.model, named.session, named.user]
                .map(|value| value.and_then(Shared::number)),
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
