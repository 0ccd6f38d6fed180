//! Spans, metrics and their export. Nothing here decides anything.

pub mod export;
pub mod genai;
pub mod log;
pub mod metrics;
pub mod profile;
mod span;
mod trace_context;

pub use profile::Profile;
pub use span::{
    Key, Pipeline, Span, SpanEvent, SpanId, SpanKind, SpanLink, Status, Text, TraceId, Value,
};
pub use trace_context::TraceContext;
