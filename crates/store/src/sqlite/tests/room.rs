//! Spans take little room, whatever they were written by, and no more than they may.

use std::sync::Arc;

use rusqlite::Connection;

use super::super::packing::Unpacker;
use super::super::{Sqlite, SqliteSettings, retention, schema};
use super::{Fixture, START_NS, at, llm_row, pairs, row, trace_id, with};
use crate::sql::{Cell, Scope, SqlQuery, compile};
use crate::{EventRow, Pairs, SpanRow, SpanStore, StoreError, TraceFilter};

/// More than what trains a dictionary.
const MANY: u64 = 4_500;

fn telling(trace: u64) -> SpanRow {
    let mut row =
        with(llm_row(trace.into(), 0, "openai", "gpt-4o"), "call.id", &format!("{trace:x}"));
    row.attributes.extend(pairs::<Pairs>(&[
        ("gateway.routing.target", "openai-primary"),
        ("gateway.outcome", "complete"),
        ("server.address", "api.openai.com"),
        ("gen_ai.response.finish_reasons", "[\"stop\"]"),
    ]));
    row.events = vec![EventRow { name: "retry".to_owned(), ..EventRow::default() }];
    row
}

async fn count(store: &Sqlite, condition: &str) -> Cell {
    let query = SqlQuery {
        text: format!("SELECT count() FROM otel_traces WHERE {condition}"),
        scope: Scope::All,
        rows_max: 10,
        time_max: std::time::Duration::from_secs(30),
    };
    store.query(&query).await.unwrap().rows[0][0].clone()
}

#[tokio::test]
async fn rows_come_back_from_before_and_after_a_dictionary_to_readers_old_and_new() {
    let fixture = Fixture::new();
    fixture.insert(vec![telling(MANY)]).await;
    let settings = SqliteSettings { read_only: true, ..SqliteSettings::default() };
    let other = Sqlite::open(&fixture.path(), settings.clone()).unwrap();
    assert_eq!(other.trace(&trace_id(MANY.into())).await.unwrap(), [telling(MANY)]);
    for first in (0..MANY).step_by(500) {
        fixture.insert((first..first + 500).map(telling).collect()).await;
    }
    let database = Connection::open(fixture.path()).unwrap();
    let bytes = |span: u64| -> i64 {
        let sql = "SELECT length(attributes) FROM span_rows WHERE id = ?";
        database.query_row(sql, [i64::try_from(span).unwrap()], |row| row.get(0)).unwrap()
    };
    let (before, after) = (bytes(2), bytes(MANY));
    assert!(after * 4 < before, "{before} bytes before the dictionary, {after} after");
    let newer = Sqlite::open(&fixture.path(), settings).unwrap();
    for store in [&fixture.store, &other, &newer] {
        for trace in [0, 1, MANY - 1, MANY] {
            assert_eq!(store.trace(&trace_id(trace.into())).await.unwrap(), [telling(trace)]);
        }
        let all = Cell::UInt(MANY + 1);
        assert_eq!(count(store, "SpanAttributes['gateway.outcome'] = 'complete'").await, all);
        assert_eq!(count(store, "SpanAttributes['call.id'] = 'ff'").await, Cell::UInt(1));
        assert_eq!(count(store, "ResourceAttributes['service.name'] = 'gateway'").await, all);
    }
}

#[tokio::test]
async fn spans_of_the_first_schema_are_brought_along() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spans.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../schema/001_spans.sql")).unwrap();
    old.execute_batch(&format!(
        "PRAGMA application_id = {}; PRAGMA user_version = 1;
         INSERT INTO spans VALUES
          (1, {START_NS}, 10000000, '{trace}', 'ffffffffffffff01', '', 'chat', 'Client', 'gateway',
           'Error', 'chat', 'openai', 'gpt-4o', 1, 100, 20, 0.25, NULL, NULL, 'proj_1'),
          (2, {START_NS} + 1, 5, '{trace}', '0000000000000002', 'ffffffffffffff01', '7', 'Internal',
           '', 'Unset', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
         INSERT INTO span_details VALUES
          (1, 'a=b', 's', '1', 'said', '{{\"project.id\":\"proj_1\"}}', '{{\"x\":\"y\"}}', NULL, NULL),
          (2, '', '', '', '', '{{}}', '{{}}', NULL, NULL);
         INSERT INTO span_content VALUES (1, '{{\"gen_ai.input.messages\":\"[]\"}}');
         INSERT INTO traces VALUES (9, '{trace}', {START_NS}, {START_NS} + 10000000, 2, 1, 1,
          {START_NS}, 10000000, 'chat', 'Error', {START_NS}, 10000000, 'openai', 'gpt-4o', 0.25, 100,
          20, NULL, NULL, '[]');",
        schema::APPLICATION_ID,
        trace = trace_id(5),
    ))
    .unwrap();
    drop(old);
    let store = Sqlite::open(&path, SqliteSettings::default()).unwrap();
    let spans = store.trace(&trace_id(5)).await.unwrap();
    let [first, second] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!((first.span_id.as_str(), first.kind.as_str()), ("ffffffffffffff01", "Client"));
    assert_eq!((first.status.as_str(), first.trace_state.as_str()), ("Error", "a=b"));
    assert_eq!(first.attributes, pairs::<Pairs>(&[("x", "y"), ("gen_ai.input.messages", "[]")]));
    assert_eq!(*first.resource_attributes, pairs::<Pairs>(&[("project.id", "proj_1")]));
    assert_eq!((second.name.as_str(), second.parent_span_id.as_str()), ("7", "ffffffffffffff01"));
    assert_eq!(store.recent(&TraceFilter::default()).await.unwrap()[0].spans, 2);
    assert_eq!(count(&store, "SpanName = '7'").await, Cell::UInt(1));
    let mut again = first.clone();
    again.name = "another".to_owned();
    let mut third = again.clone();
    third.span_id = "0000000000000003".to_owned();
    assert_eq!(store.insert(vec![again, third]).await, Ok(1));
    assert_eq!(store.recent(&TraceFilter::default()).await.unwrap()[0].spans, 3);
}

#[tokio::test]
async fn a_name_that_is_a_number_is_a_name() {
    let fixture = Fixture::new();
    let mut numbered = row(1, 0);
    numbered.name = "1".to_owned();
    numbered.service_name = "2".repeat(2_000);
    fixture.insert(vec![numbered.clone(), row(2, 0)]).await;
    assert_eq!(fixture.store.trace(&trace_id(1)).await.unwrap(), [numbered]);
}

#[tokio::test]
async fn a_long_resource_comes_back_too() {
    let fixture = Fixture::new();
    let mut long = row(1, 0);
    Arc::make_mut(&mut long.resource_attributes).push(("words".into(), "many words ".repeat(500)));
    fixture.insert(vec![long.clone()]).await;
    assert_eq!(fixture.store.trace(&trace_id(1)).await.unwrap(), [long]);
}

#[tokio::test]
async fn beyond_its_size_the_oldest_spans_go_and_never_below_what_is_kept() {
    let big = |trace: u64| {
        let words: String =
            (0..400_u64).map(|n| format!("{:x}", (n + trace * 977).wrapping_pow(7))).collect();
        let start = START_NS + i64::try_from(trace).unwrap() * 1_000_000;
        at(with(row(trace.into(), 0), "words", &words), start)
    };
    let used = |fixture: &Fixture| {
        retention::bytes_used(&Connection::open(fixture.path()).unwrap()).unwrap()
    };
    let unbounded = Fixture::new();
    unbounded.insert((0..12_000).map(big).collect()).await;
    assert_eq!(unbounded.store.prune(START_NS).await, Ok(0));
    let full = used(&unbounded);

    let exact = SqliteSettings { bytes_max: full, ..SqliteSettings::default() };
    let fixture = Fixture::with(exact);
    fixture.insert((0..12_000).map(big).collect()).await;
    assert_eq!(fixture.store.prune(START_NS).await, Ok(0), "at its limit nothing goes");
    drop(unbounded);

    fixture.store.close().await;
    let less = SqliteSettings { bytes_max: full - 1, ..SqliteSettings::default() };
    let store = Sqlite::open(&fixture.path(), less).unwrap();
    let dropped = store.prune(START_NS).await.unwrap();
    assert_eq!(dropped, u64::from(retention::SLICE_SPANS), "one slice is enough for 5 %");
    assert!(used(&fixture) <= retention::bytes_kept(full - 1));
    assert!(store.trace(&trace_id((dropped - 1).into())).await.unwrap().is_empty());
    assert_eq!(store.trace(&trace_id(dropped.into())).await.unwrap(), [big(dropped)]);
    assert_eq!(store.prune(START_NS).await, Ok(0));
}

#[tokio::test]
async fn texts_go_with_the_last_span_that_had_them() {
    let fixture = Fixture::with(SqliteSettings { retention_days: 1, ..SqliteSettings::default() });
    let mut old = row(1, 0);
    old.name = "long gone".to_owned();
    let day_ns = 86_400_000_000_000;
    fixture.insert(vec![old.clone(), at(row(2, 0), START_NS + 2 * day_ns)]).await;
    let known = |text: &str| -> bool {
        let database = Connection::open(fixture.path()).unwrap();
        database
            .query_row("SELECT count(*) FROM texts WHERE text = ?", [text], |row| row.get(0))
            .unwrap()
    };
    assert!(known("long gone") && known("gateway"));
    assert_eq!(fixture.store.prune(START_NS + 2 * day_ns).await, Ok(1));
    assert!(!known("long gone") && known("gateway"));
    fixture.insert(vec![old.clone()]).await;
    assert_eq!(fixture.store.trace(&trace_id(1)).await.unwrap(), [old]);
}

#[tokio::test]
async fn words_that_another_process_drops_are_not_written_again() {
    let day_ns = 86_400_000_000_000;
    let short = SqliteSettings { retention_days: 1, ..SqliteSettings::default() };
    let fixture = Fixture::with(short.clone());
    fixture.insert((0..40).map(telling).collect()).await;
    let words = || -> i64 {
        let database = Connection::open(fixture.path()).unwrap();
        database.query_row("SELECT count(*) FROM words", [], |row| row.get(0)).unwrap()
    };
    assert!(words() > 5);
    let other = Sqlite::open(&fixture.path(), short).unwrap();
    assert_eq!(other.prune(START_NS + 2 * day_ns).await, Ok(40));
    assert_eq!(words(), 0);
    // Retention, too, sees that somebody has written.
    assert_eq!(fixture.store.prune(START_NS + 2 * day_ns).await, Ok(0));
    let later = at(telling(50), START_NS + 2 * day_ns);
    fixture.insert(vec![later.clone()]).await;
    assert_eq!(fixture.store.trace(&trace_id(50)).await.unwrap(), std::slice::from_ref(&later));
    assert_eq!(other.trace(&trace_id(50)).await.unwrap(), [later]);
}

#[tokio::test]
async fn a_long_list_lies_beside_its_row_and_comes_back() {
    use super::super::insert::LIST_BYTES_MAX;
    let fixture = Fixture::new();
    // Mark and count take two bytes, the key two, the value's length two.
    let list = |bytes: usize| with(row(1, 0), "k", &"x".repeat(bytes - 6));
    let find = |text: &str| format!("SpanAttributes['k'] = '{text}'");
    for (bytes, beside) in [(LIST_BYTES_MAX, 0), (LIST_BYTES_MAX + 1, 1), (LIST_BYTES_MAX * 9, 1)] {
        let mut row = list(bytes);
        row.trace_id = trace_id(bytes as u128);
        fixture.insert(vec![row.clone()]).await;
        let database = Connection::open(fixture.path()).unwrap();
        let sql = "SELECT count(*) FROM span_rows WHERE id = \
            (SELECT max(id) FROM span_rows) AND attributes IS NULL";
        let found: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(found, beside, "{bytes}");
        assert_eq!(fixture.store.trace(&row.trace_id).await.unwrap(), [row.clone()]);
        let value = row.attribute("k").unwrap();
        assert_eq!(count(&fixture.store, &find(value)).await, Cell::UInt(1));
    }
}

#[tokio::test]
async fn a_damaged_text_is_an_error_of_its_trace_alone() {
    let fixture = Fixture::new();
    fixture.insert(vec![telling(1), telling(2)]).await;
    let database = Connection::open(fixture.path()).unwrap();
    database.execute("UPDATE span_rows SET attributes = x'63ff' WHERE id = 1", []).unwrap();
    let refused = fixture.store.trace(&trace_id(1)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Failed { .. }), "{refused:?}");
    assert_eq!(fixture.store.trace(&trace_id(2)).await.unwrap(), [telling(2)]);
    assert!(Unpacker::new().unwrap().unpack(&[0x63, 0xff]).is_err());
}

#[tokio::test]
async fn a_trace_and_its_parents_are_looked_up_and_not_searched() {
    let fixture = Fixture::new();
    fixture.insert(vec![row(1, 0), row(1, 1)]).await;
    let database = Connection::open(fixture.path()).unwrap();
    for text in [
        "SELECT SpanName, SpanAttributes['x'] FROM otel_traces WHERE TraceId = 'a' ORDER BY Timestamp",
        "SELECT t.SpanName, p.SpanName FROM otel_traces t LEFT JOIN otel_traces p \
         ON t.ParentSpanId = p.SpanId AND t.TraceId = p.TraceId WHERE t.Timestamp > now()",
    ] {
        for scope in [Scope::All, Scope::Project("proj_1".to_owned())] {
            let compiled = compile(text, &scope, START_NS).unwrap();
            let sql =
                compiled.sql.replace("ch_attribute(", "format('%s', ").replace("ch_unpack", "");
            let mut plan = database.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let plan: Vec<String> =
                plan.query_map([], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
            let plan = plan.join("\n");
            assert!(!plan.contains("SCAN") && !plan.contains("MATERIALIZE"), "{sql}\n{plan}");
            assert!(plan.contains("span_rows_by_trace (trace=?"), "{plan}");
        }
    }
    let text = "SELECT SpanAttributes['gen_ai.request.model'] AS model, \
        max(toFloat64OrZero(SpanAttributes['gen_ai.server.time_to_first_token'])) \
        FROM otel_traces WHERE SpanAttributes['gen_ai.request.stream'] = 'true' \
        AND Timestamp > now() GROUP BY model";
    let sql = compile(text, &Scope::Project("p".to_owned()), START_NS).unwrap().sql;
    let plan: String =
        database.query_row(&format!("EXPLAIN QUERY PLAN {sql}"), [], |row| row.get(3)).unwrap();
    assert!(plan.contains("COVERING INDEX span_rows_by_time (timestamp_ns>"), "{sql}\n{plan}");
    assert_eq!(count(&fixture.store, &format!("TraceId = '{}'", trace_id(1))).await, Cell::UInt(2));
    assert_eq!(count(&fixture.store, "TraceId = 'none'").await, Cell::UInt(0));
    assert_eq!(count(&fixture.store, "NOT (TraceId = 'none')").await, Cell::UInt(2));
}
