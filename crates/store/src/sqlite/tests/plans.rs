//! How SQLite goes about the translated queries: no join searches a relation row by row.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::super::failure::Place;
use super::super::schema;
use super::{Fixture, START_NS, at, llm_row, row};
use crate::sql::{Scope, SqlQuery, compile};
use crate::{SpanRow, SpanStore};

#[path = "../../../tests/oracle/queries.rs"]
mod queries;

/// What joins by something that no index knows.
const JOINS: [&str; 12] = [
    "SELECT count() FROM otel_traces a JOIN otel_traces b ON a.SpanName = b.SpanName",
    "SELECT count() FROM otel_traces a, otel_traces b WHERE a.ServiceName = b.ServiceName",
    "SELECT count() FROM otel_traces a LEFT JOIN otel_traces b ON a.SpanId = b.ParentSpanId",
    "SELECT count() FROM otel_traces a JOIN (SELECT TraceId AS t FROM otel_traces) b \
     ON a.TraceId = b.t AND a.Timestamp > now()",
    "SELECT count() FROM (SELECT SpanAttributes['x'] AS x FROM otel_traces) a \
     LEFT JOIN (SELECT SpanAttributes['x'] AS x, SpanName FROM otel_traces) b ON b.x = a.x \
     LEFT JOIN otel_traces c ON c.SpanName = b.SpanName",
    "SELECT count() FROM otel_logs a JOIN otel_traces b ON a.TraceId = b.TraceId",
    "SELECT count() FROM otel_logs a LEFT JOIN otel_traces b ON b.TraceId = a.TraceId",
    "SELECT count() FROM otel_logs a LEFT JOIN otel_traces b ON a.Body = b.SpanName",
    "SELECT count() FROM otel_traces a LEFT JOIN otel_logs b ON a.TraceId = b.TraceId",
    "SELECT count() FROM otel_logs a LEFT JOIN otel_logs b ON a.Body = b.Body",
    "SELECT count() FROM otel_metrics_gauge a \
     LEFT JOIN (SELECT LogAttributes['y'] AS y FROM otel_logs) b ON a.MetricName = b.y",
    "SELECT count() FROM otel_traces a, otel_metrics_sum b WHERE a.ServiceName = b.ServiceName",
];

/// The steps of a query's plan, by the step that they are part of.
fn plan(reader: &Connection, text: &str, scope: &Scope) -> BTreeMap<i64, Vec<String>> {
    let sql = compile(text, scope, START_NS).unwrap().sql;
    let mut plan = reader.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let steps = plan.query_map([], |row| Ok((row.get(1)?, row.get(3)?))).unwrap();
    let mut by_parent: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for step in steps {
        let (parent, step): (i64, String) = step.unwrap();
        by_parent.entry(parent).or_default().push(step);
    }
    by_parent
}

#[tokio::test]
async fn no_join_searches_a_relation_row_by_row() {
    let fixture = Fixture::new();
    fixture.insert(vec![llm_row(1, 0, "openai", "gpt-4o"), row(1, 1)]).await;
    let (reader, _shelf) = schema::open_for_reading(&Place::new(&fixture.path(), 1_000)).unwrap();
    let mut joined = 0;
    for text in queries::DOCUMENTED.iter().chain(queries::FURTHER).chain(&JOINS) {
        let text = text.replace("{trace_id}", "00").trim_end_matches(';').to_owned();
        for scope in [Scope::All, Scope::Project("acme".to_owned())] {
            let plan = plan(&reader, &text, &scope);
            // Steps of one parent are loops inside each other.
            for loops in plan.values() {
                let scans = loops.iter().filter(|step| step.starts_with("SCAN")).count();
                assert!(scans <= 1, "{text}\n{plan:#?}");
            }
            joined += usize::from(text.contains(" JOIN "));
        }
    }
    assert!(joined >= 15, "{joined} joins are too few to tell");
}

#[tokio::test]
async fn a_join_of_thousands_takes_no_longer_than_reading_them() {
    const TRACES: u128 = 20_000;
    let fixture = Fixture::new();
    let span = |trace: u128| -> SpanRow {
        let mut row = at(row(trace, 0), START_NS + i64::try_from(trace).unwrap());
        row.name = format!("name {}", trace % 15_000);
        row
    };
    fixture.insert((0..TRACES).map(span).collect()).await;
    for text in JOINS {
        let query = SqlQuery {
            text: text.to_owned(),
            scope: Scope::Project("proj_1".to_owned()),
            rows_max: 10,
            time_max: Duration::from_secs(20),
        };
        // All rows are alike there.
        if text.contains("ServiceName") || text.contains("'x'") {
            continue;
        }
        let asked = Instant::now();
        let answer = fixture.store.query(&query).await.unwrap_or_else(|it| panic!("{text}: {it}"));
        assert_eq!(answer.rows.len(), 1);
        assert!(asked.elapsed() < Duration::from_secs(10), "{text}: {:?}", asked.elapsed());
    }
}
