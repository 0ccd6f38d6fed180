//! The spans of calls of every kind, by the documented names.

mod tool_calls;
mod usage;

use std::time::Duration;

use super::{
    Call, CallError, Content, ContextOperation, FailedAttempt, GenAi, Http, Outcome, Params,
    Routing, ToolCall, Variant, span_tree,
};
use crate::span::{Key, Pipeline, Span, SpanId, SpanKind, Status, Value};
use crate::trace_context::TraceContext;

/// The documented names of attributes on GenAI spans; nothing else may stand under `gen_ai.`.
const DOCUMENTED: &str = "operation.name provider.name request.model request.stream request.temperature \
    request.max_tokens request.top_p request.frequency_penalty request.presence_penalty request.seed request.top_k \
    request.stop_sequences request.n response.model response.id usage.input_tokens usage.output_tokens \
    response.finish_reasons usage.cache_creation.input_tokens usage.cache_creation_5m.input_tokens \
    usage.cache_creation_1h.input_tokens usage.cache_read.input_tokens usage.reasoning_tokens \
    server.time_to_first_token server.request.duration server.output_tokens_per_second output.type user.id session.id \
    conversation.id tool.name tool.type tool.call.id tool.call.arguments tool.definitions retrieval.source \
    retrieval.document.count agent.id agent.name agent.step agent.description input.messages output.messages \
    system_instructions cache.status cache.age_seconds";

fn call(genai: GenAi) -> Call {
    Call {
        trace: TraceContext::parse(
            Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            Some("k=v"),
        )
        .unwrap(),
        http_span: SpanId::new(0xa),
        genai_span: SpanId::new(0xb),
        start_ns: 1_000,
        end_ns: 9_000,
        http: Http {
            method: "POST".to_owned(),
            path: "/v1/chat/completions".to_owned(),
            route: "/v1/chat/completions",
            status: Some(200),
            version: "1.1",
            request_id: "req_1".to_owned(),
            ..Http::default()
        },
        genai: Some(Box::new(genai)),
    }
}

fn complete() -> GenAi {
    GenAi {
        start_ns: 1_000,
        end_ns: 9_000,
        operation: "chat",
        provider: Some("openai".into()),
        request_model: "gpt-4o".into(),
        output_type: "text",
        outcome: Outcome::Complete,
        ..GenAi::default()
    }
}

fn routing(path: &'static str) -> Routing {
    Routing {
        path,
        layer: "function",
        target: "secondary".into(),
        strategy: "experiment",
        attempt: 2,
        upstream_model: "gpt-4o-mini".into(),
        function: Some(("summarize".into(), "chat")),
        variant: Some(Variant { name: "fast".into(), weight: 70, total: 2 }),
    }
}

fn tree(genai: GenAi) -> Vec<Span> {
    let mut next = 0x100;
    let spans = span_tree(&call(genai), &mut || {
        next += 1;
        SpanId::new(next)
    });
    for span in &spans {
        let mut names: Vec<_> = span.attributes.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), span.attributes.len(), "names are unique: {span:#?}");
        for name in names.iter().filter_map(|name| name.strip_prefix("gen_ai.")) {
            assert!(
                DOCUMENTED.split_whitespace().any(|known| known == name),
                "gen_ai.{name} is not documented"
            );
        }
        assert_eq!(span.trace_state.as_deref(), Some("k=v"));
    }
    spans
}

fn text(span: &Span, name: &str) -> Option<String> {
    span.attribute(name).map(ToString::to_string)
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} in {spans:#?}"))
}

#[test]
fn a_plain_call_is_an_http_span_with_a_genai_span_inside() {
    let spans = tree(complete());
    let [http, genai] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!(
        (http.name.as_ref(), http.kind, http.pipeline),
        ("POST /v1/chat/completions", SpanKind::Server, Pipeline::Application)
    );
    assert_eq!(http.parent.unwrap().to_string(), "00f067aa0ba902b7");
    assert_eq!(
        (genai.name.as_ref(), genai.kind, genai.pipeline),
        ("chat gpt-4o", SpanKind::Client, Pipeline::GenAi)
    );
    assert_eq!(genai.parent, Some(http.span_id));
    assert_eq!(genai.status, Status::Unset);
    let mut present: Vec<_> = genai.attributes.iter().map(|(name, _)| &**name).collect();
    present.sort_unstable();
    let expected = [
        "gateway.outcome",
        "gateway.usage.source",
        "gen_ai.operation.name",
        "gen_ai.output.type",
        "gen_ai.provider.name",
        "gen_ai.request.model",
        "gen_ai.request.stream",
    ];
    assert_eq!(present, expected, "what has no source is absent");
}

#[test]
fn a_fail_over_names_every_attempt_and_passthrough_only_its_path() {
    let failed = FailedAttempt {
        number: 1,
        target: "primary".into(),
        provider: "one".into(),
        model: "gpt-4o".into(),
        kind: "request_error",
        status: Some(503),
        message: "upstream answered 503".to_owned(),
        start_ns: 1_500,
        duration: Duration::from_millis(3),
    };
    let spans = tree(GenAi {
        routing: Some(routing("managed")),
        failed_attempts: vec![failed],
        ..complete()
    });
    let genai = named(&spans, "chat gpt-4o");
    for (name, value) in [
        ("gateway.routing.path", "managed"),
        ("gateway.routing.target", "secondary"),
        ("gateway.routing.layer", "function"),
        ("gateway.routing.strategy", "experiment"),
        ("gateway.routing.attempt", "2"),
        ("gateway.routing.upstream_model", "gpt-4o-mini"),
        ("gateway.function.name", "summarize"),
        ("gateway.function.endpoint", "chat"),
        ("gateway.variant.name", "fast"),
        ("gateway.variant.weight", "70"),
        ("gateway.experiment.total_variants", "2"),
    ] {
        assert_eq!(text(genai, name).as_deref(), Some(value), "{name}");
    }
    let event = &genai.events[0];
    assert_eq!((event.name, event.at_ns), ("gateway.attempt", 1_500));
    assert!(
        event.attributes.iter().any(
            |(name, value)| *name == "gateway.attempt.target" && value.to_string() == "primary"
        )
    );
    let spans = tree(GenAi { routing: Some(routing("passthrough")), ..complete() });
    let genai = named(&spans, "chat gpt-4o");
    let routed =
        genai.attributes.iter().filter(|(name, _)| name.starts_with("gateway.routing.")).count();
    assert_eq!((routed, text(genai, "gateway.variant.name")), (1, None));
}

#[test]
fn errors_have_a_type_and_a_status_and_cancelled_calls_have_neither() {
    let error = CallError { kind: "timeout", class: None, message: "no answer in time".to_owned() };
    let spans = tree(GenAi { outcome: Outcome::UpstreamFailed, error: Some(error), ..complete() });
    let genai = named(&spans, "chat gpt-4o");
    assert_eq!(text(genai, "error.type").as_deref(), Some("timeout"));
    assert_eq!(genai.status, Status::Error("no answer in time".to_owned()));
    let spans = tree(GenAi { outcome: Outcome::Cancelled, ..complete() });
    let genai = named(&spans, "chat gpt-4o");
    assert_eq!((text(genai, "error.type"), &genai.status), (None, &Status::Unset));
    assert_eq!(text(genai, "gateway.outcome").as_deref(), Some("cancelled"));
    assert_eq!(text(genai, "gateway.usage.source").as_deref(), Some("unknown"));
    assert_eq!(text(genai, "gen_ai.usage.output_tokens"), None, "never zero for unknown");
}

#[test]
fn declared_work_ends_when_the_request_arrives_and_stands_beside_the_call() {
    let operation = |subject: Option<&str>| ContextOperation {
        name: "retrieval",
        subject: subject.map(str::to_owned),
        attributes: vec![("gen_ai.retrieval.document.count", "5".to_owned())],
        duration: Some(Duration::from_nanos(400)),
        links: Vec::new(),
    };
    let spans = tree(GenAi { context_operation: Some(operation(Some("pinecone"))), ..complete() });
    let work = named(&spans, "retrieval pinecone");
    assert_eq!((work.start_ns, work.end_ns), (600, 1_000));
    assert_eq!(work.parent, named(&spans, "chat gpt-4o").parent);
    assert_eq!(text(work, "gen_ai.operation.name").as_deref(), Some("retrieval"));
    let spans = tree(GenAi { context_operation: Some(operation(None)), ..complete() });
    named(&spans, "retrieval");
}

#[test]
fn parameters_keep_their_documented_types() {
    let params = Params {
        temperature: Some(0.2),
        max_tokens: Some(500),
        top_p: Some(1.0),
        stop_sequences: Some(r#"["\n\n"]"#.to_owned()),
        ..Params::default()
    };
    let spans = tree(GenAi { params, ..complete() });
    let genai = named(&spans, "chat gpt-4o");
    for (name, value, text) in [
        ("gen_ai.request.stream", Value::Bool(false), "false"),
        ("gen_ai.request.temperature", Value::Float(0.2), "0.2"),
        ("gen_ai.request.max_tokens", Value::Int(500), "500"),
        ("gen_ai.request.top_p", Value::Float(1.0), "1"),
        ("gen_ai.request.stop_sequences", Value::from(r#"["\n\n"]"#), r#"["\n\n"]"#),
    ] {
        let found = genai.attribute(name).unwrap();
        assert_eq!((found, found.to_string().as_str()), (&value, text), "{name}");
    }
    let of_request = |(name, _): &&(Key, Value)| name.starts_with("gen_ai.request.");
    assert_eq!(genai.attributes.iter().filter(of_request).count(), 6, "and the model; no other");
}

#[test]
fn captured_content_is_on_the_genai_span_alone() {
    let content = Content {
        input_messages: Some("[1]".to_owned()),
        tool_definitions: Some("[2]".to_owned()),
        truncated: true,
        ..Content::default()
    };
    let tool_calls = vec![ToolCall { name: "f".to_owned(), ..ToolCall::default() }];
    let spans = tree(GenAi { content: Some(content), tool_calls, ..complete() });
    let genai = named(&spans, "chat gpt-4o");
    assert_eq!(text(genai, "gen_ai.input.messages").as_deref(), Some("[1]"));
    assert_eq!(text(genai, "gen_ai.tool.definitions").as_deref(), Some("[2]"));
    assert_eq!(text(genai, "gateway.content.truncated").as_deref(), Some("true"));
    assert_eq!(text(genai, "gen_ai.output.messages"), None);
    for span in spans.iter().filter(|span| span.span_id != genai.span_id) {
        assert_eq!(text(span, "gen_ai.tool.definitions"), None, "{}", span.name);
    }
}

#[test]
fn a_request_without_a_model_is_an_http_span_whose_status_tells_whose_fault_it_was() {
    let http = |route, status| {
        let mut call = Call { genai: None, ..call(complete()) };
        (call.http.route, call.http.status) = (route, status);
        let mut spans = span_tree(&call, &mut || panic!("the span has its id"));
        (spans.len(), spans.remove(0))
    };
    let (spans, served) = http("/v1/models", Some(404));
    assert_eq!(
        (spans, served.name.as_ref(), &served.status),
        (1, "POST /v1/models", &Status::Unset)
    );
    assert_eq!(http("/v1/models", Some(499)).1.status, Status::Unset);
    assert_eq!(http("/v1/models", Some(500)).1.status, Status::Error("answered 500".to_owned()));
    let (_, left) = http("", None);
    assert_eq!((left.name.as_ref(), &left.status), ("POST unknown", &Status::Unset));
    assert_eq!(text(&left, "http.response.status_code"), None, "the caller left before");
}

#[test]
fn a_value_as_text_is_what_it_displays() {
    let texts = Value::Strs(vec!["a".to_owned(), "\"b".to_owned()]);
    let values = [
        Value::from("text"),
        Value::from("owned".to_owned()),
        Value::from(u64::MAX),
        Value::Int(-7),
        Value::from(0.1),
        Value::from(true),
        Value::from(false),
        texts,
    ];
    for value in values {
        assert_eq!(value.to_text(), value.to_string());
    }
}
