//! Dropping what is too old, a slice at a time.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};

use super::read;
use super::summary::Summary;

/// How many spans one transaction drops at most.
pub(super) const SLICE_SPANS: u32 = 5_000;

const NS_PER_DAY: i64 = 24 * 60 * 60 * 1_000_000_000;

/// Spans that started before this are too old; `None` if nothing ever is.
pub(super) fn cutoff_ns(now_ns: i64, retention_days: u32) -> Option<i64> {
    if retention_days == 0 {
        return None;
    }
    Some(now_ns.saturating_sub(i64::from(retention_days).saturating_mul(NS_PER_DAY)))
}

/// Drops up to [`SLICE_SPANS`] of the oldest spans that started before `cutoff_ns`, and what their
/// traces' lines say about them. Returns how many.
pub(super) fn prune_slice(connection: &Connection, cutoff_ns: i64) -> rusqlite::Result<u64> {
    let mut old = connection.prepare_cached(
        "SELECT id, trace_id FROM spans WHERE timestamp_ns < ? ORDER BY timestamp_ns LIMIT ?",
    )?;
    let old: Vec<(i64, String)> = old
        .query_map(params![cutoff_ns, SLICE_SPANS], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (span, _) in &old {
        connection.prepare_cached("DELETE FROM span_content WHERE span = ?")?.execute([span])?;
        connection.prepare_cached("DELETE FROM span_details WHERE span = ?")?.execute([span])?;
        connection.prepare_cached("DELETE FROM spans WHERE id = ?")?.execute([span])?;
    }
    let traces: BTreeSet<&String> = old.iter().map(|(_, trace_id)| trace_id).collect();
    for trace_id in traces {
        let mut trace = Summary::anew(connection, trace_id)?;
        read::each_span(connection, trace_id, |span| trace.absorb(span))?;
        if trace.is_empty() {
            trace.remove(connection)?;
        } else {
            trace.save(connection, trace_id)?;
        }
    }
    Ok(old.len() as u64)
}
