//! Bytes to events, by the kind of body.

use bytes::{Bytes, BytesMut};
use tollgate_providers::body::read_body;
use tollgate_providers::media::MediaReader;
use tollgate_providers::{Dialect, StreamEvent, StreamReader};

/// The longest plain body that is read for telemetry; a longer one only passes.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Reads one response.
pub(super) enum Decode {
    /// Server-sent events, read in place.
    Stream(Box<StreamReader>),
    /// A plain answer, read when it is whole. Holds references, not copies.
    Whole { dialect: Dialect, pieces: Vec<Bytes>, bytes: usize },
    /// An answer of an endpoint that is no chat; little of it is held, however long it is.
    Media(Box<MediaReader>),
    /// Nothing here can read it.
    Opaque,
}

// === impl Decode ===

impl Decode {
    /// Whether there is a reader for it.
    pub(super) const fn is_readable(&self) -> bool {
        !matches!(self, Self::Opaque)
    }

    /// Whether something was too long to be read whole.
    pub(super) fn lost(&self) -> bool {
        matches!(self, Self::Stream(reader) if reader.lost())
    }

    pub(super) fn on_chunk(&mut self, chunk: &Bytes, sink: &mut dyn FnMut(StreamEvent<'_>)) {
        match self {
            Self::Stream(reader) => reader.feed(chunk, sink),
            Self::Media(reader) => reader.feed(chunk, sink),
            Self::Whole { pieces, bytes, .. } => {
                *bytes += chunk.len();
                if *bytes > BODY_BYTES_MAX {
                    *self = Self::Opaque;
                } else {
                    pieces.push(chunk.clone());
                }
            }
            Self::Opaque => {}
        }
    }

    /// The response ended by itself.
    pub(super) fn on_end(&mut self, sink: &mut dyn FnMut(StreamEvent<'_>)) {
        match self {
            Self::Stream(reader) => reader.finish(sink),
            Self::Media(reader) => reader.finish(sink),
            Self::Whole { dialect, pieces, bytes } => {
                let body = gather(pieces, *bytes);
                // What is no answer of this dialect says nothing; it was passed on as it is.
                if read_body(*dialect, &body, sink).is_ok() {
                    sink(StreamEvent::Done);
                }
            }
            Self::Opaque => {}
        }
    }
}

/// The pieces as one; without a copy where there is only one.
fn gather(pieces: &mut Vec<Bytes>, bytes: usize) -> Bytes {
    if pieces.len() == 1 {
        return pieces.swap_remove(0);
    }
    let mut all = BytesMut::with_capacity(bytes);
    for piece in pieces.drain(..) {
        all.extend_from_slice(&piece);
    }
    all.freeze()
}
