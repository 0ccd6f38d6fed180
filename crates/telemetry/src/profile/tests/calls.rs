//! Calls with something in every field, and their spans.

use std::time::Duration;

use tollgate_providers::Usage;

use crate::genai::{
    CacheStatus, CacheUse, Call, CallError, Content, ContextOperation, Cost, FailedAttempt, GenAi,
    Http, Outcome, Params, Response, Routing, Server, StreamTiming, ToolCall, UsageSource, Variant,
    Violation, span_tree,
};
use crate::span::{Span, SpanId, SpanLink, TraceId};
use crate::trace_context::TraceContext;

const INPUT: &str = r#"[{"role":"developer","content":"Be brief."},
    {"role":"user","content":[{"type":"text","text":"Which city?"},{"type":"image_url","image_url":{"url":"https://img.test/a.png"}}]},
    {"role":"assistant","content":null,"tool_calls":[{"id":"call_0","type":"function","function":{"name":"look","arguments":"{\"zoom\":2}"}}]},
    {"role":"tool","tool_call_id":"call_0","content":"a tower"}]"#;
const OUTPUT: &str = r#"[{"role":"assistant","content":"Two calls.","tool_calls":[{"id":"call_1","name":"weather","arguments":"{\"city\":\"Rome\"}"},{"id":"call_2","name":"time","arguments":"{\"zone\""}],"reasoning":"A tower leans."},
    {"role":"assistant","content":"Pisa."}]"#;
const TOOLS: &str = r#"[{"type":"function","function":{"name":"weather","description":"Today's weather","parameters":{"type":"object"}}},{"name":"time","input_schema":{"type":"object"}},{"type":"web_search","name":"web"}]"#;

/// The spans of a call.
pub(super) fn tree(genai: GenAi) -> Vec<Span> {
    let trace = TraceContext::parse(
        Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        Some("vendor=1"),
    );
    let call = Call {
        trace: trace.unwrap(),
        http_span: SpanId::new(0xa),
        genai_span: SpanId::new(0xb),
        start_ns: 1_000,
        end_ns: 9_000,
        http: Http {
            method: "POST".to_owned(),
            path: "/v1/chat/completions".to_owned(),
            route: "/v1/chat/completions",
            status: Some(200),
            client: Some("10.0.0.7".to_owned()),
            user_agent: Some("agent/1".to_owned()),
            version: "1.1",
            request_id: "req_1".to_owned(),
            ..Http::default()
        },
        genai: Some(Box::new(genai)),
    };
    let mut next = 0x100;
    span_tree(&call, &mut || {
        next += 1;
        SpanId::new(next)
    })
}

/// A stream with everything in it.
pub(super) fn full() -> GenAi {
    GenAi {
        start_ns: 1_000,
        end_ns: 9_000,
        operation: "chat",
        provider: Some("xai".into()),
        request_model: "grok-4".into(),
        stream: true,
        params: params(),
        output_type: "text",
        user: Some("user-1".to_owned()),
        session: Some("session-1".to_owned()),
        conversation: Some("talk-1".to_owned()),
        environment: Some("staging".to_owned()),
        routing: Some(routing()),
        response: response(),
        tool_calls: vec![tool_call("call_1", "weather", true), tool_call("call_2", "time", false)],
        timing: Some(timing()),
        server: Some(Server { address: "api.x.test".into(), port: 443 }),
        outcome: Outcome::Complete,
        content: Some(Content {
            input_messages: Some(INPUT.to_owned()),
            output_messages: Some(OUTPUT.to_owned()),
            system_instructions: Some("Answer in English.".to_owned()),
            tool_definitions: Some(TOOLS.to_owned()),
            truncated: false,
        }),
        failed_attempts: vec![FailedAttempt {
            number: 1,
            target: "primary".into(),
            provider: "first".into(),
            model: "gpt-4o".into(),
            kind: "request_error",
            status: Some(503),
            message: "answered 503".to_owned(),
            start_ns: 1_000,
            duration: Duration::from_millis(250),
        }],
        cache: Some(CacheUse {
            status: CacheStatus::Miss,
            age: None,
            saved_tokens: None,
            saved_cost: None,
        }),
        violations: vec![Violation {
            detector: "pii",
            direction: "output",
            kind: "email".into(),
            action: "redact",
            count: 2,
        }],
        guardrail_hold: Some(Duration::from_millis(12)),
        custom: vec![("team.name".into(), "search".to_owned())],
        links: vec![SpanLink {
            trace_id: TraceId::new(7),
            span_id: SpanId::new(8),
            attributes: Vec::new(),
        }],
        ..GenAi::default()
    }
}

fn params() -> Params {
    Params {
        temperature: Some(0.5),
        max_tokens: Some(99),
        top_p: Some(0.9),
        frequency_penalty: Some(0.1),
        presence_penalty: Some(0.2),
        seed: Some(7),
        top_k: Some(40),
        stop_sequences: Some(r#"["END","\n"]"#.to_owned()),
        n: Some(2),
    }
}

fn routing() -> Routing {
    Routing {
        path: "managed",
        layer: "function",
        target: "secondary".into(),
        strategy: "experiment",
        attempt: 2,
        upstream_model: "grok-4-fast".into(),
        function: Some(("guide".into(), "chat")),
        variant: Some(Variant { name: "fast".into(), weight: 70, total: 2 }),
    }
}

fn response() -> Response {
    Response {
        id: Some("resp_1".to_owned()),
        model: Some("grok-4-0709".to_owned()),
        usage: Some(Usage {
            input: Some(100),
            output: Some(40),
            cache_read: Some(60),
            cache_creation: Some(30),
            cache_creation_5m: Some(20),
            cache_creation_1h: Some(10),
            reasoning: Some(16),
            output_excludes_reasoning: true,
            ..Usage::default()
        }),
        usage_source: UsageSource::Reported,
        cost: Some(Cost { amount: 0.0125, currency: "USD".into() }),
        finish_reasons: vec!["tool_calls".to_owned(), "stop".to_owned()],
    }
}

fn tool_call(id: &str, name: &str, valid: bool) -> ToolCall {
    ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: Some("{}".to_owned()),
        arguments_valid: Some(valid),
        times: Some((4_000, 5_000)),
    }
}

fn timing() -> StreamTiming {
    let ms = |ms| Some(Duration::from_millis(ms));
    StreamTiming {
        first_byte: ms(100),
        first_event: ms(110),
        first_reasoning: ms(200),
        first_content: ms(300),
        last_content: ms(1_900),
        gap_p50: ms(20),
        gap_p99: ms(80),
        gap_max: ms(120),
        stalls: 0,
        duration: Duration::from_secs(2),
    }
}

/// A call that failed, and never saw an answer.
pub(super) fn failed() -> GenAi {
    GenAi {
        operation: "chat",
        provider: Some("openai".into()),
        request_model: "gpt-4o".into(),
        output_type: "text",
        outcome: Outcome::UpstreamFailed,
        error: Some(CallError {
            kind: "request_error",
            class: Some("429".into()),
            message: "answered 429".to_owned(),
        }),
        ..GenAi::default()
    }
}

/// An answer from the cache.
pub(super) fn cached() -> GenAi {
    GenAi {
        outcome: Outcome::Cached,
        error: None,
        cache: Some(CacheUse {
            status: CacheStatus::Hit,
            age: Some(Duration::from_millis(1_500)),
            saved_tokens: Some(140),
            saved_cost: Some(Cost { amount: 0.5, currency: "EUR".into() }),
        }),
        ..failed()
    }
}

/// A call whose prompt was longer than what is captured, and whose caller left.
pub(super) fn cut_off() -> GenAi {
    GenAi {
        outcome: Outcome::Cancelled,
        error: None,
        content: Some(Content {
            input_messages: Some(r#"[{"role":"user","content":"It was a dark and"#.to_owned()),
            output_messages: Some(r#"[{"role":"assistant","content":"stormy"}]"#.to_owned()),
            truncated: true,
            ..Content::default()
        }),
        ..failed()
    }
}

/// Texts that become vectors.
pub(super) fn embeddings() -> GenAi {
    GenAi {
        operation: "embeddings",
        output_type: "embeddings",
        outcome: Outcome::Complete,
        error: None,
        content: Some(Content {
            input_messages: Some(r#"["one","two"]"#.to_owned()),
            ..Content::default()
        }),
        ..failed()
    }
}

/// A call beside work that the caller declared.
pub(super) fn declared(name: &'static str) -> GenAi {
    let attributes: &[(&str, &str)] = match name {
        "execute_tool" => &[("gen_ai.tool.name", "weather"), ("gen_ai.tool.call.id", "call_1")],
        "retrieval" => {
            &[("gen_ai.retrieval.source", "atlas"), ("gen_ai.retrieval.document.count", "5")]
        }
        _ => &[
            ("gen_ai.agent.id", "agent-1"),
            ("gen_ai.agent.name", "guide"),
            ("gen_ai.agent.step", "plan"),
            ("gen_ai.agent.description", "Knows the way"),
        ],
    };
    GenAi {
        error: None,
        outcome: Outcome::Complete,
        context_operation: Some(ContextOperation {
            name,
            subject: attributes.first().map(|(_, subject)| (*subject).to_owned()),
            attributes: attributes.iter().map(|(name, text)| (*name, (*text).to_owned())).collect(),
            duration: Some(Duration::from_micros(1)),
            links: Vec::new(),
        }),
        ..failed()
    }
}

/// Every sort of call.
pub(super) fn all() -> Vec<(&'static str, GenAi)> {
    vec![
        ("full", full()),
        ("failed", failed()),
        ("cached", cached()),
        ("cut_off", cut_off()),
        ("embeddings", embeddings()),
        ("execute_tool", declared("execute_tool")),
        ("retrieval", declared("retrieval")),
        ("invoke_agent", declared("invoke_agent")),
        ("create_agent", declared("create_agent")),
    ]
}

/// The GenAI span of a call.
pub(super) fn genai_span(genai: GenAi) -> Span {
    let mut spans = tree(genai);
    let at = spans.iter().position(|span| span.attribute("gateway.outcome").is_some()).unwrap();
    spans.swap_remove(at)
}
