//! Tables: created, found, or refused with what is wrong.

use tollgate_store::{ClickHouse, ClickHouseSettings, SpanStore, StoreError, TraceFilter};

use crate::rows::{row, start_ns, trace_id};
use crate::shim::Shim;

#[tokio::test]
async fn real_engine_fake_server_tables_are_the_exporters_and_ours_on_top() {
    let Some(shim) = Shim::start() else { return };
    shim.store().prepare().await.unwrap();
    let created = shim.sql("SHOW CREATE TABLE otel.otel_traces");
    for part in [
        "`Timestamp` DateTime64(9) CODEC(Delta(8), ZSTD(1))",
        "`SpanAttributes` Map(LowCardinality(String), String) CODEC(ZSTD(1))",
        "`Events.Timestamp` Array(DateTime64(9)) CODEC(ZSTD(1))",
        "`Links.Attributes` Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1))",
        "INDEX idx_span_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1",
        "ENGINE = MergeTree",
        "PARTITION BY toDate(Timestamp)",
        "ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))",
        "TTL toDateTime(Timestamp) + toIntervalDay(90)",
        "ttl_only_drop_parts = 1",
        "non_replicated_deduplication_window = 10000",
        "fsync_after_insert = 1",
    ] {
        assert!(created.replace("\\n", "\n").contains(part), "{part} is not in {created}");
    }
    // A second start finds them and creates nothing.
    let others = shim.count("other");
    shim.store().prepare().await.unwrap();
    assert_eq!(shim.count("other"), others);
}

#[tokio::test]
async fn real_engine_fake_server_names_and_retention_are_the_configurations() {
    let Some(shim) = Shim::start() else { return };
    let settings = ClickHouseSettings {
        database: "team's".to_owned(),
        traces_table: "llm-traces".to_owned(),
        retention_days: 7,
        ..shim.settings()
    };
    let store = ClickHouse::new(settings).unwrap();
    store.insert(vec![row(start_ns(), 1, 0)]).await.unwrap();
    assert_eq!(store.trace(&trace_id(1)).await.unwrap().len(), 1);
    assert_eq!(shim.sql("SELECT count() FROM `team's`.`llm-traces`"), "1");
    assert_eq!(shim.sql("SELECT count() FROM `team's`.`llm-traces_trace_id_ts`"), "1");
    let created = shim.sql("SHOW CREATE TABLE `team's`.`llm-traces`");
    assert!(created.contains("toIntervalDay(7)"), "{created}");
}

#[tokio::test]
async fn real_engine_fake_server_another_table_of_that_name_is_refused_with_what_is_wrong() {
    let Some(shim) = Shim::start() else { return };
    shim.store().prepare().await.unwrap();
    shim.sql("ALTER TABLE otel.otel_traces DROP COLUMN TraceState, DROP COLUMN `Links.SpanId`");
    shim.sql("ALTER TABLE otel.otel_traces MODIFY COLUMN StatusMessage FixedString(3)");
    let error = shim.store().insert(vec![row(start_ns(), 1, 0)]).await.unwrap_err();
    assert!(matches!(error, StoreError::Schema { .. }), "{error}");
    assert!(!error.is_retryable());
    assert_eq!(
        error.to_string(),
        "the table `otel`.`otel_traces` is not the exporter's: column TraceState String is \
         missing, column StatusMessage is FixedString(3), not String, column Links.SpanId \
         Array(String) is missing; alter it, or name another table"
    );
    assert_eq!(shim.sql("SELECT count() FROM otel.otel_traces"), "0");
}

#[tokio::test]
async fn real_engine_fake_server_a_table_without_its_look_up_is_enough() {
    let Some(shim) = Shim::start() else { return };
    shim.store().prepare().await.unwrap();
    shim.sql("DROP VIEW otel.otel_traces_trace_id_ts_mv");
    shim.sql("DROP TABLE otel.otel_traces_trace_id_ts");
    let store = shim.store();
    let rows = vec![row(start_ns(), 1, 0), row(start_ns(), 1, 1)];
    store.insert(rows.clone()).await.unwrap();
    assert_eq!(store.trace(&trace_id(1)).await.unwrap(), rows);
    assert_eq!(store.trace("0000").await.unwrap(), rows);
    assert_eq!(store.recent(&TraceFilter::default()).await.unwrap().len(), 1);
}
