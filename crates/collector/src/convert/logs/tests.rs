//! What a log record becomes.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::ScopeLogs;
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::*;

fn any(value: Value) -> Option<AnyValue> {
    Some(AnyValue { value: Some(value) })
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = any(Value::StringValue(value.to_owned()));
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn request(log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let resource = Some(Resource {
        attributes: vec![attribute("service.name", "rag"), attribute("project.id", "p")],
        ..Resource::default()
    });
    let scope = Some(InstrumentationScope {
        name: "scope".to_owned(),
        version: "1".to_owned(),
        attributes: vec![attribute("team", "a")],
        dropped_attributes_count: 2,
    });
    let scope_logs = vec![ScopeLogs { scope, log_records, schema_url: "https://s".to_owned() }];
    let resource_logs =
        vec![ResourceLogs { resource, scope_logs, schema_url: "https://r".to_owned() }];
    ExportLogsServiceRequest { resource_logs }
}

fn one(record: LogRecord) -> LogRow {
    let Converted { mut rows, malformed } = rows(request(vec![record]));
    assert_eq!((rows.len(), malformed), (1, 0));
    assert_eq!(rows[0].check(), Ok(()));
    rows.remove(0)
}

#[test]
fn a_record_becomes_a_row_with_its_resource_and_scope() {
    let row = one(LogRecord {
        time_unix_nano: 5,
        observed_time_unix_nano: 6,
        severity_number: 13,
        severity_text: "WARN".to_owned(),
        body: any(Value::StringValue("went wrong".to_owned())),
        attributes: vec![attribute("k", "v")],
        flags: 0x301,
        trace_id: vec![0xAB; 16],
        span_id: vec![1; 8],
        event_name: "step.done".to_owned(),
        ..LogRecord::default()
    });
    let pair = |key: &'static str, value: &str| (key.into(), value.to_owned());
    let origin = Origin {
        service_name: "rag".to_owned(),
        resource_attributes: vec![pair("service.name", "rag"), pair("project.id", "p")],
        resource_schema_url: "https://r".to_owned(),
        scope_name: "scope".to_owned(),
        scope_version: "1".to_owned(),
        scope_attributes: vec![pair("team", "a")],
        scope_dropped_attributes_count: 2,
        scope_schema_url: "https://s".to_owned(),
    };
    let expected = LogRow {
        origin: Arc::new(origin),
        timestamp_ns: 5,
        trace_id: "ab".repeat(16),
        span_id: "01".repeat(8),
        trace_flags: 1,
        severity_text: "WARN".to_owned(),
        severity_number: 13,
        body: "went wrong".to_owned(),
        attributes: vec![pair("k", "v")],
        event_name: "step.done".to_owned(),
    };
    assert_eq!(row, expected);
}

#[test]
fn a_body_is_text_whatever_it_was() {
    let pair = KeyValue {
        key: "n".to_owned(),
        value: any(Value::DoubleValue(2.0)),
        ..KeyValue::default()
    };
    let list = vec![AnyValue { value: Some(Value::IntValue(1)) }, AnyValue { value: None }];
    for (body, expected) in [
        (None, ""),
        (any(Value::IntValue(-3)), "-3"),
        (any(Value::BytesValue(vec![0xff, 0])), "/wA="),
        (any(Value::KvlistValue(KeyValueList { values: vec![pair] })), r#"{"n":2}"#),
        (any(Value::ArrayValue(ArrayValue { values: list })), "[1,null]"),
    ] {
        assert_eq!(one(LogRecord { body, ..LogRecord::default() }).body, expected);
    }
}

#[test]
fn a_record_without_a_time_was_seen_when_its_sender_saw_it_or_now() {
    let seen = LogRecord { observed_time_unix_nano: 7, ..LogRecord::default() };
    assert_eq!(one(seen).timestamp_ns, 7);
    let before = tollgate_store::now_ns();
    let now = one(LogRecord::default()).timestamp_ns;
    assert!((before..=tollgate_store::now_ns()).contains(&now));
    let late = LogRecord { time_unix_nano: u64::MAX, ..LogRecord::default() };
    assert_eq!(one(late).timestamp_ns, i64::MAX);
}

#[test]
fn what_is_odd_about_a_record_is_left_out() {
    for (number, expected) in [(-1, 0), (0, 0), (24, 24), (25, 0), (256 + 9, 0)] {
        let record = LogRecord { severity_number: number, ..LogRecord::default() };
        assert_eq!(one(record).severity_number, expected, "{number}");
    }
    let row = one(LogRecord { trace_id: vec![1; 15], span_id: vec![0; 8], ..LogRecord::default() });
    assert_eq!((row.trace_id.as_str(), row.span_id.as_str()), ("", ""));
}

#[test]
fn what_was_dropped_of_a_record_is_said_in_an_attribute() {
    let row = one(LogRecord { dropped_attributes_count: 7, ..LogRecord::default() });
    let said = ("otel.dropped_attributes_count".into(), "7".to_owned());
    assert_eq!(row.attributes, [said]);
    assert_eq!(one(LogRecord::default()).attributes, []);
}

#[test]
fn what_rows_repeat_is_foreseen() {
    let bytes = |records: usize| repeated_bytes(&request(vec![LogRecord::default(); records]));
    assert_eq!(bytes(7) - bytes(6), size_of::<LogRow>());
    assert!(bytes(0) > size_of::<Origin>());
}
