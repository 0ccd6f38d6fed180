//! What a span is of, as far as vocabularies tell spans apart.

use serde::Deserialize;

use crate::genai::attributes as a;
use crate::span::{Pipeline, Span, SpanKind, Value};

/// The sorts of spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SpanType {
    /// A request to the gateway, as HTTP.
    Http,
    /// A call of a model.
    Inference,
    /// A call of a model for vectors.
    Embeddings,
    /// A tool call in a model's answer. That it was made does not say that the tool ran.
    ToolCall,
    /// A tool that the caller ran.
    ExecuteTool,
    /// Documents that the caller looked up.
    Retrieval,
    /// An agent that the caller ran.
    InvokeAgent,
    /// An agent that the caller made.
    CreateAgent,
}

// === impl SpanType ===

impl SpanType {
    pub(super) fn of(span: &Span) -> Self {
        if span.pipeline == Pipeline::Application {
            return Self::Http;
        }
        let operation = match span.attribute(a::OPERATION_NAME) {
            Some(Value::Str(name)) => &**name,
            _ => "",
        };
        match (span.kind, operation) {
            (SpanKind::Client, "embeddings") => Self::Embeddings,
            (SpanKind::Client, _) => Self::Inference,
            (_, "execute_tool") => Self::ExecuteTool,
            (_, "retrieval") => Self::Retrieval,
            (_, "invoke_agent") => Self::InvokeAgent,
            (_, "create_agent") => Self::CreateAgent,
            _ => Self::ToolCall,
        }
    }
}
