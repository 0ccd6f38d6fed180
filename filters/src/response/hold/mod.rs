//! Output guardrails in a stream: nothing of a match leaves, everything else at once.
//!
//! The guard stands before every other filter and knows no dialect: the readers tell which texts an
//! event brings and where they stand in it. An event is held while something of its text may still
//! become part of a match; what comes behind it waits with it, so that the order stays. What leaves
//! is the upstream's bytes, but for texts in which something was found.

mod bounds;
mod fragment;
mod frames;
mod guard;
mod held;
mod leaves;
mod strings;
mod watch;
mod whole;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use tollgate_providers::{Dialect, JsonStr, StreamEvent, StreamReader};

use super::withhold::HELD_BYTES_MAX;
use crate::guard::reading::{Channel, Key};
use crate::guard::{Cause, Findings, Refusal, Rules};
use fragment::{Fragment, text_at};
use frames::{Frames, data_of, readable};
use held::Queue;
use leaves::{Leaves, place_of};
use strings::walk;
use whole::Whole;

pub use bounds::Bounds;
pub(super) use guard::Guard;
pub(in crate::response) use watch::Watch;

#[cfg(test)]
mod tests;

/// The longest event that is held whole; a longer one could not be looked through.
pub const EVENT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The most texts of one answer that are told apart; the oldest is over when another comes.
pub const TEXTS_MAX: usize = 1_024;

/// Holds back what may become a match.
#[derive(Debug)]
pub(in crate::response) struct Hold {
    rules: Arc<Rules>,
    reader: StreamReader,
    frames: Frames,
    queue: Queue,
    channels: Vec<Channel>,
    /// What the event at hand says.
    said: Vec<Said>,
    findings: Findings,
    refusal: Option<Refusal>,
    changed: bool,
    longest: Option<Duration>,
    bounds: Bounds,
    dialect: Dialect,
}

/// What became of an answer.
#[derive(Clone, Debug, Default)]
pub struct Guarded {
    /// What was found.
    pub findings: Findings,
    /// Why the answer was ended.
    pub refusal: Option<Refusal>,
    /// Whether the caller got something else than what the upstream sent.
    pub changed: bool,
    /// How long an event was held back at most, beyond the read that completed it; `None` where none
    /// was.
    pub held: Option<Duration>,
    /// Which bounds it reached.
    pub bounds: Bounds,
}

/// What an event says, as far as it matters here. Places are those of the readable event.
#[derive(Clone, Debug)]
enum Said {
    Piece(Key, Option<Range<usize>>),
    Input(Option<Range<usize>>),
    /// A call opens.
    Call,
    Finish(u32),
    Done,
}

// === impl Hold ===

impl Hold {
    pub(super) fn new(dialect: Dialect, rules: Arc<Rules>, encoded: bool) -> Self {
        let refusal = if encoded { rules.refuse(Cause::Unreadable) } else { None };
        Self {
            rules,
            reader: StreamReader::new(dialect).holding(EVENT_BYTES_MAX),
            frames: Frames::default(),
            queue: Queue::default(),
            channels: Vec::new(),
            said: Vec::new(),
            findings: Findings::default(),
            refusal,
            changed: false,
            longest: None,
            bounds: Bounds::default(),
            dialect,
        }
    }

    /// Takes the next bytes and returns what leaves. `seen` is told what they say as it arrives.
    pub(super) fn on_chunk(
        &mut self,
        chunk: &Bytes,
        at: Instant,
        seen: &mut dyn FnMut(&StreamEvent<'_>),
    ) -> Bytes {
        if self.refusal.is_some() {
            return Bytes::new();
        }
        let mut frames = std::mem::take(&mut self.frames);
        let mut leaves = Leaves::of(chunk);
        frames.feed(chunk, &mut |frame| self.on_frame(frame, true, at, &mut leaves, seen));
        if frames.held_bytes() > EVENT_BYTES_MAX {
            self.refuse_too_long();
        }
        self.frames = frames;
        leaves.join()
    }

    /// The stream is over: what is held leaves, but for what was found.
    pub(super) fn on_end(&mut self, at: Instant, seen: &mut dyn FnMut(&StreamEvent<'_>)) -> Bytes {
        let mut leaves = Leaves::default();
        if let Some(rest) = self.frames.finish()
            && self.refusal.is_none()
        {
            self.on_frame(rest, false, at, &mut leaves, seen);
        }
        self.reader.finish(&mut |event| seen(&event));
        self.pause(|_| true);
        self.release(at, &mut leaves);
        leaves.join()
    }

    /// Why the answer ends here, if it does.
    pub(super) const fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    /// What became of the answer.
    pub(super) fn into_guarded(self) -> Guarded {
        let Self { findings, refusal, changed, longest, bounds, .. } = self;
        Guarded { findings, changed: changed || refusal.is_some(), refusal, held: longest, bounds }
    }

    fn on_frame(
        &mut self,
        frame: Bytes,
        whole: bool,
        at: Instant,
        leaves: &mut Leaves,
        seen: &mut dyn FnMut(&StreamEvent<'_>),
    ) {
        if frame.len() > EVENT_BYTES_MAX {
            self.refuse_too_long();
        }
        if self.refusal.is_some() {
            return;
        }
        let readable = readable(&frame, whole);
        let mut said = std::mem::take(&mut self.said);
        said.clear();
        self.reader.feed(&readable, &mut |event| {
            said.extend(Said::of(&event, &readable));
            seen(&event);
        });
        let data = data_of(&readable);
        let event = self.queue.push(frame, readable.clone(), data.clone(), at);
        if let Err(refusal) = self.look(event, &readable, data, &said) {
            self.refusal = Some(refusal);
            self.queue.clear();
        }
        self.said = said;
        self.release(at, leaves);
        if self.queue.held_bytes() > HELD_BYTES_MAX {
            self.bounds.held_bytes += 1;
            self.pause(|_| true);
            self.release(at, leaves);
        }
    }

    /// Looks at everything that an event says.
    fn look(
        &mut self,
        event: u64,
        bytes: &Bytes,
        data: Range<usize>,
        said: &[Said],
    ) -> Result<(), Refusal> {
        let mut read = Vec::new();
        let mut edits = Vec::new();
        for said in said {
            match said.clone() {
                Said::Piece(key, Some(range)) => {
                    read.push(range.clone());
                    self.piece(key, event, bytes, range)?;
                }
                Said::Input(Some(range)) => {
                    self.whole().json(bytes, range, &mut edits)?;
                }
                // Not in its place, so that nothing could be taken out of it.
                Said::Piece(_, None) | Said::Input(None) => {
                    self.rules.refuse(Cause::Unreadable).map_or(Ok(()), Err)?;
                }
                // What was said before is over.
                Said::Call => self.end(|key| !matches!(key, Key::Arguments(_)))?,
                Said::Finish(choice) => {
                    let text = Key::Text(choice);
                    self.end(|key| key == text || key.ends_with(text))?;
                }
                Said::Done => self.end(|_| true)?,
            }
        }
        if read.is_empty() && matches!(self.dialect, Dialect::Responses | Dialect::Messages) {
            self.end_part(bytes.get(data.clone()).unwrap_or_default())?;
        }
        self.whole().event(bytes, data, &read, &mut edits)?;
        for (range, new) in edits {
            self.queue.edit(event, range, new);
        }
        Ok(())
    }

    /// A piece of one of the answer's texts.
    fn piece(
        &mut self,
        key: Key,
        event: u64,
        bytes: &Bytes,
        range: Range<usize>,
    ) -> Result<(), Refusal> {
        // The answer goes on elsewhere: nobody waits for more of what came before.
        self.end(|other| other.ends_with(key))?;
        let text = text_at(bytes, range.clone());
        let owner = self.queue.add(event, Fragment::new(range, text.len()));
        let rules = Arc::clone(&self.rules);
        let at = self.place_of(key)?;
        let Some(channel) = self.channels.get_mut(at) else { return Ok(()) };
        channel.push(&text, owner, &rules, &mut self.findings)?;
        channel.settle(&mut self.queue);
        Ok(())
    }

    /// Some APIs say when a text is over; the next one is another.
    fn end_part(&mut self, json: &[u8]) -> Result<(), Refusal> {
        let over: fn(Key) -> bool = match kind_of(json) {
            b"response.output_text.done" => |key| matches!(key, Key::Text(_)),
            b"response.refusal.done" => |key| matches!(key, Key::Refusal(_)),
            b"response.reasoning_summary_text.done" | b"response.reasoning_text.done" => {
                |key| matches!(key, Key::Reasoning(_))
            }
            // A cited sentence is cut into blocks: what goes on from one to the next is found, too.
            b"content_block_stop" => return self.end(|_| true),
            b"response.function_call_arguments.done" | b"response.custom_tool_call_input.done" => {
                return self.end(|key| matches!(key, Key::Arguments(_)));
            }
            _ => return Ok(()),
        };
        self.end(over)?;
        self.channels.retain(|channel| !over(channel.key));
        Ok(())
    }

    fn place_of(&mut self, key: Key) -> Result<usize, Refusal> {
        if let Some(at) = self.channels.iter().rposition(|channel| channel.key == key) {
            return Ok(at);
        }
        if self.channels.len() >= TEXTS_MAX {
            self.bounds.texts += 1;
            let oldest = self.channels.first().map(|channel| channel.key);
            self.end(|key| Some(key) == oldest)?;
            self.channels.remove(0);
        }
        self.channels.push(Channel::new(key, &self.rules));
        Ok(self.channels.len() - 1)
    }

    fn whole(&mut self) -> Whole<'_> {
        Whole { rules: &self.rules, findings: &mut self.findings }
    }

    /// Texts that nobody waits for any more.
    fn end(&mut self, over: impl Fn(Key) -> bool) -> Result<(), Refusal> {
        for channel in self.channels.iter_mut().filter(|it| over(it.key) && it.waits()) {
            channel.pause(&self.rules, &mut self.findings, &mut self.queue)?;
        }
        Ok(())
    }

    fn pause(&mut self, over: impl Fn(Key) -> bool) {
        if let Err(refusal) = self.end(over) {
            self.refusal = Some(refusal);
            self.queue.clear();
        }
    }

    /// Everything that is decided leaves.
    fn release(&mut self, now: Instant, leaves: &mut Leaves) {
        while let Some((bytes, changed, arrived)) = self.queue.pop() {
            self.changed |= changed;
            let held = now.saturating_duration_since(arrived);
            if !held.is_zero() {
                self.longest = self.longest.max(Some(held));
            }
            leaves.push(&bytes);
        }
    }

    fn refuse_too_long(&mut self) {
        self.refusal = self.rules.refuse(Cause::TooLong { bytes_max: EVENT_BYTES_MAX });
        self.queue.clear();
    }
}

// === impl Said ===

impl Said {
    fn of(event: &StreamEvent<'_>, readable: &[u8]) -> Option<Self> {
        let place = |text: JsonStr<'_>| place_of(readable, text.raw());
        Some(match *event {
            StreamEvent::Text { choice, text } => Self::Piece(Key::Text(choice), place(text)),
            StreamEvent::Reasoning { choice, text } => {
                Self::Piece(Key::Reasoning(choice), place(text))
            }
            StreamEvent::Refusal { choice, text } => Self::Piece(Key::Refusal(choice), place(text)),
            StreamEvent::ToolCallArguments { call, fragment } => {
                Self::Piece(Key::Arguments(call), place(fragment))
            }
            StreamEvent::ToolCallInput { json, .. } => Self::Input(place_of(readable, json)),
            StreamEvent::ToolCallStart { .. } => Self::Call,
            StreamEvent::FinishReason { choice, .. } => Self::Finish(choice),
            StreamEvent::Done => Self::Done,
            _ => return None,
        })
    }
}

/// What an event is called.
fn kind_of(json: &[u8]) -> &[u8] {
    let mut kind = &b""[..];
    walk(json, &[], &mut |value| {
        if value.key == b"type" && value.depth == 1 {
            kind = json.get(value.range).unwrap_or_default();
        }
    });
    kind
}
