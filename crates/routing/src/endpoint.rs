//! The kinds of endpoint that a route can match.

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
        }
    }
}
