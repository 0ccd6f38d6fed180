//! The fast path: the chunks of one answer are alike but for the piece of text in them.
//!
//! From an event whose only news is one piece of text the template keeps the literal bytes around
//! that text. A later event made of the same literals is the same JSON up to the text, so it is
//! told from it by comparing bytes, without parsing, and gives exactly the same events. Counters
//! and padding that change from chunk to chunk may lie between the literals.
//!
//! Invariant: what a replay emits is what the reader would have emitted, but for an id and a model
//! that were told just before. The reader's state is the one that it had after the event learnt from,
//! because any other event makes the template forget; and a piece of text, or of a call's arguments,
//! leaves that state as it is when it comes a second time.
//!
//! Between two events the framing has no state either, so the lines around the data may be compared
//! with it ([`Template::replay_framed`]): then nobody looks for ends of lines.

use std::ops::Range;

use memchr::{memchr2, memmem};

use crate::event::{JsonStr, StreamEvent, Usage};
use crate::json::{Cursor, clean_string_end, string_end};

/// Longest event that is learnt from, in bytes. Longer ones are rare, and a copy of each costs.
const TEMPLATE_BYTES_MAX: usize = 4 * 1024;
/// Longest lines before an event's data that are learnt, in bytes.
const FRAME_BYTES_MAX: usize = 256;
/// What ends an event whose frame is learnt. Behind a CR alone a LF could follow that belongs to it.
const FRAME_ENDS: [&[u8]; 2] = [b"\n\n", b"\r\n\r\n"];
/// Keys whose values no reader looks at and that change with every event.
const VOLATILE: [(&[u8], Hole); 2] =
    [(b"\"sequence_number\":", Hole::Digits), (b"\"obfuscation\":\"", Hole::String)];

/// The key of what was used up, with its quotes, and who reads its value.
pub(super) type UsageKey = (&'static [u8], fn(&mut Cursor<'_>) -> Option<Usage>);

/// What lies behind a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hole {
    /// The piece of text that is the event's news.
    Text,
    /// What was used up so far.
    Usage,
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
    Usage(Usage),
    Text { choice: u32 },
    Reasoning { choice: u32 },
    Arguments { call: u32 },
}

/// What the event said, and where that stands in it.
#[derive(Clone, Copy, Debug)]
struct Note {
    said: Said,
    start: usize,
    len: usize,
}

/// A part that every event has.
#[derive(Clone, Debug)]
struct Literal {
    /// Where it stands in the event learnt from.
    place: Range<usize>,
    /// What follows; `None` behind the last one.
    hole: Option<Hole>,
}

/// What was learnt from one event.
#[derive(Debug, Default)]
pub(super) struct Template {
    /// The event's data.
    payload: Vec<u8>,
    /// The parts of the data; empty where nothing was learnt.
    literals: Vec<Literal>,
    /// The event with the lines around its data.
    framed: Vec<u8>,
    /// The parts of all of it; empty where those lines are not known.
    framed_literals: Vec<Literal>,
    /// What it said, in order, but for its id and its model.
    notes: Vec<Note>,
    /// The usage in `payload`, and who reads another.
    usage: Option<(Range<usize>, UsageKey)>,
}

/// What is found between the literals.
struct Found<'p> {
    text: JsonStr<'p>,
    /// Where it is not what was learnt.
    usage: Option<Usage>,
    /// How many bytes were compared.
    len: usize,
}

/// Watches what a reader says of one event.
#[derive(Debug)]
pub(super) struct Lesson<'p> {
    payload: &'p [u8],
    notes: [Option<Note>; 4],
    usage_key: Option<UsageKey>,
    /// Something was said that the template cannot say.
    other: bool,
}

// === impl Said ===

impl Said {
    const fn is_text(&self) -> bool {
        matches!(self, Self::Text { .. } | Self::Reasoning { .. } | Self::Arguments { .. })
    }
}

// === impl Template ===

impl Template {
    /// Reads `payload` if it is like the event learnt from: emits its events and returns true.
    /// Otherwise emits nothing.
    #[inline]
    pub(super) fn replay(&self, payload: &[u8], sink: &mut dyn FnMut(StreamEvent<'_>)) -> bool {
        let found = self.compare(&self.payload, &self.literals, payload, string_end);
        let Some(found) = found.filter(|found| found.len == payload.len()) else { return false };
        self.emit(&found, sink);
        true
    }

    /// Reads the event at byte `from` of `chunk`, where one may begin, if it lies there whole, its
    /// data is no longer than `bytes_max`, and it is like the one learnt from. Emits its events and
    /// returns where it ends; otherwise emits nothing.
    #[inline]
    pub(super) fn replay_framed(
        &self,
        chunk: &[u8],
        from: usize,
        bytes_max: usize,
        sink: &mut dyn FnMut(StreamEvent<'_>),
    ) -> Option<usize> {
        let bytes = chunk.get(from..)?;
        let found = self.compare(&self.framed, &self.framed_literals, bytes, clean_string_end)?;
        let frame_bytes = self.framed.len().checked_sub(self.payload.len())?;
        if found.len > bytes_max.saturating_add(frame_bytes) {
            return None;
        }
        self.emit(&found, sink);
        let end = from + found.len;
        sink(StreamEvent::Boundary { end, usage_only: false });
        Some(end)
    }

    #[inline]
    fn emit(&self, found: &Found<'_>, sink: &mut dyn FnMut(StreamEvent<'_>)) {
        let Found { text, usage, .. } = *found;
        for note in &self.notes {
            sink(match note.said {
                Said::Text { choice } => StreamEvent::Text { choice, text },
                Said::Reasoning { choice } => StreamEvent::Reasoning { choice, text },
                Said::Arguments { call } => StreamEvent::ToolCallArguments { call, fragment: text },
                Said::Usage(known) => StreamEvent::Usage(usage.unwrap_or(known)),
                Said::Id | Said::Model => continue,
            });
        }
    }

    /// What lies between the literals, where `bytes` begin with what is as learnt.
    #[inline]
    fn compare<'p>(
        &self,
        learnt: &[u8],
        literals: &[Literal],
        bytes: &'p [u8],
        string_end: impl Fn(&[u8]) -> Option<usize>,
    ) -> Option<Found<'p>> {
        let (mut rest, mut text, mut usage) = (bytes, None, None);
        for literal in literals {
            rest = rest.strip_prefix(learnt.get(literal.place.clone())?)?;
            let len = match literal.hole {
                None => break,
                Some(Hole::Digits) => digits(rest),
                Some(Hole::Text | Hole::String) => string_end(rest)?,
                Some(Hole::Usage) => {
                    let len;
                    (usage, len) = self.usage_of(rest)?;
                    len
                }
            };
            let (content, after) = rest.split_at_checked(len)?;
            if literal.hole == Some(Hole::Text) {
                text = Some(JsonStr::new(content));
            }
            rest = after;
        }
        // An empty text is none; the reader knows what to do with it.
        let text = text.filter(|text| !text.is_empty())?;
        Some(Found { text, usage, len: bytes.len() - rest.len() })
    }

    /// The usage at the start of `bytes`, where it is not what was learnt, and how long it is.
    fn usage_of(&self, bytes: &[u8]) -> Option<(Option<Usage>, usize)> {
        let (place, (_, read)) = self.usage.as_ref()?;
        if bytes.starts_with(self.payload.get(place.clone())?) {
            return Some((None, place.len()));
        }
        bytes.first().filter(|byte| **byte == b'{')?;
        let mut cursor = Cursor::new(bytes);
        let usage = read(&mut cursor)?;
        let len = cursor.position();
        // A line's end would be white space to the cursor.
        let is_line = memchr2(b'\n', b'\r', bytes.get(..len)?).is_none();
        is_line.then_some((Some(usage), len))
    }

    /// Takes what `lesson` saw if it is of use, and forgets what it knew.
    pub(super) fn learn(&mut self, lesson: &Lesson<'_>) {
        self.literals.clear();
        self.framed_literals.clear();
        let Lesson { payload, notes, usage_key, other } = lesson;
        let find = |is: fn(&Said) -> bool| notes.iter().flatten().find(|note| is(&note.said));
        let Some(text) = find(Said::is_text) else { return };
        if *other || payload.len() > TEMPLATE_BYTES_MAX {
            return;
        }
        self.payload.clear();
        self.payload.extend_from_slice(payload);
        self.notes.clear();
        let told = notes.iter().flatten();
        self.notes.extend(told.filter(|note| !matches!(note.said, Said::Id | Said::Model)));
        let usage = find(|said| matches!(said, Said::Usage(_)));
        self.usage =
            usage.zip(*usage_key).map(|(note, key)| (note.start..note.start + note.len, key));
        let mut holes = [
            Some((text.start, text.len, Hole::Text)),
            usage.map(|note| (note.start, note.len, Hole::Usage)),
            None,
            None,
        ];
        for (slot, (key, hole)) in holes.iter_mut().skip(2).zip(VOLATILE) {
            *slot = volatile(payload, key, hole);
        }
        holes.sort_unstable_by_key(|hole| hole.map_or(usize::MAX, |(start, ..)| start));
        let mut at = 0;
        for (start, len, hole) in holes.into_iter().flatten() {
            // A key inside of the text is text.
            if start >= at {
                self.literals.push(Literal { place: at..start, hole: Some(hole) });
                at = start + len;
            }
        }
        self.literals.push(Literal { place: at..payload.len(), hole: None });
    }

    /// Takes the lines around `data`, which is as learnt and was read from `chunk`, where its event
    /// is from byte `from` to `end`.
    pub(super) fn frame(&mut self, chunk: &[u8], from: usize, data: &[u8], end: usize) {
        self.framed_literals.clear();
        let start = data.as_ptr().addr().wrapping_sub(chunk.as_ptr().addr());
        // Data of several lines, or of several chunks, is a copy.
        let is_there = start.checked_add(data.len()).and_then(|end| chunk.get(start..end));
        let before = chunk.get(from..start).filter(|before| before.len() <= FRAME_BYTES_MAX);
        let after = chunk.get(start.saturating_add(data.len())..end);
        let after = after.filter(|after| FRAME_ENDS.contains(after));
        let (Some(before), Some(after), true) = (before, after, is_there == Some(data)) else {
            return;
        };
        self.framed.clear();
        for part in [before, &self.payload, after] {
            self.framed.extend_from_slice(part);
        }
        let all = self.framed.len();
        let literals = self.literals.iter().map(|Literal { place, hole }| {
            let start = if place.start == 0 { 0 } else { before.len() + place.start };
            let end = if hole.is_none() { all } else { before.len() + place.end };
            Literal { place: start..end, hole: *hole }
        });
        self.framed_literals.extend(literals);
    }
}

// === impl Lesson ===

impl<'p> Lesson<'p> {
    /// Nothing was said yet.
    pub(super) const fn new(payload: &'p [u8], usage_key: Option<UsageKey>) -> Self {
        Self { payload, notes: [None; 4], usage_key, other: false }
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
            StreamEvent::Usage(usage) => self.add_usage(usage),
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
        self.put(Note { said, start, len })
    }

    /// `None` unless it is certain where the usage stands: under the only key of this name.
    fn add_usage(&mut self, said: Usage) -> Option<()> {
        let (key, read) = self.usage_key?;
        let mut places = memmem::find_iter(self.payload, key);
        let (place, None) = (places.next()?, places.next()) else { return None };
        let value = self.payload.get(place + key.len()..)?;
        let len = value.iter().take_while(|byte| matches!(byte, b' ' | b':')).count();
        let start = place + key.len() + len;
        let value = self.payload.get(start..).filter(|value| value.first() == Some(&b'{'))?;
        let mut cursor = Cursor::new(value);
        if read(&mut cursor)? != said {
            return None;
        }
        self.put(Note { said: Said::Usage(said), start, len: cursor.position() })
    }

    fn put(&mut self, note: Note) -> Option<()> {
        let free = self.notes.iter_mut().find(|note| note.is_none())?;
        *free = Some(note);
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
