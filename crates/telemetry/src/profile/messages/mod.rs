//! Prompts and answers in a vocabulary's own form, made of what was captured in the caller's.

mod flat;
mod parts;
mod read;

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value as Json;

use super::span_type::SpanType;
use super::written::Written;
use crate::genai::attributes as a;
use crate::span::{Span, Value};

/// How a vocabulary writes prompts and answers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Content {
    form: Form,
    /// Whether each answer says why it ended.
    #[serde(default)]
    finish_reason: bool,
    /// The vocabulary's words for that.
    #[serde(default)]
    finish_words: HashMap<String, String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    /// One JSON text of messages that are made of parts.
    Parts,
    /// An attribute for each leaf.
    Flat,
}

/// A message, whatever dialect it was in.
#[derive(Debug, PartialEq)]
struct Message {
    /// `system`, `user`, `assistant`, `tool`, or what the caller wrote.
    role: String,
    name: Option<String>,
    parts: Vec<Part>,
    /// Why it ended, in the provider's word.
    finish_reason: Option<String>,
}

/// A piece of a message.
#[derive(Debug, PartialEq)]
enum Part {
    Text(String),
    Reasoning(String),
    /// The model calls a tool.
    ToolCall {
        id: Option<String>,
        name: String,
        /// JSON, or the text where it is none.
        arguments: Json,
    },
    /// What the tool gave.
    ToolResult {
        id: Option<String>,
        response: Json,
    },
    Media {
        /// `image`, `audio` or `document`.
        modality: &'static str,
        mime_type: Option<String>,
        source: Source,
    },
    /// What no vocabulary has a word for, as written.
    Other(Json),
}

/// Where a medium is.
#[derive(Debug, PartialEq)]
enum Source {
    /// Here, in base64.
    Inline(String),
    Uri(String),
    /// With the provider, under this id.
    File(String),
}

/// What was captured of a call.
struct Captured<'a> {
    input: Option<&'a str>,
    output: Option<&'a str>,
    system: Option<&'a str>,
    tools: Option<&'a str>,
    /// Why each answer ended.
    finish_reasons: Vec<String>,
    /// How the call ended.
    outcome: &'a str,
    /// Whether something of this was cut off.
    is_cut: bool,
}

// === impl Content ===

impl Content {
    /// The attributes that are read.
    pub(super) const SOURCES: [&'static str; 4] =
        [a::INPUT_MESSAGES, a::OUTPUT_MESSAGES, a::SYSTEM_INSTRUCTIONS, a::TOOL_DEFINITIONS];

    pub(super) fn write(&self, span: &Span, of: SpanType, written: &mut Written) {
        let captured = Captured::of(span);
        match self.form {
            Form::Parts => parts::write(&captured, self, written),
            Form::Flat => flat::write(&captured, of, written),
        }
    }

    /// The vocabulary's word for why an answer ended.
    fn finish_word(&self, reason: &str) -> String {
        self.finish_words.get(reason).map_or(reason, String::as_str).to_owned()
    }
}

// === impl Captured ===

impl<'a> Captured<'a> {
    fn of(span: &'a Span) -> Self {
        let text = |name| match span.attribute(name) {
            Some(Value::Str(text)) => Some(&**text),
            _ => None,
        };
        let reasons = text(a::RESPONSE_FINISH_REASONS);
        let reasons = reasons.and_then(|reasons| serde_json::from_str(reasons).ok());
        Self {
            input: text(a::INPUT_MESSAGES),
            output: text(a::OUTPUT_MESSAGES),
            system: text(a::SYSTEM_INSTRUCTIONS),
            tools: text(a::TOOL_DEFINITIONS),
            finish_reasons: reasons.unwrap_or_default(),
            outcome: text(a::OUTCOME).unwrap_or_default(),
            is_cut: span.attribute(a::CONTENT_TRUNCATED) == Some(&Value::Bool(true)),
        }
    }

    /// The answers, each with the reason why it ended where one is known.
    fn answers(&self) -> Option<Vec<Message>> {
        let mut answers = read::messages(self.output?, "assistant")?;
        for (at, answer) in answers.iter_mut().enumerate() {
            if answer.finish_reason.is_none() {
                answer.finish_reason = self.finish_reasons.get(at).cloned();
            }
        }
        Some(answers)
    }
}

// === impl Message ===

impl Message {
    fn new(role: &str, parts: Vec<Part>) -> Self {
        Self { role: role.to_owned(), name: None, parts, finish_reason: None }
    }
}
