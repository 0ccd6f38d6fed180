//! A call's spans: HTTP span, GenAI span, tool calls under it, a declared operation beside it.
//!
//! An attribute whose source is absent is left out; it is never empty or zero.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::attributes as a;
use super::cache_use::CacheStatus;
use super::call::{
    Call, ContextOperation, FailedAttempt, GenAi, Http, Response, StreamTiming, ToolCall, Violation,
};
use super::unknown::UNKNOWN;
use crate::span::{Key, Pipeline, Span, SpanEvent, SpanId, SpanKind, Status, Value, json_array};

/// Places for a GenAI span's attributes; few calls have more of them.
const PLAIN_ATTRIBUTES: usize = 32;
/// What a stream has besides.
const TIMING_ATTRIBUTES: usize = 12;
/// Most attributes of an HTTP span besides the operator's own.
const HTTP_ATTRIBUTES: usize = 14;

/// Attributes in the making.
#[derive(Default)]
struct Attributes(Vec<(Key, Value)>);

/// The spans of `call`; `new_id` gives ids for those that have none yet.
pub fn span_tree(call: &Call, new_id: &mut dyn FnMut() -> SpanId) -> Vec<Span> {
    let mut spans = Vec::with_capacity(2);
    spans.push(http_span(call));
    let Some(genai) = &call.genai else { return spans };
    if let Some(operation) = &genai.context_operation {
        spans.push(context_span(call, operation, new_id()));
    }
    spans.push(genai_span(call, genai));
    let shares = genai.tool_calls.len() as u64;
    for (at, tool_call) in genai.tool_calls.iter().enumerate() {
        spans.push(tool_span(call, genai, tool_call, (at as u64, shares), new_id()));
    }
    spans
}

fn span(call: &Call, span_id: SpanId, parent: Option<SpanId>, name: Cow<'static, str>) -> Span {
    Span {
        trace_id: call.trace.trace_id,
        span_id,
        parent,
        trace_state: call.trace.state.clone(),
        name,
        kind: SpanKind::Internal,
        start_ns: call.start_ns,
        end_ns: call.end_ns,
        status: Status::Unset,
        attributes: Vec::new(),
        events: Vec::new(),
        links: Vec::new(),
        pipeline: Pipeline::GenAi,
    }
}

fn http_span(call: &Call) -> Span {
    let http = &call.http;
    let route = if http.route.is_empty() { "unknown" } else { http.route };
    let custom = call.genai.as_ref().map_or(&[][..], |genai| &genai.custom);
    let mut attributes = Attributes(Vec::with_capacity(HTTP_ATTRIBUTES + custom.len()));
    attributes.add(a::HTTP_METHOD, http.method.clone());
    attributes.add(a::URL_PATH, http.path.clone());
    attributes.add(a::HTTP_ROUTE, route);
    attributes.add(a::HTTP_VERSION, http.version);
    attributes.add_some(a::ATTEMPT_STATUS, http.status.map(u32::from));
    attributes.add_some(a::CLIENT_ADDRESS, http.client.clone());
    attributes.add_some(a::USER_AGENT, http.user_agent.clone());
    attributes.add(a::REQUEST_ID, http.request_id.clone());
    attributes.add_some(a::ERROR_CODE, http.error_code);
    caller_attributes(http, &mut attributes);
    for (name, value) in custom {
        attributes.add_named(name, value);
    }
    // Here and below without a formatter, which costs more than the text.
    let name = [&*http.method, route].join(" ");
    let mut span = span(call, call.http_span, call.trace.parent, name.into());
    span.kind = SpanKind::Server;
    span.pipeline = Pipeline::Application;
    span.attributes = attributes.0;
    if let Some(status @ 500..) = http.status {
        span.status = Status::Error(format!("answered {status}"));
    }
    span
}

fn genai_span(call: &Call, genai: &GenAi) -> Span {
    let timing = if genai.stream { TIMING_ATTRIBUTES } else { 0 };
    let places = PLAIN_ATTRIBUTES + timing + genai.custom.len();
    let mut attributes = Attributes(Vec::with_capacity(places));
    request_attributes(genai, &mut attributes);
    response_attributes(&genai.response, &mut attributes);
    // A caller that asked for none has no stream, whatever the provider sent.
    if let Some(timing) = genai.timing.as_ref().filter(|_| genai.stream) {
        timing_attributes(timing, &genai.response, &mut attributes);
    }
    if let Some(server) = &genai.server {
        attributes.add(a::SERVER_ADDRESS, &server.address);
        attributes.add(a::SERVER_PORT, u32::from(server.port));
    }
    caller_attributes(&call.http, &mut attributes);
    routing_attributes(genai, &mut attributes);
    content_attributes(genai, &mut attributes);
    cache_attributes(genai, &mut attributes);
    attributes.add_some(a::GUARDRAIL_HOLD, genai.guardrail_hold.map(|held| held.as_secs_f64()));
    attributes.add(a::OUTCOME, genai.outcome.name());
    let name = [genai.operation, genai.model_name()].join(" ");
    let mut span = span(call, call.genai_span, Some(call.http_span), name.into());
    if let Some(error) = &genai.error {
        attributes.add(a::ERROR_TYPE, error.kind);
        attributes.add_some(a::ERROR_CLASS, error.class.clone());
        span.status = Status::Error(error.message.clone());
    }
    for (name, value) in &genai.custom {
        attributes.add_named(name, value);
    }
    span.kind = SpanKind::Client;
    (span.start_ns, span.end_ns) = (genai.start_ns, genai.end_ns);
    span.attributes = attributes.0;
    span.events = genai.failed_attempts.iter().map(attempt_event).collect();
    span.events.extend(genai.violations.iter().map(|it| violation_event(genai, it)));
    span.links.clone_from(&genai.links);
    span
}

fn request_attributes(genai: &GenAi, attributes: &mut Attributes) {
    let params = &genai.params;
    attributes.add(a::OPERATION_NAME, genai.operation);
    match &genai.provider {
        Some(provider) => attributes.add(a::PROVIDER_NAME, provider),
        None => attributes.add(a::PROVIDER_NAME, UNKNOWN),
    }
    if genai.request_model.is_empty() {
        attributes.add(a::REQUEST_MODEL, UNKNOWN);
    } else {
        attributes.add(a::REQUEST_MODEL, &genai.request_model);
    }
    attributes.add(a::REQUEST_STREAM, genai.stream);
    attributes.add(a::OUTPUT_TYPE, genai.output_type);
    attributes.add_some(a::REQUEST_TEMPERATURE, params.temperature);
    attributes.add_some(a::REQUEST_MAX_TOKENS, params.max_tokens);
    attributes.add_some(a::REQUEST_TOP_P, params.top_p);
    attributes.add_some(a::REQUEST_FREQUENCY_PENALTY, params.frequency_penalty);
    attributes.add_some(a::REQUEST_PRESENCE_PENALTY, params.presence_penalty);
    attributes.add_some(a::REQUEST_SEED, params.seed);
    attributes.add_some(a::REQUEST_TOP_K, params.top_k);
    attributes.add_some(a::REQUEST_STOP_SEQUENCES, params.stop_sequences.clone());
    attributes.add_some(a::REQUEST_N, params.n);
    attributes.add_some(a::USER_ID, genai.user.clone());
    attributes.add_some(a::SESSION_ID, genai.session.clone());
    attributes.add_some(a::CONVERSATION_ID, genai.conversation.clone());
    attributes.add_some(a::ENVIRONMENT, genai.environment.clone());
}

fn response_attributes(response: &Response, attributes: &mut Attributes) {
    attributes.add_some(a::RESPONSE_MODEL, response.model.clone());
    attributes.add_some(a::RESPONSE_ID, response.id.clone());
    if !response.finish_reasons.is_empty() {
        attributes.add(a::RESPONSE_FINISH_REASONS, json_array(&response.finish_reasons));
    }
    attributes.add(a::USAGE_SOURCE, response.usage_source.name());
    if let Some(cost) = &response.cost {
        attributes.add(a::USAGE_COST, cost.amount);
        attributes.add(a::USAGE_CURRENCY, &cost.currency);
    }
    let Some(usage) = &response.usage else { return };
    attributes.add_some(a::USAGE_INPUT_TOKENS, usage.input_total());
    attributes.add_some(a::USAGE_OUTPUT_TOKENS, usage.output);
    // Where a provider counts reasoning apart: what others call output.
    let generated = usage.output_total().filter(|_| usage.output_total() != usage.output);
    attributes.add_some(a::USAGE_GENERATED, generated);
    attributes.add_some(a::USAGE_CACHE_CREATION, usage.cache_creation);
    attributes.add_some(a::USAGE_CACHE_CREATION_5M, usage.cache_creation_5m);
    attributes.add_some(a::USAGE_CACHE_CREATION_1H, usage.cache_creation_1h);
    attributes.add_some(a::USAGE_CACHE_READ, usage.cache_read);
    attributes.add_some(a::USAGE_REASONING, usage.reasoning);
}

fn timing_attributes(timing: &StreamTiming, response: &Response, attributes: &mut Attributes) {
    let seconds = |duration: Option<Duration>| duration.map(|d| d.as_secs_f64());
    let whole = timing.duration.as_secs_f64();
    attributes.add_some(a::SERVER_TTFT, seconds(timing.first_content));
    attributes.add(a::SERVER_REQUEST_DURATION, whole);
    let tokens = response.usage.and_then(|usage| usage.output_total());
    attributes.add_some(a::SERVER_THROUGHPUT, throughput(tokens, timing.duration));
    attributes.add_some(a::FIRST_BYTE, seconds(timing.first_byte));
    attributes.add_some(a::FIRST_EVENT, seconds(timing.first_event));
    attributes.add_some(a::FIRST_REASONING, seconds(timing.first_reasoning));
    attributes.add_some(a::FIRST_CONTENT, seconds(timing.first_content));
    attributes.add_some(a::GAP_P50, seconds(timing.gap_p50));
    attributes.add_some(a::GAP_P99, seconds(timing.gap_p99));
    attributes.add_some(a::GAP_MAX, seconds(timing.gap_max));
    if timing.gap_max.is_some() {
        attributes.add(a::STALLS, timing.stalls);
    }
}

/// Tokens per second over the stream's life; `None` without tokens or time.
pub(crate) fn throughput(tokens: Option<u64>, duration: Duration) -> Option<f64> {
    let tokens = u32::try_from(tokens?).ok()?;
    (!duration.is_zero()).then(|| f64::from(tokens) / duration.as_secs_f64())
}

fn caller_attributes(http: &Http, attributes: &mut Attributes) {
    if let Some((kind, scope)) = http.limit {
        attributes.add(a::LIMIT_KIND, kind);
        attributes.add(a::LIMIT_SCOPE, scope);
    }
    let Some(key) = &http.key else { return };
    attributes.add(a::KEY_ID, &key.id);
    if !key.name.is_empty() {
        attributes.add(a::KEY_NAME, &key.name);
    }
    attributes.add_some(a::PROJECT_ID, key.project.as_ref());
    for (name, value) in key.metadata.iter() {
        attributes.add_named(name, value);
    }
}

fn routing_attributes(genai: &GenAi, attributes: &mut Attributes) {
    let Some(routing) = &genai.routing else { return };
    attributes.add(a::ROUTING_PATH, routing.path);
    if routing.path == "passthrough" {
        return;
    }
    attributes.add(a::ROUTING_TARGET, &routing.target);
    attributes.add(a::ROUTING_LAYER, routing.layer);
    attributes.add(a::ROUTING_STRATEGY, routing.strategy);
    attributes.add(a::ROUTING_ATTEMPT, routing.attempt);
    attributes.add(a::ROUTING_UPSTREAM_MODEL, &routing.upstream_model);
    if let Some((name, endpoint)) = &routing.function {
        attributes.add(a::FUNCTION_NAME, name);
        attributes.add(a::FUNCTION_ENDPOINT, *endpoint);
    }
    if let Some(variant) = &routing.variant {
        attributes.add(a::VARIANT_NAME, &variant.name);
        attributes.add(a::VARIANT_WEIGHT, variant.weight);
        attributes.add(a::TOTAL_VARIANTS, variant.total);
    }
}

fn content_attributes(genai: &GenAi, attributes: &mut Attributes) {
    let Some(content) = &genai.content else { return };
    attributes.add_some(a::INPUT_MESSAGES, content.input_messages.clone());
    attributes.add_some(a::OUTPUT_MESSAGES, content.output_messages.clone());
    attributes.add_some(a::SYSTEM_INSTRUCTIONS, content.system_instructions.clone());
    attributes.add_some(a::TOOL_DEFINITIONS, content.tool_definitions.clone());
    if content.truncated {
        attributes.add(a::CONTENT_TRUNCATED, true);
    }
}

fn cache_attributes(genai: &GenAi, attributes: &mut Attributes) {
    let Some(cache) = &genai.cache else { return };
    attributes.add(a::CACHE_STATUS, cache.status.name());
    attributes.add_some(a::CACHE_AGE, cache.age.map(|age| age.as_secs_f64()));
    if cache.status != CacheStatus::Hit {
        return;
    }
    attributes.add_some(a::CACHE_SAVED_TOKENS, cache.saved_tokens);
    if let Some(saved) = &cache.saved_cost {
        attributes.add(a::CACHE_SAVED_COST, saved.amount);
        // What the hit itself costs, nothing, is told in the same currency.
        if genai.response.cost.is_none() {
            attributes.add(a::USAGE_CURRENCY, &saved.currency);
        }
    }
}

fn attempt_event(attempt: &FailedAttempt) -> SpanEvent {
    let mut attributes = Attributes::default();
    attributes.add(a::ATTEMPT_NUMBER, attempt.number);
    attributes.add(a::ATTEMPT_TARGET, &attempt.target);
    attributes.add(a::ATTEMPT_PROVIDER, &attempt.provider);
    attributes.add(a::ATTEMPT_MODEL, &attempt.model);
    attributes.add(a::ERROR_TYPE, attempt.kind);
    attributes.add_some(a::ATTEMPT_STATUS, attempt.status.map(u32::from));
    attributes.add(a::ATTEMPT_MESSAGE, attempt.message.clone());
    attributes.add(a::ATTEMPT_DURATION, attempt.duration.as_secs_f64());
    SpanEvent { at_ns: attempt.start_ns, name: "gateway.attempt", attributes: attributes.0 }
}

/// What is found in a request is found at its beginning, what is in an answer by its end.
fn violation_event(genai: &GenAi, violation: &Violation) -> SpanEvent {
    let mut attributes = Attributes::default();
    attributes.add(a::GUARDRAIL_DETECTOR, violation.detector);
    attributes.add(a::GUARDRAIL_DIRECTION, violation.direction);
    attributes.add(a::GUARDRAIL_KIND, violation.kind.clone().into_owned());
    attributes.add(a::GUARDRAIL_ACTION, violation.action);
    attributes.add(a::GUARDRAIL_COUNT, violation.count);
    let at_ns = if violation.direction == "input" { genai.start_ns } else { genai.end_ns };
    SpanEvent { at_ns, name: "gateway.guardrail", attributes: attributes.0 }
}

/// `share` is this call's number and how many there are: without times of its own it gets its
/// even share of the generation.
fn tool_span(
    call: &Call,
    genai: &GenAi,
    tool_call: &ToolCall,
    share: (u64, u64),
    id: SpanId,
) -> Span {
    let mut attributes = Attributes::default();
    if !tool_call.name.is_empty() {
        attributes.add(a::TOOL_NAME, tool_call.name.clone());
    }
    attributes.add(a::TOOL_TYPE, "function");
    if !tool_call.id.is_empty() {
        attributes.add(a::TOOL_CALL_ID, tool_call.id.clone());
    }
    attributes.add_some(a::TOOL_CALL_ARGUMENTS, tool_call.arguments.clone());
    attributes.add_some(a::TOOL_CALL_ARGUMENTS_VALID, tool_call.arguments_valid);
    let name = format!("tool_call.{}", tool_call.name);
    let mut span = span(call, id, Some(call.genai_span), name.into());
    let (at, shares) = share;
    let part = genai.end_ns.saturating_sub(genai.start_ns) / shares.max(1);
    let synthetic = (genai.start_ns + at * part, genai.start_ns + (at + 1) * part);
    (span.start_ns, span.end_ns) = tool_call.times.unwrap_or(synthetic);
    span.attributes = attributes.0;
    span
}

fn context_span(call: &Call, operation: &ContextOperation, id: SpanId) -> Span {
    let mut attributes = Attributes::default();
    attributes.add(a::OPERATION_NAME, operation.name);
    for (name, value) in &operation.attributes {
        attributes.add(name, value.clone());
    }
    let name = match &operation.subject {
        Some(subject) => format!("{} {subject}", operation.name).into(),
        None => Cow::Borrowed(operation.name),
    };
    let mut span = span(call, id, Some(call.http_span), name);
    let took = operation.duration.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX));
    (span.start_ns, span.end_ns) = (call.start_ns.saturating_sub(took), call.start_ns);
    span.attributes = attributes.0;
    span.links.clone_from(&operation.links);
    span
}

// === impl Attributes ===

impl Attributes {
    fn add(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.push((Cow::Borrowed(name), value.into()));
    }

    /// An attribute that the operator named; one of ours under that name stands.
    fn add_named(&mut self, name: &Arc<str>, value: &str) {
        if !self.0.iter().any(|(known, _)| **known == **name) {
            self.0.push((Cow::Owned(String::from(&**name)), value.to_owned().into()));
        }
    }

    fn add_some(&mut self, name: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }
}
