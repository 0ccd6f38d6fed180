//! The estimate is never below what is really allocated, and near it for what is honest.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use super::{LOGS, METRICS, Shape, TRACES};
use crate::tests::{export_of, span};

fn weigh(body: &[u8], shape: &Shape) -> usize {
    super::weigh(body, shape, usize::MAX)
}

fn weigh_json(body: &[u8]) -> usize {
    super::weigh_json(body, usize::MAX)
}

/// A field that holds a message.
fn field(tag: u64, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    prost::encoding::encode_varint(tag << 3 | 2, &mut out);
    prost::encoding::encode_varint(content.len() as u64, &mut out);
    out.extend_from_slice(content);
    out
}

/// `count` empty messages at the end of this path of fields.
fn bomb(path: &[u64], count: usize) -> Vec<u8> {
    let (last, path) = path.split_last().unwrap();
    let empty = field(*last, &[]).repeat(count);
    path.iter().rev().fold(empty, |content, tag| field(*tag, &content))
}

#[test]
fn two_bytes_each_are_charged_as_what_they_become() {
    let traces: &[(&str, &Shape, &[u64])] = &[
        ("resource", &TRACES, &[1]),
        ("scope", &TRACES, &[1, 2]),
        ("span", &TRACES, &[1, 2, 2]),
        ("attribute", &TRACES, &[1, 2, 2, 9]),
        ("event", &TRACES, &[1, 2, 2, 11]),
        ("link", &TRACES, &[1, 2, 2, 13]),
        ("element", &TRACES, &[1, 2, 2, 9, 2, 5, 1]),
        ("member", &TRACES, &[1, 2, 2, 9, 2, 6, 1]),
        ("resource attribute", &TRACES, &[1, 1, 1]),
        ("scope attribute", &TRACES, &[1, 2, 1, 3]),
        ("record", &LOGS, &[1, 2, 2]),
        ("body", &LOGS, &[1, 2, 2, 5, 5, 1]),
        ("metric", &METRICS, &[1, 2, 2]),
        ("gauge", &METRICS, &[1, 2, 2, 5, 1]),
        ("sum", &METRICS, &[1, 2, 2, 7, 1]),
        ("histogram", &METRICS, &[1, 2, 2, 9, 1]),
        ("exponential", &METRICS, &[1, 2, 2, 10, 1]),
        ("summary", &METRICS, &[1, 2, 2, 11, 1]),
        ("quantile", &METRICS, &[1, 2, 2, 11, 1, 6]),
        ("exemplar", &METRICS, &[1, 2, 2, 9, 1, 8]),
    ];
    for (name, shape, path) in traces {
        let body = bomb(path, 1_000);
        let weight = weigh(&body, shape);
        assert!((32_000..2_000_000).contains(&weight), "{name}: {weight}");
        let decodes = match *name {
            _ if std::ptr::eq(*shape, &TRACES) => ExportTraceServiceRequest::decode(&*body).is_ok(),
            _ if std::ptr::eq(*shape, &LOGS) => ExportLogsServiceRequest::decode(&*body).is_ok(),
            _ => ExportMetricsServiceRequest::decode(&*body).is_ok(),
        };
        assert!(decodes, "{name}: the path is one");
    }
    assert!(weigh(&bomb(&[1, 2, 2], 1_000), &TRACES) >= 1_000 * size_of::<Span>());
    let packed = bomb(&[1, 2, 2, 10, 1, 8], 1);
    let numbers =
        [1, 2, 2, 10, 1, 8, 2].iter().rev().fold(vec![1; 1_000], |it, tag| field(*tag, &it));
    assert!(weigh(&numbers, &METRICS) >= weigh(&packed, &METRICS) + 8_000, "numbers in one piece");
}

#[test]
fn json_is_charged_by_the_names_that_objects_stand_behind() {
    let spans = |name: &str| {
        let empty = vec!["{}"; 1_000].join(",");
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"{name}":[{empty}]}}]}}]}}"#)
    };
    assert!(serde_json::from_str::<ExportTraceServiceRequest>(&spans("spans")).is_ok());
    assert!(weigh_json(spans("spans").as_bytes()) >= 1_000 * size_of::<Span>());
    // Escaped, it is the same name.
    let escaped = spans(r"\u0073pans");
    let decoded: ExportTraceServiceRequest = serde_json::from_str(&escaped).unwrap();
    assert_eq!(decoded.resource_spans[0].scope_spans[0].spans.len(), 1_000);
    assert!(weigh_json(escaped.as_bytes()) >= 1_000 * size_of::<Span>());
    // A name that nobody knows is skipped, and cheap.
    assert!(weigh_json(spans("nobody").as_bytes()) < 200_000);
    let quoted = format!(r#"{{"a":"{}"}}"#, r#"\"spans\":[{},{}"#.repeat(1_000));
    assert!(weigh_json(quoted.as_bytes()) < quoted.len() + 1_000, "what is said is no structure");
}

#[test]
fn once_it_is_too_much_the_walk_goes_no_further() {
    let many = bomb(&[1, 2, 2], 1_000_000);
    let span = 2 * size_of::<Span>() + 64;
    assert!((1_000..1_000 + span).contains(&super::weigh(&many, &TRACES, 1_000)));
    let whole = weigh(&many, &TRACES);
    assert_eq!(super::weigh(&many, &TRACES, whole), whole);
    let json = format!(r#"{{"spans":[{}{{}}]}}"#, "{},".repeat(1_000_000));
    let met = super::weigh_json(json.as_bytes(), 10_000_000);
    assert!((10_000_000..10_000_000 + span).contains(&met));
}

#[test]
fn deep_json_does_not_lead_the_walk_astray() {
    let (open, close) = ("[".repeat(1_000), "]".repeat(1_000));
    let spans = vec!["{}"; 1_000].join(",");
    let body = format!(
        r#"{{"unknown":{open}{close},"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#
    );
    assert!(weigh_json(body.as_bytes()) >= 1_000 * size_of::<Span>());
}

#[test]
fn honest_requests_weigh_less_than_they_may() {
    let request = export_of(vec![span(); 20_000], Some("p"));
    let (protobuf, json) = (request.encode_to_vec(), serde_json::to_vec(&request).unwrap());
    let factor = |weight: usize, len: usize| weight as f64 / len as f64;
    assert!(factor(weigh(&protobuf, &TRACES), protobuf.len()) < 4.0);
    assert!(factor(weigh_json(&json), json.len()) < 4.0);
}

#[test]
fn whatever_the_bytes_are_the_walk_ends() {
    let whole = export_of(vec![span(); 3], Some("p")).encode_to_vec();
    for cut in 0..whole.len() {
        let mut bytes = whole[..cut].to_vec();
        assert!(weigh(&bytes, &TRACES) <= weigh(&whole, &TRACES));
        bytes.extend([0xff; 12]);
        let _any = (weigh(&bytes, &TRACES), weigh_json(&bytes));
    }
    let deep =
        (0..5_000).fold(Vec::new(), |content, at| field(if at % 2 == 0 { 1 } else { 5 }, &content));
    let body = [1, 2, 2, 9, 2].iter().rev().fold(deep, |content, tag| field(*tag, &content));
    assert!(weigh(&body, &TRACES) < 1_000_000);
}
