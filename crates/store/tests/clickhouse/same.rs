//! What both stores say about the same spans.

use tollgate_store::sql::Scope;
use tollgate_store::{
    SpanRow, SpanStore, Sqlite, SqliteSettings, StoreError, TraceFilter, UsageBy, Window,
};

use crate::rows::{odd, row, start_ns, trace_id};
use crate::shim::Shim;

/// Both stores with the same rows.
async fn both(shim: &Shim, rows: &[SpanRow]) -> (Sqlite, impl SpanStore, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Sqlite::open(&folder.path().join("spans.db"), SqliteSettings::default()).unwrap();
    let clickhouse = shim.store();
    for rows in rows.chunks(7) {
        assert_eq!(sqlite.insert(rows.to_vec()).await.unwrap(), rows.len() as u64);
        assert_eq!(clickhouse.insert(rows.to_vec()).await.unwrap(), rows.len() as u64);
    }
    (sqlite, clickhouse, folder)
}

#[tokio::test]
async fn real_engine_fake_server_traces_read_back_as_from_sqlite() {
    let Some(shim) = Shim::start() else { return };
    let start = start_ns();
    let mut rows = vec![odd(start)];
    rows.extend((1..12).map(|span| row(start, 7, span)));
    rows.push(row(start, 8, 0));
    let (sqlite, clickhouse, _folder) = both(&shim, &rows).await;
    let id = trace_id(7);
    let ours = clickhouse.trace(&id).await.unwrap();
    assert_eq!(ours.len(), 12);
    assert_eq!(ours, sqlite.trace(&id).await.unwrap());
    assert_eq!(ours.iter().find(|row| row.kind == odd(start).kind), Some(&odd(start)));
    assert_eq!(clickhouse.trace(&trace_id(1)).await.unwrap(), []);
    // Prefixes: zeros begin both, and a whole id is one of them.
    let ambiguous = clickhouse.trace("0000").await.unwrap_err();
    assert_eq!(ambiguous, sqlite.trace("0000").await.unwrap_err());
    assert!(matches!(ambiguous, StoreError::AmbiguousTraceId { .. }), "{ambiguous}");
    assert_eq!(clickhouse.trace(&id[..31]).await.unwrap_err().to_string(), {
        let error = sqlite.trace(&id[..31]).await.unwrap_err();
        error.to_string()
    });
    assert!(matches!(clickhouse.trace("' OR").await, Err(StoreError::BadTraceId { .. })));
}

#[tokio::test]
async fn real_engine_fake_server_lists_say_what_sqlites_say() {
    let Some(shim) = Shim::start() else { return };
    let start = start_ns();
    let rows: Vec<_> =
        (0..40).flat_map(|trace| (0..1 + trace % 3).map(move |at| row(start, trace, at))).collect();
    let (sqlite, clickhouse, _folder) = both(&shim, &rows).await;
    let some = |text: &str| Some(text.to_owned());
    let all = TraceFilter::default;
    let second = |n: i64| Some(start + n * 1_000_000_000);
    let filters = [
        (all(), 40),
        (TraceFilter { limit: 5, ..all() }, 5),
        (TraceFilter { provider: some("openai"), ..all() }, 13),
        (TraceFilter { model: some("claude"), ..all() }, 13),
        (TraceFilter { model: some("' OR 1=1 --"), ..all() }, 0),
        (TraceFilter { session: some("s3"), ..all() }, 5),
        (TraceFilter { user: some("u7"), ..all() }, 1),
        (TraceFilter { errors_only: true, ..all() }, 6),
        (TraceFilter { status: some("error"), ..all() }, 0),
        (TraceFilter { status: some("UNSET"), limit: 10, ..all() }, 10),
        (TraceFilter { status: some("fine"), ..all() }, 0),
        (TraceFilter { since_ns: second(10), before_ns: second(20), ..all() }, 10),
        (TraceFilter { before_ns: second(20), limit: 3, ..all() }, 3),
        (TraceFilter { since_ns: second(39), ..all() }, 1),
        (TraceFilter { limit: 0, ..all() }, 0),
    ];
    for (filter, expected) in filters {
        let ours = clickhouse.recent(&filter).await.unwrap();
        assert_eq!(ours.len(), expected, "{filter:?}");
        assert_eq!(ours, sqlite.recent(&filter).await.unwrap(), "{filter:?}");
    }
}

#[tokio::test]
async fn real_engine_fake_server_old_and_future_spans_are_found() {
    let Some(shim) = Shim::start() else { return };
    let day = 86_400_000_000_000;
    // Within the retention: the tables' TTL drops what is older.
    let rows: Vec<_> = [-80, -10, -2, 0, 1]
        .iter()
        .zip(0_u64..)
        .map(|(days, trace)| row(start_ns() + days * day, trace, 0))
        .collect();
    let (sqlite, clickhouse, _folder) = both(&shim, &rows).await;
    for limit in [1, 3, 5, 50] {
        let filter = TraceFilter { limit, ..TraceFilter::default() };
        let ours = clickhouse.recent(&filter).await.unwrap();
        assert_eq!(ours.len(), limit.min(5));
        assert_eq!(ours, sqlite.recent(&filter).await.unwrap());
    }
}

#[tokio::test]
async fn real_engine_fake_server_a_span_that_came_twice_is_read_once() {
    let Some(shim) = Shim::start() else { return };
    let start = start_ns();
    let store = shim.store();
    let (first, second) = (row(start, 1, 0), row(start, 1, 1));
    // Within a batch, and in another one.
    let batch = vec![first.clone(), second.clone(), first.clone()];
    assert_eq!(store.insert(batch).await.unwrap(), 2);
    assert_eq!(store.insert(vec![second.clone()]).await.unwrap(), 1);
    assert_eq!(shim.sql("SELECT count() FROM otel.otel_traces"), "3");
    assert_eq!(store.trace(&trace_id(1)).await.unwrap(), [first, second]);
    let traces = store.recent(&TraceFilter::default()).await.unwrap();
    assert_eq!((traces[0].spans, traces[0].input_tokens), (2, Some(100)));
}

#[tokio::test]
async fn real_engine_fake_server_a_bad_row_leaves_no_trace_and_a_closed_store_says_so() {
    let Some(shim) = Shim::start() else { return };
    let store = shim.store();
    let mut bad = row(start_ns(), 1, 0);
    bad.span_id = "x".to_owned();
    let error = store.insert(vec![row(start_ns(), 1, 1), bad]).await.unwrap_err();
    assert!(matches!(error, StoreError::BadRow { .. }), "{error}");
    assert_eq!(store.recent(&TraceFilter::default()).await.unwrap(), []);
    assert_eq!(store.insert(Vec::new()).await.unwrap(), 0);
    store.close().await;
    assert_eq!(store.insert(vec![row(start_ns(), 1, 1)]).await, Err(StoreError::Closed));
    assert_eq!(store.trace(&trace_id(1)).await, Err(StoreError::Closed));
}

#[tokio::test]
async fn real_engine_fake_server_typed_questions_have_sqlites_answers() {
    let Some(shim) = Shim::start() else { return };
    let start = start_ns();
    let rows: Vec<_> =
        (0..40).flat_map(|trace| (0..1 + trace % 3).map(move |at| row(start, trace, at))).collect();
    let (sqlite, clickhouse, _folder) = both(&shim, &rows).await;
    for scope in [Scope::All, Scope::Project("p1".to_owned())] {
        let before_ns = start + 30_000_000_001;
        let window = Window { scope, since_ns: start + 2_000_000_000, before_ns };
        let ours = clickhouse.latency_by_model(&window).await.unwrap();
        assert_eq!(ours.len(), 2);
        assert_eq!(ours, sqlite.latency_by_model(&window).await.unwrap());
        for by in [UsageBy::Model, UsageBy::Session, UsageBy::User] {
            let ours = clickhouse.usage(by, &window).await.unwrap();
            assert!(ours.len() > 1, "{ours:?}");
            assert_eq!(ours, sqlite.usage(by, &window).await.unwrap());
        }
        let ours = clickhouse.errors_by_provider(&window).await.unwrap();
        assert_eq!(ours.len(), 2);
        assert_eq!(ours, sqlite.errors_by_provider(&window).await.unwrap());
    }
}
