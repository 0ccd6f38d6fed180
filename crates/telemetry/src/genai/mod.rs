//! One finished call, and the spans it ends as.

pub mod attributes;
mod broken;
mod cache_use;
mod call;
mod caller_key;
mod tree;
mod unknown;

pub use broken::{PANIC, build_spans};
pub use cache_use::{CacheStatus, CacheUse};
pub use call::{
    Call, CallError, Content, ContextOperation, Cost, FailedAttempt, GenAi, Http, Outcome, Params,
    Response, Routing, Server, StreamTiming, ToolCall, UsageSource, Variant, Violation,
};
pub use caller_key::CallerKey;
pub use tree::span_tree;
pub(crate) use tree::throughput;
pub(crate) use unknown::UNKNOWN;

#[cfg(test)]
mod tests;
