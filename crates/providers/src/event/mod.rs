//! What a response says, whatever its dialect: the vocabulary between the parsers and the filters.
//!
//! Everything borrows from the bytes being parsed. Text stays as it is on the wire (a JSON string's
//! content, escapes included), because most of it is only counted, never read.

use std::borrow::Cow;

#[cfg(test)]
mod tests;

/// The content of a JSON string as written, between the quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct JsonStr<'a>(&'a [u8]);

/// One thing that a response says.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "each variant is described as a whole")]
pub enum StreamEvent<'a> {
    /// The response's id; the first non-empty one counts. What was said last may be left out.
    Id(JsonStr<'a>),
    /// The model that answers; the last non-empty one counts. What was said last may be left out.
    Model(JsonStr<'a>),
    /// Visible text of one choice.
    Text { choice: u32, text: JsonStr<'a> },
    /// Reasoning text that the provider shows.
    Reasoning { choice: u32, text: JsonStr<'a> },
    /// What a provider wants back unread with the next request: the signature of the reasoning
    /// before it, or reasoning that nobody but the provider can read.
    Opaque(Opaque<'a>),
    /// A refusal in place of text.
    Refusal { choice: u32, text: JsonStr<'a> },
    /// A piece of audio or of an image: content, but no text.
    Media { choice: u32, medium: Medium },
    /// A tool call opens. `call` numbers the response's calls from 0, in order of appearance.
    ToolCallStart { call: u32, id: JsonStr<'a>, name: JsonStr<'a> },
    /// A piece of a call's arguments (itself JSON, escaped once more as a string).
    ToolCallArguments { call: u32, fragment: JsonStr<'a> },
    /// The call's input is free text, as custom tools take it, and no JSON.
    ToolCallFreeform { call: u32 },
    /// The call's arguments in their place as a JSON value, not as a string (plain Anthropic bodies).
    ToolCallInput { call: u32, json: &'a [u8] },
    /// The earliest moment at which the call is known to be complete.
    ToolCallEnd { call: u32 },
    /// Why a choice ended.
    FinishReason { choice: u32, reason: JsonStr<'a> },
    /// Token counts; where several come, later fields overwrite earlier ones.
    Usage(Usage),
    /// The provider reports a failure inside a 200 answer; `kind` is its code, else its type.
    Error { kind: Option<JsonStr<'a>>, message: Option<JsonStr<'a>> },
    /// The dialect's own end mark was seen (`[DONE]`, `message_stop`, `response.completed`, ...).
    Done,
    /// What comes up to the boundary was too long to be read whole: its strings may be cut.
    Condensed,
    /// An SSE event that carried data is over.
    Boundary {
        /// How many bytes of the chunk being fed belong to it and to what came before it, blank
        /// line included.
        end: usize,
        /// It carried usage and nothing that a caller who did not ask for usage expects.
        usage_only: bool,
    },
}

/// What content is that is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// Sound.
    Audio,
    /// A picture.
    Image,
}

/// Reasoning that only its provider understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opaque<'a> {
    /// The choice that it belongs to.
    pub choice: u32,
    /// Who understands it, by the names that OpenRouter gave the formats: [`Opaque::ANTHROPIC`],
    /// [`Opaque::RESPONSES`], [`Opaque::GEMINI`], or another.
    pub format: JsonStr<'a>,
    /// Whether `data` signs the reasoning text before it; otherwise it is the reasoning, encrypted.
    pub signs: bool,
    /// The provider's id of the piece; empty where it gave none.
    pub id: JsonStr<'a>,
    /// The signature or the encrypted reasoning.
    pub data: JsonStr<'a>,
}

/// Token counts in the one normal form: each field as the provider reported it, `None` if it did not.
///
/// For Anthropic `input` leaves cached tokens out (as reported); [`Usage::input_total`] adds them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens as reported.
    pub input: Option<u64>,
    /// Completion tokens as reported.
    pub output: Option<u64>,
    /// The provider's own total.
    pub total: Option<u64>,
    /// Input tokens read from a prompt cache.
    pub cache_read: Option<u64>,
    /// Input tokens written to a prompt cache, all lifetimes.
    pub cache_creation: Option<u64>,
    /// The part of `cache_creation` kept for five minutes.
    pub cache_creation_5m: Option<u64>,
    /// The part of `cache_creation` kept for one hour.
    pub cache_creation_1h: Option<u64>,
    /// Reasoning tokens.
    pub reasoning: Option<u64>,
    /// Length of the audio that was transcribed, in milliseconds, where that is what is billed.
    pub duration_ms: Option<u64>,
    /// Whether `input` leaves `cache_read` and `cache_creation` out (Anthropic).
    pub input_excludes_cache: bool,
    /// Whether `output` leaves `reasoning` out (xAI chat).
    pub output_excludes_reasoning: bool,
}

// === impl JsonStr ===

impl<'a> JsonStr<'a> {
    /// Wraps the bytes between a JSON string's quotes.
    pub const fn new(raw: &'a [u8]) -> Self {
        Self(raw)
    }

    /// The bytes as written, escapes included.
    pub const fn raw(self) -> &'a [u8] {
        self.0
    }

    /// Whether the string is `""`.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The text itself: borrowed when nothing was escaped. Broken escapes, lone surrogates and
    /// invalid UTF-8 become U+FFFD; this never fails.
    pub fn decode(self) -> Cow<'a, str> {
        crate::json::unescape(self.0)
    }
}

impl std::fmt::Debug for JsonStr<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.decode())
    }
}

// === impl Opaque ===

impl Opaque<'_> {
    /// Thinking blocks of the Messages API.
    pub const ANTHROPIC: &'static str = "anthropic-claude-v1";
    /// Reasoning items of the Responses API.
    pub const RESPONSES: &'static str = "openai-responses-v1";
    /// Thought signatures of Gemini.
    pub const GEMINI: &'static str = "google-gemini-v1";
}

// === impl Usage ===

impl Usage {
    /// All input tokens, cached ones included.
    pub fn input_total(&self) -> Option<u64> {
        let input = self.input?;
        if !self.input_excludes_cache {
            return Some(input);
        }
        let cached = self.cache_read.unwrap_or(0).saturating_add(self.cache_creation.unwrap_or(0));
        Some(input.saturating_add(cached))
    }

    /// All generated tokens, reasoning included exactly once.
    pub fn output_total(&self) -> Option<u64> {
        let output = self.output?;
        Some(match self.reasoning {
            Some(reasoning) if self.output_excludes_reasoning => output.saturating_add(reasoning),
            _ => output,
        })
    }

    /// Whether nothing was reported.
    pub fn is_empty(&self) -> bool {
        let tokens = self.input.or(self.output).or(self.total);
        tokens.is_none() && self.duration_ms.is_none()
    }

    /// Takes every field that `later` has.
    pub fn merge(&mut self, later: &Self) {
        fn take(slot: &mut Option<u64>, later: Option<u64>) {
            if later.is_some() {
                *slot = later;
            }
        }
        take(&mut self.input, later.input);
        take(&mut self.output, later.output);
        take(&mut self.total, later.total);
        take(&mut self.cache_read, later.cache_read);
        take(&mut self.cache_creation, later.cache_creation);
        take(&mut self.cache_creation_5m, later.cache_creation_5m);
        take(&mut self.cache_creation_1h, later.cache_creation_1h);
        take(&mut self.reasoning, later.reasoning);
        take(&mut self.duration_ms, later.duration_ms);
        self.input_excludes_cache |= later.input_excludes_cache;
        self.output_excludes_reasoning |= later.output_excludes_reasoning;
    }
}
