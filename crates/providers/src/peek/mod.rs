//! A borrowed look at a request body: what routing, limits and telemetry need to know of it.
//!
//! The body is validated whole, because a gateway and an upstream that read a broken body
//! differently can be played off against each other.

mod content;
mod members;
mod params;

use std::borrow::Cow;
use std::ops::Range;

use crate::json::string_end;
use members::Found;

pub use content::{TOOL_RESULT_ID_BYTES_MAX, TOOL_RESULTS_MAX};
pub use params::Params;

#[cfg(test)]
mod tests;

/// How deep a request may nest.
pub const DEPTH_MAX: usize = 64;
/// The fields that may stand once only: two readers could take different ones.
const ROUTING_FIELDS: [&str; 6] = ["model", "stream", "messages", "tools", "user", "input"];

/// What a request body says.
#[derive(Clone, Debug, Default)]
pub struct Peek<'a> {
    /// The model asked for.
    pub model: Cow<'a, str>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether the caller asks for usage in the stream.
    pub include_usage: bool,
    /// The caller's user.
    pub user: Option<Cow<'a, str>>,
    /// Sampling parameters.
    pub params: Params,
    /// Whether an image is among the content.
    pub has_image: bool,
    /// `messages`, `input` or, where there is neither, the text in `prompt`, as written.
    pub messages: Option<&'a str>,
    /// Whether `stream_format` asks for events: speech has that in the place of `stream`.
    pub events_wanted: bool,
    /// `system` or `instructions`, as written.
    pub system: Option<&'a str>,
    /// The ids of the tool calls whose results it brings: the first [`TOOL_RESULTS_MAX`].
    pub tool_results: Vec<Cow<'a, str>>,
    /// `tools`, as written.
    pub tools: Option<&'a str>,
    /// Where things stand, for `rewrite`.
    pub(crate) places: Places,
}

/// Byte ranges of values in the body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    pub(crate) model: Range<usize>,
    pub(crate) stream: Option<Range<usize>>,
    pub(crate) stream_options: Option<Range<usize>>,
    pub(crate) include_usage: Option<Range<usize>>,
    pub(crate) temperature: Option<Range<usize>>,
    /// Under whichever name says something, else under any.
    pub(crate) max_tokens: Option<Range<usize>>,
    /// The conversation is in `input`, as the Responses API has it.
    pub(crate) has_input: bool,
}

/// Why a body is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeekError {
    /// It is no JSON, or not an object.
    #[error("{0}")]
    NotJson(String),
    /// It nests deeper than [`DEPTH_MAX`].
    #[error("nested deeper than {DEPTH_MAX} levels at byte {position}")]
    TooDeep {
        /// Offset of the bracket that is one too many, in bytes.
        position: usize,
    },
    /// A routing field stands twice.
    #[error("`{field}` is given twice, again at byte {position}")]
    Twice {
        /// The field.
        field: &'static str,
        /// Offset of the second value, in bytes.
        position: usize,
    },
    /// A field has the wrong type.
    #[error("`{field}` must be {expected} (at byte {position})")]
    WrongType {
        /// The field.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
        /// Offset of the value, in bytes.
        position: usize,
    },
    /// There is no model.
    #[error("`model` is missing: name the model to call")]
    NoModel,
}

// === impl PeekError ===

impl PeekError {
    /// The field at fault.
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::Twice { field, .. } | Self::WrongType { field, .. } => Some(field),
            Self::NoModel => Some("model"),
            Self::NotJson(_) | Self::TooDeep { .. } => None,
        }
    }
}

// === impl Peek ===

impl<'a> Peek<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// [`PeekError`], which names the field and never repeats the content.
    pub fn of(body: &'a [u8]) -> Result<Self, PeekError> {
        if let Some(found) = members::found(body) {
            return Self::of_found(body, found);
        }
        if let Some(position) = too_deep(body) {
            return Err(PeekError::TooDeep { position });
        }
        Self::of_found(body, members::judged(body).map_err(PeekError::NotJson)?)
    }

    fn of_found(body: &[u8], found: Found<'a>) -> Result<Self, PeekError> {
        let mut peek = Self::default();
        let mut seen = [false; ROUTING_FIELDS.len()];
        let Found { members, names_image, names_result } = found;
        for (key, raw) in members {
            let place = range_of(body, raw);
            if let Some(at) = ROUTING_FIELDS.iter().position(|field| *field == key) {
                let twice = seen.get_mut(at).is_some_and(|seen| std::mem::replace(seen, true));
                if let Some(field) = ROUTING_FIELDS.get(at).filter(|_| twice) {
                    return Err(PeekError::Twice { field, position: place.start });
                }
            }
            if matches!(&*key, "messages" | "input") {
                peek.has_image |= names_image && content::has_image(raw);
                peek.tool_results =
                    if names_result { content::tool_results(raw) } else { Vec::new() };
            }
            peek.take(&key, raw, place)?;
        }
        if peek.model.is_empty() {
            return Err(PeekError::NoModel);
        }
        Ok(peek)
    }

    fn take(&mut self, key: &str, raw: &'a str, place: Range<usize>) -> Result<(), PeekError> {
        let position = place.start;
        let wrong = |field, expected| PeekError::WrongType { field, expected, position };
        match key {
            "model" => {
                self.model = string(raw).ok_or_else(|| wrong("model", "a string"))?;
                self.places.model = place;
            }
            "stream" => {
                self.stream = match raw {
                    "true" => true,
                    "false" | "null" => false,
                    _ => return Err(wrong("stream", "a boolean")),
                };
                self.places.stream = Some(place);
            }
            "stream_options" => {
                self.places.include_usage = content::include_usage(raw, place.start);
                let value = self.places.include_usage.clone();
                let told = value.and_then(|v| raw.get(v.start - place.start..v.end - place.start));
                self.include_usage = told == Some("true");
                self.places.stream_options = Some(place);
            }
            "user" => self.user = string(raw).filter(|user| !user.is_empty()),
            "messages" | "input" => {
                self.places.has_input = key == "input";
                self.messages = Some(raw);
            }
            // An object is the Responses API's reference to a prompt that is kept elsewhere.
            "prompt" if !raw.starts_with('{') && raw != "null" => {
                self.messages.get_or_insert(raw);
            }
            "stream_format" => self.events_wanted = raw == "\"sse\"",
            "system" | "instructions" => self.system = Some(raw).filter(|raw| *raw != "null"),
            "tools" => self.tools = Some(raw).filter(|raw| *raw != "null"),
            _ => {
                self.params.take(key, raw);
                match key {
                    "temperature" => self.places.temperature = Some(place),
                    "max_tokens" | "max_completion_tokens" | "max_output_tokens"
                        if self.places.max_tokens.is_none() || raw != "null" =>
                    {
                        self.places.max_tokens = Some(place);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// A key: borrowed unless it has escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// The text of a raw string; `None` for any other value.
fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str::<Key<'_>>(raw).ok().map(|key| key.0)
}

/// Where `part`, a piece of `body`, stands in it.
fn range_of(body: &[u8], part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(body.as_ptr() as usize);
    start..start + part.len()
}

/// Where the body nests deeper than it may.
fn too_deep(body: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = body.get(at) {
        at += 1;
        match byte {
            b'"' => match string_end(body.get(at..).unwrap_or_default()) {
                Some(len) => at += len + 1,
                None => return None,
            },
            b'{' | b'[' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Some(at - 1);
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// serde's message without the value it may quote.
fn describe(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => "a JSON object was expected",
        serde_json::error::Category::Eof => "the JSON ends too early",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "syntax error",
    };
    format!("{what} at line {} column {}", error.line(), error.column())
}
