//! The only place where the order of the body filters is written.

use bytes::Bytes;
use http::StatusCode;
use tokio::time::Instant;
use tollgate_providers::error_body::{ErrorBody, error_event};
use tollgate_providers::media::{MediaForm, MediaReader};
use tollgate_providers::translate::{ANSWER_BYTES_MAX, Reply, WriteError, Writer};
use tollgate_providers::{
    Dialect, EndpointKind, ErrorClass, Secret, StreamEvent, StreamReader, Transcript,
};

use super::decode::Decode;
use super::error_answer::ErrorAnswer;
use super::{Flow, Meter, Times, ToolCallTimes, ToolCalls, Withhold};

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

/// The caller speaks another dialect than the upstream.
#[derive(Clone, Debug)]
pub struct Translation {
    /// What the caller speaks.
    pub caller: Dialect,
    /// Whether the caller asked for a stream.
    pub stream: bool,
    /// What the answer needs to know that the upstream does not say.
    pub reply: Reply,
}

/// What the filters need to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The status of the response.
    pub status: StatusCode,
    /// We asked for usage and the caller did not.
    pub swallow_usage: bool,
    /// Another target may answer until the first content.
    pub hold: bool,
    /// How much text is kept for the span; 0 keeps none.
    pub content_bytes_max: usize,
    /// When the attempt began.
    pub started: Instant,
    /// `None` where the caller gets the upstream's bytes.
    pub translation: Option<Translation>,
    /// Our own key for the target; an error answer that quotes it leaves without it.
    pub secret: Option<Secret>,
}

/// All body filters of one response.
pub struct Pipeline {
    body: Body,
    decode: Decode,
    observers: Observers,
    withhold: Withhold,
    /// Writes what leaves, where the caller speaks another dialect.
    writer: Option<Box<Writer>>,
    error: Option<ErrorAnswer>,
    swallows: bool,
}

/// Filters that only look.
struct Observers {
    meter: Meter,
    transcript: Transcript,
    tool_calls: ToolCalls,
}

/// What a response turned out to be.
#[derive(Debug)]
pub struct Seen {
    /// Whether it was a stream.
    pub stream: bool,
    /// When things arrived.
    pub times: Times,
    /// What was said.
    pub transcript: Transcript,
    /// When tool calls opened and closed, by number; empty for a plain body.
    pub tool_calls: Vec<ToolCallTimes>,
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

// === impl Pipeline ===

impl Pipeline {
    /// For one response.
    pub fn new(body: Body, settings: Settings) -> Self {
        let decode = match body {
            Body::Stream(dialect) => {
                let reader = StreamReader::new(dialect);
                // What is translated has to be read whole, or it would be cut.
                let translated = settings.translation.is_some();
                let reader = if translated { reader.holding(ANSWER_BYTES_MAX) } else { reader };
                Decode::Stream(Box::new(reader))
            }
            Body::Whole(dialect) => Decode::Whole { dialect, pieces: Vec::new(), bytes: 0 },
            Body::Media(kind, form) => Decode::Media(Box::new(MediaReader::new(kind, form))),
            Body::Error(_) | Body::Opaque => Decode::Opaque,
        };
        let stream = body.is_stream();
        let swallows = stream && settings.swallow_usage && settings.translation.is_none();
        let error = match body {
            Body::Error(dialect) => {
                let (status, translation) = (settings.status, settings.translation.as_ref());
                Some(ErrorAnswer::new(status, dialect, translation, settings.secret))
            }
            _ => None,
        };
        let writer = settings.translation.filter(|_| decode.is_readable()).map(|translation| {
            let Translation { caller, stream, reply } = translation;
            Box::new(if stream { Writer::events } else { Writer::whole }(caller, reply))
        });
        Self {
            body,
            decode,
            observers: Observers {
                meter: Meter::new(settings.started),
                transcript: Transcript::new(settings.content_bytes_max),
                tool_calls: ToolCalls::default(),
            },
            withhold: Withhold::new(swallows, body.can_be_held() && settings.hold),
            writer,
            error,
            swallows,
        }
    }

    /// A piece of the body that arrived at `at`.
    pub fn on_chunk(&mut self, chunk: Bytes, at: Instant) -> Flow {
        self.observers.meter.on_chunk(at);
        if let Some(error) = &mut self.error {
            return Flow::Forward(error.on_chunk(chunk));
        }
        let Self { decode, observers, withhold, writer, .. } = self;
        let mut written = Vec::new();
        // 1. Bytes become events, 2. the observers see each, 3. it is decided what leaves, or 4. it
        // is said anew in the caller's dialect.
        decode.on_chunk(&chunk, &mut |event| {
            observers.on_event(&event, at);
            if let StreamEvent::Boundary { end, usage_only } = event {
                withhold.on_boundary(end, usage_only);
            }
            if let Some(writer) = writer {
                writer.on_event(&event, &mut written);
            }
        });
        let leaves = match &mut self.writer {
            Some(writer) => {
                if self.decode.lost() {
                    writer.fail(&WriteError::TooLong.to_string(), &mut written);
                }
                written.into()
            }
            None => chunk,
        };
        if let Some(message) = self.failed_early() {
            let _held = self.withhold.on_chunk(leaves, false);
            return Flow::Failed(message);
        }
        Flow::Forward(self.withhold.on_chunk(leaves, self.observers.meter.has_content()))
    }

    /// The response ended by itself. Returns what was still held.
    pub fn on_end(&mut self, at: Instant) -> Flow {
        if let Some(error) = &mut self.error {
            return Flow::Forward(error.on_end());
        }
        let Self { decode, observers, writer, .. } = self;
        let mut written = Vec::new();
        decode.on_end(&mut |event| {
            observers.on_last_event(&event, at);
            if let Some(writer) = writer {
                writer.on_event(&event, &mut written);
            }
        });
        if let Some(message) = self.failed_early().or_else(|| self.ended_early()) {
            return Flow::Failed(message);
        }
        if let Some(writer) = &mut self.writer
            && let Err(error) = writer.on_end(&mut written)
            && (!writer.streams() || self.withhold.holds())
        {
            return Flow::Unwritable(error.to_string());
        }
        Flow::Forward(match &self.writer {
            Some(_) => self.withhold.on_chunk(written.into(), true),
            None => self.withhold.on_end(),
        })
    }

    /// Ends what the caller has of a stream with an error; `None` where it has no stream, and half
    /// of a plain body cannot be mended.
    pub fn end_with_error(&mut self, caller: Dialect, error: &ErrorBody<'_>) -> Option<Bytes> {
        match &mut self.writer {
            Some(writer) if writer.streams() => {
                let mut written = Vec::new();
                writer.fail(error.message, &mut written);
                Some(written.into())
            }
            Some(_) => None,
            None => self.is_stream().then(|| error_event(caller, error).into()),
        }
    }

    /// Lets go of what is held: no other target will answer.
    pub fn release(&mut self) -> Bytes {
        self.withhold.on_end()
    }

    /// Whether nothing has left yet, waiting for the first content.
    pub const fn holds(&self) -> bool {
        self.withhold.holds()
    }

    /// Whether any content arrived.
    pub const fn has_content(&self) -> bool {
        self.observers.meter.has_content()
    }

    /// When content last arrived.
    pub const fn last_content_at(&self) -> Option<Instant> {
        self.observers.meter.last_content_at()
    }

    /// Whether the body is a stream of events.
    pub const fn is_stream(&self) -> bool {
        self.body.is_stream()
    }

    /// Whether a stream of events leaves.
    pub fn streams(&self) -> bool {
        self.writer.as_ref().map_or(self.is_stream(), |writer| writer.streams())
    }

    /// Whether the bytes that leave may be fewer or other than those that came.
    pub fn may_change_length(&self) -> bool {
        self.swallows
            || self.writer.is_some()
            || self.error.as_ref().is_some_and(ErrorAnswer::is_rewritten)
    }

    /// The media type of what leaves, where it is not the upstream's.
    pub fn media_type(&self) -> Option<&'static str> {
        match (&self.writer, &self.error) {
            (Some(writer), _) if writer.streams() => Some("text/event-stream; charset=utf-8"),
            (Some(_), _) => Some("application/json"),
            (None, Some(error)) if error.is_rewritten() => Some("application/json"),
            (None, _) => None,
        }
    }

    /// Whether nothing leaves before the end: a plain answer is written when it is known.
    pub fn waits_for_end(&self) -> bool {
        self.writer.as_ref().is_some_and(|writer| !writer.streams())
    }

    /// Takes the header in which an upstream names its error, where its body does not.
    pub fn name_error(&mut self, name: &str) {
        if let Some(error) = &mut self.error {
            error.name(name);
        }
    }

    /// What an error answer is called, once it was read.
    pub fn error_class(&self) -> Option<ErrorClass> {
        self.error.as_ref()?.class()
    }

    /// What was said so far.
    pub const fn transcript(&self) -> &Transcript {
        &self.observers.transcript
    }

    /// What was seen, at the very end.
    pub fn into_seen(self) -> Seen {
        let stream = self.is_stream();
        let Observers { meter, transcript, tool_calls } = self.observers;
        let tool_calls = if stream { tool_calls.into_times() } else { Vec::new() };
        Seen { stream, times: meter.into_times(), transcript, tool_calls }
    }

    /// The failure that a held stream reports, if it does.
    fn failed_early(&self) -> Option<String> {
        if !self.withhold.holds() || self.has_content() {
            return None;
        }
        self.observers.transcript.error().map(str::to_owned)
    }

    /// The failure of a held stream of chat that came to its end without content and end mark.
    fn ended_early(&self) -> Option<String> {
        let transcript = &self.observers.transcript;
        let over = transcript.is_done() || transcript.finish_reasons().next().is_some();
        let held = matches!(self.body, Body::Stream(_)) && self.withhold.holds();
        // What is translated notices by itself that its end is missing.
        (held && self.writer.is_none() && !over && !self.has_content())
            .then(|| "the stream ended before its answer began".to_owned())
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline").field("body", &self.body).finish_non_exhaustive()
    }
}

// === impl Observers ===

impl Observers {
    fn on_event(&mut self, event: &StreamEvent<'_>, at: Instant) {
        // When things arrive.
        self.meter.on_event(event, at);
        // What they say: id, model, usage, reasons, calls, text.
        self.transcript.on_event(event);
        // When tool calls open and close.
        self.tool_calls.on_event(event, at);
    }

    /// An event of a response that has ended. A call that is closed only because nothing more comes
    /// was over with its last piece, as far as anybody knows.
    fn on_last_event(&mut self, event: &StreamEvent<'_>, at: Instant) {
        self.meter.on_event(event, at);
        self.transcript.on_event(event);
        let over = self.transcript.is_done() || self.transcript.finish_reasons().next().is_some();
        if over || !matches!(event, StreamEvent::ToolCallEnd { .. }) {
            self.tool_calls.on_event(event, at);
        }
    }
}
