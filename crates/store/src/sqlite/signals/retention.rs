//! Dropping points and log records that are too old, a slice at a time.

use rusqlite::{Connection, params};

/// How many rows of each kind one transaction drops at most.
pub(in crate::sqlite) const SLICE_ROWS: u32 = 5_000;

const DROP_POINTS: &str = "DELETE FROM metric_points WHERE (series, time_ns, digest) IN \
    (SELECT series, time_ns, digest FROM metric_points WHERE time_ns < ? ORDER BY time_ns LIMIT ?)";
const DROP_LOGS: &str = "DELETE FROM log_records WHERE id IN \
    (SELECT id FROM log_records WHERE timestamp_ns < ? ORDER BY timestamp_ns LIMIT ?)";
const DROP_SERIES: &str = "DELETE FROM metric_series WHERE NOT EXISTS \
    (SELECT 1 FROM metric_points WHERE series = metric_series.id)";
const DROP_ORIGINS: &str = "DELETE FROM signal_origins WHERE NOT EXISTS \
    (SELECT 1 FROM metric_series WHERE origin = signal_origins.id) AND NOT EXISTS \
    (SELECT 1 FROM log_records WHERE origin = signal_origins.id)";

/// Drops up to [`SLICE_ROWS`] of the oldest points and of the oldest log records from before
/// `cutoff_ns`. Returns how many.
pub(in crate::sqlite) fn prune_slice(
    connection: &Connection,
    cutoff_ns: i64,
) -> rusqlite::Result<u64> {
    let slice = params![cutoff_ns, SLICE_ROWS];
    let points = connection.prepare_cached(DROP_POINTS)?.execute(slice)?;
    let logs = connection.prepare_cached(DROP_LOGS)?.execute(slice)?;
    Ok((points + logs) as u64)
}

/// Drops what nothing comes from any more; returns how many rows.
pub(in crate::sqlite) fn sweep(connection: &Connection) -> rusqlite::Result<u64> {
    let series = connection.prepare_cached(DROP_SERIES)?.execute([])?;
    let origins = connection.prepare_cached(DROP_ORIGINS)?.execute([])?;
    Ok((series + origins) as u64)
}
