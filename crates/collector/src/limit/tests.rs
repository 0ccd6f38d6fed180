//! Each limit at N and at N + 1, in every signal.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};

use super::*;
use crate::tests::{attribute, export_of, span};

fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn string(text: &str) -> AnyValue {
    any(Value::StringValue(text.to_owned()))
}

fn list(values: Vec<AnyValue>) -> AnyValue {
    any(Value::ArrayValue(ArrayValue { values }))
}

fn limited(mut value: AnyValue, limits: &Limits) -> (AnyValue, Cut) {
    let mut limiter = Limiter::new(limits);
    limiter.value(&mut value);
    (value, limiter.cut)
}

#[test]
fn texts_are_cut_between_characters_and_to_the_byte() {
    let limits = Limits { value_bytes_max: 4, ..Limits::default() };
    for (text, expected, values) in [
        ("", "", 0),
        ("abcd", "abcd", 0),
        ("abcde", "abcd", 1),
        ("äö", "äö", 0),
        ("aäö", "aä", 1),
        ("€€", "€", 1),
    ] {
        assert_eq!(
            limited(string(text), &limits),
            (string(expected), Cut { values, ..Cut::default() })
        );
    }
    let bytes = |len| any(Value::BytesValue(vec![1; len]));
    assert_eq!(limited(bytes(4), &limits), (bytes(4), Cut::default()));
    assert_eq!(limited(bytes(5), &limits), (bytes(4), Cut { values: 1, ..Cut::default() }));
}

#[test]
fn lists_and_maps_share_one_budget() {
    let limits = Limits { value_bytes_max: 20, ..Limits::default() };
    let two = list(vec![string("a"), string("bcd")]);
    assert_eq!(limited(two.clone(), &limits), (two, Cut::default()), "8 + 1 + 8 + 3");
    let (cut, counted) = limited(list(vec![string("a"), string("bcde")]), &limits);
    assert_eq!((cut, counted.values), (list(vec![string("a"), string("bcd")]), 1));
    let (cut, counted) = limited(list(vec![AnyValue { value: None }; 3]), &limits);
    assert_eq!((cut, counted.values), (list(vec![AnyValue { value: None }; 2]), 1));
    let pair = |key: &str| KeyValue {
        key: key.to_owned(),
        value: Some(string("v")),
        ..KeyValue::default()
    };
    let map = |keys: &[&str]| {
        let values = keys.iter().map(|key| pair(key)).collect();
        any(Value::KvlistValue(KeyValueList { values }))
    };
    assert_eq!(limited(map(&["k", "l"]), &limits), (map(&["k", "l"]), Cut::default()));
    let (cut, counted) = limited(map(&["k", "l", "m"]), &limits);
    assert_eq!((cut, counted.values), (map(&["k", "l"]), 1));
}

#[test]
fn what_lies_too_deep_becomes_nothing() {
    let limits = Limits { value_depth_max: 3, ..Limits::default() };
    let nested = |depth: usize, inner| (0..depth).fold(inner, |value, _| list(vec![value]));
    let at = nested(3, string("x"));
    assert_eq!(limited(at.clone(), &limits), (at, Cut::default()));
    let nothing = AnyValue { value: None };
    let (cut, counted) = limited(nested(4, string("x")), &limits);
    assert_eq!((cut, counted.depths), (nested(3, nothing), 1));
}

#[test]
fn everything_of_a_span_has_a_limit() {
    let limits =
        Limits { attributes_max: 2, events_max: 1, value_bytes_max: 3, ..Limits::default() };
    let three = || vec![attribute("a", "1234"), attribute("b", ""), attribute("c", "")];
    let event = Event { name: "event".to_owned(), attributes: three(), ..Event::default() };
    let link = Link { trace_state: "state".to_owned(), attributes: three(), ..Link::default() };
    let whole = Span {
        name: "name".to_owned(),
        trace_state: "state".to_owned(),
        attributes: three(),
        dropped_attributes_count: 5,
        events: vec![event.clone(), event],
        links: vec![link.clone(), link],
        ..Span::default()
    };
    let mut request = export_of(vec![whole], Some("p"));
    let cut = request.limit(&limits);
    let span = &request.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!((span.name.as_str(), span.trace_state.as_str()), ("nam", "sta"));
    assert_eq!((span.attributes.len(), span.dropped_attributes_count), (2, 6));
    assert_eq!((span.events.len(), span.dropped_events_count), (1, 1));
    assert_eq!((span.links.len(), span.dropped_links_count), (1, 1));
    assert_eq!((span.events[0].name.as_str(), span.events[0].dropped_attributes_count), ("eve", 1));
    assert_eq!((span.links[0].trace_state.as_str(), span.links[0].attributes.len()), ("sta", 2));
    assert_eq!(span.attributes[0].value, Some(string("123")));
    // Two of the resource's names are longer than three bytes; they are not among what is found by name.
    assert_eq!((cut.items, cut.attributes, cut.events, cut.depths), (0, 3, 2, 0));
}

#[test]
fn a_resource_keeps_its_project_however_much_else_it_says() {
    let limits = Limits { attributes_max: 2, ..Limits::default() };
    let mut attributes: Vec<_> = (0..1_000).map(|at| attribute(&format!("a{at}"), "v")).collect();
    attributes.extend([attribute("service.name", "s"), attribute("project.id", "p")]);
    let resource = Some(Resource { attributes, ..Resource::default() });
    let mut request = export_of(vec![span()], None);
    request.resource_spans[0].resource = resource;
    let cut = request.limit(&limits);
    let resource = request.resource_spans[0].resource.as_ref().unwrap();
    let names: Vec<_> = resource.attributes.iter().map(|it| it.key.as_str()).collect();
    assert_eq!(names, ["project.id", "service.name"]);
    assert_eq!((cut.attributes, resource.dropped_attributes_count), (1_000, 1_000));
}

#[test]
fn points_and_records_have_the_same_limits() {
    let limits = Limits { items_max: 3, attributes_max: 1, events_max: 1, ..Limits::default() };
    let two = || vec![attribute("a", "1"), attribute("b", "2")];
    let record = LogRecord { attributes: two(), body: Some(string("b")), ..LogRecord::default() };
    let scope_logs =
        |count| ScopeLogs { log_records: vec![record.clone(); count], ..ScopeLogs::default() };
    let logs =
        ResourceLogs { scope_logs: vec![scope_logs(2), scope_logs(2)], ..ResourceLogs::default() };
    let mut request = ExportLogsServiceRequest { resource_logs: vec![logs] };
    let cut = request.limit(&limits);
    let counts: Vec<_> =
        request.resource_logs[0].scope_logs.iter().map(|it| it.log_records.len()).collect();
    assert_eq!((counts, cut.items, cut.attributes), (vec![2, 1], 1, 3));
    assert_eq!(request.resource_logs[0].scope_logs[0].log_records[0].dropped_attributes_count, 1);

    let exemplar = Exemplar { filtered_attributes: two(), ..Exemplar::default() };
    let point = NumberDataPoint {
        attributes: two(),
        exemplars: vec![exemplar.clone(), exemplar],
        ..NumberDataPoint::default()
    };
    let gauge = |count| Metric {
        data: Some(Data::Gauge(Gauge { data_points: vec![point.clone(); count] })),
        ..Metric::default()
    };
    let scope = ScopeMetrics { metrics: vec![gauge(2), gauge(2)], ..ScopeMetrics::default() };
    let metrics = ResourceMetrics { scope_metrics: vec![scope], ..ResourceMetrics::default() };
    let mut request = ExportMetricsServiceRequest { resource_metrics: vec![metrics] };
    let cut = request.limit(&limits);
    // Of each point one attribute and one exemplar, of the other exemplar one attribute.
    assert_eq!(cut, Cut { items: 1, attributes: 6, events: 3, ..Cut::default() });
}
