//! What is known about providers by their name, so that the file need not say it.
//!
//! A provider that is not here speaks chat completions and takes a bearer key; only its
//! `base_url` has to be written down.

use http::HeaderName;

use crate::provider::{AuthStyle, BaseUrl, Capabilities, Dialect};

#[cfg(test)]
mod tests;

/// A provider of the documented list.
#[derive(Debug)]
pub struct Row {
    /// The name it has in the file.
    pub name: &'static str,
    /// Its API's base URL; `None` where every customer has one of their own.
    pub base_url: Option<&'static str>,
    /// What its chat endpoint speaks.
    pub dialect: Dialect,
    /// The name it has in the OpenTelemetry semantic conventions.
    pub semconv_name: &'static str,
    /// What its API takes.
    pub capabilities: Capabilities,
    key: Key,
}

/// A provider that needs no `base_url`.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its API's base URL.
    pub base_url: BaseUrl,
    /// What its chat endpoint speaks.
    pub dialect: Dialect,
    /// How its key is sent.
    pub auth: AuthStyle,
    /// What its API takes.
    pub capabilities: Capabilities,
}

/// How a key is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Bearer,
    Header(&'static str),
    Query(&'static str),
    None,
}

/// What most copies of OpenAI's API take.
const COMPATIBLE: Capabilities =
    Capabilities { stream_options: true, ..Capabilities::assumed(Dialect::Chat) };

const fn compatible(name: &'static str, base_url: &'static str, semconv_name: &'static str) -> Row {
    Row {
        name,
        base_url: Some(base_url),
        dialect: Dialect::Chat,
        semconv_name,
        capabilities: COMPATIBLE,
        key: Key::Bearer,
    }
}

/// The documented providers.
pub static ROWS: [Row; 26] = [
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
    // The endpoint that speaks chat completions; Cohere's own dialect is not spoken.
    compatible("cohere", "https://api.cohere.ai/compatibility/v1", "cohere"),
    compatible("xai", "https://api.x.ai/v1", "x_ai"),
    // Mistral sends usage unasked and refuses fields that it does not know.
    Row {
        capabilities: Capabilities { stream_options: false, ..COMPATIBLE },
        ..compatible("mistral", "https://api.mistral.ai/v1", "mistral_ai")
    },
    compatible("groq", "https://api.groq.com/openai/v1", "groq"),
    compatible("together", "https://api.together.xyz/v1", "together"),
    compatible("fireworks", "https://api.fireworks.ai/inference/v1", "fireworks"),
    compatible("deepseek", "https://api.deepseek.com/v1", "deepseek"),
    // Perplexity sends usage with every chunk, unasked.
    Row {
        capabilities: Capabilities { stream_options: false, ..COMPATIBLE },
        ..compatible("perplexity", "https://api.perplexity.ai", "perplexity")
    },
    Row {
        capabilities: Capabilities { reasoning_details: true, ..COMPATIBLE },
        ..compatible("openrouter", "https://openrouter.ai/api/v1", "openrouter")
    },
    compatible("cerebras", "https://api.cerebras.ai/v1", "cerebras"),
    compatible("sambanova", "https://api.sambanova.ai/v1", "sambanova"),
    // AI21 documents no `stream_options`.
    Row {
        capabilities: Capabilities { stream_options: false, ..COMPATIBLE },
        ..compatible("ai21", "https://api.ai21.com/studio/v1", "ai21")
    },
    compatible("deepinfra", "https://api.deepinfra.com/v1/openai", "deepinfra"),
    compatible("nvidia-nim", "https://integrate.api.nvidia.com/v1", "nvidia_nim"),
    compatible("nebius", "https://api.studio.nebius.ai/v1", "nebius"),
    compatible("novita", "https://api.novita.ai/v3/openai", "novita"),
    compatible("moonshot", "https://api.moonshot.cn/v1", "moonshot_ai"),
    Row {
        base_url: None,
        key: Key::Header("api-key"),
        ..compatible("azure-openai", "", "azure.ai.openai")
    },
    Row { key: Key::Query("key"), ..compatible("google-gemini", GEMINI, "gcp.gemini") },
    Row { key: Key::Query("key"), ..compatible("gemini", GEMINI, "gcp.gemini") },
    Row { base_url: None, ..compatible("gcp-vertex-ai", "", "gcp.vertex_ai") },
    Row { base_url: None, ..compatible("aws-bedrock", "", "aws.bedrock") },
    Row { key: Key::None, ..compatible("ollama", "http://localhost:11434/v1", "ollama") },
    Row { key: Key::None, ..compatible("vllm", "http://localhost:8000/v1", "vllm") },
];

const GEMINI: &str = "https://generativelanguage.googleapis.com/v1beta/openai";

/// Finds a documented provider by its name in the file.
pub fn find(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
}

/// What is known of the provider; `None` where its `base_url` has to be written down.
pub fn known(name: &str) -> Option<Known> {
    let row = find(name)?;
    Some(Known {
        base_url: row.base_url?.parse().ok()?,
        dialect: row.dialect,
        auth: row.auth(),
        capabilities: row.capabilities,
    })
}

/// The environment variable that holds a provider's key by convention: `AZURE_OPENAI_API_KEY` for
/// `azure-openai`.
pub fn key_variable(name: &str) -> String {
    let stem =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    stem.chain("_API_KEY".chars()).collect()
}

// === impl Row ===

impl Row {
    /// How its key is sent.
    pub fn auth(&self) -> AuthStyle {
        match self.key {
            Key::Bearer => AuthStyle::Bearer,
            Key::Header(name) => AuthStyle::ApiKeyHeader(HeaderName::from_static(name)),
            Key::Query(name) => AuthStyle::QueryParam(name.to_owned()),
            Key::None => AuthStyle::None,
        }
    }

    /// Whether its requests carry an `anthropic-version` header.
    pub const fn needs_anthropic_version(&self) -> bool {
        matches!(self.dialect, Dialect::Messages)
    }
}
