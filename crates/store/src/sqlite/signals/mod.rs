//! Writing metrics and logs. What they come from and what they are points of is written once and
//! found again by its digest, so that a point is a few numbers.

mod digest;
mod group;
mod retention;
mod shape;

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, params};
use serde::Serialize;

use self::digest::Digest;
pub(super) use self::group::{Insert, insert_group};
pub(super) use self::retention::{SLICE_ROWS, prune_slice, sweep};
use self::shape::Columns;
use crate::span_row::pairs;
use crate::{LogRow, MetricRow, Origin, Pairs};

const FIND_ORIGIN: &str = "SELECT id FROM signal_origins WHERE digest = ?";
const INSERT_ORIGIN: &str = "INSERT INTO signal_origins (digest, project, service_name, \
    resource_attributes, resource_schema_url, scope_name, scope_version, scope_attributes, \
    scope_dropped, scope_schema_url) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const FIND_SERIES: &str = "SELECT id FROM metric_series WHERE digest = ?";
const INSERT_SERIES: &str = "INSERT INTO metric_series (digest, origin, kind, name, description, \
    unit, attributes, temporality, is_monotonic) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
const INSERT_POINT: &str = "INSERT INTO metric_points (series, time_ns, digest, start_ns, flags, \
    value, count, sum, min, max, shape, exemplars) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
    ON CONFLICT DO NOTHING";
const INSERT_LOG: &str = "INSERT INTO log_records (origin, timestamp_ns, trace_id, span_id, \
    trace_flags, severity_number, severity_text, body, attributes, event_name) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Rows of one insert.
#[derive(Debug)]
pub(super) enum Rows {
    Metrics(Vec<MetricRow>),
    Logs(Vec<LogRow>),
}

/// An attribute list as a JSON object.
#[derive(Serialize)]
struct Object<'a>(#[serde(serialize_with = "pairs::serialize")] &'a Pairs);

/// What was looked up in this transaction. It ends with it: a retention may drop what it names.
struct Known<'c> {
    connection: &'c Connection,
    /// By where the rows share it.
    origins: HashMap<*const Origin, i64>,
    series: HashMap<[u8; Digest::BYTES], i64>,
}

/// Writes the inserts inside the caller's transaction; returns how many rows of each were new.
fn write(connection: &Connection, inserts: &[&Rows]) -> rusqlite::Result<Vec<u64>> {
    let mut known = Known { connection, origins: HashMap::new(), series: HashMap::new() };
    let mut stored = Vec::with_capacity(inserts.len());
    for rows in inserts {
        let mut new = 0;
        match rows {
            Rows::Metrics(rows) => {
                for row in rows {
                    new += u64::from(known.write_point(row)?);
                }
            }
            Rows::Logs(rows) => {
                for row in rows {
                    known.write_log(row)?;
                    new += 1;
                }
            }
        }
        stored.push(new);
    }
    Ok(stored)
}

// === impl Rows ===

impl Rows {
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Metrics(rows) => rows.len(),
            Self::Logs(rows) => rows.len(),
        }
    }
}

// === impl Known ===

impl Known<'_> {
    /// Whether the point was new.
    fn write_point(&mut self, row: &MetricRow) -> rusqlite::Result<bool> {
        let series = self.series(row)?;
        let columns = Columns::of(row)?;
        let inserted = self.connection.prepare_cached(INSERT_POINT)?.execute(params![
            series,
            row.time_ns,
            columns.digest(row),
            row.start_ns,
            row.flags,
            columns.value,
            columns.count,
            columns.sum,
            columns.min,
            columns.max,
            columns.shape,
            columns.exemplars,
        ])?;
        Ok(inserted > 0)
    }

    fn write_log(&mut self, row: &LogRow) -> rusqlite::Result<()> {
        let origin = self.origin(&row.origin)?;
        self.connection.prepare_cached(INSERT_LOG)?.execute(params![
            origin,
            row.timestamp_ns,
            row.trace_id,
            row.span_id,
            row.trace_flags,
            row.severity_number,
            row.severity_text,
            row.body,
            json_object(&row.attributes)?,
            row.event_name,
        ])?;
        Ok(())
    }

    fn series(&mut self, row: &MetricRow) -> rusqlite::Result<i64> {
        let origin = self.origin(&row.origin)?;
        let head = shape::head(&row.point);
        let mut digest = Digest::new();
        digest.number(origin);
        digest.number(head.kind);
        digest.number(head.temporality);
        digest.number(i64::from(head.is_monotonic));
        for text in [&row.metric.name, &row.metric.description, &row.metric.unit] {
            digest.text(text);
        }
        digest.pairs(&row.attributes);
        let digest = digest.finish();
        if let Some(id) = self.series.get(&digest) {
            return Ok(*id);
        }
        let id = match find(self.connection, FIND_SERIES, &digest)? {
            Some(id) => id,
            None => self.connection.prepare_cached(INSERT_SERIES)?.insert(params![
                digest,
                origin,
                head.kind,
                row.metric.name,
                row.metric.description,
                row.metric.unit,
                json_object(&row.attributes)?,
                head.temporality,
                head.is_monotonic,
            ])?,
        };
        self.series.insert(digest, id);
        Ok(id)
    }

    fn origin(&mut self, origin: &Arc<Origin>) -> rusqlite::Result<i64> {
        // The rows outlive the transaction, so that nothing else comes to be at this address.
        let at = Arc::as_ptr(origin);
        if let Some(id) = self.origins.get(&at) {
            return Ok(*id);
        }
        let mut digest = Digest::new();
        for text in [
            &origin.resource_schema_url,
            &origin.scope_name,
            &origin.scope_version,
            &origin.scope_schema_url,
        ] {
            digest.text(text);
        }
        digest.number(i64::from(origin.scope_dropped_attributes_count));
        digest.pairs(&origin.resource_attributes);
        digest.pairs(&origin.scope_attributes);
        let digest = digest.finish();
        let id = match find(self.connection, FIND_ORIGIN, &digest)? {
            Some(id) => id,
            None => self.connection.prepare_cached(INSERT_ORIGIN)?.insert(params![
                digest,
                origin.resource_attribute("project.id"),
                origin.service_name,
                json_object(&origin.resource_attributes)?,
                origin.resource_schema_url,
                origin.scope_name,
                origin.scope_version,
                json_object(&origin.scope_attributes)?,
                origin.scope_dropped_attributes_count,
                origin.scope_schema_url,
            ])?,
        };
        self.origins.insert(at, id);
        Ok(id)
    }
}

fn json_object(pairs: &Pairs) -> rusqlite::Result<String> {
    json(&Object(pairs))
}

fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn find(connection: &Connection, sql: &str, digest: &[u8]) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([digest])?;
    rows.next()?.map(|row| row.get(0)).transpose()
}
