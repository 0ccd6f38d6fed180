//! The Responses API, as callers write it and as upstreams read it.

mod decode;
mod encode;
mod whole;
mod writer;

pub(super) use decode::decode;
pub(super) use encode::encode;
pub(super) use whole::whole;
pub(super) use writer::EventWriter;
