//! Gemini `generateContent`, as upstreams read it.
//!
//! Source: Google's API reference of `GenerateContentRequest`.

mod contents;
mod encode;
mod generation;
#[cfg(test)]
mod tests;

pub(super) use encode::encode;
