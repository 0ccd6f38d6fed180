//! What a filled record has, attributes of the response cache first of all, as spans.

use std::time::Duration;

use tollgate_telemetry::genai::attributes::{Attribute, On};
use tollgate_telemetry::genai::{
    CacheStatus, CacheUse, Call, CallerKey, Content, Cost, GenAi, Http, Outcome, StreamTiming,
    ToolCall, span_tree,
};
use tollgate_telemetry::{Span, SpanId, TraceContext, Value};

fn tree(genai: GenAi) -> Vec<Span> {
    bare(GenAi { operation: "chat", request_model: "m".into(), ..genai })
}

fn bare(genai: GenAi) -> Vec<Span> {
    let call = Call {
        trace: TraceContext::root(1),
        http_span: SpanId::new(1),
        genai_span: SpanId::new(2),
        start_ns: 0,
        end_ns: 1_000,
        http: Http { route: "/v1/chat/completions", ..Http::default() },
        genai: Some(Box::new(genai)),
    };
    span_tree(&call, &mut || SpanId::new(3))
}

fn value<'a>(spans: &'a [Span], name: &str) -> Option<&'a Value> {
    spans.iter().find_map(|span| span.attribute(name))
}

fn cost(amount: f64) -> Option<Cost> {
    Some(Cost { amount, currency: "EUR".into() })
}

fn filled() -> GenAi {
    let mut genai = GenAi {
        outcome: Outcome::Cached,
        cache: Some(CacheUse {
            status: CacheStatus::Hit,
            age: Some(Duration::from_millis(1_500)),
            saved_tokens: Some(42),
            saved_cost: None,
        }),
        tool_calls: vec![ToolCall { arguments_valid: Some(false), ..ToolCall::default() }],
        content: Some(Content { truncated: true, ..Content::default() }),
        guardrail_hold: Some(Duration::from_millis(250)),
        ..GenAi::default()
    };
    genai.response.cost = cost(0.25);
    genai
}

#[test]
fn what_only_a_filled_record_has_is_there_with_its_type_and_absent_without_its_source() {
    let (full, empty) = (tree(filled()), tree(GenAi::default()));
    let saved = tree(GenAi {
        cache: filled().cache.map(|cache| CacheUse { saved_cost: cost(0.5), ..cache }),
        ..GenAi::default()
    });
    for (name, spans, expected) in [
        ("gen_ai.cache.status", &full, Value::from("hit")),
        ("gen_ai.cache.age_seconds", &full, Value::Float(1.5)),
        ("gateway.cache.saved_tokens", &full, Value::Int(42)),
        ("gateway.cache.saved_cost", &saved, Value::Float(0.5)),
        ("gateway.usage.cost", &full, Value::Float(0.25)),
        ("gateway.usage.currency", &full, Value::from("EUR")),
        ("gateway.usage.currency", &saved, Value::from("EUR")),
        ("gateway.tool_call.arguments_valid", &full, Value::Bool(false)),
        ("gateway.content.truncated", &full, Value::Bool(true)),
        ("gateway.guardrail.hold_seconds", &full, Value::Float(0.25)),
    ] {
        assert_eq!(value(spans, name), Some(&expected), "{name}");
        assert_eq!(value(&empty, name), None, "{name} has no source");
        let kind = Attribute::named(name).unwrap();
        let of_tool = kind.on.contains(&On::ToolCall);
        let span = spans.iter().find(|span| span.attribute(name).is_some()).unwrap();
        assert_eq!(span.name.starts_with("tool_call."), of_tool, "{name} on {}", span.name);
    }
}

#[test]
fn who_called_and_what_had_no_room_stand_on_both_spans_of_a_call() {
    let key = CallerKey {
        id: "key_1".into(),
        name: "search".into(),
        project: Some("p".into()),
        metadata: [("gateway.key.metadata.team".into(), "a".to_owned())].into(),
    };
    let told = |key, limit| {
        let genai = Some(Box::new(GenAi { operation: "chat", ..GenAi::default() }));
        let call = Call {
            trace: TraceContext::root(1),
            http_span: SpanId::new(1),
            genai_span: SpanId::new(2),
            start_ns: 0,
            end_ns: 1_000,
            http: Http { key, limit, ..Http::default() },
            genai,
        };
        span_tree(&call, &mut || SpanId::new(3))
    };
    let full = told(Some(key), Some(("tokens", "key")));
    let bare = told(Some(CallerKey { id: "key_1".into(), ..CallerKey::default() }), None);
    let none = told(None, None);
    for (name, expected, of_key) in [
        ("gateway.key.id", "key_1", true),
        ("gateway.key.name", "search", false),
        ("project.id", "p", false),
        ("gateway.key.metadata.team", "a", false),
        ("gateway.limit.kind", "tokens", false),
        ("gateway.limit.scope", "key", false),
    ] {
        assert_eq!((full.len(), bare.len(), none.len()), (2, 2, 2));
        assert!(full.iter().all(|it| it.attribute(name) == Some(&Value::from(expected))), "{name}");
        assert!(bare.iter().all(|it| it.attribute(name).is_some() == of_key), "{name}");
        assert!(none.iter().all(|it| it.attribute(name).is_none()), "{name}");
    }
}

#[test]
fn a_cache_says_hit_miss_or_skip_and_only_a_hit_has_an_age() {
    for (status, text) in
        [(CacheStatus::Hit, "hit"), (CacheStatus::Miss, "miss"), (CacheStatus::Skip, "skip")]
    {
        let age = (status == CacheStatus::Hit).then_some(Duration::from_secs(2));
        let cache = CacheUse { status, age, saved_tokens: Some(1), saved_cost: cost(1.0) };
        let spans = tree(GenAi { cache: Some(cache), ..GenAi::default() });
        assert_eq!(value(&spans, "gen_ai.cache.status"), Some(&Value::from(text)));
        for name in
            ["gen_ai.cache.age_seconds", "gateway.cache.saved_tokens", "gateway.cache.saved_cost"]
        {
            assert_eq!(value(&spans, name).is_some(), status == CacheStatus::Hit, "{name}: {text}");
        }
    }
}

#[test]
fn what_is_always_there_is_there_even_if_nothing_is_known() {
    let call = GenAi { operation: "chat", output_type: "text", ..GenAi::default() };
    assert_eq!((call.provider_name(), call.model_name()), ("unknown", "unknown"));
    let spans = bare(call);
    let span = spans.iter().find(|span| span.name == "chat unknown").unwrap();
    for (name, expected) in [
        ("gen_ai.operation.name", Value::from("chat")),
        ("gen_ai.provider.name", Value::from("unknown")),
        ("gen_ai.request.model", Value::from("unknown")),
        ("gen_ai.request.stream", Value::Bool(false)),
        ("gen_ai.output.type", Value::from("text")),
        ("gateway.outcome", Value::from("rejected")),
        ("gateway.usage.source", Value::from("unknown")),
    ] {
        assert_eq!(span.attribute(name), Some(&expected), "{name}");
    }
    assert_eq!(span.attributes.len(), 7, "and nothing else: {:?}", span.attributes);
}

#[test]
fn times_of_a_stream_are_on_calls_that_asked_for_one() {
    let timing = Some(StreamTiming {
        first_content: Some(Duration::from_secs(1)),
        duration: Duration::from_secs(2),
        ..StreamTiming::default()
    });
    for stream in [true, false] {
        let spans = tree(GenAi { stream, timing, ..GenAi::default() });
        for name in ["gen_ai.server.time_to_first_token", "gen_ai.server.request.duration"] {
            assert_eq!(value(&spans, name).is_some(), stream, "{name}");
        }
    }
}
