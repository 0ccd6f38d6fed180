//! Any text as a query: refused, or run on a store that it cannot change, of which a stranger sees
//! nothing. What the translator writes must be what SQLite takes.
#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tollgate_store::sql::{Cell, Scope, SqlQuery, scoped};
use tollgate_store::{
    EventRow, LogRow, Metric, MetricRow, Origin, Point, SpanRow, SpanStore, Sqlite, SqliteSettings,
    StoreError,
};

/// In every text of every row.
const MARKER: &str = "SECRET";

struct Kept {
    runtime: Runtime,
    store: Sqlite,
    _folder: TempDir,
}

static KEPT: LazyLock<Kept> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&folder.path().join("spans.db"), SqliteSettings::default()).unwrap();
    let rows = (0..6_u64).map(|at| SpanRow {
        timestamp_ns: 1_700_000_000_000_000_000 + at as i64,
        duration_ns: 1 + at as i64,
        trace_id: format!("{:032x}", 1 + at % 2),
        span_id: format!("{:016x}", 1 + at),
        parent_span_id: format!("{at:016x}"),
        name: MARKER.to_owned(),
        attributes: vec![
            ("gen_ai.request.model".into(), MARKER.to_owned()),
            ("gen_ai.usage.input_tokens".into(), "7".to_owned()),
        ],
        resource_attributes: vec![("project.id".into(), MARKER.to_owned())].into(),
        events: vec![EventRow { name: MARKER.to_owned(), ..EventRow::default() }],
        ..SpanRow::default()
    });
    runtime.block_on(store.insert(rows.collect())).unwrap();
    let origin = Arc::new(Origin {
        service_name: MARKER.to_owned(),
        resource_attributes: vec![("project.id".into(), MARKER.to_owned())],
        ..Origin::default()
    });
    let point = |point| MetricRow {
        origin: Arc::clone(&origin),
        metric: Arc::new(Metric { name: MARKER.to_owned(), ..Metric::default() }),
        attributes: vec![("k".into(), MARKER.to_owned())],
        start_ns: 0,
        time_ns: 1_700_000_000_000_000_000,
        flags: 0,
        point,
        exemplars: Vec::new(),
    };
    let points = vec![
        point(Point::Gauge { value: 0.5 }),
        point(Point::Summary { count: 1, sum: 0.5, quantiles: vec![(0.5, 0.5)] }),
    ];
    runtime.block_on(store.insert_metrics(points)).unwrap();
    let log = LogRow { origin, body: MARKER.to_owned(), ..LogRow::default() };
    runtime.block_on(store.insert_logs(vec![log])).unwrap();
    Kept { runtime, store, _folder: folder }
});

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for scope in [Scope::All, Scope::Project("nobody".to_owned())] {
        let _for_the_other_engine = scoped(text, &scope, 0);
        let stranger = scope != Scope::All;
        let query = SqlQuery {
            text: text.to_owned(),
            scope,
            rows_max: 100,
            time_max: Duration::from_millis(500),
        };
        match KEPT.runtime.block_on(KEPT.store.query(&query)) {
            Ok(table) => {
                let shows = |cell: &Cell| matches!(cell, Cell::Text(it) if it.contains(MARKER));
                let leak = stranger && table.rows.iter().flatten().any(shows);
                assert!(!leak || text.contains(MARKER), "a stranger sees {table:?}");
            }
            Err(StoreError::Sql { message, .. }) => {
                let refused = message.starts_with("the store cannot do this");
                assert!(!refused || message.contains("too "), "{text}: {message}");
            }
            Err(StoreError::TimedOut { .. }) => {}
            Err(error) => panic!("{text}: {error}"),
        }
    }
});
