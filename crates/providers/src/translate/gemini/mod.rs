//! Gemini `generateContent`, as upstreams read it.

mod encode;

pub(super) use encode::encode;
