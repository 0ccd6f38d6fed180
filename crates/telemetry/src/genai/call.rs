//! What is known of one finished call: plain data, filled in by the server.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tollgate_providers::Usage;

use super::CacheUse;
use crate::span::{SpanId, SpanLink};
use crate::trace_context::TraceContext;

/// One finished request.
#[derive(Clone, Debug)]
pub struct Call {
    /// Where it belongs in the caller's trace.
    pub trace: TraceContext,
    /// The id of its HTTP span.
    pub http_span: SpanId,
    /// The id of its GenAI span.
    pub genai_span: SpanId,
    /// When it arrived, in nanoseconds since 1970.
    pub start_ns: u64,
    /// When its response ended.
    pub end_ns: u64,
    /// The request as HTTP.
    pub http: Http,
    /// The request as a model call; `None` for endpoints that have no GenAI span. It is large, and
    /// handed on a few times until it is told.
    pub genai: Option<Box<GenAi>>,
}

/// The request as HTTP.
#[derive(Clone, Debug, Default)]
pub struct Http {
    /// `POST`.
    pub method: String,
    /// The path as it came.
    pub path: String,
    /// The path without ids; empty for an unknown path.
    pub route: &'static str,
    /// The status the caller was sent; `None` if it left before.
    pub status: Option<u16>,
    /// The caller's address.
    pub client: Option<String>,
    /// The caller's software.
    pub user_agent: Option<String>,
    /// `1.1` or `2`.
    pub version: &'static str,
    /// `x-to11-request-id`.
    pub request_id: String,
    /// `x-to11-error-code`, for a refusal.
    pub error_code: Option<&'static str>,
    /// How it ended, where it went upstream and is no model call.
    pub outcome: Option<Outcome>,
    /// The key that the caller showed.
    pub key: Option<super::CallerKey>,
    /// What had no room, and whose use it is.
    pub limit: Option<(&'static str, &'static str)>,
}

/// The request as a model call.
#[derive(Clone, Debug, Default)]
pub struct GenAi {
    /// When the call began, in nanoseconds since 1970.
    pub start_ns: u64,
    /// When its response ended.
    pub end_ns: u64,
    /// `chat`, `generate_content`, `embeddings`, ...
    pub operation: &'static str,
    /// The provider of the attempt that counts.
    pub provider: Option<Arc<str>>,
    /// The model as asked for.
    pub request_model: Arc<str>,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// Sampling parameters.
    pub params: Params,
    /// `text`, `embeddings`, `image`, `speech`.
    pub output_type: &'static str,
    /// Header, else body.
    pub user: Option<String>,
    /// From the header.
    pub session: Option<String>,
    /// From the header.
    pub conversation: Option<String>,
    /// From the header.
    pub environment: Option<String>,
    /// How it was routed; `None` if it never was.
    pub routing: Option<Routing>,
    /// What came back.
    pub response: Response,
    /// The tool calls in the response.
    pub tool_calls: Vec<ToolCall>,
    /// When what arrived; streams only.
    pub timing: Option<StreamTiming>,
    /// Gaps between content, each length (to a sixteenth) with how often it was; streams only.
    pub gaps: Vec<(Duration, u32)>,
    /// Where the upstream is.
    pub server: Option<Server>,
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong.
    pub error: Option<CallError>,
    /// Prompts and answers, where they are captured.
    pub content: Option<Content>,
    /// Attempts that another one followed.
    pub failed_attempts: Vec<FailedAttempt>,
    /// Work that the caller declared.
    pub context_operation: Option<ContextOperation>,
    /// What the response cache did; `None` where it is off.
    pub cache: Option<CacheUse>,
    /// What guardrails found.
    pub violations: Vec<Violation>,
    /// How long guardrails held an event of the answer's stream back at most; `None` where they held
    /// none.
    pub guardrail_hold: Option<Duration>,
    /// Which of their bounds a stream reached, and how often.
    pub guardrail_bounds: Vec<(&'static str, u32)>,
    /// Guardrail webhooks that gave no answer: which, and why.
    pub unanswered: Vec<(Arc<str>, &'static str)>,
    /// Attributes from headers that the operator lists.
    pub custom: Vec<(Arc<str>, String)>,
    /// Earlier answers whose tool calls this request brings results of.
    pub links: Vec<SpanLink>,
}

/// What a guardrail found of one kind; never the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violation {
    /// What found it: `blocklist`, `pii`, `secrets`, `webhook`.
    pub detector: &'static str,
    /// `input` or `output`.
    pub direction: &'static str,
    /// What it was taken for: `email`, `jwt`, ..., or the webhook's name.
    pub kind: Cow<'static, str>,
    /// What it led to: `flag`, `redact` or `block`.
    pub action: &'static str,
    /// How often.
    pub count: u64,
}

/// What tokens cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// In whole units of the currency.
    pub amount: f64,
    /// ISO 4217, as configured.
    pub currency: Arc<str>,
}

/// Sampling parameters, as given.
pub type Params = tollgate_providers::peek::Params;

/// How a call was routed.
#[derive(Clone, Debug)]
pub struct Routing {
    /// `managed` or `passthrough`.
    pub path: &'static str,
    /// `function` or `route`.
    pub layer: &'static str,
    /// The target of the attempt that counts.
    pub target: Arc<str>,
    /// `single`, `weighted`, `fallback`, `experiment`.
    pub strategy: &'static str,
    /// The number of the attempt that counts, from 1.
    pub attempt: u32,
    /// The model that was sent.
    pub upstream_model: Arc<str>,
    /// The function and its endpoint, if one resolved the model.
    pub function: Option<(Arc<str>, &'static str)>,
    /// The arm of an experiment.
    pub variant: Option<Variant>,
}

/// The arm of an experiment.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Its name.
    pub name: Arc<str>,
    /// Its weight.
    pub weight: u32,
    /// How many there are.
    pub total: u32,
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The provider's id.
    pub id: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// Token counts.
    pub usage: Option<Usage>,
    /// Where they come from.
    pub usage_source: UsageSource,
    /// What they cost; `None` where a price is not known.
    pub cost: Option<Cost>,
    /// Why each choice ended.
    pub finish_reasons: Vec<String>,
}

/// Where token counts come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UsageSource {
    /// The provider.
    Reported,
    /// The length of what was delivered.
    Estimated,
    /// Nowhere: there are none.
    #[default]
    Unknown,
}

/// One tool call in a response.
#[derive(Clone, Debug, Default)]
pub struct ToolCall {
    /// The provider's id of the call.
    pub id: String,
    /// The function.
    pub name: String,
    /// The arguments, where content is captured.
    pub arguments: Option<String>,
    /// Whether the arguments are one JSON object; `None` where they were not seen whole.
    pub arguments_valid: Option<bool>,
    /// When it opened and closed, in nanoseconds since 1970; `None` for a plain answer.
    pub times: Option<(u64, u64)>,
}

/// When what arrived, counted from the beginning of the attempt.
#[derive(Clone, Copy, Debug, Default)]
pub struct StreamTiming {
    /// The first byte of the body.
    pub first_byte: Option<Duration>,
    /// The first event.
    pub first_event: Option<Duration>,
    /// The first reasoning.
    pub first_reasoning: Option<Duration>,
    /// The first content of any kind.
    pub first_content: Option<Duration>,
    /// The last content.
    pub last_content: Option<Duration>,
    /// Half of the gaps are no longer.
    pub gap_p50: Option<Duration>,
    /// 99 of 100 gaps are no longer.
    pub gap_p99: Option<Duration>,
    /// The longest gap.
    pub gap_max: Option<Duration>,
    /// Gaps of at least two seconds.
    pub stalls: u32,
    /// The whole stream.
    pub duration: Duration,
}

/// Where the upstream is.
#[derive(Clone, Debug)]
pub struct Server {
    /// Host name.
    pub address: Arc<str>,
    /// Port.
    pub port: u16,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// The whole answer was delivered.
    Complete,
    /// The upstream gave no good answer, or broke off.
    UpstreamFailed,
    /// The caller left.
    Cancelled,
    /// Refused by tollgate.
    #[default]
    Rejected,
    /// Answered from the cache.
    Cached,
}

/// What went wrong.
#[derive(Clone, Debug)]
pub struct CallError {
    /// `timeout`, `connection_error` or `request_error`.
    pub kind: &'static str,
    /// The finer class: the upstream's status, or the kind of failure.
    pub class: Option<Cow<'static, str>>,
    /// A summary; never an upstream's body.
    pub message: String,
}

/// Prompts and answers as JSON.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// The prompt's messages.
    pub input_messages: Option<String>,
    /// The answer's choices, or the accumulated stream.
    pub output_messages: Option<String>,
    /// The system prompt.
    pub system_instructions: Option<String>,
    /// The tools offered.
    pub tool_definitions: Option<String>,
    /// Whether anything was cut off.
    pub truncated: bool,
}

/// An attempt that another one followed.
#[derive(Clone, Debug)]
pub struct FailedAttempt {
    /// From 1.
    pub number: u32,
    /// Where it went.
    pub target: Arc<str>,
    /// Who serves that.
    pub provider: Arc<str>,
    /// The model that was sent.
    pub model: Arc<str>,
    /// `timeout`, `connection_error` or `request_error`.
    pub kind: &'static str,
    /// The upstream's status, if it gave one.
    pub status: Option<u16>,
    /// A summary.
    pub message: String,
    /// When it began, in nanoseconds since 1970.
    pub start_ns: u64,
    /// How long it took.
    pub duration: Duration,
}

/// Work that the caller declared by headers.
#[derive(Clone, Debug)]
pub struct ContextOperation {
    /// `execute_tool`, `retrieval`, `invoke_agent` or `create_agent`.
    pub name: &'static str,
    /// The tool, source or agent.
    pub subject: Option<String>,
    /// Attributes under their documented names; strings all of them.
    pub attributes: Vec<(&'static str, String)>,
    /// How long it took; it ended when the request arrived.
    pub duration: Option<Duration>,
    /// The answer that asked for this tool run.
    pub links: Vec<SpanLink>,
}

// === impl Outcome ===

impl Outcome {
    /// The value of `gateway.outcome`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::UpstreamFailed => "upstream_failed",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Cached => "cached",
        }
    }
}

// === impl UsageSource ===

impl UsageSource {
    /// The value of `gateway.usage.source`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Estimated => "estimated",
            Self::Unknown => "unknown",
        }
    }
}
