//! What kind of body a response has, by its head.

use tollgate_providers::media::MediaForm;
use tollgate_providers::{Dialect, EndpointKind};

/// What kind of body a response has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// Server-sent events.
    Stream(Dialect),
    /// One JSON value.
    Whole(Dialect),
    /// An error answer.
    Error(Dialect),
    /// Embeddings, images, speech, a transcription.
    Media(EndpointKind, MediaForm),
    /// Not ours to read: audio, files, an endpoint without a parser.
    Opaque,
}

// === impl Body ===

impl Body {
    /// Whether the body is a stream of events.
    pub const fn is_stream(self) -> bool {
        matches!(self, Self::Stream(_) | Self::Media(_, MediaForm::Events))
    }

    /// Whether another target can answer in its place while little of it has come: of a stream until
    /// its first content, of one JSON value until its end.
    pub const fn can_be_held(self) -> bool {
        self.is_stream() || matches!(self, Self::Whole(_) | Self::Media(_, MediaForm::Json))
    }
}
