//! The statements and the bytes. That the engine takes both is shown in `tests/clickhouse`.

use std::sync::Arc;

use super::*;
use crate::{Metric, Origin};

#[test]
fn a_gauge_is_these_bytes() {
    let origin = Origin {
        service_name: "s".to_owned(),
        scope_dropped_attributes_count: 3,
        ..Origin::default()
    };
    let row = MetricRow {
        origin: Arc::new(origin),
        metric: Arc::new(Metric { name: "m".to_owned(), ..Metric::default() }),
        attributes: vec![("k".into(), "v".to_owned())],
        start_ns: 1,
        time_ns: 2,
        flags: 1,
        point: Point::Gauge { value: 0.5 },
        exemplars: Vec::new(),
    };
    let mut writer = Writer::default();
    encode::point(&mut writer, &row);
    let mut expected =
        b"\x00\x00\x00\x00\x00\x03\0\0\0\x00\x01s\x01m\x00\x00\x01\x01k\x01v".to_vec();
    expected.extend([1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend(0.5_f64.to_le_bytes());
    expected.extend([1, 0, 0, 0]);
    expected.extend([0; 5]);
    assert_eq!(writer.0, expected);
}

#[test]
fn every_table_has_a_name_of_its_own_and_the_translator_knows_it() {
    for kind in Kind::ALL {
        let text = format!("SELECT * FROM {}", kind.usual_name());
        let compiled = crate::sql::compile(&text, &crate::sql::Scope::All, 0).unwrap();
        let known = compiled.columns.iter().map(|(name, _)| name.as_str());
        // ClickHouse makes it of another column.
        let known: Vec<_> = known.filter(|name| *name != "TimestampTime").collect();
        let columns: Vec<_> = kind.columns().into_iter().map(|(name, ..)| name).collect();
        assert_eq!(known, columns, "both stores show the same columns in the same order");
    }
}

#[test]
fn a_query_of_other_tables_is_not_about_metrics_or_logs() {
    let mut settings = ClickHouseSettings::default();
    let asked_for = |settings: &_, text| asked_for(settings, text).collect::<Vec<_>>();
    assert_eq!(asked_for(&settings, "SELECT count() FROM otel_traces"), []);
    assert_eq!(asked_for(&settings, "SELECT count() FROM otel_logs"), [Signal::Logs]);
    let both =
        "SELECT 1 FROM otel_metrics_sum AS s JOIN otel_logs AS l ON s.TimeUnix = l.Timestamp";
    assert_eq!(asked_for(&settings, both), [Signal::Metrics, Signal::Logs]);
    assert_eq!(renamed(&settings, "otel_logs"), None);
    settings.signal_tables.logs = "team's".to_owned();
    assert_eq!(asked_for(&settings, "SELECT count() FROM `team's`"), [Signal::Logs]);
    assert_eq!(renamed(&settings, "otel_logs").as_deref(), Some("`otel`.`team's`"));
    assert_eq!(renamed(&settings, "otel_metrics_sum"), None);
}

#[test]
fn two_tables_of_one_name_are_refused() {
    let mut settings = ClickHouseSettings::default();
    assert_eq!(check_names(&settings), Ok(()));
    settings.signal_tables.sum = "otel_metrics_gauge".to_owned();
    let error = check_names(&settings).unwrap_err().to_string();
    assert_eq!(error, "two of the store's tables are called `otel_metrics_gauge`");
    settings.signal_tables.sum = settings.traces_table.clone();
    assert!(check_names(&settings).is_err());
}

fn log(body: &str, event_name: &str) -> LogRow {
    let pair = |key: &str| (key.to_owned().into(), "v".repeat(200));
    let origin = Origin { resource_attributes: vec![pair("r"), pair("p")], ..Origin::default() };
    LogRow {
        origin: Arc::new(origin),
        timestamp_ns: 7,
        trace_id: "0a".repeat(16),
        body: body.to_owned(),
        attributes: vec![pair("k")],
        event_name: event_name.to_owned(),
        ..LogRow::default()
    }
}

#[test]
fn log_records_lose_their_events_names_and_nothing_else_for_an_older_table() {
    let bytes = |rows: &[LogRow]| encode_logs(rows).map_or(Vec::new(), |encoded| encoded.data);
    let columns = Kind::Logs.columns();
    assert_eq!(columns.last().map(|column| column.0), Some(EVENT_NAME));
    // Lengths of one byte and of two, with the name and without.
    let rows = [log("short", "step.done"), log(&"x".repeat(20_000), ""), log("", &"n".repeat(300))];
    let expected: Vec<u8> = rows
        .iter()
        .flat_map(|row| {
            let mut bytes = bytes(&[LogRow { event_name: String::new(), ..row.clone() }]);
            assert_eq!(bytes.pop(), Some(0), "the length of an empty name");
            bytes
        })
        .collect();
    let whole = bytes(&rows);
    assert_eq!(last_column::without(&columns, &whole), Some(expected));
    assert_eq!(last_column::without(&columns, &[]), Some(Vec::new()));
    // Half a row, wherever it ends, is none.
    let one = bytes(&rows[..1]);
    for end in 1..one.len() {
        assert_eq!(last_column::without(&columns, &one[..end]), None, "{end}");
    }
    // A length that no memory has.
    assert_eq!(last_column::without(&columns, &[0xff; 64]), None);
}

#[test]
fn points_are_encoded_table_by_table_and_none_for_tables_without_points() {
    let of = |point| MetricRow {
        origin: Arc::default(),
        metric: Arc::default(),
        attributes: Vec::new(),
        start_ns: 0,
        time_ns: 0,
        flags: 0,
        point,
        exemplars: Vec::new(),
    };
    let (gauge, summary) = (
        of(Point::Gauge { value: 1.0 }),
        of(Point::Summary { count: 1, sum: 1.0, quantiles: Vec::new() }),
    );
    let encoded = encode_metrics(&[gauge.clone(), summary, gauge]);
    let tables: Vec<_> = encoded.iter().map(|it| (it.kind, it.items)).collect();
    assert_eq!(tables, [(Kind::Gauge, 2), (Kind::Summary, 1)]);
    assert!(encode_metrics(&[]).is_empty() && encode_logs(&[]).is_none());
}
