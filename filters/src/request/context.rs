//! What the caller's headers say of the work around the call: user, session, and the tool run,
//! retrieval or agent step that came before it.
//!
//! Source: the context propagation page. Where two spellings of a header are documented, both are
//! read and the newer one wins. Unknown headers and unknown values are ignored.

use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use tower::{Layer, Service};

use super::Request;

/// Longest value that is kept, in characters; the rest is cut off.
pub(super) const CONTEXT_VALUE_CHARS_MAX: usize = 256;
/// Longest work a caller can claim, one day: larger values are ignored.
const DURATION_MS_MAX: u64 = 86_400_000;
/// Where a prompt comes from. No attribute is documented for it, so these names are ours.
const PROMPT: [(&str, &str); 4] = [
    ("x-to11-prompt-id", "gateway.prompt.id"),
    ("x-to11-prompt-version", "gateway.prompt.version"),
    ("x-to11-prompt-label", "gateway.prompt.label"),
    ("x-to11-prompt-slug", "gateway.prompt.slug"),
];

/// The facts of one request's headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// `x-to11-user-id`.
    pub user_id: Option<String>,
    /// `x-to11-session-id`.
    pub session_id: Option<String>,
    /// `x-to11-conversation-id`, or `x-conversation-id`.
    pub conversation_id: Option<String>,
    /// `x-to11-env`, or `x-to11-environment`.
    pub environment: Option<String>,
    /// `x-to11-operation`: forces the operation's name.
    pub operation_name: Option<&'static str>,
    /// `x-to11-context-operation` and what belongs to it.
    pub operation: Option<ContextOperation>,
    /// Attributes from the operator's headers, and of the prompt that was used.
    pub custom: Vec<(Arc<str>, String)>,
}

/// Headers that become attributes under the operator's names.
pub type HeaderAttributes = Arc<[(HeaderName, Arc<str>)]>;

/// Work that the application did before this call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextOperation {
    /// Which kind of work.
    pub kind: Operation,
    /// How long it took; it ended when the request arrived.
    pub duration: Option<Duration>,
    /// Attributes of its span, under the documented names.
    pub attributes: Vec<(&'static str, String)>,
    /// What stands behind the operation in the span's name: tool, source or agent.
    pub subject: Option<String>,
}

/// The kinds of work that can be declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A tool was run.
    ExecuteTool,
    /// Documents were looked up.
    Retrieval,
    /// An agent took a step.
    InvokeAgent,
    /// An agent was made.
    CreateAgent,
}

/// Inserts a [`Context`]. Refuses nothing: headers of this kind can only be ignored.
///
/// Stands after the layers that refuse, since it only costs time.
#[derive(Clone, Debug, Default)]
pub struct ContextLayer {
    header_attributes: HeaderAttributes,
}

/// See [`ContextLayer`].
#[derive(Clone, Debug)]
pub struct Contexts<S> {
    inner: S,
    header_attributes: HeaderAttributes,
}

// === impl Operation ===

impl Operation {
    /// The value of `x-to11-context-operation` and of `gen_ai.operation.name`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ExecuteTool => "execute_tool",
            Self::Retrieval => "retrieval",
            Self::InvokeAgent => "invoke_agent",
            Self::CreateAgent => "create_agent",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::ExecuteTool, Self::Retrieval, Self::InvokeAgent, Self::CreateAgent]
            .into_iter()
            .find(|operation| operation.name() == text)
    }

    /// Header (behind `x-to11-context-`) and attribute of everything that can be said of it. The
    /// first one names the subject.
    const fn fields(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::ExecuteTool => &[
                ("x-to11-context-tool-name", "gen_ai.tool.name"),
                ("x-to11-context-tool-call-id", "gen_ai.tool.call.id"),
            ],
            Self::Retrieval => &[
                ("x-to11-context-retrieval-source", "gen_ai.retrieval.source"),
                ("x-to11-context-retrieval-document-count", "gen_ai.retrieval.document.count"),
            ],
            Self::InvokeAgent => &[
                ("x-to11-context-agent-name", "gen_ai.agent.name"),
                ("x-to11-context-agent-id", "gen_ai.agent.id"),
                ("x-to11-context-agent-step", "gen_ai.agent.step"),
            ],
            Self::CreateAgent => &[
                ("x-to11-context-agent-name", "gen_ai.agent.name"),
                ("x-to11-context-agent-id", "gen_ai.agent.id"),
                ("x-to11-context-agent-description", "gen_ai.agent.description"),
            ],
        }
    }

    const fn duration_header(self) -> Option<&'static str> {
        match self {
            Self::ExecuteTool => Some("x-to11-context-tool-duration-ms"),
            Self::Retrieval => Some("x-to11-context-retrieval-duration-ms"),
            Self::InvokeAgent | Self::CreateAgent => None,
        }
    }
}

// === impl Context ===

impl Context {
    /// Reads the headers.
    pub fn read(headers: &HeaderMap, attributes: &[(HeaderName, Arc<str>)]) -> Self {
        let either = |newer, older| value(headers, newer).or_else(|| value(headers, older));
        Self {
            user_id: value(headers, "x-to11-user-id"),
            session_id: value(headers, "x-to11-session-id"),
            conversation_id: either("x-to11-conversation-id", "x-conversation-id"),
            environment: either("x-to11-env", "x-to11-environment"),
            operation_name: match value(headers, "x-to11-operation").as_deref() {
                Some("chat") => Some("chat"),
                Some("generate_content") => Some("generate_content"),
                _ => None,
            },
            operation: ContextOperation::read(headers),
            custom: custom(headers, attributes),
        }
    }
}

// === impl ContextOperation ===

impl ContextOperation {
    fn read(headers: &HeaderMap) -> Option<Self> {
        let kind = Operation::parse(&value(headers, "x-to11-context-operation")?)?;
        let attributes: Vec<_> = kind
            .fields()
            .iter()
            .filter_map(|(header, attribute)| Some((*attribute, value(headers, header)?)))
            .collect();
        let subject_attribute = kind.fields().first().map(|(_, attribute)| *attribute);
        let subject = attributes
            .iter()
            .find(|(attribute, _)| Some(*attribute) == subject_attribute)
            .map(|(_, subject)| subject.clone());
        let duration = kind
            .duration_header()
            .and_then(|header| value(headers, header)?.parse().ok())
            .filter(|ms| *ms <= DURATION_MS_MAX)
            .map(Duration::from_millis);
        Some(Self { kind, duration, attributes, subject })
    }
}

fn custom(headers: &HeaderMap, attributes: &[(HeaderName, Arc<str>)]) -> Vec<(Arc<str>, String)> {
    let prompt = PROMPT
        .iter()
        .filter_map(|(header, attribute)| Some((Arc::from(*attribute), value(headers, header)?)));
    let listed = attributes.iter().filter_map(|(header, attribute)| {
        Some((Arc::clone(attribute), value(headers, header.as_str())?))
    });
    prompt.chain(listed).collect()
}

/// A header's text: UTF-8, trimmed, cut to the limit; `None` when absent, empty or not text.
fn value(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = std::str::from_utf8(headers.get(name)?.as_bytes()).ok()?.trim();
    if text.is_empty() || text.chars().any(char::is_control) {
        return None;
    }
    Some(text.chars().take(CONTEXT_VALUE_CHARS_MAX).collect())
}

// === impl ContextLayer ===

impl ContextLayer {
    /// Also reads the operator's headers.
    pub const fn new(header_attributes: HeaderAttributes) -> Self {
        Self { header_attributes }
    }
}

impl<S> Layer<S> for ContextLayer {
    type Service = Contexts<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Contexts { inner, header_attributes: Arc::clone(&self.header_attributes) }
    }
}

// === impl Contexts ===

impl<S: Service<Request>> Service<Request> for Contexts<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let context = Context::read(request.headers(), &self.header_attributes);
        request.extensions_mut().insert(context);
        self.inner.call(request)
    }
}
