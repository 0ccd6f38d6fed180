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
    assert!(!are_asked_for(&settings, "SELECT count() FROM otel_traces"));
    assert!(are_asked_for(&settings, "SELECT count() FROM otel_logs"));
    assert_eq!(renamed(&settings, "otel_logs"), None);
    settings.signal_tables.logs = "team's".to_owned();
    assert!(are_asked_for(&settings, "SELECT count() FROM `team's`"));
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
