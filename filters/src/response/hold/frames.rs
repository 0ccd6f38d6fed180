//! Cuts a stream into its events, each with its blank line, byte for byte.
//!
//! Any split of the stream gives the same events, but for a line feed whose carriage return came
//! with an earlier piece and ended an event: it goes alone.

use bytes::Bytes;
use memchr::memchr2;

/// How an event's data begins.
const DATA: &[u8] = b"data";

/// Collects the pieces of one event.
#[derive(Debug, Default)]
pub(super) struct Frames {
    unfinished: Vec<u8>,
    /// Something of the line at hand was there.
    in_line: bool,
    /// The last byte was a carriage return.
    after_cr: bool,
}

// === impl Frames ===

impl Frames {
    /// Takes the next bytes, and hands out each event that they complete.
    pub(super) fn feed(&mut self, chunk: &Bytes, sink: &mut dyn FnMut(Bytes)) {
        let (mut at, mut from) = (0, 0);
        while let Some(rest) = chunk.get(at..).filter(|rest| !rest.is_empty()) {
            let Some(length) = memchr2(b'\n', b'\r', rest) else {
                (self.in_line, self.after_cr) = (true, false);
                break;
            };
            let after_cr = std::mem::take(&mut self.after_cr) && length == 0;
            self.in_line |= length > 0;
            at += length + 1;
            let cr = rest.get(length) == Some(&b'\r');
            if after_cr && !cr {
                // The rest of a line's end; of an event's, if that has gone.
                if self.unfinished.is_empty() && from + 1 == at {
                    sink(chunk.slice(from..at));
                    from = at;
                }
                continue;
            }
            let line_feed = cr && chunk.get(at) == Some(&b'\n');
            at += usize::from(line_feed);
            self.after_cr = cr && !line_feed;
            if !std::mem::take(&mut self.in_line) {
                sink(self.join(chunk.slice(from..at)));
                from = at;
            }
        }
        self.unfinished.extend_from_slice(chunk.get(from..).unwrap_or_default());
    }

    /// What is there of an event that is not complete.
    pub(super) fn finish(&mut self) -> Option<Bytes> {
        let rest = std::mem::take(&mut self.unfinished);
        (!rest.is_empty()).then(|| rest.into())
    }

    /// How much is held of an event that is not complete, in bytes.
    pub(super) const fn held_bytes(&self) -> usize {
        self.unfinished.len()
    }

    fn join(&mut self, end: Bytes) -> Bytes {
        if self.unfinished.is_empty() {
            return end;
        }
        let mut whole = std::mem::take(&mut self.unfinished);
        whole.extend_from_slice(&end);
        whole.into()
    }
}

/// The event as a reader finds all of its data in one place: several lines of data become one.
/// `whole`: its blank line is there.
pub(super) fn readable(frame: &Bytes, whole: bool) -> Bytes {
    let lines = || frame.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|it| !it.is_empty());
    let is_data = |line: &&[u8]| {
        line.strip_prefix(DATA).is_some_and(|rest| matches!(rest.first(), Some(b':') | None))
    };
    if lines().filter(is_data).take(2).count() < 2 {
        return if whole { frame.clone() } else { [frame, &b"\n\n"[..]].concat().into() };
    }
    let mut one = Vec::with_capacity(frame.len());
    for line in lines().filter(|line| !is_data(line)) {
        one.extend_from_slice(line);
        one.push(b'\n');
    }
    one.extend_from_slice(b"data:");
    for line in lines().filter(is_data) {
        // In JSON a line's end is white space like any other.
        one.push(b' ');
        one.extend_from_slice(line.get(DATA.len() + 1..).unwrap_or_default());
    }
    one.extend_from_slice(b"\n\n");
    one.into()
}

/// Where the data of a readable event stands.
pub(super) fn data_of(readable: &[u8]) -> std::ops::Range<usize> {
    let mut at = 0;
    while let Some(rest) = readable.get(at..).filter(|rest| !rest.is_empty()) {
        let length = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let line = rest.get(..length).unwrap_or_default();
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        if let Some(data) = line.strip_prefix(b"data:") {
            return at + length - data.len()..at + length;
        }
        at += length + 1;
    }
    0..0
}
