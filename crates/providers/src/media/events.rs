//! The events of a media stream. Each names its `type`.

use super::emit_usage;
use crate::event::{JsonStr, Medium, StreamEvent};
use crate::json::{Cursor, Kind};
use crate::openai::{read_error, text};
use crate::sse::SseEvent;

/// What is known of the stream so far.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// The same transcript comes in pieces, in segments and whole: the first of them counts.
    source: Option<Source>,
    /// Whether an event of a known type came: then an end mark must come, too.
    known: bool,
    done: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Pieces,
    Segments,
    Whole,
}

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Transcript(Source),
    Media,
    LastMedia,
    End,
    Error,
    Unknown,
}

/// An event's members, as far as they matter.
#[derive(Clone, Copy, Default)]
struct Members<'a> {
    kind: &'a [u8],
    delta: Option<JsonStr<'a>>,
    text: Option<JsonStr<'a>>,
    model: Option<JsonStr<'a>>,
    usage: Option<Cursor<'a>>,
    error: Option<Cursor<'a>>,
}

// === impl What ===

impl What {
    /// OpenAI's names, and those of Mistral's transcriptions.
    fn of(kind: &[u8]) -> Self {
        match kind {
            b"transcript.text.delta" | b"transcription.text.delta" => {
                Self::Transcript(Source::Pieces)
            }
            b"transcript.text.segment" | b"transcription.segment" => {
                Self::Transcript(Source::Segments)
            }
            b"transcript.text.done" | b"transcription.done" => Self::Transcript(Source::Whole),
            b"image_generation.partial_image"
            | b"image_edit.partial_image"
            | b"speech.audio.delta" => Self::Media,
            b"image_generation.completed" | b"image_edit.completed" => Self::LastMedia,
            b"speech.audio.done" => Self::End,
            b"error" => Self::Error,
            _ => Self::Unknown,
        }
    }
}

// === impl Members ===

impl<'a> Members<'a> {
    fn read(json: &'a [u8]) -> Option<Self> {
        let mut members = Self::default();
        Cursor::new(json).object(|cursor, key| {
            match key {
                b"type" => members.kind = cursor.text()?.raw(),
                b"delta" => members.delta = text(cursor)?,
                b"text" => members.text = text(cursor)?,
                b"model" => members.model = text(cursor)?,
                b"usage" if cursor.kind()? == Kind::Object => {
                    members.usage = Some(*cursor);
                    cursor.skip()?;
                }
                b"error" if cursor.kind()? != Kind::Null => {
                    members.error = Some(*cursor);
                    cursor.skip()?;
                }
                _ => cursor.skip()?,
            }
            Some(())
        })?;
        Some(members)
    }
}

// === impl Events ===

impl Events {
    pub(super) fn read(&mut self, event: &SseEvent<'_>, sink: &mut dyn FnMut(StreamEvent<'_>)) {
        if event.data.starts_with(b"[DONE]") {
            self.finish(sink);
        } else if let Some(members) = Members::read(event.data) {
            self.take(event, members, sink);
        }
        sink(StreamEvent::Boundary { end: event.end, usage_only: false });
    }

    /// The stream ended by itself. One whose events nobody knows has no other end mark.
    pub(super) fn end(&mut self, sink: &mut dyn FnMut(StreamEvent<'_>)) {
        if !self.known {
            self.finish(sink);
        }
    }

    fn take(
        &mut self,
        event: &SseEvent<'_>,
        members: Members<'_>,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) {
        let Members { kind, delta, text, model, usage, error } = members;
        let what = What::of(kind);
        self.known |= what != What::Unknown;
        if let Some(model) = model {
            sink(StreamEvent::Model(model));
        }
        match what {
            What::Transcript(source) => {
                let counts = *self.source.get_or_insert(source) == source;
                if let Some(text) = delta.or(text).filter(|_| counts) {
                    sink(StreamEvent::Text { choice: 0, text });
                }
            }
            What::Media | What::LastMedia => {
                let image = kind.starts_with(b"image");
                let medium = if image { Medium::Image } else { Medium::Audio };
                sink(StreamEvent::Media { choice: 0, medium });
            }
            What::End | What::Error | What::Unknown => {}
        }
        if let Some(mut usage) = usage {
            // Broken JSON was found out before.
            let _sound = emit_usage(&mut usage, sink);
        }
        if let Some(mut error) = error {
            let _sound = read_error(&mut error, sink);
        } else if what == What::Error || event.is_error {
            // The flat form: the members of the error are the event's.
            let _sound = read_error(&mut Cursor::new(event.data), sink);
        }
        if matches!(what, What::Transcript(Source::Whole) | What::LastMedia | What::End) {
            self.finish(sink);
        }
    }

    fn finish(&mut self, sink: &mut dyn FnMut(StreamEvent<'_>)) {
        if !std::mem::replace(&mut self.done, true) {
            sink(StreamEvent::Done);
        }
    }
}
