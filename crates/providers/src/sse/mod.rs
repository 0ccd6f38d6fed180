//! Server-sent events (WHATWG HTML, 9.2), incremental and in place.

mod decoder;

pub use decoder::{MAX_EVENT_BYTES, SseDecoder};

#[cfg(test)]
mod tests;
