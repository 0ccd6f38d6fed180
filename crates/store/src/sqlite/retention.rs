//! Dropping what is too old or too much, a slice at a time.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::read;
use super::signals::SLICE_ROWS;
use super::summary::{Lines, Stretches};
use super::texts::Texts;

/// How many spans one transaction drops at most.
pub(super) const SLICE_SPANS: u32 = 5_000;
/// A database that is too large is cut back to this share of its limit, in percent, so that it is
/// not too large again at once.
const KEPT_PERCENT: u64 = 95;

const NS_PER_DAY: i64 = 24 * 60 * 60 * 1_000_000_000;

/// Spans that started before this are too old; `None` if nothing ever is.
pub(super) fn cutoff_ns(now_ns: i64, retention_days: u32) -> Option<i64> {
    if retention_days == 0 {
        return None;
    }
    Some(now_ns.saturating_sub(i64::from(retention_days).saturating_mul(NS_PER_DAY)))
}

/// The size to which a database of at most `bytes_max` is cut back.
pub(super) const fn bytes_kept(bytes_max: u64) -> u64 {
    bytes_max / 100 * KEPT_PERCENT
}

/// How much of the file is in use. The rest is filled before the file grows; the file itself never
/// becomes smaller.
pub(super) fn bytes_used(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached(
            "SELECT (c.page_count - f.freelist_count) * s.page_size FROM pragma_page_count c, \
             pragma_freelist_count f, pragma_page_size s",
        )?
        .query_row([], |row| row.get::<_, i64>(0))
        .map(|bytes| u64::try_from(bytes).unwrap_or(0))
}

/// The moment before which the oldest slice of everything lies: spans, points and log records go
/// together, however many of each there are.
pub(super) fn slice_end_ns(connection: &Connection) -> rusqlite::Result<i64> {
    let last = |table: &str, time: &str, slice: u32| {
        let sql = format!("SELECT {time} FROM {table} ORDER BY {time} LIMIT 1 OFFSET ?");
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query([slice.saturating_sub(1)])?;
        // Of fewer than a slice all may go.
        rows.next()?.map_or(Ok(i64::MAX), |row| row.get::<_, i64>(0))
    };
    let spans = last("span_rows", "timestamp_ns", SLICE_SPANS)?;
    let points = last("metric_points", "time_ns", SLICE_ROWS)?;
    let logs = last("log_records", "timestamp_ns", SLICE_ROWS)?;
    Ok(spans.min(points).min(logs).saturating_add(1))
}

/// Drops up to [`SLICE_SPANS`] of the oldest spans that started before `cutoff_ns`, and what their
/// traces' lines say about them. Returns how many. The texts are those of this transaction.
pub(super) fn prune_slice(
    connection: &Connection,
    cutoff_ns: i64,
    texts: &mut Texts,
    stretches: &mut Stretches,
) -> rusqlite::Result<u64> {
    let mut old = connection.prepare_cached(
        "SELECT s.id, s.trace, t.trace_id FROM span_rows s CROSS JOIN traces t ON t.id = s.trace \
         WHERE s.timestamp_ns < ? ORDER BY s.timestamp_ns LIMIT ?",
    )?;
    let mut old = old.query(params![cutoff_ns, SLICE_SPANS])?;
    let mut spans: Vec<i64> = Vec::new();
    let mut traces: BTreeMap<i64, String> = BTreeMap::new();
    while let Some(row) = old.next()? {
        spans.push(row.get(0)?);
        traces.insert(row.get(1)?, row.get(2)?);
    }
    drop(old);
    for span in &spans {
        connection.prepare_cached("DELETE FROM span_content WHERE span = ?")?.execute([span])?;
        connection.prepare_cached("DELETE FROM span_extras WHERE span = ?")?.execute([span])?;
        connection.prepare_cached("DELETE FROM span_rows WHERE id = ?")?.execute([span])?;
    }
    let mut lines = Lines::open(connection)?;
    let mut rest = Vec::with_capacity(traces.len());
    for (id, trace_id) in &traces {
        let mut trace = lines.anew(trace_id)?;
        read::each_span(connection, *id, texts, |span| trace.absorb_copied(span))?;
        rest.push((trace_id, trace));
    }
    let mut saving = lines.saving(stretches, 0);
    for (trace_id, trace) in rest {
        if trace.is_empty() {
            trace.remove(&mut saving)?;
        } else {
            trace.save(&mut saving, trace_id)?;
        }
    }
    saving.finish()?;
    Ok(spans.len() as u64)
}
