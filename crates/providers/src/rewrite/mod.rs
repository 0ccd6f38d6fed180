//! Changes a request body where a target needs it changed, and nowhere else: key order, numbers,
//! white space and unknown fields stay as the caller wrote them.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use crate::peek::Peek;

#[cfg(test)]
mod tests;

/// What a target needs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rewrite<'a> {
    /// The model name that the provider knows.
    pub model: Option<&'a str>,
    /// Ask for usage in the stream.
    pub include_usage: bool,
    /// A temperature, where the caller gave none.
    pub temperature: Option<f64>,
    /// A limit on generated tokens, where the caller gave none.
    pub max_tokens: Option<u32>,
    /// Whether that limit goes by its newer name, `max_completion_tokens`.
    pub newer_limit: bool,
}

impl Rewrite<'_> {
    /// Whether there is anything that a body could have to be changed for.
    pub fn changes(&self) -> bool {
        let Self { model, include_usage, temperature, max_tokens, newer_limit: _ } = self;
        model.is_some() || *include_usage || temperature.is_some() || max_tokens.is_some()
    }
}

/// The body for a target; the same bytes, without a copy, where nothing changes.
pub fn rewrite(body: &Bytes, peek: &Peek<'_>, change: Rewrite<'_>) -> Bytes {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    if let Some(model) = change.model {
        edits.push((peek.places.model.clone(), serde_json::Value::from(model).to_string()));
    }
    if change.include_usage && !peek.include_usage {
        edits.extend(ask_for_usage(body, peek));
    }
    let temperature = change.temperature.filter(|given| given.is_finite());
    if let Some(given) = temperature.map(|given| given.to_string()) {
        edits.extend(fill(body, peek, peek.places.temperature.as_ref(), "temperature", given));
    }
    if let Some(given) = change.max_tokens.map(|given| given.to_string()) {
        let name = match (peek.places.has_input, change.newer_limit) {
            (true, _) => "max_output_tokens",
            (false, true) => "max_completion_tokens",
            (false, false) => "max_tokens",
        };
        edits.extend(fill(body, peek, peek.places.max_tokens.as_ref(), name, given));
    }
    splice(body, edits)
}

/// Gives a member what the caller left open. `null` says nothing; whatever else stands there is the
/// caller's word, and a second member of the same name would leave it to the reader which one counts.
fn fill(
    body: &Bytes,
    peek: &Peek<'_>,
    place: Option<&Range<usize>>,
    name: &str,
    given: String,
) -> Option<(Range<usize>, String)> {
    let Some(place) = place else {
        // Behind the model, which every body has.
        let end = peek.places.model.end;
        return Some((end..end, format!(",\"{name}\":{given}")));
    };
    (body.get(place.clone())? == b"null").then(|| (place.clone(), given))
}

fn ask_for_usage(body: &Bytes, peek: &Peek<'_>) -> Option<(Range<usize>, String)> {
    let places = &peek.places;
    if let Some(value) = &places.include_usage {
        return Some((value.clone(), "true".to_owned()));
    }
    if let Some(options) = &places.stream_options {
        let raw = body.get(options.clone())?;
        if raw.first() != Some(&b'{') {
            return Some((options.clone(), "{\"include_usage\":true}".to_owned()));
        }
        let empty = raw.get(1..raw.len() - 1)?.iter().all(u8::is_ascii_whitespace);
        let member = if empty { "\"include_usage\":true" } else { "\"include_usage\":true," };
        let at = options.start + 1;
        return Some((at..at, member.to_owned()));
    }
    let at = places.stream.as_ref()?.end;
    Some((at..at, ",\"stream_options\":{\"include_usage\":true}".to_owned()))
}

fn splice(body: &Bytes, mut edits: Vec<(Range<usize>, String)>) -> Bytes {
    if edits.is_empty() {
        return body.clone();
    }
    // Stable: edits at one place keep their order.
    edits.sort_by_key(|(place, _)| place.start);
    let added: usize = edits.iter().map(|(_, text)| text.len()).sum();
    let mut out = BytesMut::with_capacity(body.len() + added);
    let mut copied = 0;
    for (place, text) in &edits {
        out.extend_from_slice(body.get(copied..place.start).unwrap_or_default());
        out.extend_from_slice(text.as_bytes());
        copied = place.end;
    }
    out.extend_from_slice(body.get(copied..).unwrap_or_default());
    out.freeze()
}
