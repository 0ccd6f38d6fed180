//! How the streams of OpenAI-compatible providers differ from OpenAI's.

/// One way in which a provider's stream differs. The reader understands every one of them from
/// every provider, since proxies and servers borrow from each other; a row says which ones its
/// provider is known for, and `fixtures/deviations` has a stream that shows each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deviation {
    /// Lines end in CR LF.
    CrLf,
    /// Comments come between events.
    Comments,
    /// No `[DONE]` ends the stream.
    NoDoneMark,
    /// The first chunk has an empty id, an empty model and no choices.
    FilterChunkFirst,
    /// Usage comes with the finish reason, not in a chunk of its own.
    UsageInFinishChunk,
    /// Usage comes in a chunk that repeats the choice and its finish reason.
    UsageBesideChoice,
    /// Usage comes in every chunk and counts on.
    CumulativeUsage,
    /// Usage comes in the `x_groq` extension as well.
    UsageInExtension,
    /// Cache reads are `prompt_cache_hit_tokens`.
    CacheHitTokens,
    /// Cache reads stand beside the details, not in them.
    CachedTokensBeside,
    /// Completion tokens leave reasoning tokens out.
    ReasoningExcluded,
    /// Reasoning text is `reasoning_content`.
    ReasoningContent,
    /// Reasoning text is `reasoning`.
    Reasoning,
    /// Content is a list of parts, thinking among them.
    ContentParts,
    /// Tool calls have no index.
    NoToolIndex,
    /// A tool call comes whole, in one chunk.
    WholeToolCalls,
    /// Each fragment of a tool call repeats id and name.
    RepeatedToolNames,
    /// A failure is an `error` event.
    ErrorEvent,
    /// A failure is a member of an ordinary chunk.
    ErrorInChunk,
}

// === impl Deviation ===

impl Deviation {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::CrLf,
        Self::Comments,
        Self::NoDoneMark,
        Self::FilterChunkFirst,
        Self::UsageInFinishChunk,
        Self::UsageBesideChoice,
        Self::CumulativeUsage,
        Self::UsageInExtension,
        Self::CacheHitTokens,
        Self::CachedTokensBeside,
        Self::ReasoningExcluded,
        Self::ReasoningContent,
        Self::Reasoning,
        Self::ContentParts,
        Self::NoToolIndex,
        Self::WholeToolCalls,
        Self::RepeatedToolNames,
        Self::ErrorEvent,
        Self::ErrorInChunk,
    ];

    /// The name of its fixture.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CrLf => "cr-lf",
            Self::Comments => "comments",
            Self::NoDoneMark => "no-done-mark",
            Self::FilterChunkFirst => "filter-chunk-first",
            Self::UsageInFinishChunk => "usage-in-finish-chunk",
            Self::UsageBesideChoice => "usage-beside-choice",
            Self::CumulativeUsage => "cumulative-usage",
            Self::UsageInExtension => "usage-in-extension",
            Self::CacheHitTokens => "cache-hit-tokens",
            Self::CachedTokensBeside => "cached-tokens-beside",
            Self::ReasoningExcluded => "reasoning-excluded",
            Self::ReasoningContent => "reasoning-content",
            Self::Reasoning => "reasoning",
            Self::ContentParts => "content-parts",
            Self::NoToolIndex => "no-tool-index",
            Self::WholeToolCalls => "whole-tool-calls",
            Self::RepeatedToolNames => "repeated-tool-names",
            Self::ErrorEvent => "error-event",
            Self::ErrorInChunk => "error-in-chunk",
        }
    }
}
