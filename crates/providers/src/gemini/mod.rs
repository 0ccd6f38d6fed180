//! Gemini `generateContent`, native: every event of a stream is a whole response with a part of the
//! content.
//!
//! Source: Google's API reference of `GenerateContentResponse`.

mod reader;
#[cfg(test)]
mod tests;
mod usage;

pub(crate) use reader::GeminiReader;
pub(crate) use usage::read_usage;
