//! Why an answer ended: one vocabulary for what each dialect calls otherwise.

/// Why an answer ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Finish {
    /// The model had said everything.
    #[default]
    Stop,
    /// One of the caller's stop sequences came up.
    StopSequence,
    /// The limit on tokens was reached.
    Length,
    /// Tools are to be called.
    ToolCalls,
    /// A safety filter, or the model itself, refused.
    Refused,
    /// The provider wants to be asked to go on (Anthropic's `pause_turn`).
    Pause,
}

impl Finish {
    /// Reads any dialect's word; the words of different dialects do not contradict each other.
    /// What is unknown counts as [`Finish::Stop`].
    pub(crate) fn read(word: &str) -> Self {
        match word {
            "length"
            | "max_tokens"
            | "max_output_tokens"
            | "incomplete"
            | "model_length"
            | "MAX_TOKENS"
            | "model_context_window_exceeded" => Self::Length,
            "tool_calls" | "tool_use" | "function_call" | "TOOL_CALL" => Self::ToolCalls,
            "content_filter"
            | "refusal"
            | "SAFETY"
            | "RECITATION"
            | "BLOCKLIST"
            | "PROHIBITED_CONTENT"
            | "SPII"
            | "LANGUAGE"
            | "OTHER"
            | "BLOCKED_REASON_UNSPECIFIED"
            | "BLOCK_REASON_UNSPECIFIED"
            | "IMAGE_SAFETY"
            | "IMAGE_PROHIBITED_CONTENT"
            | "IMAGE_RECITATION"
            | "IMAGE_OTHER"
            | "NO_IMAGE"
            | "MODEL_ARMOR"
            | "JAILBREAK"
            | "ERROR_TOXIC" => Self::Refused,
            "stop_sequence" | "STOP_SEQUENCE" => Self::StopSequence,
            "pause_turn" => Self::Pause,
            _ => Self::Stop,
        }
    }

    /// The reason, given that the answer calls tools or does not: some providers say `stop` either
    /// way, and a caller that is told `stop` runs no tool.
    pub(crate) const fn with_calls(self, calls: bool) -> Self {
        match self {
            Self::Stop | Self::StopSequence if calls => Self::ToolCalls,
            other => other,
        }
    }

    /// `finish_reason` of chat completions.
    pub(crate) const fn chat(self) -> &'static str {
        match self {
            Self::Stop | Self::StopSequence | Self::Pause => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::Refused => "content_filter",
        }
    }

    /// `stop_reason` of the Messages API.
    pub(crate) const fn messages(self) -> &'static str {
        match self {
            Self::Stop => "end_turn",
            Self::StopSequence => "stop_sequence",
            Self::Length => "max_tokens",
            Self::ToolCalls => "tool_use",
            Self::Refused => "refusal",
            Self::Pause => "pause_turn",
        }
    }

    /// `incomplete_details.reason` of the Responses API; `None` for a complete answer.
    pub(crate) const fn incomplete(self) -> Option<&'static str> {
        match self {
            Self::Length => Some("max_output_tokens"),
            Self::Refused => Some("content_filter"),
            Self::Stop | Self::StopSequence | Self::ToolCalls | Self::Pause => None,
        }
    }
}
