//! Which bytes of a stream leave: all of them as they came, but for two things.
//!
//! - A usage event that we asked for and the caller did not is taken out, and so is the
//!   `"usage":null` that the other events have for the same reason.
//! - Until the first content nothing leaves, so that another target can still answer.
//!
//! Both are decided per SSE event, so that the end of an unfinished event waits for its rest;
//! everything passes as slices of the chunks it came in.

use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;

/// Most events that are held for a possible fail-over.
pub const HELD_EVENTS_MAX: usize = 64;
/// Most bytes that are held, of an unfinished event or for a possible fail-over.
pub const HELD_BYTES_MAX: usize = 64 * 1024;

/// Decides what leaves of one stream.
#[derive(Debug)]
pub struct Withhold {
    /// Take usage-only events out.
    swallow: bool,
    /// Keep everything until content shows.
    hold: bool,
    /// The beginning of an event whose end has not arrived; used only with `swallow`.
    unfinished: Vec<Bytes>,
    unfinished_bytes: usize,
    held: Vec<Bytes>,
    held_bytes: usize,
    held_events: usize,
    /// Ends of events in the chunk at hand, in order.
    cuts: Vec<Cut>,
}

#[derive(Clone, Copy, Debug)]
struct Cut {
    end: usize,
    drop: bool,
}

// === impl Withhold ===

impl Withhold {
    /// `swallow`: usage events are ours alone. `hold`: another target could still answer.
    pub const fn new(swallow: bool, hold: bool) -> Self {
        Self {
            swallow,
            hold,
            unfinished: Vec::new(),
            unfinished_bytes: 0,
            held: Vec::new(),
            held_bytes: 0,
            held_events: 0,
            cuts: Vec::new(),
        }
    }

    /// An event of the chunk at hand ends before `end`.
    pub fn on_boundary(&mut self, end: usize, usage_only: bool) {
        if self.hold {
            self.held_events += 1;
        }
        if self.swallow {
            self.cuts.push(Cut { end, drop: usage_only });
        }
    }

    /// Whether nothing has left yet and another target may still answer.
    pub const fn holds(&self) -> bool {
        self.hold
    }

    /// What leaves of `chunk`, its events having been seen; `has_content` once any has.
    pub fn on_chunk(&mut self, chunk: Bytes, has_content: bool) -> Bytes {
        let chunk = if self.swallow { self.take_out(chunk) } else { chunk };
        if !self.hold {
            return chunk;
        }
        self.held_bytes += chunk.len();
        if !chunk.is_empty() {
            self.held.push(chunk);
        }
        let full = self.held_bytes > HELD_BYTES_MAX || self.held_events > HELD_EVENTS_MAX;
        if has_content || full { self.release() } else { Bytes::new() }
    }

    /// The stream is over: all that is left leaves.
    pub fn on_end(&mut self) -> Bytes {
        let rest = std::mem::take(&mut self.unfinished);
        self.unfinished_bytes = 0;
        self.held.extend(rest);
        self.release()
    }

    /// Lets go of everything that was held, in order.
    pub fn release(&mut self) -> Bytes {
        self.hold = false;
        self.held_bytes = 0;
        join(std::mem::take(&mut self.held))
    }

    fn take_out(&mut self, chunk: Bytes) -> Bytes {
        let whole = self.cuts.last().is_some_and(|cut| cut.end == chunk.len());
        if self.unfinished.is_empty() && whole {
            let found = null_usage(&chunk);
            if found.is_none() && self.cuts.iter().all(|cut| !cut.drop) {
                self.cuts.clear();
                return chunk;
            }
            return self.take_out_of_whole(&chunk, found);
        }
        let mut out = Vec::with_capacity(self.cuts.len() + 1);
        let mut start = 0;
        let mut cuts = std::mem::take(&mut self.cuts);
        for cut in cuts.drain(..) {
            let end = cut.end.clamp(start, chunk.len());
            if cut.drop {
                self.unfinished.clear();
            } else {
                self.unfinished.push(chunk.slice(start..end));
                without_null(join(std::mem::take(&mut self.unfinished)), &mut out);
            }
            self.unfinished_bytes = 0;
            start = end;
        }
        self.cuts = cuts;
        let rest = chunk.slice(start..);
        self.unfinished_bytes += rest.len();
        // A comment is a block of its own and never part of an event: it need not wait.
        let block_over = rest.ends_with(b"\n\n") || rest.ends_with(b"\r\n\r\n");
        self.unfinished.push(rest);
        if block_over || self.unfinished_bytes > HELD_BYTES_MAX {
            self.unfinished_bytes = 0;
            out.append(&mut self.unfinished);
        }
        join(out)
    }

    /// The same of whole events with nothing before them: what stays is copied once, and the chunk
    /// searched once. `found` is the first `"usage":null` in it.
    fn take_out_of_whole(&mut self, chunk: &[u8], found: Option<(usize, usize)>) -> Bytes {
        // As a rule all events have it or none; room for just what stays needs no other to share it.
        let less = found.map_or(0, |(start, end)| (end - start) * self.cuts.len());
        let mut out = Vec::with_capacity(chunk.len().saturating_sub(less));
        let (mut start, mut found) = (0, found);
        for Cut { end, drop } in self.cuts.drain(..) {
            let end = end.clamp(start, chunk.len());
            let here = found.filter(|(_, behind)| *behind <= end);
            if !drop {
                let (until, from) = here.unwrap_or((end, end));
                for kept in [chunk.get(start..until), chunk.get(from..end)] {
                    out.extend_from_slice(kept.unwrap_or_default());
                }
            }
            if here.is_some() {
                let next = null_usage(chunk.get(end..).unwrap_or_default());
                found = next.map(|(start, behind)| (end + start, end + behind));
            }
            start = end;
        }
        out.into()
    }
}

/// `"usage":null` as OpenAI and its copies write it, and what is between it and the member before.
///
/// It cannot stand inside a JSON string, whose quotes would be escaped.
const NULL_USAGE: [(&[u8], &[u8]); 2] = [(b",", b"\"usage\":null"), (b", ", b"\"usage\": null")];
/// What all ways of writing it have in common. Made once: the search is made for every event.
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"usage\":"));

/// Where the first of it begins and ends.
fn null_usage(bytes: &[u8]) -> Option<(usize, usize)> {
    USAGE.find_iter(bytes).find_map(|at| {
        let (before, rest) = bytes.split_at_checked(at)?;
        let (comma, member) = NULL_USAGE
            .iter()
            .find(|(comma, member)| before.ends_with(comma) && rest.starts_with(member))?;
        Some((at - comma.len(), at + member.len()))
    })
}

/// An event without its `"usage":null`, as slices.
fn without_null(event: Bytes, out: &mut Vec<Bytes>) {
    match null_usage(&event) {
        Some((start, end)) => out.extend([event.slice(..start), event.slice(end..)]),
        None => out.push(event),
    }
}

/// One `Bytes` of several; without a copy where there is only one.
fn join(mut pieces: Vec<Bytes>) -> Bytes {
    pieces.retain(|piece| !piece.is_empty());
    match pieces.len() {
        0 => Bytes::new(),
        1 => pieces.swap_remove(0),
        _ => {
            let mut all = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
            for piece in pieces {
                all.extend_from_slice(&piece);
            }
            all.freeze()
        }
    }
}
