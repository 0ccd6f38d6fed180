//! What a backend gets to see of a span, in every encoding.

use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1 as proto;

use super::backend::{Backend, PROTOCOLS, otlp, spans_of};
use super::span;
use crate::export::{OtlpSink, SpanSink};
use crate::span::{Pipeline, Span, SpanEvent, SpanId, SpanKind, Status, TraceId, Value};

fn value_of(attributes: &[KeyValue], name: &str) -> Option<Any> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    found.value.as_ref()?.value.clone()
}

fn text(text: &str) -> Option<Any> {
    Some(Any::StringValue(text.to_owned()))
}

/// A failed model call with something in every field.
fn rich() -> Span {
    Span {
        trace_id: TraceId::new(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736),
        parent: Some(SpanId::new(0xa)),
        trace_state: Some("k=v".into()),
        name: "chat gpt-4o".into(),
        kind: SpanKind::Client,
        start_ns: 1_700_000_000_123_456_789,
        end_ns: 1_700_000_001_000_000_001,
        status: Status::Error("no answer in time".to_owned()),
        attributes: vec![
            ("gen_ai.request.model".into(), Value::from("gpt-4o")),
            ("gen_ai.usage.input_tokens".into(), Value::Int(170)),
            ("gen_ai.server.time_to_first_token".into(), Value::Float(0.3)),
            ("gen_ai.request.stream".into(), Value::Bool(true)),
        ],
        events: vec![SpanEvent {
            at_ns: 1_700_000_000_200_000_000,
            name: "gateway.attempt",
            attributes: vec![("gateway.attempt.target".into(), Value::from("primary"))],
        }],
        ..span(0xb, Pipeline::GenAi)
    }
}

/// What the backend got is what [`rich`] says, to the nanosecond and the type.
fn check_rich(got: &proto::Span) {
    assert_eq!(
        got.trace_id[..],
        TraceId::new(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736).to_bytes()
    );
    assert_eq!(got.span_id[..], SpanId::new(0xb).to_bytes());
    assert_eq!(got.parent_span_id[..], SpanId::new(0xa).to_bytes());
    assert_eq!((got.trace_state.as_str(), got.name.as_str()), ("k=v", "chat gpt-4o"));
    assert_eq!(got.kind(), proto::span::SpanKind::Client);
    assert_eq!(got.start_time_unix_nano, 1_700_000_000_123_456_789);
    assert_eq!(got.end_time_unix_nano, 1_700_000_001_000_000_001);
    let status = got.status.as_ref().unwrap();
    assert_eq!(status.code(), proto::status::StatusCode::Error);
    assert_eq!(status.message, "no answer in time");
    for (name, value) in [
        ("gen_ai.request.model", text("gpt-4o")),
        ("gen_ai.usage.input_tokens", Some(Any::IntValue(170))),
        ("gen_ai.server.time_to_first_token", Some(Any::DoubleValue(0.3))),
        ("gen_ai.request.stream", Some(Any::BoolValue(true))),
    ] {
        assert_eq!(value_of(&got.attributes, name), value, "{name}");
    }
    assert_eq!(got.attributes.len(), 4);
    let [event] = &got.events[..] else { panic!("{:?}", got.events) };
    assert_eq!(
        (event.name.as_str(), event.time_unix_nano),
        ("gateway.attempt", 1_700_000_000_200_000_000)
    );
    assert_eq!(value_of(&event.attributes, "gateway.attempt.target"), text("primary"));
}

#[tokio::test]
async fn a_backend_gets_the_whole_span_in_every_encoding() {
    for (protocol, gzip) in PROTOCOLS.into_iter().flat_map(|it| [(it, false), (it, true)]) {
        let backend = Backend::default();
        let mut settings = otlp(protocol, &format!("http://{}", backend.start(None).await));
        settings.traces.gzip = gzip;
        let root = Span { kind: SpanKind::Server, ..span(0xa, Pipeline::Application) };
        let batch = [Arc::new(rich()), Arc::new(root)];
        OtlpSink::new(&settings).unwrap().export(&batch).await.unwrap();
        let requests = backend.requests.lock().unwrap();
        let [taken] = &requests[..] else { panic!("{} requests", requests.len()) };
        assert_eq!(taken.key.as_deref(), Some("sesame"), "{protocol:?}");
        assert_eq!(taken.encoding.as_deref(), gzip.then_some("gzip"), "{protocol:?}");
        let [resource] = &taken.request.resource_spans[..] else { panic!("{protocol:?}") };
        let of_resource = &resource.resource.as_ref().unwrap().attributes;
        assert_eq!(value_of(of_resource, "service.name"), text("edge"));
        assert_eq!(value_of(of_resource, "deployment.environment.name"), text("test"));
        assert!(value_of(of_resource, "service.version").is_some());
        assert_eq!(resource.scope_spans[0].scope.as_ref().unwrap().name, "tollgate");
        let spans: Vec<_> = spans_of(&taken.request).collect();
        check_rich(spans[0]);
        assert!(spans[1].parent_span_id.is_empty(), "a root has no parent");
        assert_eq!(spans[1].kind(), proto::span::SpanKind::Server);
        assert_eq!(spans[1].status.as_ref().map_or(0, |status| status.code), 0, "unset");
    }
}
