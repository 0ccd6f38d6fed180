//! Questions in SQL: how many rows, how long, and what cannot be done with them.

use std::time::{Duration, Instant};

use super::super::sql::ANSWER_BYTES_MAX;
use super::{Fixture, llm_row, row, with};
use crate::sql::{Cell, Scope, SqlQuery, Table};
use crate::{SpanStore, StoreError};

pub(super) fn asked(text: &str) -> SqlQuery {
    SqlQuery {
        text: text.to_owned(),
        scope: Scope::All,
        rows_max: 1_000,
        time_max: Duration::from_secs(30),
    }
}

async fn answer(fixture: &Fixture, text: &str) -> Table {
    fixture.store.query(&asked(text)).await.unwrap_or_else(|error| panic!("{text}: {error}"))
}

async fn one(fixture: &Fixture, text: &str) -> Vec<Cell> {
    let mut rows = answer(fixture, text).await.rows;
    assert_eq!(rows.len(), 1, "{text}");
    rows.remove(0)
}

#[tokio::test]
async fn an_answer_has_names_and_values_of_their_type() {
    let fixture = Fixture::new();
    fixture.insert(vec![llm_row(1, 0, "p", "m")]).await;
    let text = "SELECT Timestamp AS at, Duration, Duration - 20000000 AS less, SpanName, 1 / 4 AS q, \
                NULL AS none, SpanAttributes['absent'] AS empty, toDate(Timestamp), 1 / 0 FROM otel_traces";
    let table = answer(&fixture, text).await;
    assert_eq!(table.columns[..4], ["at", "Duration", "less", "SpanName"]);
    assert_eq!(
        table.rows,
        [[
            Cell::Text("2026-01-01 00:00:00.000000000".to_owned()),
            Cell::UInt(10_000_000),
            Cell::Int(-10_000_000),
            Cell::Text("span 0".to_owned()),
            Cell::Float(0.25),
            Cell::Null,
            Cell::Text(String::new()),
            Cell::Text("2026-01-01".to_owned()),
            Cell::Null,
        ]]
    );
    assert!(!table.more);
}

#[tokio::test]
async fn an_answer_ends_at_its_rows_and_says_that_there_are_more() {
    let fixture = Fixture::new();
    fixture.insert((0..7).map(|span| row(1, span)).collect()).await;
    for (rows_max, rows, more) in [(8, 7, false), (7, 7, false), (6, 6, true), (0, 0, true)] {
        let query = SqlQuery { rows_max, ..asked("SELECT SpanId FROM otel_traces") };
        let table = fixture.store.query(&query).await.unwrap();
        assert_eq!((table.rows.len(), table.more), (rows, more), "{rows_max}");
    }
}

#[tokio::test]
async fn an_answer_ends_at_its_bytes() {
    let fixture = Fixture::new();
    let large = "x".repeat(1024 * 1024);
    fixture.insert(vec![with(row(1, 0), "large", &large)]).await;
    // Each row has a cell of 1 MiB, and a little for the cell itself.
    let fit = ANSWER_BYTES_MAX / (large.len() + size_of::<Cell>());
    let query = asked(
        "SELECT l.v FROM (SELECT SpanAttributes['large'] AS v FROM otel_traces) l CROSS JOIN otel_traces r",
    );
    let others: Vec<_> = (1..=fit as u64).map(|span| row(2, span)).collect();
    fixture.insert(others[..fit - 1].to_vec()).await;
    let filtered = SqlQuery { text: format!("{} WHERE l.v != ''", query.text), ..query };
    let table = fixture.store.query(&filtered).await.unwrap();
    assert_eq!((table.rows.len(), table.more), (fit, false));
    fixture.insert(others[fit - 1..].to_vec()).await;
    let table = fixture.store.query(&filtered).await.unwrap();
    assert_eq!((table.rows.len(), table.more), (fit, true));
}

#[tokio::test]
async fn a_question_that_takes_too_long_is_stopped_and_the_reader_goes_on() {
    let fixture = Fixture::new();
    fixture.insert((0..400).map(|span| row(1, span)).collect()).await;
    let text = "SELECT count() FROM otel_traces a CROSS JOIN otel_traces b CROSS JOIN otel_traces c \
                CROSS JOIN otel_traces d WHERE a.Duration + b.Duration + c.Duration + d.Duration = 1";
    let query = SqlQuery { time_max: Duration::from_millis(200), ..asked(text) };
    let started = Instant::now();
    let error = fixture.store.query(&query).await.unwrap_err();
    assert_eq!(error, StoreError::TimedOut { seconds: "0.2".to_owned() });
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    assert_eq!(one(&fixture, "SELECT count() FROM otel_traces").await, [Cell::UInt(400)]);
    // A slow question of before does not shorten the next one.
    let query =
        SqlQuery { time_max: Duration::from_secs(60), ..asked("SELECT count() FROM otel_traces") };
    assert!(fixture.store.query(&query).await.is_ok());
}

#[tokio::test]
async fn nothing_but_reading_the_one_table_is_possible() {
    let fixture = Fixture::new();
    fixture.insert(vec![row(1, 0)]).await;
    for text in [
        "DELETE FROM otel_traces",
        "INSERT INTO otel_traces VALUES (1)",
        "UPDATE otel_traces SET SpanName = 'x'",
        "DROP TABLE spans",
        "ATTACH DATABASE '/tmp/x' AS x",
        "PRAGMA writable_schema = 1",
        "SELECT * FROM spans",
        "SELECT * FROM sqlite_schema",
        "SELECT * FROM main.spans",
        "SELECT load_extension('x')",
        "SELECT readfile('/etc/passwd')",
        "SELECT ch_divide(1, 2)",
        "SELECT sqlite_version()",
        "SELECT rowid FROM otel_traces",
        "SELECT id FROM otel_traces",
        "SELECT r0.project FROM otel_traces",
        "SELECT * FROM file('/etc/passwd')",
        "SELECT * FROM url('http://localhost/')",
        "SELECT * FROM system.tables",
        "WITH x AS (DELETE FROM otel_traces RETURNING *) SELECT * FROM x",
        "SELECT SpanName INTO OUTFILE '/tmp/x' FROM otel_traces",
        "EXPLAIN SELECT 1",
        "VALUES (1)",
    ] {
        let error = fixture.store.query(&asked(text)).await.unwrap_err();
        assert!(matches!(error, StoreError::Sql { .. }), "{text}: {error}");
        assert!(!error.is_retryable(), "{text}");
    }
    assert_eq!(one(&fixture, "SELECT count() FROM otel_traces").await, [Cell::UInt(1)]);
}

#[tokio::test]
async fn what_cannot_be_computed_exactly_is_an_error_and_no_number() {
    let fixture = Fixture::new();
    fixture.insert(vec![with(row(1, 0), "n", "18446744073709551615")]).await;
    for (text, says) in [
        ("SELECT intDiv(Duration, 0) FROM otel_traces", "a division by zero"),
        ("SELECT toUInt64OrZero(SpanAttributes['n']) FROM otel_traces", "2^63"),
        ("SELECT substring('aä', 3) FROM otel_traces", "inside a character"),
        ("SELECT 9223372036854775807 + 1", "beyond 63 bits"),
        ("SELECT quantile(0.5)(Duration * 1000000000) FROM otel_traces", "2^53"),
    ] {
        let error = fixture.store.query(&asked(text)).await.unwrap_err();
        assert!(matches!(error, StoreError::Sql { .. }), "{text}: {error:?}");
        assert!(error.to_string().contains(says), "{text}: {error}");
    }
}
