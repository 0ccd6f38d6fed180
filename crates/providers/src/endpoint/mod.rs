//! The paths that tollgate serves, and what each of them is.

use http::{HeaderMap, Method};

use crate::provider::Dialect;

mod upstream;

#[cfg(test)]
mod tests;

/// The header by which a caller picks the provider where no model does, or in passthrough.
pub const PROVIDER_HEADER: &str = "x-genai-provider";

/// What kind of work an endpoint does. A route matches on the model and on this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EndpointKind {
    /// Any of the chat endpoints, whatever its dialect.
    #[default]
    Chat,
    /// Embeddings.
    Embeddings,
    /// Text to speech.
    AudioSpeech,
    /// Speech to text.
    AudioTranscription,
    /// Image generation.
    ImageGeneration,
    /// Documents in the order of their relevance.
    Rerank,
}

/// One endpoint, found by exact match on the raw path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `GET /health`.
    Health,
    /// `GET /v1/models`.
    Models,
    /// `GET /v1/models/{id}`.
    Model(String),
    /// `POST /v1/chat/completions`.
    ChatCompletions,
    /// `POST /v1/completions`: the legacy API.
    Completions,
    /// `POST /v1/responses`.
    Responses,
    /// `POST /v1/messages`.
    Messages,
    /// `POST /v1/messages/count_tokens`.
    CountTokens,
    /// `POST /v1/embeddings`.
    Embeddings,
    /// `POST /v1/images/generations`.
    ImageGenerations,
    /// `POST /v1/audio/speech`.
    AudioSpeech,
    /// `POST /v1/audio/transcriptions`.
    AudioTranscriptions,
    /// `POST /v1/rerank`.
    Rerank,
    /// `/v1/files`: upload and list.
    Files,
    /// `/v1/files/{id}`: get and delete.
    File(FileId),
    /// `GET /v1/files/{id}/content`.
    FileContent(FileId),
}

/// The id of a file: letters, digits, `_`, `.` and `-`, not dots alone. Safe in a path as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileId(String);

/// Why a request line is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No endpoint has this path.
    NotFound,
    /// The endpoint takes other methods.
    MethodNotAllowed {
        /// The value of `Allow`.
        allow: &'static str,
    },
}

// === impl EndpointKind ===

impl EndpointKind {
    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embeddings => "embeddings",
            Self::AudioSpeech => "audio_speech",
            Self::AudioTranscription => "audio_transcription",
            Self::ImageGeneration => "image_generation",
            Self::Rerank => "rerank",
        }
    }

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [
            Self::Chat,
            Self::Embeddings,
            Self::AudioSpeech,
            Self::AudioTranscription,
            Self::ImageGeneration,
            Self::Rerank,
        ]
        .into_iter()
        .find(|kind| kind.name() == name)
    }
}

// === impl Endpoint ===

impl Endpoint {
    /// Finds the endpoint of a request line. The path is matched as it is: no decoding, no
    /// collapsing of slashes.
    ///
    /// # Errors
    /// [`Refusal`]: 404 or 405.
    pub fn resolve(method: &Method, path: &str) -> Result<Self, Refusal> {
        let endpoint = Self::of_path(path).ok_or(Refusal::NotFound)?;
        let allow = endpoint.methods();
        if allow.split(", ").any(|allowed| allowed == method.as_str()) {
            Ok(endpoint)
        } else {
            Err(Refusal::MethodNotAllowed { allow })
        }
    }

    fn of_path(path: &str) -> Option<Self> {
        if path == "/health" {
            return Some(Self::Health);
        }
        let rest = path.strip_prefix("/v1/")?;
        Some(match rest {
            "models" => Self::Models,
            "chat/completions" => Self::ChatCompletions,
            "completions" => Self::Completions,
            "responses" => Self::Responses,
            // Anthropic's SDK adds `/v1` to a base URL that, as documented, has one already.
            "messages" | "v1/messages" => Self::Messages,
            "messages/count_tokens" | "v1/messages/count_tokens" => Self::CountTokens,
            "embeddings" => Self::Embeddings,
            "images/generations" => Self::ImageGenerations,
            "audio/speech" => Self::AudioSpeech,
            "audio/transcriptions" => Self::AudioTranscriptions,
            "rerank" => Self::Rerank,
            "files" => Self::Files,
            _ => {
                if let Some(id) = rest.strip_prefix("models/").filter(|id| !id.is_empty()) {
                    return Some(Self::Model(percent_decoded(id)?));
                }
                let file = rest.strip_prefix("files/")?;
                return match file.strip_suffix("/content") {
                    Some(id) => FileId::parse(id).map(Self::FileContent),
                    None => FileId::parse(file).map(Self::File),
                };
            }
        })
    }

    const fn methods(&self) -> &'static str {
        match self {
            Self::Health | Self::Models | Self::Model(_) => "GET, HEAD",
            Self::Files => "GET, POST",
            Self::File(_) => "GET, DELETE",
            Self::FileContent(_) => "GET",
            _ => "POST",
        }
    }

    /// The kind that routes match on.
    pub const fn kind(&self) -> EndpointKind {
        match self {
            Self::Embeddings => EndpointKind::Embeddings,
            Self::Rerank => EndpointKind::Rerank,
            Self::ImageGenerations => EndpointKind::ImageGeneration,
            Self::AudioSpeech => EndpointKind::AudioSpeech,
            Self::AudioTranscriptions => EndpointKind::AudioTranscription,
            _ => EndpointKind::Chat,
        }
    }

    /// The dialect that requests and answers have here; `None` where it is not a chat API.
    pub const fn dialect(&self) -> Option<Dialect> {
        match self {
            Self::ChatCompletions | Self::Completions => Some(Dialect::Chat),
            Self::Responses => Some(Dialect::Responses),
            Self::Messages => Some(Dialect::Messages),
            _ => None,
        }
    }

    /// Whether requests and answers here are translated for targets that speak another dialect.
    pub const fn is_translated(&self) -> bool {
        matches!(self, Self::ChatCompletions | Self::Responses | Self::Messages)
    }

    /// The family of chat API that the endpoint belongs to.
    pub const fn family(&self) -> Dialect {
        match self {
            Self::Messages | Self::CountTokens => Dialect::Messages,
            _ => Dialect::Chat,
        }
    }

    /// Whether a request names a model, in JSON or in a form; without one, the provider is found
    /// by [`PROVIDER_HEADER`] or is the first that serves this.
    pub const fn names_model(&self) -> bool {
        !matches!(
            self,
            Self::Health
                | Self::Models
                | Self::Model(_)
                | Self::Files
                | Self::File(_)
                | Self::FileContent(_)
        )
    }

    /// The dialect in which a caller of `path` expects its errors.
    pub fn dialect_of_errors(path: &str, headers: &HeaderMap) -> Dialect {
        let anthropic = is_anthropic_caller(headers);
        match Self::of_path(path) {
            Some(Self::Messages | Self::CountTokens) => Dialect::Messages,
            Some(endpoint) if endpoint.names_model() => Dialect::Chat,
            _ if anthropic => Dialect::Messages,
            _ => Dialect::Chat,
        }
    }

    /// The route as telemetry names it: the path without ids.
    pub const fn route(&self) -> &'static str {
        match self {
            Self::Health => "/health",
            Self::Models => "/v1/models",
            Self::Model(_) => "/v1/models/{model_id}",
            Self::ChatCompletions => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
            Self::Responses => "/v1/responses",
            Self::Messages => "/v1/messages",
            Self::CountTokens => "/v1/messages/count_tokens",
            Self::Embeddings => "/v1/embeddings",
            Self::ImageGenerations => "/v1/images/generations",
            Self::AudioSpeech => "/v1/audio/speech",
            Self::AudioTranscriptions => "/v1/audio/transcriptions",
            Self::Rerank => "/v1/rerank",
            Self::Files => "/v1/files",
            Self::File(_) => "/v1/files/{file_id}",
            Self::FileContent(_) => "/v1/files/{file_id}/content",
        }
    }

    /// `gen_ai.operation.name`; `None` where there is no GenAI span.
    pub const fn operation(&self) -> Option<&'static str> {
        match self {
            Self::ChatCompletions | Self::Completions | Self::Responses | Self::Messages => {
                Some("chat")
            }
            Self::Embeddings => Some("embeddings"),
            Self::ImageGenerations => Some("image_generation"),
            Self::AudioSpeech => Some("audio_speech"),
            Self::AudioTranscriptions => Some("audio_transcription"),
            _ => None,
        }
    }

    /// `gen_ai.output.type`: fixed by the endpoint, not by the content.
    pub const fn output_type(&self) -> &'static str {
        match self {
            Self::Embeddings => "embeddings",
            Self::ImageGenerations => "image",
            Self::AudioSpeech => "speech",
            _ => "text",
        }
    }
}

/// Whether the caller speaks to Anthropic's API: its SDKs say so in every request.
pub fn is_anthropic_caller(headers: &HeaderMap) -> bool {
    headers.contains_key("anthropic-version") || headers.contains_key("x-api-key")
}

// === impl FileId ===

impl FileId {
    /// An id that cannot lead anywhere else in a path.
    pub fn parse(id: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        let sound = id.bytes().all(plain) && id.bytes().any(|byte| byte != b'.');
        sound.then(|| Self(id.to_owned()))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A model's id may hold a slash, which a path holds as `%2F`.
fn percent_decoded(id: &str) -> Option<String> {
    let mut out = Vec::with_capacity(id.len());
    let mut bytes = id.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        out.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    String::from_utf8(out).ok()
}
