//! Any caller's dialect to any upstream's: requests there, answers back.
//!
//! One model in the middle (`request::Request` for what goes up, `blocks::Step` for what comes
//! back) and one codec per dialect, so that a new dialect is one more codec and not one more for
//! every pair. Answers are read by the readers that meter them; a codec only writes.
//!
//! | | decodes requests of callers | encodes requests for upstreams | writes answers for callers |
//! |---|---|---|---|
//! | chat completions, Responses, Messages | yes | yes | yes |
//! | Cohere, Gemini | | yes | |
//!
//! What a target cannot express is dropped and named ([`Translated::dropped`]) where the answer
//! still means the same, and refused ([`Untranslatable`]) where it would not.

mod answer;
mod blocks;
mod chat;
mod cohere;
mod finish;
mod gemini;
mod messages;
mod request;
mod responses;
mod sealed;
#[cfg(test)]
mod tests;
mod writer;

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::json::write;
use crate::provider::{Capabilities, Dialect};
use request::{Draft, Request};

pub use answer::ANSWER_BYTES_MAX;
pub use blocks::made_call_id;
pub use writer::{Reply, WriteError, Writer};

/// What a target changes in a request, beside its dialect.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The model that it knows.
    pub model: &'a str,
    /// What its API takes.
    pub capabilities: Capabilities,
    /// A temperature, where the caller gave none.
    pub temperature: Option<f64>,
    /// A limit on generated tokens, where the caller gave none.
    pub max_tokens: Option<u32>,
}

/// A request in another dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translated {
    /// The body.
    pub body: Bytes,
    /// Parameters that the target cannot express and that were left out, by the caller's names.
    pub dropped: Vec<String>,
}

/// Why a request cannot be said in another dialect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {reason}")]
pub struct Untranslatable {
    /// The part of the caller's body at fault, for example `messages[2].content[0]`.
    pub field: String,
    /// A sentence for people; repeats nothing of the content.
    pub reason: String,
}

/// Writes a caller's request in an upstream's dialect.
///
/// # Errors
/// [`Untranslatable`], where leaving something out would change what the request means, and for a
/// body that is no request of the caller's dialect.
pub fn translate_request(
    caller: Dialect,
    upstream: Dialect,
    body: &[u8],
    target: &Target<'_>,
) -> Result<Translated, Untranslatable> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|_| Untranslatable::new("body", "is no JSON of this API"))?;
    let mut request = decode(caller, value)?;
    target.model.clone_into(&mut request.model);
    let sampling = &mut request.sampling;
    sampling.temperature = sampling.temperature.or(target.temperature);
    sampling.max_tokens = sampling.max_tokens.or(target.max_tokens.map(u64::from));
    let mut draft = Draft::new(request);
    let value = encode(upstream, &mut draft, target.capabilities)?;
    let mut written = Vec::with_capacity(body.len());
    write(&mut written, &value)
        .map_err(|_| Untranslatable::new("body", "cannot be written for the target"))?;
    Ok(Translated { body: written.into(), dropped: draft.into_dropped() })
}

fn decode(caller: Dialect, body: Value) -> Result<Request, Untranslatable> {
    match caller {
        Dialect::Chat => chat::decode(body),
        Dialect::Messages => messages::decode(body),
        Dialect::Responses => responses::decode(body),
        Dialect::Cohere | Dialect::Gemini => {
            Err(Untranslatable::new("body", "requests of this dialect are not translated"))
        }
    }
}

fn encode(
    upstream: Dialect,
    draft: &mut Draft,
    capabilities: Capabilities,
) -> Result<Value, Untranslatable> {
    match upstream {
        Dialect::Chat => chat::encode(draft, capabilities),
        Dialect::Messages => messages::encode(draft, capabilities),
        Dialect::Responses => responses::encode(draft, capabilities),
        Dialect::Cohere => cohere::encode(draft, capabilities),
        Dialect::Gemini => gemini::encode(draft, capabilities),
    }
}

impl Untranslatable {
    pub(crate) fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }

    /// The same of a field that stands inside of `place`. Places are written only where one is told.
    pub(crate) fn within(mut self, place: &str) -> Self {
        self.field.insert_str(0, place);
        self
    }
}

/// An object of these members; the values are not copied, as `json!` does.
pub(crate) fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let mut object = Map::with_capacity(N);
    for (name, value) in members {
        object.insert(name.to_owned(), value);
    }
    Value::Object(object)
}

/// A member of an object of few, found without a hash.
pub(crate) fn member<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    object.as_object()?.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Takes a member out. Most that are asked for are not there, which is seen without a hash: bodies
/// have few members.
pub(crate) fn take(object: &mut Map<String, Value>, name: &str) -> Option<Value> {
    if object.keys().all(|known| known != name) {
        return None;
    }
    object.remove(name)
}

/// Sets a member of an object that is being written.
pub(crate) fn set(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Value::Object(members) = object {
        members.insert(name.to_owned(), value.into());
    }
}
