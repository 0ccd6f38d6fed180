//! Finds in a text that arrives in pieces exactly what [`Detectors::find`] finds in the whole of it.
//!
//! A scanner keeps the end of the text from where a finding may still begin on, and the few bytes
//! before it that have a say. Whatever comes, that is no more than [`Detectors::decided_bytes_max`]
//! and [`CONTEXT_BYTES`]: a key or a token that goes on and on is followed, not kept.

mod live;
mod open;

use std::cmp::Reverse;
use std::ops::Range;

use super::text::Growing;
use super::{Detectors, Finding, Kind, address};
use live::Undecided;
use open::Open;

#[cfg(test)]
pub(crate) mod tests;

/// What is kept before the first byte that is undecided: the most that any detector looks back, and
/// what a character may need to stay whole.
const CONTEXT_BYTES: usize = address::LOCAL_BYTES_MAX + 8;

/// Reads one text. Positions count from the text's beginning, in bytes.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    /// The text from `base` on.
    window: Vec<u8>,
    base: usize,
    /// Every finding that begins before is known.
    live: usize,
    /// No phrase of the blocklist begins before that is not known.
    listed: usize,
    /// Phrases that begin where something else is undecided.
    phrases: Vec<Range<usize>>,
    open: Vec<Open>,
    cluster: Option<Cluster>,
}

/// Findings that overlap.
#[derive(Clone, Debug)]
struct Cluster {
    range: Range<usize>,
    longest: Length,
}

/// How findings that overlap compare: the longest, then the first, names them all.
type Length = (usize, Reverse<usize>, Reverse<Kind>);

// === impl Scanner ===

impl Scanner {
    /// Reads more of the text. `found` is told every finding that is now complete, in order.
    pub(crate) fn push(
        &mut self,
        detectors: &Detectors,
        text: &str,
        found: &mut impl FnMut(Finding),
    ) {
        self.window.extend_from_slice(text.as_bytes());
        self.follow(false);
        let window = std::mem::take(&mut self.window);
        let text = Growing::new(&window);
        let mut undecided = Undecided::new(&window, self.live - self.base);
        let mut new = self.list(detectors, &window, &mut undecided);
        let mut open = Vec::new();
        detectors.read(&text, &mut undecided, &mut |kind, range, goes_on| {
            if goes_on {
                open.push((kind, range));
            } else {
                new.push((kind, range));
            }
        });
        let followed = self.open.iter().map(|open| open.end - self.base).min();
        let live = undecided.first().min(followed.unwrap_or(usize::MAX));
        for (kind, range) in open {
            if range.start < live {
                self.open(kind, &range, &window);
                new.push((kind, range));
            }
        }
        let followed = self.open.iter().map(|open| open.end - self.base).min();
        let live = live.min(followed.unwrap_or(usize::MAX));
        self.window = window;
        self.take(new, self.base + live, found);
        self.forget();
    }

    /// The text is over.
    pub(crate) fn finish(&mut self, detectors: &Detectors, found: &mut impl FnMut(Finding)) {
        self.follow(true);
        self.open.clear();
        let rest = self.rest(detectors);
        self.take(rest, self.end(), found);
        self.listed = self.end();
        self.forget();
    }

    /// Nothing more can be waited for: what is there counts as if the text ended here. Should it go
    /// on, what began before it and ends after it is found all the same.
    pub(crate) fn pause(&mut self, detectors: &Detectors, found: &mut impl FnMut(Finding)) {
        let end = self.end();
        let live = self.live;
        let mut rest = self.rest(detectors);
        rest.retain(|(_, range)| self.base + range.start >= live);
        // What goes on after a pause is told once more.
        let open = std::mem::take(&mut self.open);
        let goes_on: Vec<Open> = open.into_iter().filter(|open| open.end == end).collect();
        if rest.is_empty() {
            self.flush(usize::MAX, found);
        } else {
            let base = self.base;
            let window = std::mem::take(&mut self.window);
            for (kind, range) in &rest {
                if range.end == end - base && kind.goes_on() {
                    self.open(*kind, range, &window);
                }
            }
            self.window = window;
            self.take(rest, end, found);
            self.flush(usize::MAX, found);
            self.listed = end;
        }
        self.open.extend(goes_on);
        for open in &mut self.open {
            open.start = end;
        }
    }

    /// Up to here it is known what is part of a finding, and which.
    pub(crate) fn decided(&self) -> usize {
        self.cluster.as_ref().map_or(self.live, |cluster| cluster.range.start.min(self.live))
    }

    /// Up to here it is known what is part of a finding, whose end may be unknown.
    pub(crate) const fn live(&self) -> usize {
        self.live
    }

    /// What is being found, though its end is unknown.
    pub(crate) fn finding(&self) -> Option<Kind> {
        self.cluster.as_ref().map(|cluster| cluster.longest.2.0)
    }

    /// How much of the text is kept, in bytes.
    #[cfg(test)]
    pub(crate) const fn kept_bytes(&self) -> usize {
        self.window.len()
    }

    /// How long the text is by now.
    const fn end(&self) -> usize {
        self.base + self.window.len()
    }

    /// Phrases of the blocklist, which count one after the other.
    fn list(
        &mut self,
        detectors: &Detectors,
        window: &[u8],
        undecided: &mut Undecided,
    ) -> Vec<(Kind, Range<usize>)> {
        let Some(blocklist) = &detectors.blocklist else { return Vec::new() };
        let mut from = self.listed.max(self.base) - self.base;
        loop {
            let live = blocklist.live_from(window, from);
            match blocklist.next(window, from) {
                Some(found) if found.start < live => {
                    from = found.end;
                    self.phrases.push(self.base + found.start..self.base + found.end);
                }
                _ => {
                    undecided.note(live);
                    self.listed = self.base + from.max(live.min(window.len()));
                    break;
                }
            }
        }
        let base = self.base;
        let relative = |range: &Range<usize>| (range.start - base)..(range.end - base);
        self.phrases.iter().map(|range| (Kind::Blocklist, relative(range))).collect()
    }

    /// What begins from `live` on, were this the end.
    fn rest(&mut self, detectors: &Detectors) -> Vec<(Kind, Range<usize>)> {
        let base = self.base;
        let from = self.listed.max(base) - base;
        let mut rest: Vec<(Kind, Range<usize>)> = Vec::new();
        for phrase in std::mem::take(&mut self.phrases) {
            rest.push((Kind::Blocklist, phrase.start - base..phrase.end - base));
        }
        if let Some(blocklist) = &detectors.blocklist {
            let mut from = from;
            while let Some(found) = blocklist.next(&self.window, from) {
                from = found.end;
                rest.push((Kind::Blocklist, found));
            }
        }
        detectors.anchored(&self.window.as_slice(), &mut |kind, range| rest.push((kind, range)));
        rest
    }

    /// Goes on with what is being found.
    fn follow(&mut self, at_end: bool) {
        let base = self.base;
        let window = &self.window;
        let mut cluster = self.cluster.take();
        self.open.retain_mut(|open| {
            let over = open.follow(window, base, at_end);
            if let Some(cluster) = &mut cluster {
                cluster.range.end = cluster.range.end.max(open.end);
                if over {
                    cluster.longest = cluster.longest.max(open.length());
                }
            } else if open.end > open.start {
                // After a pause.
                cluster = Some(Cluster { range: open.start..open.end, longest: open.length() });
            }
            !over
        });
        self.cluster = cluster;
    }

    /// Follows what was found and is not over, unless something is followed that ends with it.
    fn open(&mut self, kind: Kind, range: &Range<usize>, window: &[u8]) {
        let range = self.base + range.start..self.base + range.end;
        let Some(new) = Open::new(kind, range, window, self.base) else { return };
        if !self.open.iter().any(|open| open.ends_with(&new)) {
            self.open.push(new);
        }
    }

    /// Takes findings of the window that begin before `live`, and were not taken before.
    fn take(
        &mut self,
        mut new: Vec<(Kind, Range<usize>)>,
        live: usize,
        found: &mut impl FnMut(Finding),
    ) {
        let base = self.base;
        let known = self.live;
        self.live = live.max(known);
        if !new.is_empty() {
            let fresh = known..self.live;
            new.retain(|(_, range)| fresh.contains(&(base + range.start)));
            new.sort_unstable_by_key(|(kind, range)| (range.start, Reverse(range.end), *kind));
            for (kind, range) in new {
                self.merge(kind, base + range.start..base + range.end, found);
            }
            self.phrases.retain(|range| range.start >= fresh.end);
        }
        if self.open.is_empty() {
            self.flush(self.live, found);
        }
    }

    fn merge(&mut self, kind: Kind, range: Range<usize>, found: &mut impl FnMut(Finding)) {
        self.flush(range.start, found);
        let length = (range.len(), Reverse(range.start), Reverse(kind));
        match &mut self.cluster {
            Some(cluster) => {
                cluster.range.end = cluster.range.end.max(range.end);
                cluster.longest = cluster.longest.max(length);
            }
            None => self.cluster = Some(Cluster { range, longest: length }),
        }
    }

    /// Tells what nothing that begins from `from` on can overlap.
    fn flush(&mut self, from: usize, found: &mut impl FnMut(Finding)) {
        if let Some(cluster) = self.cluster.take_if(|cluster| cluster.range.end <= from) {
            found(Finding { kind: cluster.longest.2.0, range: cluster.range });
        }
    }

    /// Lets go of what nothing can depend on.
    fn forget(&mut self) {
        let live = self.live - self.base;
        if live > CONTEXT_BYTES {
            let gone = live - CONTEXT_BYTES;
            self.window.drain(..gone);
            self.base += gone;
        }
        if self.window.capacity() > 16 * CONTEXT_BYTES.max(self.window.len()) {
            self.window.shrink_to(2 * self.window.len());
        }
    }
}
