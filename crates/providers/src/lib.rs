//! Everything tollgate knows about LLM APIs, sans-IO: bytes in, events out; no clock, no socket.

pub mod event;
mod json;
pub mod provider;
pub mod secret;

pub use event::{JsonStr, StreamEvent, Usage};
pub use provider::{AuthStyle, BaseUrl, Dialect, Provider};
pub use secret::{Secret, SecretError, SecretSource};
