//! An endpoint at a provider: who serves it, and at which path.

use std::borrow::Cow;

use super::{Endpoint, EndpointKind};
use crate::provider::{Dialect, Provider};

/// Where Cohere keeps its copy of OpenAI's API, and where its own.
const COHERE_COMPATIBLE: &str = "/compatibility/v1";
const COHERE_NATIVE: &str = "/v2";

// === impl EndpointKind ===

impl EndpointKind {
    /// Whether a provider of this dialect serves any endpoint of this kind. Chat is translated.
    pub const fn is_served_by(self, dialect: Dialect) -> bool {
        match self {
            Self::Chat => true,
            Self::Embeddings => Endpoint::Embeddings.is_served_by(dialect),
            Self::AudioSpeech => Endpoint::AudioSpeech.is_served_by(dialect),
            Self::AudioTranscription => Endpoint::AudioTranscriptions.is_served_by(dialect),
            Self::ImageGeneration => Endpoint::ImageGenerations.is_served_by(dialect),
            Self::Rerank => Endpoint::Rerank.is_served_by(dialect),
        }
    }
}

// === impl Endpoint ===

impl Endpoint {
    /// Whether a provider whose chat API speaks `dialect` takes requests of this endpoint as they
    /// are. Of chat only the family counts; whoever translates can do more.
    pub const fn is_served_by(&self, dialect: Dialect) -> bool {
        match self {
            // A shape of its own that many providers copy, whatever their chat API is.
            Self::Rerank => true,
            Self::Messages | Self::CountTokens => matches!(dialect, Dialect::Messages),
            // Served in OpenAI's shape beside the native API.
            Self::Embeddings => {
                matches!(dialect, Dialect::Chat | Dialect::Responses | Dialect::Cohere)
            }
            _ => matches!(dialect, Dialect::Chat | Dialect::Responses),
        }
    }

    /// The path at a provider, its base URL's own path included.
    pub fn path_at(&self, provider: &Provider) -> String {
        let base = &*provider.base_url.path;
        let moved = match self {
            Self::Rerank => base.strip_suffix(COHERE_COMPATIBLE).map(|at| (at, COHERE_NATIVE)),
            Self::Embeddings if matches!(provider.dialect, Dialect::Cohere) => {
                base.strip_suffix(COHERE_NATIVE).map(|at| (at, COHERE_COMPATIBLE))
            }
            _ => None,
        };
        let (base, version) = moved.unwrap_or((base, ""));
        [base, version, &self.upstream_path()].concat()
    }

    /// The path behind a provider's base URL.
    fn upstream_path(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Health => "/health",
            Self::Models | Self::Model(_) => "/models",
            Self::ChatCompletions => "/chat/completions",
            Self::Completions => "/completions",
            Self::Responses => "/responses",
            Self::Messages => "/messages",
            Self::CountTokens => "/messages/count_tokens",
            Self::Embeddings => "/embeddings",
            Self::ImageGenerations => "/images/generations",
            Self::AudioSpeech => "/audio/speech",
            Self::AudioTranscriptions => "/audio/transcriptions",
            Self::Rerank => "/rerank",
            Self::Files => "/files",
            Self::File(id) => return Cow::Owned(format!("/files/{}", id.as_str())),
            Self::FileContent(id) => {
                return Cow::Owned(format!("/files/{}/content", id.as_str()));
            }
        })
    }
}
