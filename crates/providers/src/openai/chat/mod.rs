//! Chat completions: streams and plain answers share one reader, because a plain answer's
//! `message` has the fields of a stream's `delta`. Legacy completions differ by `text` alone.

mod delta;
mod reader;
mod usage;

pub(crate) use reader::ChatReader;
pub(crate) use usage::read_usage;

#[cfg(test)]
mod tests;
