//! What counts as the exporter's table. That the engine takes our statements is shown in
//! `tests/clickhouse`.

use super::*;

fn exporters() -> Vec<(String, String)> {
    COLUMNS.iter().map(|(name, ty)| ((*name).to_owned(), (*ty).to_owned())).collect()
}

#[test]
fn the_exporters_table_is_taken_with_and_without_further_columns() {
    let mut found = exporters();
    assert_eq!(differences("t", &COLUMNS, &found), None);
    found.push(("Own".to_owned(), "UInt8".to_owned()));
    for (_, ty) in &mut found {
        *ty = ty.replace("String", "LowCardinality(String)").replace("(9)", "(9, 'Europe/Berlin')");
    }
    assert_eq!(differences("t", &COLUMNS, &found), None);
}

#[test]
fn what_is_missing_or_other_is_said_by_column() {
    let mut found = exporters();
    found.retain(|(name, _)| name != "TraceState");
    found[0].1 = "DateTime64(6)".to_owned();
    assert_eq!(
        differences("`otel`.`t`", &COLUMNS, &found).unwrap(),
        "the table `otel`.`t` is not the exporter's: column Timestamp is DateTime64(6), not \
         DateTime64(9), column TraceState String is missing; alter it, or name another table"
    );
    assert_eq!(differences("t", &COLUMNS, &[]).unwrap(), "the table t does not exist");
}

#[test]
fn the_later_look_up_table_is_one_too() {
    let found = [
        ("TraceId", "String"),
        ("Start", "SimpleAggregateFunction(min, DateTime)"),
        ("End", "SimpleAggregateFunction(max, DateTime('UTC'))"),
    ]
    .map(|(name, ty)| (name.to_owned(), ty.to_owned()));
    assert_eq!(differences("t", &LOOKUP_COLUMNS, &found), None);
}

#[test]
fn retention_is_the_tables_own_and_none_is_for_ever() {
    let names = Names::new(&ClickHouseSettings::default());
    let [_, traces, lookup, _] = names.create(90);
    assert!(traces.contains("TTL toDateTime(Timestamp) + toIntervalDay(90)\n"), "{traces}");
    assert!(lookup.contains("TTL toDateTime(Start) + toIntervalDay(90)\n"), "{lookup}");
    assert!(!names.create(0).concat().contains("TTL"));
}

#[test]
fn names_are_quoted() {
    let settings = ClickHouseSettings {
        database: "my`db".to_owned(),
        traces_table: "spans\\".to_owned(),
        ..ClickHouseSettings::default()
    };
    assert_eq!(Names::new(&settings).lookup, r"`my\`db`.`spans\\_trace_id_ts`");
}
