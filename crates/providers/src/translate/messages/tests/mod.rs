//! Requests and answers of the Messages API, there and back.

mod answers;
mod disorder;
mod fold;
mod reading;
mod round_trip;
mod settings;
mod writing;

use serde_json::Value;

use super::{decode, encode};
use crate::provider::{Capabilities, Dialect};
use crate::translate::Untranslatable;
use crate::translate::request::{Draft, Message, Part, Request, Role};

/// A request with one turn of the user's.
fn asking(parts: Vec<Part>) -> Request {
    Request {
        model: "claude-sonnet-4-5".to_owned(),
        messages: vec![Message { role: Role::User, parts }],
        ..Request::default()
    }
}

/// What is written for an upstream, and what was left out.
fn written(request: Request) -> Result<(Value, Vec<String>), Untranslatable> {
    let mut draft = Draft::new(request);
    let body = encode(&mut draft, Capabilities::assumed(Dialect::Messages))?;
    Ok((body, draft.into_dropped()))
}

/// The field at fault.
fn refused(request: Request) -> String {
    written(request).unwrap_err().field
}

/// A body with what every request has.
fn body(mut members: Value) -> Value {
    for (name, value) in [("model", "m".into()), ("max_tokens", 10.into())] {
        if members.get(name).is_none() {
            members[name] = value;
        }
    }
    if members.get("messages").is_none() {
        members["messages"] = serde_json::json!([{ "role": "user", "content": "hi" }]);
    }
    members
}

fn read(members: Value) -> Request {
    decode(body(members)).unwrap()
}

fn unreadable(members: Value) -> String {
    decode(body(members)).unwrap_err().field
}
