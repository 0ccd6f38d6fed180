//! Everything tollgate knows about LLM APIs, sans-IO: bytes in, events out; no clock, no socket.

#![deny(clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic, reason = "tests may")
)]

mod anthropic;
pub mod body;
mod calls;
pub mod canonical;
pub mod catalog;
mod cohere;
pub mod endpoint;
pub mod error_body;
mod error_class;
pub mod estimate;
pub mod event;
#[cfg(test)]
mod fixtures;
mod gemini;
pub mod inspect;
mod json;
pub mod media;
pub mod multipart;
mod openai;
pub mod peek;
pub mod provider;
pub mod rewrite;
pub mod secret;
mod snapshot;
pub mod sse;
mod stream;
mod transcript;
pub mod translate;
mod upstream_error;

pub use endpoint::{Endpoint, EndpointKind};
pub use error_class::ErrorClass;
pub use event::{JsonStr, Medium, Opaque, StreamEvent, Usage};
pub use inspect::{Api, Cut, inspect};
pub use json::quote_or_escape;
pub use peek::{Peek, PeekError};
pub use provider::{AuthStyle, BaseUrl, Capabilities, Dialect, Provider};
pub use secret::{Secret, SecretError, SecretSource};
pub use snapshot::is_snapshot_of;
pub use stream::StreamReader;
pub use transcript::{ToolCall, Transcript};
pub use upstream_error::UpstreamError;
