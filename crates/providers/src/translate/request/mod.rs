//! The one model of a chat request, whatever dialect it came in and whatever dialect it leaves in.

mod draft;

use serde_json::{Map, Value};

use super::sealed::Sealed;

pub(crate) use draft::Draft;

/// A chat request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Request {
    /// The model that the target knows.
    pub(crate) model: String,
    /// The conversation, system prompts included, in order.
    pub(crate) messages: Vec<Message>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) tool_choice: Option<ToolChoice>,
    /// Whether several tools may be called at once.
    pub(crate) parallel_tool_calls: Option<bool>,
    /// The form of the answer.
    pub(crate) format: Option<Format>,
    pub(crate) sampling: Sampling,
    pub(crate) reasoning: Option<ReasoningBudget>,
    pub(crate) stream: bool,
    /// Whether usage is wanted in a stream of chat completions.
    pub(crate) include_usage: bool,
    /// The caller's user.
    pub(crate) user: Option<String>,
    /// Members that have the same name and meaning wherever they exist, for example `metadata` or
    /// `service_tier`. An encoder takes those that its dialect has; what is left over was dropped.
    pub(crate) extra: Map<String, Value>,
}

/// One turn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) role: Role,
    pub(crate) parts: Vec<Part>,
}

/// Who speaks. Results of tools are parts of the user's turn, calls parts of the assistant's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// `system` or `developer`.
    System,
    User,
    Assistant,
}

/// A piece of a turn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) content: Content,
    /// `cache_control` as Anthropic has it: the prompt up to here is worth keeping.
    pub(crate) cache: Option<Value>,
}

/// What a piece says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Text(String),
    Refusal(String),
    Image {
        source: Source,
        /// `low`, `high` or `auto`.
        detail: Option<String>,
    },
    File {
        source: Source,
        name: Option<String>,
    },
    Audio {
        /// Base64.
        data: String,
        /// `wav`, `mp3`, ...
        format: String,
    },
    Reasoning(Reasoning),
    ToolCall(ToolCall),
    ToolResult(ToolResult),
}

/// Where an image or a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Url(String),
    /// Base64 with its media type, for example `image/png`.
    Data {
        media_type: String,
        data: String,
    },
    /// The id of a file uploaded to the provider.
    Id(String),
    /// Plain text (documents of the Messages API).
    Text(String),
}

/// What the model thought in an earlier turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reasoning {
    pub(crate) text: String,
    pub(crate) sealed: Option<Sealed>,
}

/// A call that the model made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ToolCall {
    pub(crate) id: String,
    pub(crate) name: String,
    /// JSON text for a function, any text for a custom tool.
    pub(crate) arguments: String,
    pub(crate) custom: bool,
}

/// What came of a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ToolResult {
    /// The call's id.
    pub(crate) id: String,
    /// Texts, images and files.
    pub(crate) parts: Vec<Part>,
    pub(crate) is_error: bool,
    /// The call was one of a custom tool.
    pub(crate) custom: bool,
}

/// A tool that the model may call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tool {
    Function {
        name: String,
        description: Option<String>,
        /// JSON schema of the arguments.
        parameters: Option<Value>,
        strict: Option<bool>,
        cache: Option<Value>,
    },
    /// Takes free text (OpenAI).
    Custom { name: String, description: Option<String>, format: Option<Value> },
    /// Run by the provider itself (web search, code execution, ...), as written by the caller.
    Hosted { kind: String, raw: Value },
}

/// Whether and what the model must call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ToolChoice {
    Auto,
    None,
    Required,
    Named(String),
}

/// The form of the answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Format {
    JsonObject,
    JsonSchema {
        name: Option<String>,
        description: Option<String>,
        schema: Value,
        strict: Option<bool>,
    },
}

/// Sampling parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sampling {
    pub(crate) max_tokens: Option<u64>,
    pub(crate) temperature: Option<f64>,
    pub(crate) top_p: Option<f64>,
    pub(crate) top_k: Option<u64>,
    pub(crate) frequency_penalty: Option<f64>,
    pub(crate) presence_penalty: Option<f64>,
    pub(crate) seed: Option<i64>,
    pub(crate) stop: Vec<String>,
    /// Answers wanted.
    pub(crate) n: Option<u64>,
}

/// How much the model may think.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReasoningBudget {
    /// `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, as given.
    pub(crate) effort: Option<String>,
    /// Tokens; 0 turns reasoning off.
    pub(crate) tokens: Option<u64>,
    /// The model decides by itself (`thinking.type: adaptive`).
    pub(crate) adaptive: bool,
    /// Whether a summary is wanted: `auto`, `concise`, `detailed`.
    pub(crate) summary: Option<String>,
}

// === impl Part ===

impl Part {
    /// A piece without a cache marker.
    pub(crate) const fn new(content: Content) -> Self {
        Self { content, cache: None }
    }

    /// A piece of text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::new(Content::Text(text.into()))
    }
}

// === impl ReasoningBudget ===

impl ReasoningBudget {
    /// Whether the caller turned reasoning off.
    pub(crate) fn is_off(&self) -> bool {
        self.effort.as_deref() == Some("none") || self.tokens == Some(0)
    }

    /// Tokens to think with: as given, else by the effort, with the numbers that Google documents
    /// for OpenAI's efforts. `None` where nothing was said.
    pub(crate) fn tokens(&self) -> Option<u64> {
        if self.tokens.is_some() {
            return self.tokens;
        }
        Some(match self.effort.as_deref()? {
            "none" => 0,
            "minimal" | "low" => 1_024,
            "medium" => 8_192,
            _ => 24_576,
        })
    }

    /// The effort: as given, else by the tokens.
    pub(crate) fn effort(&self) -> Option<&str> {
        if let Some(effort) = &self.effort {
            return Some(effort);
        }
        Some(match self.tokens? {
            0 => "none",
            1..=4_096 => "low",
            4_097..=16_384 => "medium",
            _ => "high",
        })
    }
}
