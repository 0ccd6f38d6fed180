//! What was inserted stays, once, and goes when it is too old.

use std::os::unix::fs::PermissionsExt;

use futures_util::future::join_all;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::super::packing::Unpacker;
use super::super::retention::SLICE_SPANS;
use super::super::writer::RESTS_AFTER;
use super::super::{Sqlite, SqliteSettings};
use super::{Fixture, START_NS, at, failed, llm_row, pairs, row, trace_id, with};
use crate::{
    CONTENT_KEYS, EventRow, LinkRow, SpanKind, SpanRow, SpanStore, StatusCode, StoreError,
    TraceFilter,
};

const DAY_NS: i64 = 86_400 * 1_000_000_000;

fn full_row() -> SpanRow {
    SpanRow {
        timestamp_ns: START_NS + 123_456_789,
        duration_ns: 987_654_321,
        trace_id: trace_id(0xfeed),
        span_id: "00000000000000aa".to_owned(),
        parent_span_id: "00000000000000bb".to_owned(),
        trace_state: "vendor=1".to_owned(),
        name: "chat gpt-4o".to_owned(),
        kind: SpanKind::Client,
        service_name: "gätewäy".to_owned(),
        resource_attributes: pairs(&[("service.name", "gätewäy"), ("project.id", "p")]),
        scope_name: "tollgate".to_owned(),
        scope_version: "0.1.0".to_owned(),
        attributes: pairs(&[
            ("zebra", "{\"a\":1}"),
            ("apple", "quote \" and \u{1} and \u{1F600}"),
            ("empty", ""),
            ("gen_ai.input.messages", "[{\"role\":\"user\"}]"),
            ("gen_ai.output.messages", "[]"),
        ]),
        status: StatusCode::Error,
        status_message: "upstream said no".to_owned(),
        events: vec![EventRow {
            timestamp_ns: START_NS + 1,
            name: "retry".to_owned(),
            attributes: pairs(&[("target", "primary")]),
        }],
        links: vec![LinkRow {
            trace_id: trace_id(7),
            span_id: "00000000000000cc".to_owned(),
            trace_state: "x=y".to_owned(),
            attributes: pairs(&[("why", "batch")]),
        }],
    }
}

#[tokio::test]
async fn a_row_comes_back_as_it_went_in() {
    let fixture = Fixture::new();
    assert_eq!(fixture.insert(vec![full_row()]).await, 1);
    assert_eq!(fixture.store.trace(&trace_id(0xfeed)).await.unwrap(), vec![full_row()]);
}

#[tokio::test]
async fn content_is_kept_apart_from_the_other_attributes() {
    let fixture = Fixture::new();
    let mut row = row(1, 0);
    row.attributes = CONTENT_KEYS.iter().map(|key| ((*key).into(), "secret".to_owned())).collect();
    fixture.insert(vec![row]).await;
    let database = Connection::open(fixture.path()).unwrap();
    let column = |sql: &str| {
        let value = database.query_row(sql, [], |row| row.get::<_, Value>(0)).unwrap();
        match value {
            Value::Blob(packed) => Unpacker::new().unwrap().unpack(&packed).unwrap(),
            Value::Text(text) => text,
            _ => panic!("{value:?}"),
        }
    };
    assert_eq!(column("SELECT attributes FROM spans"), "{}");
    assert_eq!(column("SELECT attributes FROM span_content").matches("secret").count(), 5);
}

#[tokio::test]
async fn trap_36_looking_for_traces_never_touches_content() {
    let fixture = Fixture::new();
    let row = with(llm_row(1, 0, "p", "m"), CONTENT_KEYS[0], "words");
    fixture.insert(vec![with(row, "gen_ai.session.id", "s")]).await;
    let database = Connection::open(fixture.path()).unwrap();
    database.execute("DROP TABLE span_content", []).unwrap();
    let filters = [
        TraceFilter::default(),
        TraceFilter { model: Some("m".to_owned()), ..TraceFilter::default() },
        TraceFilter { provider: Some("p".to_owned()), ..TraceFilter::default() },
        TraceFilter { session: Some("s".to_owned()), ..TraceFilter::default() },
        TraceFilter { status: Some("Unset".to_owned()), ..TraceFilter::default() },
    ];
    for filter in filters {
        assert_eq!(fixture.store.recent(&filter).await.unwrap().len(), 1, "{filter:?}");
    }
    assert!(fixture.store.trace(&trace_id(1)).await.is_err(), "a trace itself has its content");
}

#[tokio::test]
async fn rows_survive_a_new_start() {
    let fixture = Fixture::new();
    fixture.insert(vec![full_row()]).await;
    let path = fixture.path();
    let Fixture { store, folder } = fixture;
    store.close().await;
    assert_eq!(store.insert(vec![row(1, 0)]).await, Err(StoreError::Closed));
    assert_eq!(store.trace("feed").await, Err(StoreError::Closed));
    let store = Sqlite::open(&path, SqliteSettings::default()).unwrap();
    assert_eq!(store.trace(&trace_id(0xfeed)).await.unwrap(), vec![full_row()]);
    drop(folder);
}

#[tokio::test]
async fn an_answered_insert_is_in_the_files_before_any_close() {
    let fixture = Fixture::new();
    fixture.insert(vec![full_row()]).await;
    // What a crash at this moment leaves: the files as they are now.
    let elsewhere = fixture.folder.path().join("copy.db");
    std::fs::copy(fixture.path(), &elsewhere).unwrap();
    std::fs::copy(
        fixture.folder.path().join("spans.db-wal"),
        fixture.folder.path().join("copy.db-wal"),
    )
    .unwrap();
    let survivor = Sqlite::open(&elsewhere, SqliteSettings::default()).unwrap();
    assert_eq!(survivor.trace(&trace_id(0xfeed)).await.unwrap(), vec![full_row()]);
}

#[tokio::test]
async fn a_span_that_is_there_already_is_left_as_it_is() {
    let fixture = Fixture::new();
    assert_eq!(fixture.insert(vec![llm_row(1, 0, "openai", "gpt-4o")]).await, 1);
    let again = failed(llm_row(1, 0, "other", "other"));
    assert_eq!(
        fixture.insert(vec![again.clone(), llm_row(1, 1, "openai", "gpt-4o"), again]).await,
        1
    );
    let traces = fixture.store.recent(&TraceFilter::default()).await.unwrap();
    assert_eq!((traces[0].spans, traces[0].errors, traces[0].input_tokens), (2, 0, Some(200)));
    assert_eq!(traces[0].provider.as_deref(), Some("openai"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_at_once_lose_and_double_nothing() {
    let fixture =
        Fixture::with(SqliteSettings { queue_inserts_max: 4, ..SqliteSettings::default() });
    let inserts = (0..200_u64).map(|span| fixture.store.insert(vec![row(1, span), row(2, span)]));
    let stored: u64 = join_all(inserts).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(stored, 400);
    for trace in [1, 2] {
        let spans = fixture.store.trace(&trace_id(trace)).await.unwrap();
        assert_eq!(spans.len(), 200);
        assert!(spans.is_sorted_by_key(|span| span.timestamp_ns));
    }
    assert_eq!(fixture.store.recent(&TraceFilter::default()).await.unwrap()[0].spans, 200);
}

#[tokio::test]
async fn a_row_that_could_not_be_found_again_is_refused_with_all_that_came_along() {
    let fixture = Fixture::new();
    let broken: [fn(&mut SpanRow); 5] = [
        |row| row.trace_id = "ABCDEF".repeat(6)[..32].to_owned(),
        |row| row.trace_id.truncate(31),
        |row| row.span_id.push('0'),
        |row| row.parent_span_id = "1".to_owned(),
        |row| row.duration_ns = -1,
    ];
    for spoil in broken {
        let mut bad = row(1, 1);
        spoil(&mut bad);
        let refused = fixture.store.insert(vec![row(1, 0), bad]).await.unwrap_err();
        assert!(matches!(refused, StoreError::BadRow { .. }) && !refused.is_retryable());
    }
    assert_eq!(fixture.store.insert(Vec::new()).await, Ok(0));
    assert!(fixture.store.recent(&TraceFilter::default()).await.unwrap().is_empty());
}

#[tokio::test]
async fn files_are_for_their_owner_only_and_folders_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/spans.db");
    let store = Sqlite::open(&path, SqliteSettings::default()).unwrap();
    store.insert(vec![row(1, 0)]).await.unwrap();
    for name in ["spans.db", "spans.db-wal", "spans.db-shm"] {
        let mode = path.with_file_name(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let mode = folder.path().join("a").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn retention_drops_what_started_before_its_edge_and_not_what_started_on_it() {
    let fixture = Fixture::with(SqliteSettings { retention_days: 7, ..SqliteSettings::default() });
    let now = START_NS + 7 * DAY_NS;
    fixture
        .insert(vec![at(row(1, 0), START_NS - 1), at(row(2, 0), START_NS), at(row(3, 0), now)])
        .await;
    assert_eq!(fixture.store.prune(now).await, Ok(1));
    assert_eq!(fixture.store.prune(now).await, Ok(0));
    let left = fixture.store.recent(&TraceFilter::default()).await.unwrap();
    assert_eq!(
        left.iter().map(|trace| &trace.trace_id).collect::<Vec<_>>(),
        [&trace_id(3), &trace_id(2)]
    );
    assert!(fixture.store.trace(&trace_id(1)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_trace_across_the_edge_keeps_its_young_spans_and_a_true_line() {
    let fixture = Fixture::with(SqliteSettings { retention_days: 7, ..SqliteSettings::default() });
    let old = with(failed(llm_row(1, 0, "openai", "gpt-4o")), "gen_ai.session.id", "old");
    let young = with(llm_row(1, 1, "anthropic", "claude"), "gen_ai.session.id", "young");
    let expected = Fixture::new();
    expected.insert(vec![young.clone()]).await;
    let expected = expected.store.recent(&TraceFilter::default()).await.unwrap();

    fixture.insert(vec![with(old, CONTENT_KEYS[0], "words"), young]).await;
    assert_eq!(fixture.store.prune(START_NS + 7 * DAY_NS + 1).await, Ok(1));
    assert_eq!(fixture.store.recent(&TraceFilter::default()).await.unwrap(), expected);
    let by_session =
        |session: &str| TraceFilter { session: Some(session.to_owned()), ..TraceFilter::default() };
    assert!(fixture.store.recent(&by_session("old")).await.unwrap().is_empty());
    assert_eq!(fixture.store.recent(&by_session("young")).await.unwrap(), expected);
    let database = Connection::open(fixture.path()).unwrap();
    for (table, rows) in [("spans", 1), ("span_extras", 0), ("span_content", 0), ("traces", 1)] {
        let count =
            database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0));
        assert_eq!(count, Ok(rows), "{table}");
    }
}

#[tokio::test]
async fn more_than_one_slice_is_dropped_and_zero_days_drop_nothing() {
    let count = u64::from(SLICE_SPANS) + 1;
    let rows = || (0..count).map(|trace| row(u128::from(trace), 0)).collect();
    let fixture = Fixture::new();
    fixture.insert(rows()).await;
    assert_eq!(fixture.store.prune(START_NS + 91 * DAY_NS).await, Ok(count));
    assert!(fixture.store.recent(&TraceFilter::default()).await.unwrap().is_empty());

    let for_ever = Fixture::with(SqliteSettings { retention_days: 0, ..SqliteSettings::default() });
    for_ever.insert(vec![row(1, 0)]).await;
    assert_eq!(for_ever.store.prune(i64::MAX).await, Ok(0));
}

#[tokio::test]
async fn a_writer_that_rested_writes_on() {
    let fixture = Fixture::new();
    assert_eq!(fixture.insert(vec![row(1, 0)]).await, 1);
    tokio::time::sleep(RESTS_AFTER + RESTS_AFTER / 4).await;
    assert_eq!(fixture.insert(vec![row(1, 1)]).await, 1);
    assert_eq!(fixture.store.trace(&trace_id(1)).await.unwrap().len(), 2);
}
