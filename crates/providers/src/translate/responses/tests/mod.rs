//! The Responses API read, written, and both in turn.

mod answers;
mod lossless;
mod order;
mod requests;

use serde_json::Value;

use super::{decode, encode};
use crate::provider::{Capabilities, Dialect};
use crate::translate::request::{Draft, Request};
use crate::translate::writer::Reply;

const ALL: Capabilities = Capabilities::assumed(Dialect::Responses);

fn read(body: Value) -> Request {
    decode(body).unwrap()
}

fn written(request: Request) -> (Value, Vec<String>) {
    let mut draft = Draft::new(request);
    let value = encode(&mut draft, ALL).unwrap();
    (value, draft.into_dropped())
}

fn reply() -> Reply {
    Reply { request_id: "req_1".into(), model: "asked".into(), created: 7, include_usage: false }
}
