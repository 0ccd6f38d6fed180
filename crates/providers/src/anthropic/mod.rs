//! Anthropic's Messages API.

mod reader;
mod usage;

pub(crate) use reader::MessagesReader;

#[cfg(test)]
mod tests;
