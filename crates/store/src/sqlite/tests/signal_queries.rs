//! Metrics and logs in queries: whose they are, how they are found, and what they are joined with.

use rusqlite::Connection;

use super::query::asked;
use super::signals::{answer, log, point, points, text};
use super::{Fixture, START_NS};
use crate::sql::{Cell, Scope, SqlQuery};
use crate::{LogRow, SpanStore};

#[tokio::test]
async fn a_project_sees_its_own_metrics_and_logs_only() {
    let fixture = Fixture::new();
    for project in ["ours", "theirs"] {
        let rows = points().into_iter().map(|it| point(project, START_NS, it)).collect();
        fixture.store.insert_metrics(rows).await.unwrap();
        fixture.store.insert_logs(vec![log(project, START_NS, project)]).await.unwrap();
    }
    let tables = ["gauge", "sum", "histogram", "exponential_histogram", "summary"]
        .map(|kind| format!("otel_metrics_{kind}"));
    for table in tables.iter().map(String::as_str).chain(["otel_logs"]) {
        for text in [
            format!("SELECT ResourceAttributes['project.id'] AS p FROM {table}"),
            format!("SELECT p FROM (SELECT ResourceAttributes['project.id'] AS p FROM {table})"),
            format!(
                "WITH it AS (SELECT ResourceAttributes['project.id'] AS p FROM otel.{table}) \
                 SELECT p FROM it"
            ),
            format!(
                "SELECT b.ResourceAttributes['project.id'] AS p FROM {table} AS a \
                 JOIN {table} AS b ON a.ServiceName = b.ServiceName"
            ),
        ] {
            let seen = |scope| {
                let query = SqlQuery { scope, ..asked(&text) };
                let store = &fixture.store;
                async move { store.query(&query).await.unwrap().rows }
            };
            let all = seen(Scope::All).await;
            assert!(all.contains(&vec![Cell::Text("theirs".to_owned())]), "{text}");
            let ours = seen(Scope::Project("ours".to_owned())).await;
            assert_eq!(ours, [[Cell::Text("ours".to_owned())]], "{text}");
            let nobody = seen(Scope::Project("' OR 1 = 1 --".to_owned())).await;
            assert!(nobody.is_empty(), "{text}");
        }
    }
}

#[tokio::test]
async fn log_records_join_the_spans_of_their_trace() {
    let fixture = Fixture::new();
    let mut span = super::row(1, 0);
    span.trace_id = "0a".repeat(16);
    fixture.insert(vec![span, super::row(2, 0)]).await;
    let stray = LogRow { trace_id: String::new(), ..log("p", START_NS, "stray") };
    fixture.store.insert_logs(vec![log("p", START_NS, "said"), stray]).await.unwrap();
    let found = answer(
        &fixture,
        "SELECT l.Body, s.SpanName FROM otel_logs AS l LEFT JOIN otel_traces AS s \
         ON l.TraceId = s.TraceId ORDER BY l.Body",
    )
    .await;
    assert_eq!(found.rows, [[text("said"), text("span 0")], [text("stray"), text("")]]);
    let text_of = format!("SELECT Body FROM otel_logs WHERE TraceId = '{}'", "0a".repeat(16));
    assert_eq!(answer(&fixture, &text_of).await.rows, [[text("said")]]);
}

#[tokio::test]
async fn the_records_of_a_trace_are_looked_up_and_not_searched() {
    let fixture = Fixture::new();
    let text = format!("SELECT Body FROM otel_logs WHERE TraceId = '{}'", "0a".repeat(16));
    let compiled = crate::sql::compile(&text, &Scope::Project("p".to_owned()), 0).unwrap();
    let connection = Connection::open(fixture.path()).unwrap();
    let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", compiled.sql)).unwrap();
    let steps = plan.query_map([], |row| row.get::<_, String>(3)).unwrap();
    let steps: Vec<_> = steps.map(Result::unwrap).collect();
    assert!(steps.iter().any(|step| step.contains("log_records_by_trace")), "{steps:?}");
    assert!(!steps.iter().any(|step| step.starts_with("SCAN")), "{steps:?}");
}
