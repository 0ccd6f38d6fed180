//! The Responses API, as callers write it and as upstreams read it.

mod content;
mod decode;
mod encode;
mod input;
mod items;
#[cfg(test)]
mod tests;
mod tools;
mod whole;
mod writer;

use super::set;

pub(super) use decode::decode;
pub(super) use encode::encode;
pub(super) use whole::whole;
pub(super) use writer::EventWriter;
