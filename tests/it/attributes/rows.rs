//! The table: each attribute, the call that has its source and what it says then, and a call without
//! that source, where it must be absent.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use tollgate_telemetry::genai::attributes::On;

use super::calls::Case::{self, *};

/// One attribute in one place.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) on: On,
    /// The call that has its source.
    pub(super) given: Case,
    pub(super) expected: Expected,
    /// A call that has no source for it, though it has the span; `None` for what is always there.
    pub(super) absent: Option<Case>,
}

/// What a value must be, type included.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expected {
    Text(&'static str),
    /// Text that holds this.
    Holding(&'static str),
    Int(i64),
    Float(f64),
    /// A float of at least this and below a thousand: what a clock said.
    AtLeast(f64),
    Bool(bool),
    /// A whole number above zero.
    Positive,
}

use Expected::{AtLeast, Bool, Float, Holding, Int, Positive, Text};

/// What no call through the gateway can have yet, or only by a very long one: tested with a record
/// that is filled by hand.
pub(super) const AT_THE_RECORD: [&str; 11] = [
    "gateway.key.id",
    "gateway.key.name",
    "project.id",
    "gateway.limit.kind",
    "gateway.limit.scope",
    "gen_ai.cache.status",
    "gen_ai.cache.age_seconds",
    "gateway.cache.saved_tokens",
    "gateway.cache.saved_cost",
    "gateway.content.truncated",
    "gateway.guardrail.hold_seconds",
];

const fn on(
    on: On,
    name: &'static str,
    given: Case,
    expected: Expected,
    absent: Option<Case>,
) -> Row {
    Row { name, on, given, expected, absent }
}

/// Of the model call's span.
const fn call(name: &'static str, given: Case, expected: Expected, absent: Case) -> Row {
    on(On::Call, name, given, expected, Some(absent))
}

/// Of every model call's span.
const fn always(name: &'static str, given: Case, expected: Expected) -> Row {
    on(On::Call, name, given, expected, None)
}

/// Of the span of declared work.
const fn work(name: &'static str, given: Case, expected: Expected, absent: Case) -> Row {
    on(On::Operation, name, given, expected, Some(absent))
}

/// Of the event of an attempt that another one followed.
const fn attempt(name: &'static str, expected: Expected) -> Row {
    on(On::Attempt, name, FailedOver, expected, Some(Full))
}

/// Of the event of a guardrail's finding.
const fn guardrail(name: &'static str, expected: Expected) -> Row {
    on(On::Guardrail, name, Guarded, expected, Some(Full))
}

pub(super) const ROWS: &[Row] = &[
    always("gen_ai.operation.name", Full, Text("chat")),
    always("gen_ai.provider.name", Full, Text("openai")),
    always("gen_ai.provider.name", Cached, Text("anthropic")),
    always("gen_ai.provider.name", Xai, Text("xai")),
    always("gen_ai.provider.name", Refused, Text("unknown")),
    always("gen_ai.request.model", Full, Text("summarize")),
    always("gen_ai.request.model", Refused, Text("nobody-knows")),
    always("gen_ai.request.stream", Full, Bool(false)),
    always("gen_ai.request.stream", Stream, Bool(true)),
    always("gen_ai.output.type", Full, Text("text")),
    call("gen_ai.request.temperature", Full, Float(0.5), Bare),
    call("gen_ai.request.temperature", Full, Float(0.5), Blank),
    call("gen_ai.request.max_tokens", Full, Int(99), Bare),
    call("gen_ai.request.max_tokens", Full, Int(99), Blank),
    call("gen_ai.request.top_p", Full, Float(0.25), Bare),
    call("gen_ai.request.top_p", Full, Float(0.25), Blank),
    call("gen_ai.request.frequency_penalty", Full, Float(-0.5), Bare),
    call("gen_ai.request.frequency_penalty", Full, Float(-0.5), Blank),
    call("gen_ai.request.presence_penalty", Full, Float(1.5), Bare),
    call("gen_ai.request.presence_penalty", Full, Float(1.5), Blank),
    call("gen_ai.request.seed", Full, Int(7), Bare),
    call("gen_ai.request.seed", Full, Int(7), Blank),
    call("gen_ai.request.top_k", Full, Int(40), Bare),
    call("gen_ai.request.top_k", Full, Int(40), Blank),
    call("gen_ai.request.stop_sequences", Full, Text(r#"["\n\n","END"]"#), Bare),
    call("gen_ai.request.stop_sequences", Full, Text(r#"["\n\n","END"]"#), Blank),
    call("gen_ai.request.n", Full, Int(1), Bare),
    call("gen_ai.request.n", Full, Int(1), Blank),
    call("gen_ai.response.model", Full, Text("gpt-4o-mini-2024-07-18"), Bare),
    call("gen_ai.response.model", Full, Text("gpt-4o-mini-2024-07-18"), Blank),
    call("gen_ai.response.model", Stream, Text("gpt-4o-mini-2024-07-18"), Failed),
    call("gen_ai.response.id", Full, Text("chatcmpl-mock0000000000000000"), Bare),
    call("gen_ai.response.id", Full, Text("chatcmpl-mock0000000000000000"), Blank),
    call("gen_ai.response.id", Stream, Text("chatcmpl-mock0000000000000000"), Refused),
    call("gen_ai.usage.input_tokens", Full, Int(50), Bare),
    call("gen_ai.usage.input_tokens", Full, Int(50), Blank),
    call("gen_ai.usage.input_tokens", Stream, Int(50), Failed),
    call("gen_ai.usage.input_tokens", Cached, Int(100), Refused),
    call("gen_ai.usage.output_tokens", Full, Int(20), Bare),
    call("gen_ai.usage.output_tokens", Full, Int(20), Blank),
    call("gen_ai.usage.output_tokens", Stream, Int(20), Failed),
    call("gen_ai.response.finish_reasons", Full, Text(r#"["tool_calls"]"#), Bare),
    call("gen_ai.response.finish_reasons", Full, Text(r#"["tool_calls"]"#), Blank),
    call("gen_ai.response.finish_reasons", Cached, Text(r#"["end_turn"]"#), Failed),
    call("gen_ai.usage.cache_creation.input_tokens", Cached, Int(30), Bare),
    call("gen_ai.usage.cache_creation_5m.input_tokens", Cached, Int(20), Full),
    call("gen_ai.usage.cache_creation_1h.input_tokens", Cached, Int(10), Full),
    call("gen_ai.usage.cache_read.input_tokens", Cached, Int(60), Bare),
    call("gen_ai.usage.cache_read.input_tokens", Full, Int(40), Bare),
    call("gen_ai.usage.cache_read.input_tokens", Full, Int(40), Blank),
    call("gen_ai.usage.reasoning_tokens", Full, Int(3), Bare),
    call("gen_ai.usage.reasoning_tokens", Full, Int(3), Blank),
    call("gen_ai.usage.reasoning_tokens", Stream, Int(3), Cached),
    always("gateway.usage.source", Full, Text("reported")),
    always("gateway.usage.source", Refused, Text("unknown")),
    call("gateway.usage.generated_tokens", Xai, Int(8), Full),
    call("gateway.usage.cost", Xai, Float(0.000_052), Full),
    call("gateway.usage.currency", Xai, Text("USD"), Full),
    call("gen_ai.server.time_to_first_token", Stream, AtLeast(0.02), Full),
    call("gen_ai.server.request.duration", Stream, AtLeast(0.02), Full),
    call("gen_ai.server.output_tokens_per_second", Stream, AtLeast(1.0), Full),
    call("gateway.stream.first_byte_seconds", Stream, AtLeast(0.0), Full),
    call("gateway.stream.first_event_seconds", Stream, AtLeast(0.0), Full),
    call("gateway.stream.first_reasoning_seconds", Stream, AtLeast(0.02), Full),
    call("gateway.stream.first_content_seconds", Stream, AtLeast(0.02), Full),
    call("gateway.stream.gap.p50_seconds", Stream, AtLeast(0.0), Full),
    call("gateway.stream.gap.p99_seconds", Stream, AtLeast(0.002), Full),
    call("gateway.stream.gap.max_seconds", Stream, AtLeast(0.002), Full),
    call("gateway.stream.stalls", Stream, Int(0), Full),
    always("gateway.outcome", Full, Text("complete")),
    always("gateway.outcome", Failed, Text("upstream_failed")),
    always("gateway.outcome", Refused, Text("rejected")),
    call("error.type", Failed, Text("request_error"), Full),
    call("error.type", Late, Text("timeout"), FailedOver),
    call("error.type", Reset, Text("connection_error"), Stream),
    call("error.type", Refused, Text("request_error"), Bare),
    call("gateway.error.class", Failed, Text("429"), Full),
    call("server.address", Full, Text("127.0.0.1"), Refused),
    call("server.port", Full, Positive, Refused),
    call("gen_ai.user.id", Full, Text("ada"), Bare),
    call("gen_ai.user.id", Full, Text("ada"), Blank),
    call("gen_ai.user.id", Stream, Text("body-user"), Bare),
    call("gen_ai.session.id", Full, Text("s-1"), Bare),
    call("gen_ai.session.id", Full, Text("s-1"), Blank),
    call("gen_ai.conversation.id", Full, Text("c-1"), Bare),
    call("gen_ai.conversation.id", Full, Text("c-1"), Blank),
    call("deployment.environment.name", Full, Text("staging"), Bare),
    call("deployment.environment.name", Full, Text("staging"), Blank),
    call("gateway.prompt.id", Full, Text("p-1"), Bare),
    on(On::Http, "gateway.prompt.id", Full, Text("p-1"), Some(Bare)),
    call("gateway.prompt.version", Full, Text("3"), Bare),
    on(On::Http, "gateway.prompt.version", Full, Text("3"), Some(Bare)),
    call("gateway.prompt.label", Full, Text("production"), Bare),
    on(On::Http, "gateway.prompt.label", Full, Text("production"), Some(Bare)),
    call("gateway.prompt.slug", Full, Text("greeting"), Bare),
    on(On::Http, "gateway.prompt.slug", Full, Text("greeting"), Some(Bare)),
    on(On::ToolCall, "gen_ai.tool.name", Full, Text("weather"), Some(Blank)),
    on(On::ToolCall, "gen_ai.tool.type", Full, Text("function"), None),
    on(On::ToolCall, "gen_ai.tool.call.id", Full, Holding("call_mock"), Some(Blank)),
    on(On::ToolCall, "gen_ai.tool.call.id", Stream, Holding("call_mock"), None),
    on(On::ToolCall, "gateway.tool_call.arguments_valid", Full, Bool(true), None),
    on(On::ToolCall, "gateway.tool_call.arguments_valid", Stream, Bool(true), None),
    on(On::ToolCall, "gen_ai.tool.call.arguments", Full, Text(r#"{"city":"Paris"}"#), Some(Quiet)),
    call("gen_ai.tool.definitions", Full, Holding(r#""weather""#), Stream),
    call("gen_ai.tool.definitions", Full, Holding(r#""weather""#), Blank),
    call("gen_ai.tool.definitions", Full, Holding("["), Quiet),
    call("gateway.routing.path", Full, Text("managed"), Refused),
    call("gateway.routing.path", Stream, Text("passthrough"), Refused),
    call("gateway.routing.target", Full, Text("fast"), Stream),
    call("gateway.routing.target", FailedOver, Text("secondary"), Bare),
    call("gateway.routing.layer", Full, Text("function"), Stream),
    call("gateway.routing.layer", FailedOver, Text("route"), Bare),
    call("gateway.routing.strategy", Full, Text("experiment"), Stream),
    call("gateway.routing.strategy", FailedOver, Text("fallback"), Bare),
    call("gateway.routing.attempt", Full, Int(1), Stream),
    call("gateway.routing.attempt", FailedOver, Int(2), Bare),
    call("gateway.routing.upstream_model", Full, Text("gpt-4o-mini"), Stream),
    call("gateway.variant.name", Full, Text("fast"), FailedOver),
    call("gateway.variant.weight", Full, Int(7), FailedOver),
    call("gateway.experiment.total_variants", Full, Int(1), FailedOver),
    call("gateway.function.name", Full, Text("summarize"), FailedOver),
    call("gateway.function.endpoint", Full, Text("chat"), Stream),
    on(On::Operation, "gen_ai.operation.name", Full, Text("execute_tool"), None),
    on(On::Operation, "gen_ai.operation.name", Retrieval, Text("retrieval"), None),
    on(On::Operation, "gen_ai.operation.name", Invoked, Text("invoke_agent"), None),
    on(On::Operation, "gen_ai.operation.name", Created, Text("create_agent"), None),
    work("gen_ai.tool.name", Full, Text("web_search"), Tool0),
    work("gen_ai.tool.call.id", Full, Text("call_abc123"), Tool0),
    work("gen_ai.retrieval.source", Retrieval, Text("pinecone"), Retrieval0),
    work("gen_ai.retrieval.document.count", Retrieval, Text("5"), Retrieval0),
    work("gen_ai.agent.id", Invoked, Text("agent-001"), Invoked0),
    work("gen_ai.agent.id", Created, Text("agent-002"), Created0),
    work("gen_ai.agent.name", Invoked, Text("planner"), Invoked0),
    work("gen_ai.agent.name", Created, Text("writer"), Created0),
    work("gen_ai.agent.step", Invoked, Text("0"), Created),
    work("gen_ai.agent.step", Invoked, Text("0"), Invoked0),
    work("gen_ai.agent.description", Created, Text("writes it down"), Invoked),
    work("gen_ai.agent.description", Created, Text("writes it down"), Created0),
    call("gen_ai.input.messages", Full, Holding(r#""hi""#), Quiet),
    call("gen_ai.output.messages", Full, Holding("I will look now."), Quiet),
    call("gen_ai.output.messages", Stream, Holding("I will look now."), Quiet),
    call("gen_ai.system_instructions", Cached, Text("Be brief."), Full),
    call("gen_ai.system_instructions", Cached, Text("Be brief."), Blank),
    guardrail("gen_ai.guardrail.detector", Text("pii")),
    guardrail("gen_ai.guardrail.direction", Text("input")),
    guardrail("gateway.guardrail.kind", Text("email")),
    guardrail("gateway.guardrail.action", Text("flag")),
    guardrail("gateway.guardrail.count", Int(1)),
    attempt("gateway.attempt.number", Int(1)),
    attempt("gateway.attempt.target", Text("primary")),
    attempt("gateway.attempt.provider", Text("first")),
    attempt("gateway.attempt.model", Text("broken")),
    attempt("gateway.attempt.message", Holding("503")),
    attempt("gateway.attempt.duration_seconds", AtLeast(0.0)),
    attempt("http.response.status_code", Int(503)),
    attempt("error.type", Text("request_error")),
    on(On::Http, "http.request.method", Full, Text("POST"), None),
    on(On::Http, "url.path", Full, Text("/v1/chat/completions"), None),
    on(On::Http, "http.route", Full, Text("/v1/chat/completions"), None),
    on(On::Http, "network.protocol.version", Full, Text("1.1"), None),
    on(On::Http, "http.response.status_code", Full, Int(200), None),
    on(On::Http, "http.response.status_code", Refused, Int(404), None),
    on(On::Http, "client.address", Full, Text("127.0.0.1"), None),
    on(On::Http, "user_agent.original", Full, Text("table/1"), None),
    on(On::Http, "gateway.request.id", Full, Holding("req"), None),
    on(On::Http, "gateway.error.code", Refused, Text("UnknownModel"), Some(Full)),
];

impl Expected {
    /// Whether protobuf has this type and value.
    pub(super) fn is(self, value: &Value) -> bool {
        match (self, value) {
            (Text(text), Value::StringValue(own)) => own == text,
            (Holding(part), Value::StringValue(own)) => own.contains(part),
            (Int(number), Value::IntValue(own)) => *own == number,
            (Positive, Value::IntValue(own)) => *own > 0,
            (Float(number), Value::DoubleValue(own)) => (own - number).abs() < 1e-12,
            (AtLeast(least), Value::DoubleValue(own)) => (least..1000.0).contains(own),
            (Bool(yes), Value::BoolValue(own)) => *own == yes,
            _ => false,
        }
    }
}
