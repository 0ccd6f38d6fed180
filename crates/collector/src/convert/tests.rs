//! What a span becomes, value by value.

use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Status};

use super::*;

fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any(value)), ..KeyValue::default() }
}

fn string(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

fn array(values: Vec<Value>) -> Value {
    Value::ArrayValue(ArrayValue { values: values.into_iter().map(any).collect() })
}

fn request(spans: Vec<Span>, resource: Vec<KeyValue>) -> ExportTraceServiceRequest {
    let scope = InstrumentationScope {
        name: "scope".to_owned(),
        version: "1.2".to_owned(),
        ..InstrumentationScope::default()
    };
    let resource = Some(Resource { attributes: resource, ..Resource::default() });
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }
}

fn span() -> Span {
    Span { trace_id: vec![0xAB; 16], span_id: vec![1; 8], ..Span::default() }
}

#[test]
fn values_are_written_as_gos_exporter_writes_them() {
    let list = Value::KvlistValue(KeyValueList {
        values: vec![
            attribute("b", Value::DoubleValue(2.0)),
            attribute("a", array(vec![Value::BytesValue(vec![1, 2]), Value::BoolValue(false)])),
            KeyValue { key: "nothing".to_owned(), ..KeyValue::default() },
        ],
    });
    for (value, expected) in [
        (string("a \"b\""), "a \"b\""),
        (Value::BoolValue(true), "true"),
        (Value::IntValue(i64::MIN), "-9223372036854775808"),
        (Value::IntValue(9_007_199_254_740_991), "9007199254740991"),
        (Value::DoubleValue(2.0), "2"),
        (Value::DoubleValue(-0.25), "-0.25"),
        (Value::DoubleValue(0.1 + 0.2), "0.30000000000000004"),
        (Value::DoubleValue(0.0), "0"),
        (Value::DoubleValue(0.000_001), "0.000001"),
        (Value::DoubleValue(0.000_000_12), "1.2e-7"),
        (Value::DoubleValue(123_456_789_012_345_680_000.0), "123456789012345680000"),
        (Value::DoubleValue(-1e21), "-1e+21"),
        (Value::DoubleValue(1.5e300), "1.5e+300"),
        (Value::DoubleValue(f64::NAN), "json: unsupported value: NaN"),
        (Value::DoubleValue(f64::NEG_INFINITY), "json: unsupported value: -Inf"),
        (Value::BytesValue(vec![0xFF, 0, 1]), "/wAB"),
        (array(vec![]), "[]"),
        (array(vec![string("a\n<é>"), Value::IntValue(1)]), "[\"a\\n<é>\",1]"),
        (array(vec![Value::DoubleValue(f64::NAN), Value::DoubleValue(3.0)]), "[null,3]"),
        (list, r#"{"a":["AQI=",false],"b":2,"nothing":null}"#),
    ] {
        assert_eq!(text(Some(any(value))), expected);
    }
    assert_eq!(text(None), "");
    assert_eq!(text(Some(AnyValue { value: None })), "");
}

#[test]
fn a_span_becomes_a_row_with_its_resource_and_scope() {
    let span = Span {
        parent_span_id: vec![2; 8],
        trace_state: "a=1".to_owned(),
        name: "step".to_owned(),
        kind: 3,
        start_time_unix_nano: 5,
        end_time_unix_nano: 12,
        attributes: vec![attribute("k", string("v"))],
        events: vec![Event {
            time_unix_nano: 6,
            name: "retry".to_owned(),
            attributes: vec![attribute("n", Value::IntValue(1))],
            ..Event::default()
        }],
        links: vec![Link {
            trace_id: vec![3; 16],
            span_id: vec![4; 8],
            trace_state: "b=2".to_owned(),
            ..Link::default()
        }],
        status: Some(Status { code: 2, message: "no".to_owned() }),
        ..span()
    };
    let resource =
        vec![attribute("service.name", string("rag")), attribute("project.id", string("p1"))];
    let pair = |key: &'static str, value: &str| (key.into(), value.to_owned());
    let expected = SpanRow {
        timestamp_ns: 5,
        duration_ns: 7,
        trace_id: "ab".repeat(16),
        span_id: "01".repeat(8),
        parent_span_id: "02".repeat(8),
        trace_state: "a=1".to_owned(),
        name: "step".to_owned(),
        kind: SpanKind::Client,
        service_name: "rag".to_owned(),
        resource_attributes: Arc::new(vec![pair("service.name", "rag"), pair("project.id", "p1")]),
        scope_name: "scope".to_owned(),
        scope_version: "1.2".to_owned(),
        attributes: vec![pair("k", "v")],
        status: StatusCode::Error,
        status_message: "no".to_owned(),
        events: vec![EventRow {
            timestamp_ns: 6,
            name: "retry".to_owned(),
            attributes: vec![pair("n", "1")],
        }],
        links: vec![LinkRow {
            trace_id: "03".repeat(16),
            span_id: "04".repeat(8),
            trace_state: "b=2".to_owned(),
            attributes: Vec::new(),
        }],
    };
    assert_eq!(rows(request(vec![span], resource)).rows, [expected]);
}

#[test]
fn every_row_is_one_that_a_store_takes() {
    let odd = Span {
        start_time_unix_nano: u64::MAX,
        end_time_unix_nano: 1,
        parent_span_id: vec![1; 3],
        kind: 77,
        ..span()
    };
    let Converted { rows, malformed } = rows(request(vec![odd], Vec::new()));
    assert_eq!(malformed, 0);
    assert_eq!(rows[0].check(), Ok(()));
    assert_eq!((rows[0].timestamp_ns, rows[0].duration_ns), (i64::MAX, 0));
    assert_eq!((rows[0].parent_span_id.as_str(), rows[0].kind), ("", SpanKind::Unspecified));
}

#[test]
fn spans_without_valid_ids_are_counted() {
    let bad = [
        Span { trace_id: vec![0; 16], ..span() },
        Span { trace_id: vec![1; 15], ..span() },
        Span { trace_id: Vec::new(), ..span() },
        Span { span_id: vec![0; 8], ..span() },
        Span { span_id: vec![1; 9], ..span() },
    ];
    let spans = bad.into_iter().chain([span()]).collect();
    let Converted { rows, malformed } = rows(request(spans, Vec::new()));
    assert_eq!((rows.len(), malformed), (1, 5));
}

#[test]
fn what_rows_repeat_is_foreseen_and_their_resource_is_not_repeated() {
    let resource = vec![attribute("long", string(&"x".repeat(1000)))];
    let seven = request(vec![span(); 7], resource);
    let one = repeated_bytes(&request(vec![span()], Vec::new()));
    assert!(one > size_of::<SpanRow>());
    assert_eq!(repeated_bytes(&seven), 7 * one);
    let rows = rows(seven).rows;
    assert!(
        rows.iter().all(|row| Arc::ptr_eq(&row.resource_attributes, &rows[0].resource_attributes))
    );
}
