//! Cohere v2 chat, as upstreams read it.
//!
//! Source: Cohere's API reference of `POST /v2/chat`.

mod encode;
mod messages;
#[cfg(test)]
mod tests;

pub(super) use encode::encode;
