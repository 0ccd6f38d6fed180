//! The Messages API, as callers write it and as upstreams read it.

mod decode;
mod encode;
#[cfg(test)]
mod tests;
mod whole;
mod writer;

use serde_json::Value;

use super::{member, set};

pub(super) use decode::decode;
pub(super) use encode::encode;
pub(super) use whole::whole;
pub(super) use writer::EventWriter;

/// The `type` of a block.
fn kind_of(block: &Value) -> &str {
    member(block, "type").and_then(Value::as_str).unwrap_or_default()
}
