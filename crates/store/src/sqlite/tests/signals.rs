//! Metrics and logs: what is written is what a query reads, once, until it is too old.

use std::sync::Arc;

use rusqlite::Connection;

use super::query::asked;
use super::{Fixture, START_NS, pairs};
use crate::sql::{Cell, Table};
use crate::{
    Buckets, Distribution, ExemplarRow, LogRow, Metric, MetricRow, Origin, Point, SpanStore,
    StoreError,
};

const DAY_NS: i64 = 86_400_000_000_000;

pub(super) fn origin(project: &str) -> Arc<Origin> {
    Arc::new(Origin {
        service_name: "rag".to_owned(),
        resource_attributes: pairs(&[("service.name", "rag"), ("project.id", project)]),
        resource_schema_url: "https://r".to_owned(),
        scope_name: "scope".to_owned(),
        scope_version: "1.2".to_owned(),
        scope_attributes: pairs(&[("team", "search")]),
        scope_dropped_attributes_count: 3,
        scope_schema_url: "https://s".to_owned(),
    })
}

pub(super) fn point(project: &str, time_ns: i64, point: Point) -> MetricRow {
    MetricRow {
        origin: origin(project),
        metric: Arc::new(Metric {
            name: format!("app.{}", point.kind()),
            description: "it's".to_owned(),
            unit: "s".to_owned(),
        }),
        attributes: pairs(&[("zone", "a"), ("n", "2")]),
        start_ns: START_NS,
        time_ns,
        flags: 0,
        point,
        exemplars: Vec::new(),
    }
}

/// One of each kind.
pub(super) fn points() -> [Point; 5] {
    let summary = Distribution { count: 7, sum: 2.5, min: 0.25, max: 1.0 };
    [
        Point::Gauge { value: 0.5 },
        Point::Sum { value: 3.0, temporality: 2, is_monotonic: true },
        Point::Histogram {
            summary,
            bucket_counts: vec![1, u64::MAX],
            explicit_bounds: vec![0.5],
            temporality: 1,
        },
        Point::ExponentialHistogram {
            summary,
            scale: -3,
            zero_count: 4,
            positive: Buckets { offset: -2, counts: vec![1, 2] },
            negative: Buckets { offset: 5, counts: Vec::new() },
            temporality: 2,
        },
        Point::Summary { count: 7, sum: 2.5, quantiles: vec![(0.5, 0.25), (1.0, 1.0)] },
    ]
}

pub(super) fn log(project: &str, timestamp_ns: i64, body: &str) -> LogRow {
    LogRow {
        origin: origin(project),
        timestamp_ns,
        trace_id: "0a".repeat(16),
        span_id: "0b".repeat(8),
        trace_flags: 1,
        severity_text: "WARN".to_owned(),
        severity_number: 13,
        body: body.to_owned(),
        attributes: pairs(&[("k", "v")]),
        event_name: "step.done".to_owned(),
    }
}

pub(super) async fn answer(fixture: &Fixture, text: &str) -> Table {
    fixture.store.query(&asked(text)).await.unwrap_or_else(|error| panic!("{text}: {error}"))
}

async fn count(fixture: &Fixture, text: &str) -> i64 {
    match answer(fixture, text).await.rows.as_slice() {
        [row] => match row.as_slice() {
            [Cell::Int(count)] => *count,
            [Cell::UInt(count)] => i64::try_from(*count).unwrap(),
            other => panic!("{text}: {other:?}"),
        },
        other => panic!("{text}: {other:?}"),
    }
}

/// Past the store: how many rows a table has.
fn rows_of(fixture: &Fixture, table: &str) -> i64 {
    let connection = Connection::open(fixture.path()).unwrap();
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

pub(super) fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

/// Of each kind: its table, its own columns, and what they show.
fn shown() -> [(&'static str, &'static str, Vec<Cell>); 5] {
    let distribution = [Cell::UInt(7), Cell::Float(2.5)];
    let both = [&distribution[..], &[Cell::Float(0.25), Cell::Float(1.0)]].concat();
    [
        ("gauge", "Value", vec![Cell::Float(0.5)]),
        (
            "sum",
            "Value, AggregationTemporality, IsMonotonic",
            vec![Cell::Float(3.0), Cell::Int(2), Cell::UInt(1)],
        ),
        (
            "histogram",
            "Count, Sum, Min, Max, BucketCounts, ExplicitBounds, AggregationTemporality",
            [&both[..], &[text("[1,18446744073709551615]"), text("[0.5]"), Cell::Int(1)]].concat(),
        ),
        (
            "exponential_histogram",
            "Count, Sum, Min, Max, Scale, ZeroCount, PositiveOffset, PositiveBucketCounts, \
             NegativeOffset, NegativeBucketCounts, AggregationTemporality",
            [
                &both[..],
                &[Cell::Int(-3), Cell::UInt(4), Cell::Int(-2), text("[1,2]")],
                &[Cell::Int(5), text("[]"), Cell::Int(2)],
            ]
            .concat(),
        ),
        (
            "summary",
            "Count, Sum, \"ValueAtQuantiles.Quantile\", \"ValueAtQuantiles.Value\"",
            [&distribution[..], &[text("[0.5,1.0]"), text("[0.25,1.0]")]].concat(),
        ),
    ]
}

#[tokio::test]
async fn every_kind_of_point_is_read_as_it_was_written() {
    let fixture = Fixture::new();
    let exemplar = ExemplarRow {
        attributes: pairs(&[("user", "u")]),
        time_ns: START_NS + 5,
        value: 0.75,
        span_id: "0b".repeat(8),
        trace_id: "0a".repeat(16),
    };
    let row = |of| MetricRow { exemplars: vec![exemplar.clone()], ..point("p", START_NS + 9, of) };
    let rows: Vec<_> = points().into_iter().map(row).collect();
    assert_eq!(fixture.store.insert_metrics(rows.clone()).await.unwrap(), 5);
    let exemplars = "\"Exemplars.FilteredAttributes\", \"Exemplars.TimeUnix\", \"Exemplars.Value\", \
                     \"Exemplars.SpanId\", \"Exemplars.TraceId\"";
    let exemplar_cells = [
        text(r#"[{"user":"u"}]"#),
        text(r#"["2026-01-01 00:00:00.000000005"]"#),
        text("[0.75]"),
        text(r#"["0b0b0b0b0b0b0b0b"]"#),
        text(r#"["0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"]"#),
    ];
    for (kind, columns, mut expected) in shown() {
        let mut columns = columns.to_owned();
        if kind != "summary" {
            columns.push_str(&format!(", {exemplars}"));
            expected.extend(exemplar_cells.clone());
        }
        let query = format!("SELECT {columns} FROM otel_metrics_{kind}");
        assert_eq!(answer(&fixture, &query).await.rows, [expected], "{kind}");
    }
}

#[tokio::test]
async fn where_a_row_comes_from_is_read_with_it() {
    let fixture = Fixture::new();
    let [gauge, ..] = points();
    fixture.store.insert_metrics(vec![point("p", START_NS + 9, gauge)]).await.unwrap();
    fixture.store.insert_logs(vec![log("p", START_NS + 9, "it's {\"done\"}")]).await.unwrap();
    let shared = "ServiceName, ResourceAttributes, ResourceSchemaUrl, ScopeName, ScopeVersion, \
                  ScopeAttributes, ScopeSchemaUrl, ResourceAttributes['project.id'], \
                  ScopeAttributes['team'], ResourceAttributes['absent'], \
                  mapContains(ResourceAttributes, 'project.id')";
    let expected = [
        text("rag"),
        text(r#"{"service.name":"rag","project.id":"p"}"#),
        text("https://r"),
        text("scope"),
        text("1.2"),
        text(r#"{"team":"search"}"#),
        text("https://s"),
        text("p"),
        text("search"),
        text(""),
        Cell::UInt(1),
    ];
    for table in ["otel_metrics_gauge", "otel.otel_logs"] {
        let found = answer(&fixture, &format!("SELECT {shared} FROM {table} AS t")).await;
        assert_eq!(found.rows.len(), 1, "{table}");
        assert_eq!(found.rows[0], expected, "{table}");
    }
    let found = answer(
        &fixture,
        "SELECT MetricName, MetricDescription, MetricUnit, Attributes['zone'], StartTimeUnix, \
         TimeUnix, Flags, ScopeDroppedAttrCount, \"Exemplars.TimeUnix\" FROM otel_metrics_gauge",
    )
    .await;
    let expected = [
        text("app.gauge"),
        text("it's"),
        text("s"),
        text("a"),
        text("2026-01-01 00:00:00.000000000"),
        text("2026-01-01 00:00:00.000000009"),
        Cell::UInt(0),
        Cell::UInt(3),
        text("[]"),
    ];
    assert_eq!(found.rows, [expected]);
    let found = answer(
        &fixture,
        "SELECT Timestamp, TraceId, SpanId, TraceFlags, SeverityText, SeverityNumber, Body, \
         LogAttributes['k'], EventName FROM otel_logs",
    )
    .await;
    let expected = [
        text("2026-01-01 00:00:00.000000009"),
        text(&"0a".repeat(16)),
        text(&"0b".repeat(8)),
        Cell::UInt(1),
        text("WARN"),
        Cell::UInt(13),
        text("it's {\"done\"}"),
        text("v"),
        text("step.done"),
    ];
    assert_eq!(found.rows, [expected]);
}

#[tokio::test]
async fn what_is_no_number_is_read_as_none_and_infinity_is_not_shown() {
    let fixture = Fixture::new();
    let rows = [f64::NAN, f64::INFINITY, -0.0].into_iter().enumerate().map(|(at, value)| {
        point("p", START_NS + i64::try_from(at).unwrap(), Point::Gauge { value })
    });
    fixture.store.insert_metrics(rows.collect()).await.unwrap();
    let found = answer(&fixture, "SELECT Value FROM otel_metrics_gauge ORDER BY TimeUnix").await;
    assert_eq!(found.rows, [[Cell::Null], [Cell::Null], [Cell::Float(-0.0)]]);
}

#[tokio::test]
async fn a_point_sent_again_is_kept_once_and_another_of_the_same_time_beside_it() {
    let fixture = Fixture::new();
    let rows: Vec<_> = points().into_iter().map(|it| point("p", START_NS, it)).collect();
    assert_eq!(fixture.store.insert_metrics(rows.clone()).await.unwrap(), 5);
    let other = point("p", START_NS, Point::Gauge { value: 0.75 });
    assert_eq!(fixture.store.insert_metrics([rows, vec![other]].concat()).await.unwrap(), 1);
    assert_eq!(count(&fixture, "SELECT count() FROM otel_metrics_gauge").await, 2);
    assert_eq!(count(&fixture, "SELECT count() FROM otel_metrics_summary").await, 1);
    // A log record has nothing to be known by.
    let log = log("p", START_NS, "again");
    fixture.store.insert_logs(vec![log.clone(), log]).await.unwrap();
    assert_eq!(count(&fixture, "SELECT count() FROM otel_logs").await, 2);
}

#[tokio::test]
async fn what_repeats_is_kept_once() {
    let fixture = Fixture::new();
    for minute in 0..10_i64 {
        let time_ns = START_NS + minute * 60_000_000_000;
        let rows = points()
            .into_iter()
            .flat_map(|it| ["p", "q"].map(|project| point(project, time_ns, it.clone())));
        fixture.store.insert_metrics(rows.collect()).await.unwrap();
        fixture.store.insert_logs(vec![log("p", time_ns, "tick")]).await.unwrap();
    }
    assert_eq!(rows_of(&fixture, "metric_points"), 100);
    assert_eq!(rows_of(&fixture, "metric_series"), 10);
    assert_eq!(rows_of(&fixture, "signal_origins"), 2);
}

#[tokio::test]
async fn a_point_of_a_known_series_takes_at_most_a_hundred_bytes() {
    const POINTS: i64 = 20_000;
    let fixture = Fixture::new();
    let row = |at: i64| MetricRow {
        attributes: pairs(&[("queue", &format!("queue number {}", at % 100))]),
        ..point("p", START_NS + at / 100 * 10_000_000_000, Point::Gauge { value: at as f64 / 7.0 })
    };
    for first in (0..POINTS).step_by(5_000) {
        let rows = (first..first + 5_000).map(row).collect();
        assert_eq!(fixture.store.insert_metrics(rows).await.unwrap(), 5_000);
    }
    let connection = Connection::open(fixture.path()).unwrap();
    let pages = "SELECT (c.page_count - f.freelist_count) * s.page_size FROM pragma_page_count c, \
                 pragma_freelist_count f, pragma_page_size s";
    let bytes: i64 = connection.query_row(pages, [], |row| row.get(0)).unwrap();
    assert!(bytes / POINTS <= 100, "{} bytes a point", bytes / POINTS);
}

#[tokio::test]
async fn what_is_too_old_is_dropped_and_what_nothing_comes_from_any_more_with_it() {
    let fixture = Fixture::new();
    let now_ns = START_NS + 100 * DAY_NS;
    let [gauge, sum, ..] = points();
    let (old, young) = (now_ns - 90 * DAY_NS - 1, now_ns - 90 * DAY_NS);
    let many = 0..5_001_i64;
    let rows = many
        .map(|at| point("p", old - at, sum.clone()))
        .chain([point("p", old, gauge.clone()), point("q", young, gauge)]);
    fixture.store.insert_metrics(rows.collect()).await.unwrap();
    let logs = vec![log("p", old, "old"), log("q", young, "young")];
    fixture.store.insert_logs(logs).await.unwrap();
    assert_eq!(fixture.store.prune(now_ns).await.unwrap(), 5_003);
    assert_eq!(count(&fixture, "SELECT count() FROM otel_metrics_sum").await, 0);
    assert_eq!(count(&fixture, "SELECT count() FROM otel_metrics_gauge").await, 1);
    let left = answer(&fixture, "SELECT Body FROM otel_logs").await;
    assert_eq!(left.rows, [[text("young")]]);
    assert_eq!((rows_of(&fixture, "metric_series"), rows_of(&fixture, "signal_origins")), (1, 1));
    assert_eq!(fixture.store.prune(now_ns).await.unwrap(), 0);
    // What was dropped can come again.
    let [_, sum, ..] = points();
    fixture.store.insert_metrics(vec![point("p", young, sum)]).await.unwrap();
    assert_eq!(count(&fixture, "SELECT count() FROM otel_metrics_sum").await, 1);
}

#[tokio::test]
async fn one_bad_row_refuses_its_insert_and_nothing_else() {
    let fixture = Fixture::new();
    let [gauge, ..] = points();
    let bad = point("p", -1, gauge.clone());
    let rows = vec![point("p", START_NS, gauge), bad];
    let error = fixture.store.insert_metrics(rows).await.unwrap_err();
    assert!(matches!(error, StoreError::BadRow { .. }), "{error}");
    assert_eq!(count(&fixture, "SELECT count() FROM otel_metrics_gauge").await, 0);
    assert_eq!(fixture.store.insert_metrics(Vec::new()).await.unwrap(), 0);
    assert_eq!(fixture.store.insert_logs(Vec::new()).await.unwrap(), 0);
}

#[tokio::test]
async fn inserts_that_come_together_are_all_there() {
    let fixture = Fixture::new();
    let inserts = (0..50_i64).map(|at| {
        let store = &fixture.store;
        async move {
            let [gauge, ..] = points();
            let time_ns = START_NS + at;
            let stored = store.insert_metrics(vec![point("p", time_ns, gauge)]).await.unwrap();
            stored + store.insert_logs(vec![log("p", time_ns, "x")]).await.unwrap()
        }
    });
    let stored: u64 = futures_util::future::join_all(inserts).await.into_iter().sum();
    assert_eq!(stored, 100);
    assert_eq!(count(&fixture, "SELECT count() FROM otel_metrics_gauge").await, 50);
    assert_eq!(count(&fixture, "SELECT count() FROM otel_logs").await, 50);
}
