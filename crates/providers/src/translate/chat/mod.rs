//! Chat completions, as callers write them and as upstreams read them.

mod content;
mod decode;
mod encode;
mod messages;
#[cfg(test)]
mod tests;
mod whole;
mod writer;

pub(super) use content::{source_of_url, url_of_source};
pub(super) use decode::decode;
pub(super) use encode::encode;
pub(super) use whole::whole;
pub(super) use writer::EventWriter;
