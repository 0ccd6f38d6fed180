//! What to answer, as data: built in Rust or read from JSON.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

mod fragments;
#[cfg(test)]
mod tests;

pub use fragments::Fragments;

/// The most events that [`Scenario::stream_events`] may ask for.
pub const STREAM_EVENTS_MAX: usize = 100_000;
/// The largest [`Scenario::event_bytes`].
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;
/// The most that `stream_events` times `event_bytes` may come to.
pub const GENERATED_BYTES_MAX: usize = 256 * 1024 * 1024;
/// `created` and the like, unless a scenario says otherwise: 2023-11-14 22:13:20 UTC.
pub const CREATED_DEFAULT: u64 = 1_700_000_000;

/// What stands before the moment of sending in a stamped event's text.
pub const STAMP: &str = "sent:";
/// The digits of that moment.
pub const STAMP_DIGITS: usize = 19;

/// One answer: what is said, how fast, and what goes wrong.
///
/// Every field has a default, in JSON too; unknown fields are refused. The same scenario answers
/// the same request with the same bytes unless `unique` is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// What is said, in order; a greeting by default.
    pub content: Vec<Piece>,
    /// Chat only: the fragments of several tool calls alternate.
    pub interleave_tool_calls: bool,
    /// Why the answer ends, in OpenAI's words (`stop`, `length`, `tool_calls`, `content_filter`),
    /// put into the dialect's own; by default what the content calls for.
    pub finish: Option<String>,
    /// Token counts; `None` (JSON `null`) reports none even if asked.
    pub usage: Option<Tokens>,
    /// Chat streams: leave `usage: null` out of the chunks before the usage chunk, as many
    /// OpenAI-compatible servers do; OpenAI itself sends it.
    pub omit_null_usage: bool,
    /// Chat streams: where the counts stand.
    pub usage_place: UsagePlace,

    /// Wait before the response head.
    pub head_delay_ms: u64,
    /// Wait before the first content (in plain answers, before the head).
    pub first_delay_ms: u64,
    /// Wait between one content event and the next, on an absolute schedule.
    pub gap_ms: u64,

    /// For load: this many equal text events in place of `content`.
    pub stream_events: Option<usize>,
    /// For load: bytes of each such event on the wire, at least its frame.
    pub event_bytes: usize,
    /// For load: each such event's text begins with [`STAMP`] and the moment of its sending, in
    /// nanoseconds since 1970 with [`STAMP_DIGITS`] digits.
    pub stamp: bool,

    /// Events that go out as one HTTP chunk.
    pub events_per_chunk: usize,
    /// Where the response body is cut into HTTP chunks (offsets in bytes), events disregarded.
    pub split_at: Vec<usize>,

    /// The key that must come as `Authorization: Bearer` or `x-api-key`; otherwise 401.
    pub expect_key: Option<ExpectedKey>,
    /// Headers to add to the response.
    pub headers: BTreeMap<String, String>,
    /// The response's id; a fixed one by default.
    pub id: Option<String>,
    /// The model that the answer names; by default the one asked for.
    pub model: Option<String>,
    /// `created`, in seconds since 1970; [`CREATED_DEFAULT`] by default.
    pub created: Option<u64>,
    /// Another id for every answer and the real time, in place of fixed ones.
    pub unique: bool,
    /// What goes wrong.
    pub fault: Option<Fault>,
}

/// Where a chat stream has its token counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsagePlace {
    /// In a chunk of their own before `[DONE]`, if asked for, as OpenAI has them.
    #[default]
    Own,
    /// In the chunk that says why the answer ends, asked for or not.
    Finish,
    /// In every chunk, asked for or not: provisional until the one that says why the answer ends.
    Every,
}

/// A part of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// Visible text.
    Text(Fragments),
    /// Reasoning: `reasoning_content` in chat, a thinking block in messages.
    Reasoning(Fragments),
    /// Words of refusal: `refusal` in chat and Responses, text elsewhere.
    Refusal(Fragments),
    /// A call of one of the caller's tools.
    ToolCall(ToolCall),
}

/// A call of one of the caller's tools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// The call's id; one in the dialect's form by default.
    #[serde(default)]
    pub id: Option<String>,
    /// The tool's name.
    pub name: String,
    /// The arguments' JSON text, in the pieces in which it is streamed.
    pub arguments: Fragments,
}

/// Token counts to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tokens {
    /// All input tokens, cached ones included (messages subtracts them, as Anthropic does).
    pub input: u64,
    /// All output tokens, reasoning included; by default one for each fragment.
    pub output: Option<u64>,
    /// Input tokens read from the cache.
    pub cached: u64,
    /// Input tokens written to the cache (messages only).
    pub cache_creation: u64,
    /// Reasoning tokens; by default one for each reasoning fragment.
    pub reasoning: Option<u64>,
}

/// A key that a scenario expects; never shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExpectedKey(String);

/// What goes wrong. "Events" are counted from the stream's first one, role chunk and
/// `message_start` included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Another status, with an error in the dialect's envelope.
    Status {
        /// The status code.
        code: u16,
        /// The body as it is, in place of the envelope.
        #[serde(default)]
        body: Option<String>,
        /// Headers of this answer, for example `retry-after`.
        #[serde(default)]
        headers: BTreeMap<String, String>,
    },
    /// The request is read and the connection closed without a byte of answer.
    RefuseAfterAccept,
    /// The request is read and the connection reset (RST where the transport is TCP).
    Reset,
    /// The head and so many events are sent, then the connection is reset.
    ResetAfterEvents(usize),
    /// No head ever comes; the connection stays open.
    HangHead,
    /// After so many events nothing more comes; the connection stays open.
    Stall {
        /// How many events are sent.
        after_events: usize,
    },
    /// After so many events the body breaks off (h1: connection closed without the last chunk;
    /// h2: stream reset).
    CutAfterEvents(usize),
    /// After so many bytes of the body it breaks off, in mid-event perhaps.
    CutAfterBytes(usize),
    /// After so many events the dialect's error event comes, and a clean end; plain answers become
    /// an overload error.
    ErrorEventAfter(usize),
    /// Status 200 and a body that is neither events nor JSON.
    Garbage,
    /// The body dribbles.
    SlowBytes {
        /// Bytes at a time, at least 1.
        bytes: usize,
        /// Wait before each.
        gap_ms: u64,
    },
    /// The stream ends without its end mark (`[DONE]`, `message_stop`, `response.completed`).
    NoDone,
    /// No usage, even if asked for.
    NoUsage,
    /// `content-type: text/html` on an otherwise good answer.
    BadContentType,
    /// A `content-length` of the whole body, half of it sent, then the connection closed.
    Truncated,
}

// === impl Scenario ===

impl Scenario {
    /// Says this text and nothing else.
    pub fn text(text: &str) -> Self {
        Self { content: vec![Piece::text(text)], ..Self::default() }
    }

    /// Calls these tools, in parallel if there are several; `(name, arguments as JSON text)`.
    pub fn tools(calls: &[(&str, &str)]) -> Self {
        let content = calls.iter().map(|(name, arguments)| Piece::tool(name, arguments)).collect();
        Self { content, ..Self::default() }
    }

    /// Goes wrong in this way, with the default content.
    pub fn fault(fault: Fault) -> Self {
        Self { fault: Some(fault), ..Self::default() }
    }

    /// Answers with this status and the dialect's error envelope.
    pub fn status(code: u16) -> Self {
        Self::fault(Fault::Status { code, body: None, headers: BTreeMap::new() })
    }

    /// For load: `events` equal text events of `event_bytes` each, one every `gap_ms`.
    pub fn load(events: usize, event_bytes: usize, gap_ms: u64) -> Self {
        Self { stream_events: Some(events), event_bytes, gap_ms, ..Self::default() }
    }

    /// The same with the moment of its sending in each event; see [`Scenario::stamp`].
    pub fn stamped_load(events: usize, event_bytes: usize, gap_ms: u64) -> Self {
        Self { stamp: true, ..Self::load(events, event_bytes, gap_ms) }
    }

    /// Why this scenario cannot be served, if it cannot.
    pub(crate) fn problem(&self) -> Option<String> {
        let events = self.stream_events.unwrap_or(0);
        if events > STREAM_EVENTS_MAX {
            return Some(format!("stream_events is above {STREAM_EVENTS_MAX}"));
        }
        if self.event_bytes > EVENT_BYTES_MAX {
            return Some(format!("event_bytes is above {EVENT_BYTES_MAX}"));
        }
        if events.saturating_mul(self.event_bytes) > GENERATED_BYTES_MAX {
            return Some(format!("stream_events x event_bytes is above {GENERATED_BYTES_MAX}"));
        }
        let faulty = match &self.fault {
            Some(Fault::Status { code, .. }) if !(200..1000).contains(code) => {
                return Some(format!("{code} is no status of a final answer"));
            }
            Some(Fault::Status { headers, .. }) => Some(headers),
            _ => None,
        };
        let mut headers = self.headers.iter().chain(faulty.into_iter().flatten());
        headers
            .find(|(name, value)| {
                HeaderName::try_from(*name).is_err() || HeaderValue::try_from(*value).is_err()
            })
            .map(|(name, _)| format!("{name:?} is no header, or its value is none"))
    }
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            content: vec![Piece::text("Hello! I am a mock provider, and I do what I am told.")],
            interleave_tool_calls: false,
            finish: None,
            usage: Some(Tokens::default()),
            omit_null_usage: false,
            usage_place: UsagePlace::Own,
            head_delay_ms: 0,
            first_delay_ms: 0,
            gap_ms: 0,
            stream_events: None,
            event_bytes: 0,
            stamp: false,
            events_per_chunk: 1,
            split_at: Vec::new(),
            expect_key: None,
            headers: BTreeMap::new(),
            id: None,
            model: None,
            created: None,
            unique: false,
            fault: None,
        }
    }
}

// === impl Piece ===

impl Piece {
    /// Visible text, cut into fragments by words.
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// Reasoning, cut into fragments by words.
    pub fn reasoning(text: &str) -> Self {
        Self::Reasoning(text.into())
    }

    /// A tool call with an id in the dialect's form.
    pub fn tool(name: &str, arguments: &str) -> Self {
        Self::ToolCall(ToolCall { id: None, name: name.to_owned(), arguments: arguments.into() })
    }
}

// === impl Tokens ===

impl Default for Tokens {
    fn default() -> Self {
        Self { input: 12, output: None, cached: 0, cache_creation: 0, reasoning: None }
    }
}

// === impl ExpectedKey ===

impl ExpectedKey {
    /// Whether the caller sent this key; where they differ does not show in the time taken.
    pub(crate) fn matches(&self, sent: &[u8]) -> bool {
        let own = self.0.as_bytes();
        own.len() == sent.len() && own.iter().zip(sent).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
    }
}

impl From<&str> for ExpectedKey {
    fn from(key: &str) -> Self {
        Self(key.to_owned())
    }
}

impl std::fmt::Debug for ExpectedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ExpectedKey(..)")
    }
}
