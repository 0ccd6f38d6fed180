//! The fast path: the chunks of one answer are alike but for the piece of text in them.
//!
//! From an event whose only news is one piece of text the template keeps the literal bytes around
//! that text. A later event made of the same literals is the same JSON up to the text, so it is
//! told from it by comparing bytes, without parsing, and gives exactly the same events. Counters
//! and padding that change from chunk to chunk may lie between the literals.
//!
//! Invariant: what [`Template::replay`] emits is what the reader would have emitted. The reader's
//! state is the one that it had after the event learnt from, because any other event makes the
//! template forget; and a piece of text, or of a call's arguments, leaves that state as it is when
//! it comes a second time.

use memchr::memmem;

use crate::event::{JsonStr, StreamEvent};
use crate::json::string_end;

/// Longest event that is learnt from, in bytes. Longer ones are rare, and a copy of each costs.
const TEMPLATE_BYTES_MAX: usize = 4 * 1024;
/// Keys whose values no reader looks at and that change with every event.
const VOLATILE: [(&[u8], Hole); 2] =
    [(b"\"sequence_number\":", Hole::Digits), (b"\"obfuscation\":\"", Hole::String)];

/// What lies behind a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hole {
    /// The piece of text that is the event's news.
    Text,
    /// The content of a string that nobody reads.
    String,
    /// A whole number that nobody reads.
    Digits,
}

/// What an event said, as far as the template can say it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Id,
    Model,
    Text { choice: u32 },
    Reasoning { choice: u32 },
    Arguments { call: u32 },
}

/// A string of the event: what it said, and the literal and the range there where it stands.
#[derive(Clone, Copy, Debug)]
struct Note {
    said: Said,
    start: usize,
    len: usize,
}

/// Where a string stands in a payload.
#[derive(Clone, Copy, Debug)]
struct Literal {
    start: usize,
    end: usize,
    /// What follows; `None` behind the last one.
    hole: Option<Hole>,
}

/// What was learnt from one event.
#[derive(Debug, Default)]
pub(super) struct Template {
    /// The event.
    payload: Vec<u8>,
    /// Its parts that every event has.
    literals: Vec<Literal>,
    /// What it said, in order; the text is the one that is no id and no model.
    notes: Vec<Note>,
}

/// Watches what a reader says of one event.
#[derive(Debug)]
pub(super) struct Lesson<'p> {
    payload: &'p [u8],
    notes: [Option<Note>; 3],
    /// Something was said that the template cannot say.
    other: bool,
}

// === impl Said ===

impl Said {
    const fn is_text(self) -> bool {
        !matches!(self, Self::Id | Self::Model)
    }
}

// === impl Template ===

impl Template {
    /// Reads `payload` if it is like the event learnt from: emits its events and returns true.
    /// Otherwise emits nothing.
    #[inline]
    pub(super) fn replay(&self, payload: &[u8], sink: &mut dyn FnMut(StreamEvent<'_>)) -> bool {
        let Some(text) = self.text_of(payload) else { return false };
        for note in &self.notes {
            let known = || self.payload.get(note.start..note.start + note.len);
            let known = || JsonStr::new(known().unwrap_or_default());
            sink(match note.said {
                Said::Id => StreamEvent::Id(known()),
                Said::Model => StreamEvent::Model(known()),
                Said::Text { choice } => StreamEvent::Text { choice, text },
                Said::Reasoning { choice } => StreamEvent::Reasoning { choice, text },
                Said::Arguments { call } => StreamEvent::ToolCallArguments { call, fragment: text },
            });
        }
        true
    }

    /// The text in `payload` if the rest of it is as learnt.
    #[inline]
    fn text_of<'p>(&self, payload: &'p [u8]) -> Option<JsonStr<'p>> {
        let (mut rest, mut text) = (payload, None);
        for literal in &self.literals {
            rest = rest.strip_prefix(self.payload.get(literal.start..literal.end)?)?;
            let len = match literal.hole {
                None => break,
                Some(Hole::Digits) => digits(rest),
                Some(Hole::Text | Hole::String) => string_end(rest)?,
            };
            let (content, after) = rest.split_at_checked(len)?;
            if literal.hole == Some(Hole::Text) {
                text = Some(JsonStr::new(content));
            }
            rest = after;
        }
        // An empty text is none; the reader knows what to do with it.
        text.filter(|text| !text.is_empty() && rest.is_empty())
    }

    /// Takes what `lesson` saw if it is of use, and forgets what it knew.
    pub(super) fn learn(&mut self, lesson: &Lesson<'_>) {
        self.literals.clear();
        let Lesson { payload, notes, other } = lesson;
        let text = notes.iter().flatten().find(|note| note.said.is_text());
        let Some(text) = text.filter(|_| !other && payload.len() <= TEMPLATE_BYTES_MAX) else {
            return;
        };
        self.payload.clear();
        self.payload.extend_from_slice(payload);
        self.notes.clear();
        self.notes.extend(notes.iter().flatten());
        let mut holes = [Some((text.start, text.len, Hole::Text)), None, None];
        for (slot, (key, hole)) in holes.iter_mut().skip(1).zip(VOLATILE) {
            *slot = volatile(payload, key, hole);
        }
        holes.sort_unstable_by_key(|hole| hole.map_or(usize::MAX, |(start, ..)| start));
        let mut at = 0;
        for (start, len, hole) in holes.into_iter().flatten() {
            // A key inside of the text is text.
            if start >= at {
                self.literals.push(Literal { start: at, end: start, hole: Some(hole) });
                at = start + len;
            }
        }
        self.literals.push(Literal { start: at, end: payload.len(), hole: None });
    }
}

// === impl Lesson ===

impl<'p> Lesson<'p> {
    /// Nothing was said yet.
    pub(super) const fn new(payload: &'p [u8]) -> Self {
        Self { payload, notes: [None; 3], other: false }
    }

    /// Takes an event that the reader emits.
    pub(super) fn note(&mut self, event: &StreamEvent<'_>) {
        let noted = match *event {
            StreamEvent::Id(id) => self.add(Said::Id, id),
            StreamEvent::Model(model) => self.add(Said::Model, model),
            StreamEvent::Text { choice, text } => self.add(Said::Text { choice }, text),
            StreamEvent::Reasoning { choice, text } => self.add(Said::Reasoning { choice }, text),
            StreamEvent::ToolCallArguments { call, fragment } => {
                self.add(Said::Arguments { call }, fragment)
            }
            _ => None,
        };
        self.other |= noted.is_none();
    }

    /// `None` if the like was said before, or the string does not stand in the payload.
    fn add(&mut self, said: Said, text: JsonStr<'_>) -> Option<()> {
        let alike = |note: &Note| note.said == said || (note.said.is_text() && said.is_text());
        if self.notes.iter().flatten().any(alike) {
            return None;
        }
        let start = (text.raw().as_ptr().addr()).checked_sub(self.payload.as_ptr().addr())?;
        let len = text.raw().len();
        if self.payload.get(start..start.checked_add(len)?)? != text.raw() {
            return None;
        }
        let free = self.notes.iter_mut().find(|note| note.is_none())?;
        *free = Some(Note { said, start, len });
        Some(())
    }
}

/// Where the value behind `key` lies.
fn volatile(payload: &[u8], key: &[u8], hole: Hole) -> Option<(usize, usize, Hole)> {
    let start = memmem::find(payload, key)? + key.len();
    let value = payload.get(start..)?;
    let len = if hole == Hole::Digits { digits(value) } else { string_end(value)? };
    Some((start, len, hole))
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}
