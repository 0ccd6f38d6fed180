//! What is told of a call when telling all of it goes wrong.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{Call, CallError, GenAi, Outcome};
use crate::span::Span;

/// The class of an error that is a panic in tollgate: the value of `gateway.error.class`.
pub const PANIC: &str = "panic";

// === impl CallError ===

impl CallError {
    /// Tollgate itself failed.
    pub fn panic() -> Self {
        Self {
            kind: "request_error",
            class: Some(Cow::Borrowed(PANIC)),
            message: "tollgate failed in the middle of the request".to_owned(),
        }
    }
}

// === impl Call ===

impl Call {
    /// The same call, with nothing in it but who, when, and that tollgate failed.
    pub fn broken(&self) -> Self {
        let mut http = self.http.clone();
        http.outcome = Some(Outcome::UpstreamFailed);
        let broken = |genai: &GenAi| GenAi {
            start_ns: genai.start_ns,
            end_ns: genai.end_ns,
            operation: genai.operation,
            provider: genai.provider.clone(),
            request_model: Arc::clone(&genai.request_model),
            stream: genai.stream,
            output_type: genai.output_type,
            outcome: Outcome::UpstreamFailed,
            error: Some(CallError::panic()),
            ..GenAi::default()
        };
        let genai = self.genai.as_deref().map(broken).map(Box::new);
        Self { trace: self.trace.clone(), http, genai, ..*self }
    }
}

/// The spans of `call` as `build` makes them; if it panics, those of the [`Call::broken`] one, which is
/// then the call to be counted.
pub fn build_spans(
    call: &Call,
    mut build: impl FnMut(&Call) -> Vec<Span>,
) -> (Cow<'_, Call>, Vec<Span>) {
    if let Ok(spans) = catch_unwind(AssertUnwindSafe(|| build(call))) {
        return (Cow::Borrowed(call), spans);
    }
    let broken = call.broken();
    // With nothing in it that could go wrong twice; and if it does, the call is still counted.
    let spans = catch_unwind(AssertUnwindSafe(|| build(&broken))).unwrap_or_default();
    (Cow::Owned(broken), spans)
}
