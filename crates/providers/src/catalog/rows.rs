//! The documented providers, a row each. How to add one: `docs/add-a-provider.md`.

use super::Deviation::{
    CacheHitTokens, CachedTokensBeside, Comments, ContentParts, CrLf, CumulativeUsage, ErrorEvent,
    ErrorInChunk, FilterChunkFirst, NoDoneMark, NoToolIndex, Reasoning, ReasoningContent,
    ReasoningExcluded, RepeatedToolNames, UsageBesideChoice, UsageInExtension, UsageInFinishChunk,
    WholeToolCalls,
};
use super::{COMPATIBLE, Key, Row, compatible};
use crate::provider::{Capabilities, Dialect};

const GEMINI: &str = "https://generativelanguage.googleapis.com/v1beta";

const fn gemini(name: &'static str) -> Row {
    Row {
        dialect: Dialect::Gemini,
        capabilities: Capabilities::assumed(Dialect::Gemini),
        key: Key::Query("key"),
        ..compatible(name, GEMINI, "gcp.gemini")
    }
}

/// The documented providers.
pub static ROWS: [Row; 30] = [
    Row {
        capabilities: Capabilities { responses: true, max_completion_tokens: true, ..COMPATIBLE },
        ..compatible("openai", "https://api.openai.com/v1", "openai")
    },
    Row {
        dialect: Dialect::Messages,
        capabilities: Capabilities { stream_options: false, ..COMPATIBLE },
        key: Key::Header("x-api-key"),
        ..compatible("anthropic", "https://api.anthropic.com/v1", "anthropic")
    },
    Row {
        dialect: Dialect::Cohere,
        capabilities: Capabilities::assumed(Dialect::Cohere),
        ..compatible("cohere", "https://api.cohere.com/v2", "cohere")
    },
    // The same by its copy of OpenAI's API.
    compatible("cohere-openai", "https://api.cohere.ai/compatibility/v1", "cohere"),
    Row {
        capabilities: Capabilities { responses: true, max_completion_tokens: true, ..COMPATIBLE },
        deviations: &[ReasoningContent, WholeToolCalls, ReasoningExcluded],
        ..compatible("xai", "https://api.x.ai/v1", "x_ai")
    },
    // Mistral sends usage unasked and refuses fields that it does not know.
    Row {
        capabilities: Capabilities { stream_options: false, ..COMPATIBLE },
        deviations: &[
            UsageInFinishChunk,
            CachedTokensBeside,
            NoToolIndex,
            WholeToolCalls,
            ContentParts,
        ],
        ..compatible("mistral", "https://api.mistral.ai/v1", "mistral_ai")
    },
    Row {
        capabilities: Capabilities { responses: true, max_completion_tokens: true, ..COMPATIBLE },
        deviations: &[Reasoning, WholeToolCalls, UsageInExtension, ErrorEvent],
        ..compatible("groq", "https://api.groq.com/openai/v1", "groq")
    },
    Row {
        deviations: &[UsageInFinishChunk, CachedTokensBeside],
        ..compatible("together", "https://api.together.xyz/v1", "together")
    },
    Row {
        capabilities: Capabilities { responses: true, ..COMPATIBLE },
        deviations: &[ReasoningContent],
        ..compatible("fireworks", "https://api.fireworks.ai/inference/v1", "fireworks")
    },
    // DeepSeek answers in JSON, but to no schema.
    Row {
        capabilities: Capabilities { json_schema: false, ..COMPATIBLE },
        deviations: &[ReasoningContent, UsageInFinishChunk, CacheHitTokens],
        ..compatible("deepseek", "https://api.deepseek.com/v1", "deepseek")
    },
    // Perplexity sends usage with every chunk, unasked, and calls no tools.
    Row {
        capabilities: Capabilities { stream_options: false, tools: false, ..COMPATIBLE },
        deviations: &[CrLf, Comments, NoDoneMark, CumulativeUsage],
        ..compatible("perplexity", "https://api.perplexity.ai", "perplexity")
    },
    Row {
        capabilities: Capabilities { responses: true, reasoning_details: true, ..COMPATIBLE },
        deviations: &[Comments, Reasoning, UsageBesideChoice, RepeatedToolNames, ErrorInChunk],
        ..compatible("openrouter", "https://openrouter.ai/api/v1", "openrouter")
    },
    Row {
        capabilities: Capabilities { max_completion_tokens: true, ..COMPATIBLE },
        deviations: &[Reasoning],
        ..compatible("cerebras", "https://api.cerebras.ai/v1", "cerebras")
    },
    compatible("sambanova", "https://api.sambanova.ai/v1", "sambanova"),
    // AI21 documents no `stream_options` and no schema.
    Row {
        capabilities: Capabilities { stream_options: false, json_schema: false, ..COMPATIBLE },
        ..compatible("ai21", "https://api.ai21.com/studio/v1", "ai21")
    },
    compatible("deepinfra", "https://api.deepinfra.com/v1/openai", "deepinfra"),
    Row {
        deviations: &[ReasoningContent],
        ..compatible("nvidia-nim", "https://integrate.api.nvidia.com/v1", "nvidia_nim")
    },
    compatible("nebius", "https://api.studio.nebius.ai/v1", "nebius"),
    Row {
        deviations: &[RepeatedToolNames],
        ..compatible("novita", "https://api.novita.ai/v3/openai", "novita")
    },
    Row {
        capabilities: Capabilities { json_schema: false, ..COMPATIBLE },
        deviations: &[ReasoningContent],
        ..compatible("moonshot", "https://api.moonshot.cn/v1", "moonshot_ai")
    },
    // `https://RESOURCE.openai.azure.com/openai/v1`: the API that needs no `api-version`.
    Row {
        base_url: None,
        key: Key::Header("api-key"),
        capabilities: Capabilities { responses: true, max_completion_tokens: true, ..COMPATIBLE },
        deviations: &[FilterChunkFirst],
        ..compatible("azure-openai", "", "azure.ai.openai")
    },
    gemini("google-gemini"),
    gemini("gemini"),
    // The same by its copy of OpenAI's API, embeddings included.
    compatible(
        "gemini-openai",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "gcp.gemini",
    ),
    // An access token is the key. Below
    // `https://LOCATION-aiplatform.googleapis.com/v1/projects/PROJECT/locations/LOCATION` lie
    // `/endpoints/openapi` and, with `dialect: gemini` in the file, `/publishers/google`.
    Row { base_url: None, ..compatible("gcp-vertex-ai", "", "gcp.vertex_ai") },
    Row { base_url: None, ..compatible("vertex", "", "gcp.vertex_ai") },
    // `https://bedrock-runtime.REGION.amazonaws.com/openai/v1` with a Bedrock API key. Which of its
    // models take the Responses API differs, so all are asked for chat completions.
    Row { base_url: None, ..compatible("aws-bedrock", "", "aws.bedrock") },
    Row { base_url: None, ..compatible("bedrock", "", "aws.bedrock") },
    Row {
        key: Key::None,
        capabilities: Capabilities { responses: true, ..COMPATIBLE },
        deviations: &[Reasoning],
        ..compatible("ollama", "http://localhost:11434/v1", "ollama")
    },
    Row {
        key: Key::None,
        capabilities: Capabilities { responses: true, ..COMPATIBLE },
        deviations: &[ReasoningContent],
        ..compatible("vllm", "http://localhost:8000/v1", "vllm")
    },
];
