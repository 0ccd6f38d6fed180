//! What the SDK's exporters are handed.

use opentelemetry::{Array, Value as Otel};

use super::{scope, span_data};
use crate::export::{Counts, Exporters, Filter, Queue, QueueSettings};
use crate::profile::{Profile, apply};
use crate::span::{Pipeline, Span, SpanEvent, SpanId, SpanKind, SpanLink, Status, TraceId, Value};

fn span(kind: SpanKind, pipeline: Pipeline) -> Span {
    Span {
        trace_id: TraceId::new(1),
        span_id: SpanId::new(2),
        parent: None,
        trace_state: None,
        name: "chat m".into(),
        kind,
        start_ns: 5,
        end_ns: 6,
        status: Status::Unset,
        attributes: vec![
            ("gen_ai.request.stop_sequences".into(), Value::from(r#"["a","b"]"#)),
            ("gen_ai.user.id".into(), Value::from("u")),
        ],
        events: vec![SpanEvent { at_ns: 5, name: "gateway.attempt", attributes: Vec::new() }],
        links: vec![SpanLink {
            trace_id: TraceId::new(3),
            span_id: SpanId::new(4),
            attributes: Vec::new(),
        }],
        pipeline,
    }
}

fn filter(profiles: &[Profile]) -> Filter {
    Filter { pipeline: Some(Pipeline::GenAi), profiles: profiles.to_vec() }
}

#[test]
fn a_scope_names_the_schema_of_the_first_profile_that_has_one() {
    let pinned = Some("https://opentelemetry.io/schemas/1.41.1");
    for (profiles, url) in [
        (&[][..], None),
        (&[Profile::To11][..], None),
        (&[Profile::SemconvPinned][..], pinned),
        (&[Profile::To11, Profile::OpenInference, Profile::SemconvPinned][..], pinned),
        (&[Profile::OpenInference][..], None),
    ] {
        assert_eq!(scope(profiles).schema_url(), url, "{profiles:?}");
    }
}

#[test]
fn texts_are_exported_as_an_array_and_all_else_of_the_span_stays() {
    let span = span(SpanKind::Client, Pipeline::GenAi);
    let profiles = [Profile::SemconvPinned];
    let data = span_data(&apply(&profiles, &span).unwrap(), &scope(&profiles));
    let value = |name: &str| {
        let found = data.attributes.iter().find(|attribute| attribute.key.as_str() == name);
        found.map(|attribute| attribute.value.clone())
    };
    let texts = Array::String(vec!["a".into(), "b".into()]);
    assert_eq!(value("gen_ai.request.stop_sequences"), Some(Otel::Array(texts)));
    assert_eq!(value("user.id"), Some(Otel::String("u".into())));
    assert_eq!(value("gen_ai.user.id"), None);
    assert_eq!((data.events.len(), data.links.len(), &*data.name), (1, 1, "chat m"));
}

#[test]
fn what_no_profile_of_a_destination_takes_is_never_in_its_queue() {
    for (profiles, taken) in [
        (&[][..], 2),
        (&[Profile::To11][..], 2),
        (&[Profile::SemconvPinned][..], 1),
        (&[Profile::SemconvPinned, Profile::OpenInference][..], 1),
        (&[Profile::OpenInference, Profile::To11][..], 2),
    ] {
        // Room for one: what is refused is counted, what is not for this queue is not.
        let queue = Queue::new("q", QueueSettings { spans_max: 1, ..QueueSettings::default() });
        let mut exporters = Exporters::default();
        exporters.add(std::sync::Arc::clone(&queue), filter(profiles));
        exporters.submit(vec![
            span(SpanKind::Server, Pipeline::Application),
            // Without an operation: a tool call in an answer.
            span(SpanKind::Internal, Pipeline::GenAi),
            span(SpanKind::Client, Pipeline::GenAi),
        ]);
        let expected = Counts { queued: 1, dropped_full: taken - 1, ..Counts::default() };
        assert_eq!(queue.counts(), expected, "{profiles:?}");
    }
}
