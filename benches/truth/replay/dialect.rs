//! What is known of each dialect without asking the gateway: paths, request bodies, words for the
//! end of an answer, and how many events come before the first content.

use serde_json::{Value, json};
use tollgate_mock::Tokens;

/// A chat dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Chat,
    Responses,
    Messages,
    Cohere,
    Gemini,
}

/// Token counts as the attributes of a span should have them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) input: Option<u64>,
    pub(crate) output: Option<u64>,
    pub(crate) cache_read: u64,
    pub(crate) cache_creation: u64,
    pub(crate) reasoning: u64,
}

/// Those that callers speak.
pub(crate) const CALLERS: [Dialect; 3] = [Dialect::Chat, Dialect::Responses, Dialect::Messages];
/// Those that upstreams speak.
pub(crate) const UPSTREAMS: [Dialect; 5] =
    [Dialect::Chat, Dialect::Responses, Dialect::Messages, Dialect::Cohere, Dialect::Gemini];

/// Planted in everything that is content: found nowhere, where capture is off.
pub(crate) const CANARY: &str = "cnry7q";

// === impl Dialect ===

impl Dialect {
    /// The name of its models and providers in the configuration.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::Cohere => "cohere",
            Self::Gemini => "gemini",
        }
    }

    /// The version in the base URL of its provider.
    pub(crate) const fn version(self) -> &'static str {
        match self {
            Self::Cohere => "v2",
            Self::Gemini => "v1beta",
            _ => "v1",
        }
    }

    /// Where callers that speak it send their requests.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Responses => "/v1/responses",
            Self::Messages => "/v1/messages",
            _ => "/v1/chat/completions",
        }
    }

    /// Events of a text stream before the one that carries the first text.
    pub(crate) const fn events_before_text(self) -> usize {
        match self {
            Self::Chat => 1,
            Self::Responses => 4,
            Self::Messages => 3,
            Self::Cohere => 2,
            Self::Gemini => 0,
        }
    }

    /// Whether a stream without its end mark still says why it ended.
    pub(crate) const fn says_why_without_mark(self) -> bool {
        matches!(self, Self::Chat | Self::Messages)
    }

    /// The upstream's own word for the end that chat completions call `finish`.
    pub(crate) fn finish(self, finish: &str) -> String {
        let word = match (self, finish) {
            (Self::Responses, "stop" | "tool_calls") => "completed",
            (Self::Responses, "length") => "max_output_tokens",
            (Self::Messages, "stop") => "end_turn",
            (Self::Messages, "tool_calls") => "tool_use",
            (Self::Messages, "length") => "max_tokens",
            (Self::Messages, "content_filter") => "refusal",
            (Self::Cohere, "stop") => "COMPLETE",
            (Self::Cohere, "tool_calls") => "TOOL_CALL",
            (Self::Gemini, "stop" | "tool_calls") => "STOP",
            (Self::Cohere | Self::Gemini, "length") => "MAX_TOKENS",
            (Self::Gemini, "content_filter") => "SAFETY",
            (_, own) => own,
        };
        word.to_owned()
    }

    /// What a span should say of tokens that the script gives as `tokens`.
    pub(crate) fn counts(self, tokens: Tokens) -> Counts {
        let output = tokens.output.unwrap_or_default();
        let reasoning = tokens.reasoning.unwrap_or_default();
        Counts {
            input: Some(tokens.input),
            // Gemini counts thoughts beside the answer, the others inside it.
            output: Some(if self == Self::Gemini { output - reasoning } else { output }),
            cache_read: tokens.cached,
            cache_creation: if self == Self::Messages { tokens.cache_creation } else { 0 },
            reasoning: if matches!(self, Self::Messages | Self::Cohere) { 0 } else { reasoning },
        }
    }

    /// A request in this dialect. `asks_usage` matters to chat streams alone.
    pub(crate) fn body(self, model: &str, stream: bool, asks_usage: bool, tools: &[&str]) -> Value {
        let (system, user) = (format!("{CANARY} be brief"), format!("{CANARY} what is it?"));
        let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
        let what = format!("{CANARY} a tool");
        let tools = tools.iter().map(|name| match self {
            Self::Messages => json!({ "name": name, "description": what, "input_schema": schema }),
            Self::Responses => json!({ "type": "function", "name": name, "description": what,
                "parameters": schema }),
            _ => json!({ "type": "function", "function": { "name": name, "description": what,
                "parameters": schema } }),
        });
        let tools: Vec<Value> = tools.collect();
        let mut body = match self {
            Self::Messages => json!({ "model": model, "max_tokens": 512, "system": system,
                "messages": [{ "role": "user", "content": user }] }),
            Self::Responses => json!({ "model": model, "instructions": system, "input": user }),
            _ => json!({ "model": model, "messages": [{ "role": "system", "content": system },
                { "role": "user", "content": user }] }),
        };
        if stream {
            body["stream"] = json!(true);
        }
        if stream && asks_usage && self == Self::Chat {
            body["stream_options"] = json!({ "include_usage": true });
        }
        if !tools.is_empty() {
            body["tools"] = json!(tools);
        }
        body
    }
}
