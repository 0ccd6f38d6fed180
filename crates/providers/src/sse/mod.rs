//! Server-sent events (WHATWG HTML, 9.2), incremental and in place.

mod decoder;

pub(crate) use decoder::SseEvent;
pub use decoder::{MAX_EVENT_BYTES, SseDecoder};

#[cfg(test)]
mod tests;
