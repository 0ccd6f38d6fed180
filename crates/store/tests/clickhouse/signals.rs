//! Metrics and logs: the exporter's tables, and both stores giving the same answers.

use std::sync::Arc;
use std::time::Duration;

use tollgate_store::sql::{Cell, Scope, SqlQuery};
use tollgate_store::{
    Buckets, ClickHouse, ClickHouseSettings, Distribution, ExemplarRow, LogRow, Metric, MetricRow,
    Origin, Pairs, Point, SignalTableNames, SpanStore, Sqlite, SqliteSettings, StoreError,
};

use crate::rows::{row, start_ns, trace_id};
use crate::shim::Shim;

const KINDS: [&str; 5] = ["gauge", "sum", "histogram", "exponential_histogram", "summary"];

fn pairs<T: From<Pairs>>(pairs: &[(&str, &str)]) -> T {
    let pair = |(key, value): &(&str, &str)| ((*key).to_owned().into(), (*value).to_owned());
    pairs.iter().map(pair).collect::<Pairs>().into()
}

fn origin(project: &str) -> Arc<Origin> {
    Arc::new(Origin {
        service_name: format!("service of {project}"),
        resource_attributes: pairs(&[("project.id", project), ("quoted", "it's \\ \"ü\"")]),
        resource_schema_url: "https://r".to_owned(),
        scope_name: "scope".to_owned(),
        scope_version: "1".to_owned(),
        scope_attributes: pairs(&[("team", "a")]),
        scope_dropped_attributes_count: 2,
        scope_schema_url: "https://s".to_owned(),
    })
}

fn points(at: i64) -> [Point; 5] {
    let value = at as f64 / 4.0;
    let count = at.unsigned_abs();
    let summary = Distribution { count, sum: value * 2.0, min: -value, max: value };
    [
        Point::Gauge { value },
        Point::Sum { value, temporality: 2, is_monotonic: at % 2 == 0 },
        Point::Histogram {
            summary,
            bucket_counts: vec![count, u64::MAX],
            explicit_bounds: vec![value],
            temporality: 1,
        },
        Point::ExponentialHistogram {
            summary,
            scale: -3,
            zero_count: count,
            positive: Buckets { offset: -2, counts: vec![1, count] },
            negative: Buckets { offset: 5, counts: Vec::new() },
            temporality: 2,
        },
        Point::Summary { count, sum: value, quantiles: vec![(0.5, value), (0.99, value + 0.5)] },
    ]
}

fn metrics() -> Vec<MetricRow> {
    let metric = |point: &Point| Metric {
        name: format!("app.{}", point.kind()),
        description: "what it says".to_owned(),
        unit: "s".to_owned(),
    };
    let exemplars = |at: i64| {
        let exemplar = ExemplarRow {
            attributes: pairs(&[("user", "u")]),
            time_ns: start_ns() + at,
            value: 0.75,
            span_id: "0b".repeat(8),
            trace_id: trace_id(7),
        };
        if at % 3 == 0 { vec![exemplar; 2] } else { Vec::new() }
    };
    let of = |at: i64| {
        points(at).map(|point| MetricRow {
            origin: origin(["p0", "p1"][usize::from(at % 2 == 0)]),
            metric: Arc::new(metric(&point)),
            attributes: pairs(&[("at", &at.to_string()), ("zone", "a")]),
            start_ns: start_ns(),
            time_ns: start_ns() + at * 1_000_000_000,
            flags: u32::from(at == 3),
            exemplars: exemplars(at),
            point,
        })
    };
    (1..20).flat_map(of).collect()
}

fn logs() -> Vec<LogRow> {
    let of = |at: i64| LogRow {
        origin: origin(["p0", "p1"][usize::from(at % 2 == 0)]),
        timestamp_ns: start_ns() + at * 1_000_000_007,
        trace_id: if at % 3 == 0 { String::new() } else { trace_id(at.unsigned_abs()) },
        span_id: if at % 3 == 0 { String::new() } else { "0b".repeat(8) },
        trace_flags: 255,
        severity_text: "WARN".to_owned(),
        severity_number: 13,
        body: format!("{{\"at\": {at}, \"odd\": \"it's \\\\ ü\"}}\n"),
        attributes: pairs(&[("at", &at.to_string())]),
        event_name: "step.done".to_owned(),
    };
    (1..20).map(of).collect()
}

fn question(text: &str, scope: Scope) -> SqlQuery {
    let time_max = Duration::from_secs(10);
    SqlQuery { text: text.to_owned(), scope, rows_max: 1_000, time_max }
}

async fn count(store: &dyn SpanStore, table: &str) -> Cell {
    let text = format!("SELECT count() FROM {table}");
    store.query(&question(&text, Scope::All)).await.unwrap().rows.remove(0).remove(0)
}

#[tokio::test]
async fn real_engine_fake_server_both_stores_answer_the_same_about_metrics_and_logs() {
    let Some(shim) = Shim::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Sqlite::open(&folder.path().join("spans.db"), SqliteSettings::default()).unwrap();
    let clickhouse = shim.store();
    for store in [&sqlite as &dyn SpanStore, &clickhouse] {
        assert_eq!(store.insert_metrics(metrics()).await.unwrap(), 95);
        assert_eq!(store.insert_logs(logs()).await.unwrap(), 19);
    }
    let of_kind = |kind: &str| {
        [
            format!("SELECT * FROM otel_metrics_{kind} ORDER BY TimeUnix"),
            format!(
                "SELECT MetricName, Attributes['zone'] AS zone, count() AS points, min(TimeUnix), \
                 max(ResourceAttributes['project.id']) FROM otel_metrics_{kind} \
                 WHERE ServiceName LIKE 'service%' GROUP BY MetricName, zone"
            ),
        ]
    };
    let others = [
        "SELECT * FROM otel_logs ORDER BY Timestamp",
        "SELECT SeverityText, count(), uniqExact(TraceId), max(Timestamp) FROM otel.otel_logs \
         WHERE Body LIKE '%at%' AND SeverityNumber >= 13 GROUP BY SeverityText",
        "SELECT LogAttributes['at'] AS at, mapContains(ScopeAttributes, 'team') FROM otel_logs \
         WHERE TraceId != '' AND Timestamp > now() - INTERVAL 1 DAY ORDER BY Timestamp LIMIT 5",
        "SELECT s.MetricName, g.Value + s.Value AS both FROM otel_metrics_sum AS s \
         JOIN otel_metrics_gauge AS g ON g.TimeUnix = s.TimeUnix ORDER BY s.TimeUnix",
        "SELECT quantileExact(0.5)(Value), sum(Value), avg(Value) FROM otel_metrics_gauge",
        "SELECT sum(Count), max(Max), min(Min), any(AggregationTemporality) \
         FROM otel_metrics_exponential_histogram WHERE Scale = -3",
        "SELECT countIf(IsMonotonic = 1), sumIf(Value, IsMonotonic = 1) FROM otel_metrics_sum",
    ];
    let mut questions: Vec<_> = KINDS.iter().flat_map(|kind| of_kind(kind)).collect();
    questions.extend(others.map(str::to_owned));
    for text in questions {
        for scope in [Scope::All, Scope::Project("p1".to_owned())] {
            let query = question(&text, scope);
            let expected = clickhouse.query(&query).await;
            let expected = expected.unwrap_or_else(|error| panic!("{text}: {error}"));
            let found = sqlite.query(&query).await;
            let found = found.unwrap_or_else(|error| panic!("{text}: {error}"));
            assert!(!expected.rows.is_empty(), "{text}");
            let (found, expected) = (plain(found.rows), plain(expected.rows));
            assert_eq!(found, expected, "{text}\n{:?}", query.scope);
        }
    }
}

/// Numbers and lists as both print them.
fn plain(rows: Vec<Vec<Cell>>) -> Vec<Vec<String>> {
    let cell = |cell: Cell| match cell {
        Cell::Int(number) => (number as f64).to_string(),
        Cell::UInt(number) => (number as f64).to_string(),
        Cell::Float(number) => number.to_string(),
        Cell::Null => "NULL".to_owned(),
        Cell::Text(text) => match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(json) if text.starts_with(['[', '{']) => floats(json).to_string(),
            _ => text,
        },
    };
    rows.into_iter().map(|row| row.into_iter().map(cell).collect()).collect()
}

fn floats(json: serde_json::Value) -> serde_json::Value {
    match json {
        serde_json::Value::Number(number) => number.as_f64().into(),
        serde_json::Value::Array(values) => values.into_iter().map(floats).collect(),
        other => other,
    }
}

#[tokio::test]
async fn real_engine_fake_server_the_tables_are_the_exporters() {
    let Some(shim) = Shim::start() else { return };
    shim.store().prepare().await.unwrap();
    for kind in KINDS {
        let created = shim.sql(&format!("SHOW CREATE TABLE otel.otel_metrics_{kind}"));
        for part in [
            "`ResourceAttributes` Map(LowCardinality(String), String) CODEC(ZSTD(1))",
            "`TimeUnix` DateTime64(9) CODEC(Delta(8), ZSTD(1))",
            "INDEX idx_attr_value mapValues(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1",
            "ORDER BY (ServiceName, MetricName, Attributes, toUnixTimestamp64Nano(TimeUnix))",
            "TTL toDateTime(TimeUnix) + toIntervalDay(90)",
            "non_replicated_deduplication_window = 10000",
        ] {
            assert!(created.contains(part), "{kind}: {part} is not in {created}");
        }
    }
    let created = shim.sql("SHOW CREATE TABLE otel.otel_logs");
    for part in [
        "`TimestampTime` DateTime DEFAULT toDateTime(Timestamp)",
        "`SeverityNumber` UInt8",
        "INDEX idx_body Body TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 8",
        "INDEX idx_log_attr_key mapKeys(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1",
        "ORDER BY (ServiceName, TimestampTime, Timestamp)",
        "TTL toDateTime(TimestampTime) + toIntervalDay(90)",
    ] {
        assert!(created.contains(part), "{part} is not in {created}");
    }
    let others = shim.count("other");
    shim.store().prepare().await.unwrap();
    assert_eq!(shim.count("other"), others, "a second start creates nothing");
}

#[tokio::test]
async fn real_engine_fake_server_tables_of_other_names_answer_to_their_usual_ones() {
    let Some(shim) = Shim::start() else { return };
    let signal_tables = SignalTableNames {
        gauge: "team's gauges".to_owned(),
        logs: "llm_logs".to_owned(),
        ..SignalTableNames::default()
    };
    let settings = ClickHouseSettings { signal_tables, retention_days: 7, ..shim.settings() };
    let store = ClickHouse::new(settings).unwrap();
    store.insert_metrics(metrics()).await.unwrap();
    store.insert_logs(logs()).await.unwrap();
    assert_eq!(shim.sql("SELECT count() FROM otel.`team's gauges`"), "19");
    assert!(shim.sql("SHOW CREATE TABLE otel.llm_logs").contains("toIntervalDay(7)"));
    let both = "SELECT count(), uniqExact(ResourceAttributes['project.id']) FROM";
    for table in ["otel_metrics_gauge", "otel.otel_logs", "otel_metrics_sum"] {
        for (scope, rows, projects) in [
            (Scope::All, 19, 2),
            (Scope::Project("p1".to_owned()), 9, 1),
            (Scope::Project("p1' OR '1'='1".to_owned()), 0, 0),
        ] {
            let query = question(&format!("{both} {table}"), scope);
            let found = store.query(&query).await.unwrap().rows;
            assert_eq!(found, [[Cell::UInt(rows), Cell::UInt(projects)]], "{table}");
        }
    }
}

#[tokio::test]
async fn real_engine_fake_server_tables_that_are_not_the_exporters_keep_other_signals_going() {
    let Some(shim) = Shim::start() else { return };
    shim.store().prepare().await.unwrap();
    shim.sql("ALTER TABLE otel.otel_metrics_sum DROP COLUMN IsMonotonic");
    let store = shim.store();
    store.prepare().await.unwrap();
    store.insert(vec![row(start_ns(), 1, 0)]).await.unwrap();
    let error = store.insert_metrics(metrics()).await.unwrap_err();
    assert!(matches!(error, StoreError::Schema { .. }), "{error}");
    assert!(error.to_string().contains("column IsMonotonic Bool is missing"), "{error}");
    assert!(!error.is_retryable());
    assert_eq!(shim.sql("SELECT count() FROM otel.otel_metrics_gauge"), "0", "all or none");
    assert_eq!(store.insert_logs(logs()).await, Ok(19));
}

#[tokio::test]
async fn real_engine_fake_server_rights_for_spans_alone_are_enough_for_spans() {
    let Some(shim) = Shim::start() else { return };
    let store = shim.store();
    store.insert(vec![row(start_ns(), 1, 0)]).await.unwrap();
    // ACCESS_DENIED, when it comes to the other tables.
    shim.fail("kind=error&code=497&status=403&n=3&on=select");
    store.prepare().await.unwrap();
    let error = store.insert_logs(logs()).await.unwrap_err();
    assert!(!error.is_retryable(), "{error}");
    // Once the rights are there, nobody needs to start anew.
    store.insert_logs(logs()).await.unwrap();
    assert_eq!(count(&store, "otel_logs").await, Cell::UInt(19));
}

#[tokio::test]
async fn real_engine_fake_server_an_older_table_of_logs_has_no_place_for_events_names() {
    let Some(shim) = Shim::start() else { return };
    shim.store().prepare().await.unwrap();
    shim.sql("ALTER TABLE otel.otel_logs DROP COLUMN EventName");
    let store = shim.store();
    store.insert_logs(logs()).await.unwrap();
    assert_eq!(count(&store, "otel_logs").await, Cell::UInt(19));
    assert_eq!(shim.sql("SELECT uniqExact(Body) FROM otel.otel_logs"), "19");
    let last =
        "SELECT uniqExact(LogAttributes['at']), any(ScopeAttributes['team']) FROM otel.otel_logs";
    assert_eq!(shim.sql(last), "19\ta");
    // Brought up to date between an insert and its lost answer: the batch is still known.
    shim.fail("kind=commit_reset&n=1&on=insert");
    let mut rows = logs();
    rows.iter_mut().for_each(|row| row.severity_number = 14);
    assert!(store.insert_logs(rows.clone()).await.unwrap_err().is_retryable());
    shim.sql("ALTER TABLE otel.otel_logs ADD COLUMN EventName String");
    let store = shim.store();
    store.insert_logs(rows).await.unwrap();
    assert_eq!(count(&store, "otel_logs").await, Cell::UInt(38));
    store.insert_logs(logs()[..1].to_vec()).await.unwrap();
    assert_eq!(shim.sql("SELECT max(EventName) FROM otel.otel_logs"), "step.done");
}

#[tokio::test]
async fn real_engine_fake_server_a_batch_whose_answer_was_lost_is_there_once() {
    let Some(shim) = Shim::start() else { return };
    let store = shim.store();
    store.prepare().await.unwrap();
    for (which, fault) in
        ["kind=commit_reset", "kind=commit_error&code=999", "kind=reset"].into_iter().enumerate()
    {
        // The first table's rows are there, or not; the others' are not.
        shim.fail(&format!("{fault}&n=1&on=insert"));
        let mut rows = metrics();
        rows.iter_mut().for_each(|row| row.flags = u32::try_from(which).unwrap() + 10);
        let error = store.insert_metrics(rows.clone()).await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
        store.insert_metrics(rows).await.unwrap();
        shim.fail(&format!("{fault}&n=1&on=insert"));
        let mut rows = logs();
        rows.iter_mut().for_each(|row| row.severity_number = u8::try_from(which).unwrap());
        assert!(store.insert_logs(rows.clone()).await.unwrap_err().is_retryable());
        store.insert_logs(rows).await.unwrap();
    }
    for table in
        KINDS.map(|kind| format!("otel_metrics_{kind}")).iter().chain([&"otel_logs".into()])
    {
        assert_eq!(count(&store, table).await, Cell::UInt(57), "{table}");
    }
}
