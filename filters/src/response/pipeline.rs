//! The only place where the order of the body filters is written.

use bytes::Bytes;
use http::StatusCode;
use tokio::time::Instant;
use tollgate_providers::error_body::redact_5xx;
use tollgate_providers::media::{MediaForm, MediaReader};
use tollgate_providers::{
    Dialect, EndpointKind, ErrorClass, StreamEvent, StreamReader, Transcript,
};

use super::decode::Decode;
use super::{Flow, Meter, Times, ToolCallTimes, ToolCalls, Withhold};

/// The longest error body that is read; of a longer one only the status counts.
const ERROR_BYTES_MAX: usize = 64 * 1024;

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

/// What the filters need to know.
#[derive(Clone, Copy, Debug)]
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
}

/// All body filters of one response.
pub struct Pipeline {
    body: Body,
    status: StatusCode,
    decode: Decode,
    observers: Observers,
    withhold: Withhold,
    error: Vec<u8>,
    error_class: Option<ErrorClass>,
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
}

// === impl Pipeline ===

impl Pipeline {
    /// For one response.
    pub fn new(body: Body, settings: Settings) -> Self {
        let decode = match body {
            Body::Stream(dialect) => Decode::Stream(Box::new(StreamReader::new(dialect))),
            Body::Whole(dialect) => Decode::Whole { dialect, pieces: Vec::new(), bytes: 0 },
            Body::Media(kind, form) => Decode::Media(Box::new(MediaReader::new(kind, form))),
            Body::Error(_) | Body::Opaque => Decode::Opaque,
        };
        let stream = body.is_stream();
        let swallows = stream && settings.swallow_usage;
        Self {
            body,
            status: settings.status,
            decode,
            observers: Observers {
                meter: Meter::new(settings.started),
                transcript: Transcript::new(settings.content_bytes_max),
                tool_calls: ToolCalls::default(),
            },
            withhold: Withhold::new(swallows, stream && settings.hold),
            error: Vec::new(),
            error_class: None,
            swallows,
        }
    }

    /// A piece of the body that arrived at `at`.
    pub fn on_chunk(&mut self, chunk: Bytes, at: Instant) -> Flow {
        self.observers.meter.on_chunk(at);
        if let Body::Error(_) = self.body {
            return Flow::Forward(self.on_error_chunk(chunk));
        }
        let Self { decode, observers, withhold, .. } = self;
        // 1. Bytes become events, 2. the observers see each, 3. it is decided what leaves.
        decode.on_chunk(&chunk, &mut |event| {
            observers.on_event(&event, at);
            if let StreamEvent::Boundary { end, usage_only } = event {
                withhold.on_boundary(end, usage_only);
            }
        });
        if let Some(message) = self.failed_early() {
            let _held = self.withhold.on_chunk(chunk, false);
            return Flow::Failed(message);
        }
        Flow::Forward(self.withhold.on_chunk(chunk, self.observers.meter.has_content()))
    }

    /// The response ended by itself. Returns what was still held.
    pub fn on_end(&mut self, at: Instant) -> Flow {
        if let Body::Error(dialect) = self.body {
            return Flow::Forward(self.on_error_end(dialect));
        }
        let Self { decode, observers, .. } = self;
        decode.on_end(&mut |event| observers.on_event(&event, at));
        if let Some(message) = self.failed_early() {
            return Flow::Failed(message);
        }
        Flow::Forward(self.withhold.on_end())
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

    /// Whether the bytes that leave may be fewer or other than those that came.
    pub fn may_change_length(&self) -> bool {
        self.swallows || (self.status.is_server_error() && matches!(self.body, Body::Error(_)))
    }

    /// What an error answer is called, once it was read.
    pub const fn error_class(&self) -> Option<ErrorClass> {
        self.error_class
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

    fn on_error_chunk(&mut self, chunk: Bytes) -> Bytes {
        let room = ERROR_BYTES_MAX.saturating_sub(self.error.len());
        let fits = chunk.len() <= room;
        if self.status.is_server_error() {
            // Its message is replaced whatever it says; what is over the limit is not needed.
            self.error.extend_from_slice(chunk.get(..chunk.len().min(room)).unwrap_or_default());
            return Bytes::new();
        }
        if fits && self.error_class.is_none() {
            self.error.extend_from_slice(&chunk);
            return Bytes::new();
        }
        let status = self.status;
        self.error_class.get_or_insert_with(|| ErrorClass::of_status(status));
        let mut out = std::mem::take(&mut self.error);
        if out.is_empty() {
            return chunk;
        }
        out.extend_from_slice(&chunk);
        out.into()
    }

    fn on_error_end(&mut self, dialect: Dialect) -> Bytes {
        let body = std::mem::take(&mut self.error);
        if self.error_class.is_none() {
            self.error_class = Some(ErrorClass::classify(self.status, dialect, &body));
        }
        match redact_5xx(dialect, self.status, &body) {
            Some(redacted) => redacted.into(),
            None => body.into(),
        }
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
}
