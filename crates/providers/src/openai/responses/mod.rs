//! OpenAI's Responses API.

mod reader;

pub(crate) use reader::ResponsesReader;

#[cfg(test)]
mod tests;
