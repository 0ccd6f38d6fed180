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
use super::headers::{
    CONTEXT_HEADERS, CONVERSATION_ID, ContextHeader, DECLARED, DURATION_MS_MAX, ENVIRONMENT,
    HeaderRole, OPERATION_NAME, PROMPT, SESSION_ID, USER_ID, any_said, value,
};

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

    /// The headers that say something of it; the first one names the subject.
    fn says(self) -> impl Iterator<Item = &'static ContextHeader> {
        CONTEXT_HEADERS
            .iter()
            .filter(move |it| matches!(it.role, HeaderRole::Says(of) if of.contains(&self)))
    }

    fn took(self) -> Option<&'static ContextHeader> {
        CONTEXT_HEADERS.iter().find(|it| it.role == HeaderRole::Took(self))
    }
}

// === impl Context ===

impl Context {
    /// Reads the headers.
    pub fn read(headers: &HeaderMap, attributes: &[(HeaderName, Arc<str>)]) -> Self {
        let mut context = if any_said(headers) { Self::said(headers) } else { Self::default() };
        context.custom.extend(attributes.iter().filter_map(|(header, attribute)| {
            Some((Arc::clone(attribute), value(headers, header)?))
        }));
        context
    }

    /// What the headers of the table say.
    fn said(headers: &HeaderMap) -> Self {
        let prompt = PROMPT
            .iter()
            .filter_map(|header| Some((Arc::from(header.attribute?), header.value(headers)?)));
        Self {
            user_id: USER_ID.value(headers),
            session_id: SESSION_ID.value(headers),
            conversation_id: CONVERSATION_ID.value(headers),
            environment: ENVIRONMENT.value(headers),
            operation_name: match OPERATION_NAME.value(headers).as_deref() {
                Some("chat") => Some("chat"),
                Some("generate_content") => Some("generate_content"),
                _ => None,
            },
            operation: ContextOperation::read(headers),
            custom: prompt.collect(),
        }
    }
}

// === impl ContextOperation ===

impl ContextOperation {
    fn read(headers: &HeaderMap) -> Option<Self> {
        let kind = Operation::parse(&DECLARED.value(headers)?)?;
        let attributes: Vec<_> = kind
            .says()
            .filter_map(|header| Some((header.attribute?, header.value(headers)?)))
            .collect();
        let named = kind.says().next().and_then(|header| header.attribute);
        let subject = attributes
            .iter()
            .find(|(attribute, _)| Some(*attribute) == named)
            .map(|(_, subject)| subject.clone());
        let duration = kind
            .took()
            .and_then(|header| whole_number(&header.value(headers)?))
            .filter(|ms| *ms <= DURATION_MS_MAX)
            .map(Duration::from_millis);
        Some(Self { kind, duration, attributes, subject })
    }
}

/// Digits alone: a number's parser would take a sign, too.
fn whole_number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
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
