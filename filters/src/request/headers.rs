//! Every header of the context propagation page once: what a caller may send along, which spelling
//! wins, and what becomes of it. `docs/telemetry.md` is made from this table.

use http::HeaderMap;
use http::header::AsHeaderName;

use super::Operation;

/// Longest value that is kept, in characters; the rest is cut off.
pub const CONTEXT_VALUE_CHARS_MAX: usize = 256;
/// Longest work a caller can claim, one day: larger values are ignored.
pub const DURATION_MS_MAX: u64 = 86_400_000;

/// How the headers begin that say something of the work, whatever their spelling.
const BEGINNINGS: [&str; 2] = ["x-to11-", "x-conversation-"];

/// What the table says of a header.
#[derive(Clone, Copy, Debug)]
pub struct ContextHeader {
    /// The name; of two spellings the newer, which wins.
    pub name: &'static str,
    /// The older spelling.
    pub older: Option<&'static str>,
    /// What it is for.
    pub role: HeaderRole,
    /// The attribute that its value becomes.
    pub attribute: Option<&'static str>,
    /// What it does, in one line.
    pub note: &'static str,
}

/// What a header is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderRole {
    /// The trace that the call belongs to.
    Trace,
    /// An attribute of the model call.
    Session,
    /// Forces `gen_ai.operation.name`.
    OperationName,
    /// Declares work that came before the call.
    Declares,
    /// Says something of the work; the first one of each kind stands in its span's name.
    Says(&'static [Operation]),
    /// How long the work took, in milliseconds.
    Took(Operation),
}

const AGENTS: &[Operation] = &[Operation::InvokeAgent, Operation::CreateAgent];

pub(super) const USER_ID: ContextHeader =
    session("x-to11-user-id", None, "gen_ai.user.id", "The user; wins over `user` of the body");
pub(super) const SESSION_ID: ContextHeader =
    session("x-to11-session-id", None, "gen_ai.session.id", "The session");
pub(super) const CONVERSATION_ID: ContextHeader = session(
    "x-to11-conversation-id",
    Some("x-conversation-id"),
    "gen_ai.conversation.id",
    "The conversation",
);
pub(super) const ENVIRONMENT: ContextHeader = session(
    "x-to11-env",
    Some("x-to11-environment"),
    "deployment.environment.name",
    "The environment",
);
pub(super) const OPERATION_NAME: ContextHeader = ContextHeader {
    name: "x-to11-operation",
    older: None,
    role: HeaderRole::OperationName,
    attribute: Some("gen_ai.operation.name"),
    note: "`chat` or `generate_content`: what a chat call is called, whatever is in it; anything else is ignored",
};
pub(super) const DECLARED: ContextHeader = ContextHeader {
    name: "x-to11-context-operation",
    older: None,
    role: HeaderRole::Declares,
    attribute: Some("gen_ai.operation.name"),
    note: "`execute_tool`, `retrieval`, `invoke_agent` or `create_agent`: a span of its own beside the model call",
};

/// Where a prompt comes from. No attribute is documented for it, so these names are ours.
pub(super) const PROMPT: [ContextHeader; 4] = [
    session("x-to11-prompt-id", None, "gateway.prompt.id", "The prompt that was used, by its id"),
    session("x-to11-prompt-version", None, "gateway.prompt.version", "Its version"),
    session("x-to11-prompt-label", None, "gateway.prompt.label", "Its label"),
    session("x-to11-prompt-slug", None, "gateway.prompt.slug", "Its short name"),
];

/// Every header, in the order of the documentation.
pub const CONTEXT_HEADERS: &[ContextHeader] = &[
    trace(
        "traceparent",
        "The caller's trace. It goes on upstream with the model call as parent, and comes back with the HTTP span; an invalid one begins a new trace",
    ),
    trace("tracestate", "Goes along with a valid `traceparent`, up to 512 bytes, unchanged"),
    USER_ID,
    SESSION_ID,
    CONVERSATION_ID,
    ENVIRONMENT,
    PROMPT[0],
    PROMPT[1],
    PROMPT[2],
    PROMPT[3],
    OPERATION_NAME,
    DECLARED,
    says(
        "x-to11-context-tool-name",
        &[Operation::ExecuteTool],
        "gen_ai.tool.name",
        "The tool that was run",
    ),
    says(
        "x-to11-context-tool-call-id",
        &[Operation::ExecuteTool],
        "gen_ai.tool.call.id",
        "The call in the earlier answer that asked for it",
    ),
    took("x-to11-context-tool-duration-ms", Operation::ExecuteTool),
    says(
        "x-to11-context-retrieval-source",
        &[Operation::Retrieval],
        "gen_ai.retrieval.source",
        "Where documents were looked up",
    ),
    says(
        "x-to11-context-retrieval-document-count",
        &[Operation::Retrieval],
        "gen_ai.retrieval.document.count",
        "How many were found; kept as text",
    ),
    took("x-to11-context-retrieval-duration-ms", Operation::Retrieval),
    says("x-to11-context-agent-name", AGENTS, "gen_ai.agent.name", "The agent's name"),
    says("x-to11-context-agent-id", AGENTS, "gen_ai.agent.id", "The agent's id"),
    says(
        "x-to11-context-agent-step",
        &[Operation::InvokeAgent],
        "gen_ai.agent.step",
        "The step, from 0; kept as text",
    ),
    says(
        "x-to11-context-agent-description",
        &[Operation::CreateAgent],
        "gen_ai.agent.description",
        "What the agent is for",
    ),
];

const fn session(
    name: &'static str,
    older: Option<&'static str>,
    attribute: &'static str,
    note: &'static str,
) -> ContextHeader {
    ContextHeader { name, older, role: HeaderRole::Session, attribute: Some(attribute), note }
}

const fn trace(name: &'static str, note: &'static str) -> ContextHeader {
    ContextHeader { name, older: None, role: HeaderRole::Trace, attribute: None, note }
}

const fn says(
    name: &'static str,
    of: &'static [Operation],
    attribute: &'static str,
    note: &'static str,
) -> ContextHeader {
    ContextHeader {
        name,
        older: None,
        role: HeaderRole::Says(of),
        attribute: Some(attribute),
        note,
    }
}

const fn took(name: &'static str, of: Operation) -> ContextHeader {
    let note = "How long it took, in whole milliseconds up to a day; it ended when the request came. Without it, or with anything else, the span has no length";
    ContextHeader { name, older: None, role: HeaderRole::Took(of), attribute: None, note }
}

// === impl ContextHeader ===

impl ContextHeader {
    /// The header's text, by the newer spelling if that says something.
    pub(super) fn value(&self, headers: &HeaderMap) -> Option<String> {
        value(headers, self.name).or_else(|| value(headers, self.older?))
    }
}

/// Whether any header of the table is there that says something of the work. Most requests have none,
/// which one look at each header tells.
pub(super) fn any_said(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| {
        let name = name.as_str();
        BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
            && CONTEXT_HEADERS.iter().any(|it| it.name == name || it.older == Some(name))
    })
}

/// UTF-8, trimmed, cut to the limit; `None` when absent, empty or not text.
pub(super) fn value(headers: &HeaderMap, name: impl AsHeaderName) -> Option<String> {
    let text = std::str::from_utf8(headers.get(name)?.as_bytes()).ok()?.trim();
    if text.is_empty() || text.chars().any(char::is_control) {
        return None;
    }
    Some(text.chars().take(CONTEXT_VALUE_CHARS_MAX).collect())
}
