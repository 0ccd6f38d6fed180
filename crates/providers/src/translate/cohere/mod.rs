//! Cohere v2 chat, as upstreams read it.

mod encode;

pub(super) use encode::encode;
