//! Events that wait for what comes next, in order.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use tokio::time::Instant;

use super::fragment::Fragment;
use super::strings::{values_of, walk};
use super::whole::TEXT_KEYS;
use crate::guard::reading::{Owner, Pieces};

/// One event, as it came.
#[derive(Debug)]
pub(super) struct Held {
    bytes: Bytes,
    /// With all of its data in one line. What is said of places means this.
    readable: Bytes,
    data: Range<usize>,
    arrived: Instant,
    fragments: Vec<Fragment>,
    /// What else of it does not stay: where, and what stands there instead.
    edits: Vec<(Range<usize>, String)>,
}

/// Events in order.
#[derive(Debug, Default)]
pub(super) struct Queue {
    events: VecDeque<Held>,
    /// The number of the first.
    first: u64,
    held_bytes: usize,
    /// Vectors of fragments to be used again.
    spare: Vec<Vec<Fragment>>,
}

// === impl Queue ===

impl Queue {
    /// Takes an event. Returns its number.
    pub(super) fn push(
        &mut self,
        bytes: Bytes,
        readable: Bytes,
        data: Range<usize>,
        arrived: Instant,
    ) -> u64 {
        self.held_bytes += bytes.len();
        let fragments = self.spare.pop().unwrap_or_default();
        let held = Held { bytes, readable, data, arrived, fragments, edits: Vec::new() };
        self.events.push_back(held);
        self.first + self.events.len() as u64 - 1
    }

    /// Adds a piece of text to an event.
    pub(super) fn add(&mut self, event: u64, fragment: Fragment) -> Owner {
        let Some(held) = self.get(event) else { return Owner::default() };
        held.fragments.push(fragment);
        Owner { event, fragment: held.fragments.len() - 1 }
    }

    /// Puts something else in a place of an event.
    pub(super) fn edit(&mut self, event: u64, range: Range<usize>, new: String) {
        if let Some(held) = self.get(event) {
            held.edits.push((range, new));
        }
    }

    /// How much waits, in bytes.
    pub(super) const fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Takes the next event of which everything is decided: what leaves, whether it is as it came,
    /// and when it came.
    pub(super) fn pop(&mut self) -> Option<(Bytes, bool, Instant)> {
        let decided = |held: &&Held| held.fragments.iter().all(Fragment::is_decided);
        self.events.front().filter(decided)?;
        let mut held = self.events.pop_front()?;
        self.first += 1;
        self.held_bytes -= held.bytes.len();
        let changed = !held.edits.is_empty() || held.fragments.iter().any(Fragment::is_changed);
        let bytes = if changed { held.rewritten() } else { held.bytes };
        held.fragments.clear();
        if self.spare.is_empty() {
            self.spare.push(held.fragments);
        }
        Some((bytes, changed, held.arrived))
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn get(&mut self, event: u64) -> Option<&mut Held> {
        let at = usize::try_from(event.checked_sub(self.first)?).ok()?;
        self.events.get_mut(at)
    }

    fn fragment(&mut self, owner: Owner) -> Option<(&mut Fragment, &Bytes)> {
        let Held { fragments, readable, .. } = self.get(owner.event)?;
        Some((fragments.get_mut(owner.fragment)?, readable))
    }
}

impl Pieces for Queue {
    fn pass(&mut self, owner: Owner, bytes: usize) {
        if let Some((fragment, _)) = self.fragment(owner) {
            fragment.pass(bytes);
        }
    }

    fn take_out(&mut self, owner: Owner, bytes: usize) {
        if let Some((fragment, event)) = self.fragment(owner) {
            fragment.take_out(bytes, event);
        }
    }

    fn put(&mut self, owner: Owner, mark: &str) {
        if let Some((fragment, event)) = self.fragment(owner) {
            fragment.put(mark, event);
        }
    }
}

// === impl Held ===

impl Held {
    /// The event with what stays, and marks for what does not; everything else byte for byte.
    fn rewritten(&self) -> Bytes {
        let json = self.readable.get(self.data.clone()).unwrap_or_default();
        let absolute =
            |range: Range<usize>| range.start + self.data.start..range.end + self.data.start;
        let mut edits = self.edits.clone();
        for fragment in &self.fragments {
            let Some(new) = fragment.replacement() else { continue };
            let raw = self.readable.get(fragment.range.clone()).unwrap_or_default();
            // Some say the same twice in one event.
            walk(json, &[], &mut |value| {
                let range = absolute(value.range);
                let is_echo = range != fragment.range
                    && TEXT_KEYS.contains(&value.key)
                    && self.readable.get(range.clone()) == Some(raw)
                    && !self.fragments.iter().any(|it| it.range == range);
                if is_echo {
                    edits.push((range, new.clone()));
                }
            });
            edits.push((fragment.range.clone(), new));
        }
        // What was sampled spells out what was said.
        for range in values_of(json, b"logprobs") {
            let list = json.get(range.start) == Some(&b'[');
            edits.push((absolute(range), if list { "[]" } else { "null" }.to_owned()));
        }
        edits.sort_unstable_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let mut out = Vec::with_capacity(self.readable.len());
        let mut from = 0;
        for (range, new) in edits {
            if range.start < from {
                continue;
            }
            out.extend_from_slice(self.readable.get(from..range.start).unwrap_or_default());
            out.extend_from_slice(new.as_bytes());
            from = range.end;
        }
        out.extend_from_slice(self.readable.get(from..).unwrap_or_default());
        out.into()
    }
}
