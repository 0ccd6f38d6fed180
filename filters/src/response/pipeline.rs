//! The only place where the order of the body filters is written.

use bytes::Bytes;
use tokio::time::Instant;
use tollgate_providers::error_body::{ErrorBody, error_event};
use tollgate_providers::estimate::Family;
use tollgate_providers::media::MediaReader;
use tollgate_providers::translate::{ANSWER_BYTES_MAX, WriteError, Writer};
use tollgate_providers::{Dialect, ErrorClass, StreamEvent, StreamReader, Transcript};

use super::body::Body;
use super::decode::Decode;
use super::error_answer::ErrorAnswer;
use super::hold::{Guard, Guarded};
use super::observers::Observers;
use super::settings::{Settings, Translation};
use super::{Flow, Times, ToolCallTimes, Withhold};
use crate::guard::{Answer, Findings};

/// All body filters of one response.
pub struct Pipeline {
    body: Body,
    guard: Option<Guard>,
    /// What may still leave of an answer that a guardrail ended.
    last_words: Bytes,
    decode: Decode,
    observers: Observers,
    withhold: Withhold,
    /// Writes what leaves, where the caller speaks another dialect.
    writer: Option<Box<Writer>>,
    error: Option<ErrorAnswer>,
    /// Looks through what leaves of a plain answer, in the caller's dialect.
    answer: Option<Box<Answer>>,
    swallows: bool,
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
    /// What guardrails found in it.
    pub findings: Findings,
    /// What else they made of a stream, where there are any.
    pub guarded: Option<Guarded>,
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
        let encoded = settings.encoded;
        let (guard, answer) = match (body, settings.guard) {
            (Body::Stream(dialect), Some(rules)) => {
                (Some(Guard::new(dialect, rules, encoded)), None)
            }
            (Body::Whole(_), Some(rules)) => (None, Some(Box::new(Answer::new(rules, encoded)))),
            _ => (None, None),
        };
        let writer = settings.translation.filter(|_| decode.is_readable()).map(|translation| {
            let Translation { caller, stream, reply } = translation;
            Box::new(if stream { Writer::events } else { Writer::whole }(caller, reply))
        });
        Self {
            body,
            guard,
            last_words: Bytes::new(),
            decode,
            observers: Observers::new(settings.started, settings.content_bytes_max),
            withhold: Withhold::new(swallows, body.can_be_held() && settings.hold),
            writer,
            error,
            answer,
            swallows,
        }
    }

    /// A piece of the body that arrived at `at`.
    pub fn on_chunk(&mut self, chunk: Bytes, at: Instant) -> Flow {
        self.observers.meter.on_chunk(at);
        if let Some(error) = &mut self.error {
            return Flow::Forward(error.on_chunk(chunk));
        }
        let Self { guard: Some(Guard::Hold(hold)), observers, .. } = self else {
            return self.pass(chunk, at);
        };
        // 0. What must not leave is held or taken out before anybody else sees it.
        let chunk = hold.on_chunk(&chunk, at, &mut |event| observers.on_arrival(event, at));
        let flow = self.pass(chunk, at);
        self.unless_refused(flow)
    }

    /// The response ended by itself. Returns what was still held.
    pub fn on_end(&mut self, at: Instant) -> Flow {
        if let Some(error) = &mut self.error {
            return Flow::Forward(error.on_end());
        }
        let first = match self.end_hold(at) {
            Flow::Forward(first) => first,
            other => return other,
        };
        let Self { decode, observers, writer, guard, .. } = self;
        let mut written = Vec::new();
        decode.on_end(&mut |event| {
            observers.on_last_event(&event, at, guard);
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
        if let Some(answer) = &mut self.answer {
            return match answer.on_end(written.into()) {
                Ok(leaves) => Flow::Forward(self.withhold.on_chunk(leaves, true)),
                Err(refusal) => Flow::Blocked(refusal),
            };
        }
        let last = match &self.writer {
            Some(_) => self.withhold.on_chunk(written.into(), true),
            None => self.withhold.on_end(),
        };
        Flow::Forward(joined(first, last))
    }

    /// What still leaves of a stream that a guardrail ends: all before the match.
    pub fn last_words(&mut self) -> Bytes {
        std::mem::take(&mut self.last_words)
    }

    /// Ends what the caller has of a stream with an error; `None` where it has no stream, and half
    /// of a plain body cannot be mended.
    pub fn end_with_error(
        &mut self,
        caller: Dialect,
        error: &ErrorBody<'_>,
        at: Instant,
    ) -> Option<Bytes> {
        // What came before the error is the caller's.
        let mut words = std::mem::take(&mut self.last_words);
        if let Flow::Forward(rest) = self.end_hold(at) {
            words = joined(words, rest);
        }
        let stream = self.is_stream();
        let end = match &mut self.writer {
            Some(writer) if writer.streams() => {
                let mut written = Vec::new();
                writer.fail(error.message, &mut written);
                // An answer that has ended takes no error; the writer knows none of ours.
                let ours = error.code != "upstream" && !written.is_empty();
                if ours { error_event(caller, error).into() } else { written.into() }
            }
            Some(_) => return None,
            None if stream => error_event(caller, error).into(),
            None => return None,
        };
        Some(joined(words, end))
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

    /// How many tokens the text that came so far is to a model of this family, about.
    pub fn output_tokens(&self, family: Family) -> u64 {
        self.observers.transcript.output_text().tokens(family)
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
            || self.may_be_redacted()
            || self.error.as_ref().is_some_and(ErrorAnswer::is_rewritten)
    }

    /// Whether a guardrail may change what leaves, so that nothing is said of its bytes any more.
    pub fn may_be_redacted(&self) -> bool {
        matches!(self.guard, Some(Guard::Hold(_))) || self.answer_is_held()
    }

    /// Whether all of a stream has been let out to the caller, down to its end mark.
    pub fn has_left_whole(&self) -> bool {
        self.transcript().is_done() && self.is_stream() && self.streams() && !self.holds()
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
        self.writer.as_ref().is_some_and(|writer| !writer.streams()) || self.answer_is_held()
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
        let mut guarded = self.guard.map(Guard::into_guarded);
        let mut findings = self.answer.map(|answer| answer.into_findings()).unwrap_or_default();
        if let Some(guarded) = &mut guarded {
            findings.append(std::mem::take(&mut guarded.findings));
        }
        Seen { stream, times: meter.into_times(), transcript, tool_calls, findings, guarded }
    }

    fn answer_is_held(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.holds())
    }

    /// Everything behind the guard.
    fn pass(&mut self, chunk: Bytes, at: Instant) -> Flow {
        let Self { decode, observers, withhold, writer, guard, .. } = self;
        let mut written = Vec::new();
        // 1. Bytes become events, 2. the observers see each, 3. it is decided what leaves, or 4. it
        // is said anew in the caller's dialect.
        decode.on_chunk(&chunk, &mut |event| {
            observers.on_event(&event, at, guard);
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
        let leaves = match &mut self.answer {
            Some(answer) => match answer.on_chunk(leaves) {
                Ok(leaves) => leaves,
                Err(refusal) => return Flow::Blocked(refusal),
            },
            None => leaves,
        };
        Flow::Forward(self.withhold.on_chunk(leaves, self.observers.meter.has_content()))
    }

    /// No more comes: what the guard holds leaves, but for what was found.
    fn end_hold(&mut self, at: Instant) -> Flow {
        let Self { guard: Some(Guard::Hold(hold)), observers, .. } = self else {
            return Flow::Forward(Bytes::new());
        };
        let rest = hold.on_end(at, &mut |event| observers.on_last_arrival(event, at));
        let flow = self.pass(rest, at);
        self.unless_refused(flow)
    }

    /// What a guardrail makes of it: once it blocks, the answer is over.
    fn unless_refused(&mut self, flow: Flow) -> Flow {
        let Some(Guard::Hold(hold)) = &self.guard else { return flow };
        let Some(refusal) = hold.refusal() else { return flow };
        if let Flow::Forward(bytes) = flow {
            self.last_words = joined(std::mem::take(&mut self.last_words), bytes);
        }
        Flow::Blocked(refusal.clone())
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

/// Two pieces as one; without a copy where one is empty.
pub fn joined(first: Bytes, rest: Bytes) -> Bytes {
    match (first.is_empty(), rest.is_empty()) {
        (true, _) => rest,
        (_, true) => first,
        _ => [first, rest].concat().into(),
    }
}
