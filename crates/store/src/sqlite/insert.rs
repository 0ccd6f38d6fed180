//! Writing rows: the span, what belongs to it, and what it changes about its trace.
//!
//! First it is found out which spans are new, then those are written: a statement inserts many of
//! them, and none has to tell which it took.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;
use rusqlite::{Connection, params};
use serde::Serialize;

use super::inserter::{Inserter, Target};
use super::lists::Lists;
use super::packing::Packer;
use super::promoted::{Named, Promoted, is_content};
use super::resources::{Kept, Resources};
use super::summary::{Lines, Stretches, Summary};
use super::texts::Texts;
use super::words::Words;
use crate::{Pairs, SpanRow};

const SPAN_COLUMNS: usize = 23;
static SPANS: Target<SPAN_COLUMNS> = Target::new(
    "INSERT OR FAIL INTO span_rows (timestamp_ns, duration_ns, trace, span, \
    parent, name, kind, service_name, status, operation, provider, model, stream, input_tokens, \
    output_tokens, ttft_seconds, session, user, project, scope_name, scope_version, resource, \
    attributes)",
);
const INSERT_EXTRAS: &str = "INSERT INTO span_extras (span, trace_state, status_message, \
    resource, attributes, events, links) VALUES (?, ?, ?, ?, ?, ?, ?)";
const INSERT_CONTENT: &str = "INSERT INTO span_content (span, attributes) VALUES (?, ?)";
const IS_KNOWN: &str = "SELECT 1 FROM span_rows WHERE trace = ? AND span = ?";
const NEXT_ID: &str = "SELECT coalesce(max(id), 0) + 1 FROM span_rows";
/// Longer lists are no part of the rows that statistics go through.
pub(super) const LIST_BYTES_MAX: usize = 512;
/// What most spans' attributes fit into as JSON.
const JSON_BYTES_USUAL: usize = 2_048;

/// How texts become short, and what is known of the database; the writer's own.
pub(super) struct Shortener {
    pub(super) texts: Texts,
    pub(super) words: Words,
    pub(super) packer: Packer,
    pub(super) stretches: Stretches,
    lists: Lists,
    resources: Resources,
}

/// The traces that were met, in that order: looked up and written once, however many of their spans
/// are here.
struct Traces<'a, 'c> {
    connection: &'c Connection,
    lines: Lines<'c>,
    met: Vec<(&'a str, Summary<'a>)>,
    places: HashMap<&'a str, usize, RandomState>,
    /// The spans that were met, each by its trace's place.
    spans: HashSet<(usize, Option<i64>), RandomState>,
}

/// A span that the database does not have.
struct New<'a> {
    row: &'a SpanRow,
    /// Where its trace is.
    place: usize,
    span: Option<i64>,
}

/// One transaction's spans.
struct Writing<'c, 's> {
    connection: &'c Connection,
    shortener: &'s mut Shortener,
    spans: Inserter<'c, SPAN_COLUMNS>,
    next_id: i64,
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
    let rows = batches.iter().map(|rows| rows.len()).sum();
    let mut traces = Traces {
        connection,
        lines: Lines::open(connection)?,
        met: Vec::new(),
        places: HashMap::default(),
        spans: HashSet::with_capacity_and_hasher(rows, RandomState::default()),
    };
    let mut new = Vec::with_capacity(rows);
    let mut stored = Vec::with_capacity(batches.len());
    for rows in batches {
        let before = new.len();
        for row in *rows {
            new.extend(traces.new_span(row)?);
        }
        stored.push((new.len() - before) as u64);
    }
    let mut writing = Writing {
        connection,
        spans: Inserter::new(connection, &SPANS, new.len()),
        next_id: connection.prepare_cached(NEXT_ID)?.query_row([], |row| row.get(0))?,
        shortener,
    };
    for span in &new {
        let trace = traces.met.get_mut(span.place);
        let (_, trace) = trace.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        writing.span(span, trace)?;
    }
    writing.spans.finish_before(writing.next_id)?;
    let Traces { met, lines, .. } = traces;
    let new_lines = met.iter().filter(|(_, trace)| !trace.is_saved()).count();
    let mut saving = lines.saving(&mut shortener.stretches, new_lines);
    for (trace_id, trace) in met {
        trace.save(&mut saving, trace_id)?;
    }
    saving.finish()?;
    Ok(stored)
}

// === impl Shortener ===

impl Shortener {
    pub(super) fn open(connection: &Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            texts: Texts::default(),
            words: Words::new(),
            packer: Packer::open(connection)?,
            stretches: Stretches::default(),
            lists: Lists::default(),
            resources: Resources::default(),
        })
    }

    /// To be called when a transaction was rolled back: what it has numbered does not exist.
    pub(super) fn forget(&mut self) {
        self.texts.forget();
        self.words.forget();
        self.lists.forget();
        self.stretches.forget();
        self.resources.forget();
    }

    /// Drops the texts and words that no span refers to any more, and the stretches of time that no
    /// trace is in; how many.
    pub(super) fn sweep(&mut self, connection: &Connection) -> rusqlite::Result<usize> {
        self.lists.forget();
        self.resources.forget();
        let stretches = self.stretches.sweep(connection)?;
        Ok(self.texts.sweep(connection)? + self.words.sweep(connection)? + stretches)
    }

    /// To be called at the start of every transaction: another process may have written.
    pub(super) fn begin(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.texts.begin(connection)? {
            self.forget();
        }
        self.words.begin(connection)
    }
}

// === impl Traces ===

impl<'a> Traces<'a, '_> {
    /// The span, if it is one that the database does not have.
    fn new_span(&mut self, row: &'a SpanRow) -> rusqlite::Result<Option<New<'a>>> {
        let (place, span) = (self.place(&row.trace_id)?, id_number(&row.span_id));
        if !self.spans.insert((place, span)) {
            return Ok(None);
        }
        let trace = self.met.get(place).map(|(_, trace)| trace);
        if let Some(trace) = trace.filter(|trace| trace.is_saved()) {
            let mut is_known = self.connection.prepare_cached(IS_KNOWN)?;
            if is_known.exists(params![trace.id(), span])? {
                return Ok(None);
            }
        }
        Ok(Some(New { row, place, span }))
    }

    /// Where a trace is.
    fn place(&mut self, trace_id: &'a str) -> rusqlite::Result<usize> {
        // Spans of one trace come together.
        if self.met.last().is_some_and(|(last, _)| *last == trace_id) {
            return Ok(self.met.len() - 1);
        }
        if let Some(place) = self.places.get(trace_id) {
            return Ok(*place);
        }
        let summary = self.lines.load(trace_id)?;
        let place = self.met.len();
        self.places.insert(trace_id, place);
        self.met.push((trace_id, summary));
        Ok(place)
    }
}

// === impl Writing ===

impl Writing<'_, '_> {
    fn span<'a>(&mut self, new: &New<'a>, trace: &mut Summary<'a>) -> rusqlite::Result<()> {
        let (row, id) = (new.row, self.next_id);
        self.next_id += 1;
        let promoted = Promoted::of(row);
        let (db, ns) = (self.connection, row.timestamp_ns);
        let Shortener { texts, words, packer, lists, resources, .. } = &mut *self.shortener;
        let resource = resources.of(db, texts, packer, row)?;
        let plain = row.attributes.iter().map(|(key, value)| (key.as_ref(), value.as_str()));
        let plain = plain.filter(|(key, _)| !promoted.has_content || !is_content(key));
        let list = lists.write(db, words, plain, ns)?;
        let list_is_short = list.len() <= LIST_BYTES_MAX;
        let named = Named {
            provider: texts.share_some(db, promoted.provider, ns)?,
            model: texts.share_some(db, promoted.model, ns)?,
            session: texts.share_some(db, promoted.session, ns)?,
            user: texts.share_some(db, promoted.user, ns)?,
        };
        self.spans.row(&[
            ns.into(),
            row.duration_ns.into(),
            trace.id().into(),
            new.span.into(),
            id_number(&row.parent_span_id).into(),
            texts.share(db, &row.name, ns)?.into(),
            row.kind.number().into(),
            texts.share(db, &row.service_name, ns)?.into(),
            row.status.number().into(),
            texts.share_some(db, promoted.operation, ns)?.into(),
            named.provider.into(),
            named.model.into(),
            promoted.stream.into(),
            promoted.input_tokens.into(),
            promoted.output_tokens.into(),
            promoted.ttft_seconds.into(),
            named.session.into(),
            named.user.into(),
            resource.project.as_ref().into(),
            texts.share(db, &row.scope_name, ns)?.into(),
            texts.share(db, &row.scope_version, ns)?.into(),
            Some(&resource.all).filter(|all| !all.is_long()).into(),
            Some(list).filter(|_| list_is_short).into(),
        ])?;
        trace.absorb(&promoted.facts(row, named));
        let extras = Extras {
            resource: Some(&resource.all).filter(|all| all.is_long()),
            list: (!list_is_short).then(|| packer.pack_list(list)).transpose()?,
        };
        self.rest(id, row, &extras, promoted.has_content)
    }

    /// What few spans have.
    fn rest(
        &mut self,
        span: i64,
        row: &SpanRow,
        extras: &Extras<'_>,
        has_content: bool,
    ) -> rusqlite::Result<()> {
        let (db, ns) = (self.connection, row.timestamp_ns);
        let Shortener { texts, packer, .. } = &mut *self.shortener;
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
        if has_content {
            let content = row.attributes.iter().filter(|(key, _)| is_content(key)).collect();
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
