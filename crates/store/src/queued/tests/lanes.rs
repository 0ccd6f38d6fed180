//! The three lanes of a store whose server is not there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::super::QueuedStore;
use super::PATIENCE;
use crate::{
    ClickHouse, ClickHouseSettings, LogRow, Metric, MetricRow, Point, Signal, SpanRow, SpanStore,
    StoreError,
};

/// A store whose server is not there.
pub(super) fn nowhere() -> ClickHouse {
    let url = "http://127.0.0.1:9".to_owned();
    ClickHouse::new(ClickHouseSettings { url, ..ClickHouseSettings::default() }).unwrap()
}

fn row(span: u64) -> SpanRow {
    SpanRow {
        trace_id: "0af7651916cd43dd8448eb211c80319c".to_owned(),
        span_id: format!("{span:016x}"),
        ..SpanRow::default()
    }
}

#[tokio::test]
async fn an_insert_is_acknowledged_without_a_server_each_row_once_and_bad_rows_not_at_all() {
    let folder = TempDir::new().unwrap();
    let (store, forwarders) = QueuedStore::open(folder.path(), 1 << 20, nowhere()).unwrap();
    assert_eq!(store.insert(Vec::new()).await, Ok(0));
    assert_eq!(store.insert(vec![row(1), row(2), row(1)]).await, Ok(2));
    let bad = SpanRow { span_id: "none".to_owned(), ..row(3) };
    let error = store.insert(vec![row(4), bad]).await.unwrap_err();
    assert!(matches!(error, StoreError::BadRow { .. }), "{error}");
    let stats = store.spans.stats();
    assert_eq!((stats.waiting_records, stats.waiting_items), (1, 2));
    assert!(store.has_room());
    // A second process would send everything twice.
    let error = QueuedStore::open(folder.path(), 1 << 20, nowhere()).map(drop).unwrap_err();
    assert!(!error.is_retryable() && error.to_string().contains("in use"), "{error}");
    drop(forwarders);
    store.close().await;
    assert_eq!(store.insert(vec![row(5)]).await, Err(StoreError::Closed));
}

#[tokio::test]
async fn an_insert_without_room_is_worth_another_try_and_one_beyond_all_room_is_not() {
    let folder = TempDir::new().unwrap();
    let (store, _forwarders) = QueuedStore::open(folder.path(), 1 << 20, nowhere()).unwrap();
    let of = |bytes| vec![SpanRow { status_message: "x".repeat(bytes), ..row(1) }];
    let error = store.insert(of(1 << 20)).await.unwrap_err();
    assert!(matches!(error, StoreError::Queue { retryable: false, .. }), "{error}");
    let error = loop {
        if let Err(error) = store.insert(of(50_000)).await {
            break error;
        }
    };
    assert!(matches!(error, StoreError::Queue { retryable: true, .. }), "{error}");
    assert!(error.to_string().contains("at most 524288 bytes"), "{error}");
}

fn metric(name: &str, point: Point) -> MetricRow {
    MetricRow {
        origin: Arc::default(),
        metric: Arc::new(Metric { name: name.to_owned(), ..Metric::default() }),
        attributes: Vec::new(),
        start_ns: 0,
        time_ns: 1,
        flags: 0,
        point,
        exemplars: Vec::new(),
    }
}

fn log(bytes: usize) -> LogRow {
    LogRow { timestamp_ns: 1, body: "x".repeat(bytes), ..LogRow::default() }
}

/// Records and rows that wait, by lane.
fn waiting(store: &QueuedStore) -> [(u64, u64); 3] {
    store.lanes().map(|lane| {
        let stats = lane.stats();
        (stats.waiting_records, stats.waiting_items)
    })
}

#[tokio::test]
async fn metrics_and_logs_are_acknowledged_without_a_server_each_in_a_lane_of_its_own() {
    let folder = TempDir::new().unwrap();
    let (store, forwarders) = QueuedStore::open(folder.path(), 1 << 20, nowhere()).unwrap();
    assert_eq!(store.lanes().map(super::super::Lane::signal), Signal::ALL);
    let (gauge, sum) = (
        metric("g", Point::Gauge { value: 1.0 }),
        metric("s", Point::Sum { value: 1.0, temporality: 2, is_monotonic: true }),
    );
    assert_eq!(store.insert_metrics(vec![gauge.clone(), sum, gauge.clone()]).await, Ok(3));
    assert_eq!(store.insert_logs(vec![log(1), log(1)]).await, Ok(2));
    assert_eq!(store.insert(vec![row(1)]).await, Ok(1));
    assert_eq!(store.insert_metrics(Vec::new()).await, Ok(0));
    assert_eq!(store.insert_logs(Vec::new()).await, Ok(0));
    // A record for each table.
    assert_eq!(waiting(&store), [(1, 1), (2, 3), (1, 2)]);
    let bad = MetricRow { time_ns: -1, ..gauge };
    let error = store.insert_metrics(vec![bad]).await.unwrap_err();
    assert!(matches!(error, StoreError::BadRow { .. }), "{error}");
    let bad = LogRow { timestamp_ns: -1, ..log(1) };
    let error = store.insert_logs(vec![log(1), bad]).await.unwrap_err();
    assert!(matches!(error, StoreError::BadRow { .. }), "{error}");
    assert_eq!(waiting(&store), [(1, 1), (2, 3), (1, 2)]);
    drop(forwarders);
    store.close().await;
    drop(store);
    // Whoever starts with the folder next has them.
    let until = Instant::now() + PATIENCE;
    let (store, _forwarders) = loop {
        match QueuedStore::open(folder.path(), 1 << 20, nowhere()) {
            Ok(opened) => break opened,
            // The threads before are about to let go.
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(waiting(&store), [(1, 1), (2, 3), (1, 2)]);
    assert_eq!(store.lanes().map(|lane| lane.recovered().items), [1, 3, 2]);
    assert!(store.waiting_bytes() > 0);
}

#[tokio::test]
async fn a_full_lane_refuses_its_own_signal_for_a_while_and_no_other() {
    let folder = TempDir::new().unwrap();
    let (store, _forwarders) = QueuedStore::open(folder.path(), 1 << 20, nowhere()).unwrap();
    let error = loop {
        if let Err(error) = store.insert_logs(vec![log(20_000)]).await {
            break error;
        }
    };
    assert!(matches!(error, StoreError::Queue { retryable: true, .. }), "{error}");
    assert!(error.to_string().contains("at most 262144 bytes"), "{error}");
    let [spans, metrics, logs] = store.lanes().map(|lane| lane.stats());
    assert_eq!((spans.refused_full, metrics.refused_full, logs.refused_full), (0, 0, 1));
    assert!(logs.bytes <= 262_144 && store.has_room());
    assert_eq!(store.insert(vec![row(1)]).await, Ok(1));
    let gauge = metric("g", Point::Gauge { value: 1.0 });
    assert_eq!(store.insert_metrics(vec![gauge]).await, Ok(1));
    let error = store.insert_logs(vec![log(300_000)]).await.unwrap_err();
    assert!(matches!(error, StoreError::Queue { retryable: false, .. }), "{error}");
}
