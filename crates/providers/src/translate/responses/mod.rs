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

use serde_json::Value;

pub(super) use decode::decode;
pub(super) use encode::encode;
pub(super) use whole::whole;
pub(super) use writer::EventWriter;

/// Sets a member of an object.
fn set(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Value::Object(members) = object {
        members.insert(name.to_owned(), value.into());
    }
}
