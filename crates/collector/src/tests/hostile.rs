//! Requests over the limits of what is in them: each at the limit and one beyond.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use prost::Message;
use tonic::Code;

use super::http::{JSON, PROTOBUF, post};
use super::{Running, attribute, export_of, span};
use crate::weigh::{TRACES, weigh, weigh_json};
use crate::{CollectorSettings, Limits};

fn with(limits: Limits) -> CollectorSettings {
    CollectorSettings { limits, ..CollectorSettings::default() }
}

/// This many spans of one trace.
fn spans(count: u64) -> Vec<Span> {
    (1..=count).map(|id| Span { span_id: id.to_be_bytes().to_vec(), ..span() }).collect()
}

#[tokio::test]
async fn spans_beyond_the_limit_are_rejected_and_the_others_are_kept() {
    let running = Running::new(with(Limits { items_max: 3, ..Limits::default() })).await;
    for (count, rejected) in [(3, 0), (4, 1), (6, 3)] {
        let request = export_of(spans(count), Some("p")).encode_to_vec();
        let answer = post(running.http, PROTOBUF, &request).await;
        assert_eq!(answer.status, 200);
        let answer = ExportTraceServiceResponse::decode(&answer.body[..]).unwrap();
        let partial = answer.partial_success.unwrap_or_default();
        assert_eq!(partial.rejected_spans, rejected);
        assert_eq!(partial.error_message.contains("over the limit"), rejected > 0);
        assert_eq!(running.stored().await.len(), 3);
    }
    let counters = running.collector.counters(crate::SignalKind::Traces);
    assert_eq!((counters.received, counters.stored, counters.dropped_by_limit), (13, 9, 4));
}

#[tokio::test]
async fn attributes_beyond_the_limit_are_cut_and_the_row_says_how_many() {
    let running = Running::new(CollectorSettings::default()).await;
    let names = |count| (0..count).map(|at| attribute(&format!("a{at}"), "v")).collect();
    let full = Span { attributes: names(128), ..span() };
    let over = Span { attributes: names(100_000), span_id: vec![8; 8], ..span() };
    let request = export_of(vec![full, over], Some("p"));
    let answer = post(running.http, PROTOBUF, &request.encode_to_vec()).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0), "no span was rejected");
    let stored = running.stored().await;
    let dropped = "otel.dropped_attributes_count";
    assert_eq!((stored[0].attributes.len(), stored[0].attribute(dropped)), (128, None));
    assert_eq!((stored[1].attributes.len(), stored[1].attribute(dropped)), (129, Some("99872")));
    assert_eq!(running.collector.counters(crate::SignalKind::Traces).cut_attributes, 99_872);
}

#[tokio::test]
async fn what_would_take_too_much_memory_is_not_decoded() {
    let events = vec![Event::default(); 10_000];
    let request = export_of(vec![Span { events, ..span() }], Some("p"));
    let (protobuf, json) = (request.encode_to_vec(), serde_json::to_vec(&request).unwrap());
    for (headers, body, weight) in [
        (PROTOBUF, &protobuf, weigh(&protobuf, &TRACES, usize::MAX)),
        (JSON, &json, weigh_json(&json, usize::MAX)),
    ] {
        for (decoded_bytes_max, expected) in [(weight, 200), (weight - 1, 413)] {
            let running =
                Running::new(with(Limits { decoded_bytes_max, ..Limits::default() })).await;
            let answer = post(running.http, headers, body).await;
            assert_eq!(answer.status, expected, "{headers}");
            assert!(!answer.head.contains("retry-after"));
            assert_eq!(running.refusal("decoded_bytes_max"), u64::from(expected == 413));
            assert_eq!(
                running.collector.counters(crate::SignalKind::Traces).cut_events,
                if expected == 200 { 8_976 } else { 0 }
            );
        }
    }
    let limits = Limits {
        decoded_bytes_max: weigh(&protobuf, &TRACES, usize::MAX) - 1,
        ..Limits::default()
    };
    let running = Running::new(with(limits)).await;
    let mut client = TraceServiceClient::connect(format!("http://{}", running.grpc)).await.unwrap();
    let status = client.export(request).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(running.refusal("decoded_bytes_max"), 1);
}

#[tokio::test]
async fn two_bytes_for_a_span_do_not_buy_gigabytes() {
    let running = Running::new(CollectorSettings::default()).await;
    // ScopeSpans of empty spans, eight million of them.
    let spans = [0x12, 0].repeat(8_000_000);
    let wrap = |tag: u8, content: Vec<u8>| {
        let mut out = vec![tag];
        prost::encoding::encode_varint(content.len() as u64, &mut out);
        [out, content].concat()
    };
    let body = wrap(0x0a, wrap(0x12, spans));
    let answer = post(running.http, PROTOBUF, &body).await;
    assert_eq!((answer.status, answer.rpc_status().code), (413, 8));
    let json = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}{{}}]}}]}}]}}"#,
        "{},".repeat(5_000_000)
    );
    let answer = post(running.http, JSON, json.as_bytes()).await;
    assert_eq!(answer.status, 413);
    assert_eq!(running.refusal("decoded_bytes_max"), 2);
    assert_eq!(running.collector.counters(crate::SignalKind::Traces).received, 0);
}

#[tokio::test]
async fn a_value_nested_deeper_than_a_stack_bears_is_refused_and_one_over_the_limit_cut() {
    let running = Running::new(CollectorSettings::default()).await;
    let body = |depth: usize| {
        let (open, close) = (r#"{"arrayValue":{"values":["#.repeat(depth), "]}}".repeat(depth));
        let (resource, ids) = (
            r#"{"attributes":[{"key":"project.id","value":{"stringValue":"p"}}]}"#,
            r#""traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0707070707070707""#,
        );
        format!(
            r#"{{"resourceSpans":[{{"resource":{resource},"scopeSpans":[{{"spans":[{{{ids},
            "attributes":[{{"key":"a","value":{open}{{"intValue":"1"}}{close}}}]}}]}}]}}]}}"#
        )
    };
    assert_eq!(post(running.http, JSON, body(17).as_bytes()).await.status, 200);
    assert_eq!(running.collector.counters(crate::SignalKind::Traces).cut_depths, 1);
    let expected = format!("{}null{}", "[".repeat(16), "]".repeat(16));
    assert_eq!(running.stored().await[0].attribute("a"), Some(&*expected));
    for depth in [1_000, 100_000] {
        assert_eq!(post(running.http, JSON, body(depth).as_bytes()).await.status, 400, "{depth}");
    }
    let deep = format!("{}{}", "[".repeat(1 << 20), "]".repeat(1 << 20));
    for body in [format!(r#"{{"resourceSpans":{deep}}}"#), deep] {
        assert_eq!(post(running.http, JSON, body.as_bytes()).await.status, 400);
    }
    assert_eq!(running.refusal("undecodable"), 4);
}

/// Numbers that look random and are the same each time (Knuth's constants for 64 bits).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

#[tokio::test]
async fn whatever_becomes_of_a_request_on_its_way_it_is_not_our_failure() {
    let running = Running::new(CollectorSettings::default()).await;
    let request = export_of(spans(3), Some("p"));
    let originals = [
        (PROTOBUF, request.encode_to_vec()),
        (JSON, serde_json::to_vec(&request).unwrap()),
        ("content-type: application/x-protobuf\r\ncontent-encoding: zstd", {
            zstd::encode_all(&request.encode_to_vec()[..], 0).unwrap()
        }),
    ];
    let mut dice = Dice(17);
    let mut seen = std::collections::BTreeMap::new();
    for round in 0..1_500 {
        let (headers, original) = &originals[round % originals.len()];
        let mut body = original.clone();
        for _ in 0..=dice.below(4) {
            let at = dice.below(body.len());
            match dice.below(4) {
                0 => body.truncate(at.max(1)),
                1 => body[at] = dice.below(256) as u8,
                2 => body.insert(at, dice.below(256) as u8),
                _ => {
                    let piece = body[at..].to_vec();
                    body.extend(piece);
                }
            }
        }
        let status = post(running.http, headers, &body).await.status;
        assert!([200, 400, 413].contains(&status), "{status} in round {round}");
        *seen.entry(status).or_insert(0) += 1;
    }
    assert!(seen[&200] > 10 && seen[&400] > 10, "{seen:?}");
    assert_eq!(running.collector.memory().in_work_bytes, 0);
    let counters = running.collector.counters(crate::SignalKind::Traces);
    let accounted = counters.stored + counters.dropped_by_filter + counters.dropped_malformed;
    assert_eq!((counters.received, counters.refused_by_store), (accounted, 0));
}
