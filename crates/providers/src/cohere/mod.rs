//! Cohere v2 chat: named events, each with its place in the message.
//!
//! Source: Cohere's API reference of `POST /v2/chat`, streamed and not.

mod reader;
#[cfg(test)]
mod tests;

pub(crate) use reader::CohereReader;
