//! A database that is too large: whatever is oldest goes first, of spans, points and log records.

use rusqlite::Connection;

use super::super::retention;
use super::signals::{log, point, points};
use super::{Fixture, START_NS, at, row, trace_id};
use crate::{SpanStore, Sqlite, SqliteSettings};

const MANY: i64 = 6_000;
const SLICE: i64 = retention::SLICE_SPANS as i64;

fn ms(at: i64) -> i64 {
    START_NS + at * 1_000_000
}

/// The times of what a table has: the first, and how many.
fn left(fixture: &Fixture, table: &str, time: &str) -> (i64, i64) {
    let database = Connection::open(fixture.path()).unwrap();
    let sql = format!("SELECT coalesce(min({time}), 0), count(*) FROM {table}");
    database.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
}

/// Opens the store again with one byte less than is in use, and prunes it.
async fn prune(fixture: &Fixture) -> (Sqlite, u64) {
    fixture.store.close().await;
    let used = retention::bytes_used(&Connection::open(fixture.path()).unwrap()).unwrap();
    let settings = SqliteSettings { bytes_max: used - 1, ..SqliteSettings::default() };
    let store = Sqlite::open(&fixture.path(), settings).unwrap();
    let dropped = store.prune(START_NS).await.unwrap();
    assert_eq!(store.prune(START_NS).await, Ok(0));
    (store, dropped)
}

#[tokio::test]
async fn spans_points_and_records_of_the_same_age_go_together() {
    let fixture = Fixture::new();
    let [gauge, ..] = points();
    let span = |n: i64| at(row(u128::try_from(n).unwrap(), 0), ms(n));
    fixture.insert((0..MANY).map(span).collect()).await;
    let rows = (0..MANY).map(|n| point("p", ms(n), gauge.clone()));
    fixture.store.insert_metrics(rows.collect()).await.unwrap();
    let logs = (0..MANY).map(|n| log("p", ms(n), "said"));
    fixture.store.insert_logs(logs.collect()).await.unwrap();
    let (_store, dropped) = prune(&fixture).await;
    assert_eq!(dropped, 3 * u64::from(retention::SLICE_SPANS));
    let rest = (ms(SLICE), MANY - SLICE);
    assert_eq!(left(&fixture, "span_rows", "timestamp_ns"), rest);
    assert_eq!(left(&fixture, "metric_points", "time_ns"), rest);
    assert_eq!(left(&fixture, "log_records", "timestamp_ns"), rest);
}

#[tokio::test]
async fn a_flood_of_records_takes_the_place_of_none_that_is_younger() {
    let fixture = Fixture::new();
    fixture.insert(vec![at(row(1, 0), ms(-1)), at(row(2, 0), ms(MANY))]).await;
    let logs = (0..MANY).map(|n| log("p", ms(n), "said"));
    fixture.store.insert_logs(logs.collect()).await.unwrap();
    let (store, dropped) = prune(&fixture).await;
    assert_eq!(dropped, u64::from(retention::SLICE_SPANS) + 1);
    assert_eq!(left(&fixture, "log_records", "timestamp_ns"), (ms(SLICE), MANY - SLICE));
    assert!(store.trace(&trace_id(1)).await.unwrap().is_empty());
    assert_eq!(store.trace(&trace_id(2)).await.unwrap(), [at(row(2, 0), ms(MANY))]);
}
