//! Questions in SQL.

use std::time::Duration;

use tollgate_store::sql::{Cell, Scope, SqlQuery, Table};
use tollgate_store::{ClickHouse, ClickHouseSettings, SpanStore, StoreError};

use crate::rows::{row, start_ns};
use crate::shim::Shim;

fn question(text: &str) -> SqlQuery {
    SqlQuery {
        text: text.to_owned(),
        scope: Scope::All,
        rows_max: 100,
        time_max: Duration::from_secs(10),
    }
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

async fn filled(shim: &Shim) -> ClickHouse {
    let store = shim.store();
    let rows = (0..30).flat_map(|trace| (0..2).map(move |span| row(start_ns(), trace, span)));
    store.insert(rows.collect()).await.unwrap();
    store
}

#[tokio::test]
async fn real_engine_fake_server_every_type_comes_back_as_what_it_is() {
    let Some(shim) = Shim::start() else { return };
    let store = filled(&shim).await;
    let table = store
        .query(&question(
            "SELECT count() AS n, -1 AS minus, 1.5 AS f, 'x' AS s, NULL AS nothing, nan AS no, \
             toUInt64(18446744073709551615) AS large, map('b', 'ü', 'a', '') AS m, [1, 2] AS l, \
             toDateTime64('2026-01-02 03:04:05.5', 9, 'UTC') AS t, toNullable(toInt64(7)) AS maybe, \
             true AS flag FROM otel_traces;\n",
        ))
        .await
        .unwrap();
    let expected = vec![
        Cell::UInt(60),
        Cell::Int(-1),
        Cell::Float(1.5),
        text("x"),
        Cell::Null,
        Cell::Null,
        Cell::UInt(u64::MAX),
        text("{\"b\":\"ü\",\"a\":\"\"}"),
        text("[1,2]"),
        text("2026-01-02 03:04:05.500000000"),
        Cell::Int(7),
        Cell::UInt(1),
    ];
    assert_eq!(table.columns.len(), expected.len());
    assert_eq!(table.columns[..3], ["n", "minus", "f"]);
    assert_eq!(table.rows, [expected]);
    assert!(!table.more);
}

#[tokio::test]
async fn real_engine_fake_server_rows_end_at_their_limit() {
    let Some(shim) = Shim::start() else { return };
    let store = filled(&shim).await;
    for (rows_max, rows, more) in [(59, 59, true), (60, 60, false), (61, 60, false)] {
        let query = SqlQuery { rows_max, ..question("SELECT SpanId FROM otel_traces") };
        let Table { rows: found, more: has_more, .. } = store.query(&query).await.unwrap();
        assert_eq!((found.len(), has_more), (rows, more), "{rows_max}");
    }
}

#[tokio::test]
async fn real_engine_fake_server_time_ends_at_its_limit() {
    let Some(shim) = Shim::start() else { return };
    let store = filled(&shim).await;
    let query = SqlQuery {
        time_max: Duration::from_secs(1),
        ..question("SELECT sum(sipHash64(number)) FROM numbers(100000000000)")
    };
    let error = store.query(&query).await.unwrap_err();
    assert_eq!(error, StoreError::TimedOut { seconds: "1".to_owned() });
    assert_eq!(store.query(&question("SELECT 1")).await.unwrap().rows, [[Cell::UInt(1)]]);
}

#[tokio::test]
async fn real_engine_fake_server_nothing_can_be_changed() {
    let Some(shim) = Shim::start() else { return };
    let store = filled(&shim).await;
    for text in [
        "SELECT 1 SETTINGS max_execution_time = 0",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT nope FROM otel_traces",
        "SELECT FROM",
        "SELECT 1 FORMAT TSV",
    ] {
        let error = store.query(&question(text)).await.unwrap_err();
        assert!(matches!(error, StoreError::Sql { .. }), "{text}: {error:?}");
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn real_engine_fake_server_a_project_sees_its_own_spans_only() {
    let Some(shim) = Shim::start() else { return };
    let store = filled(&shim).await;
    let count = "SELECT count() AS n, uniqExact(ResourceAttributes['project.id']) AS p \
                 FROM otel_traces";
    for (scope, n, projects) in [
        (Scope::All, 60, 3),
        (Scope::Project("p1".to_owned()), 20, 1),
        (Scope::Project("p1' OR '1'='1".to_owned()), 0, 0),
        (Scope::Project("p1\\".to_owned()), 0, 0),
    ] {
        let query = SqlQuery { scope: scope.clone(), ..question(count) };
        let table = store.query(&query).await.unwrap();
        assert_eq!(table.rows, [[Cell::UInt(n), Cell::UInt(projects)]], "{scope:?}");
    }
}

#[tokio::test]
async fn real_engine_fake_server_a_table_of_another_name_answers_to_its_usual_one() {
    let Some(shim) = Shim::start() else { return };
    let settings = ClickHouseSettings { traces_table: "llm".to_owned(), ..shim.settings() };
    let store = ClickHouse::new(settings).unwrap();
    let rows = (0..30).flat_map(|trace| (0..2).map(move |span| row(start_ns(), trace, span)));
    store.insert(rows.collect()).await.unwrap();
    for (text, scope, expected) in [
        ("SELECT count() FROM otel_traces", Scope::All, 60),
        ("SELECT count() FROM otel.otel_traces AS t WHERE t.SpanName != ''", Scope::All, 60),
        ("SELECT count() FROM llm", Scope::All, 60),
        ("SELECT count() FROM otel_traces", Scope::Project("p1".to_owned()), 20),
        (
            "SELECT count() FROM otel_traces t LEFT JOIN otel_traces p ON t.TraceId = p.TraceId",
            Scope::Project("p1".to_owned()),
            40,
        ),
    ] {
        let query = SqlQuery { scope, ..question(text) };
        assert_eq!(store.query(&query).await.unwrap().rows, [[Cell::UInt(expected)]], "{text}");
    }
}
