//! The framing state machine: bytes in any split, events out.
//!
//! Invariant: any split of the input gives the same events. An event that lies whole in one chunk
//! is handed out where it lies; only what is unfinished at the end of a chunk is copied, at most
//! [`MAX_EVENT_BYTES`] unless told otherwise. A longer event is not held but condensed (see `json::Condenser`).

use memchr::memchr2;

use crate::json::Condenser;

/// The most that is held of an unfinished event, in bytes.
pub const MAX_EVENT_BYTES: usize = 64 * 1024;
/// The most that a stream keeps allocated between events, per buffer, in bytes.
pub(super) const IDLE_BYTES_MAX: usize = 2 * 1024;
/// How the lines begin that matter most.
const DATA_NAME: &[u8] = b"data:";
const EVENT_NAME: &[u8] = b"event:";

/// An event that carried data.
pub(crate) struct SseEvent<'a> {
    /// The data; several lines are joined by line feeds.
    pub(crate) data: &'a [u8],
    /// Whether its `event:` field says `error`.
    pub(crate) is_error: bool,
    /// It was too long: the data is what was left of it.
    pub(crate) is_condensed: bool,
    /// Bytes of the chunk at hand up to the event's end.
    pub(crate) end: usize,
}

/// Reads one stream.
#[derive(Debug)]
pub struct SseDecoder {
    /// The beginning of a line whose end has not arrived.
    line: Vec<u8>,
    /// Data lines of the event at hand from earlier chunks, or more than one of them.
    data: Vec<u8>,
    has_data: bool,
    is_error: bool,
    /// The last byte was a CR, which a LF may follow.
    after_cr: bool,
    /// No byte was read yet: a byte order mark may come.
    at_start: bool,
    /// The event at hand is too long to be held.
    condenser: Option<Condenser>,
    /// The line at hand is a data line that goes straight to the condenser.
    condensing_line: bool,
    lost: bool,
    event_bytes_max: usize,
}

impl Default for SseDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl SseDecoder {
    /// At the beginning of a stream.
    pub const fn new() -> Self {
        Self::holding(MAX_EVENT_BYTES)
    }

    /// At the beginning of a stream of which events of up to `event_bytes_max` bytes are read whole.
    pub const fn holding(event_bytes_max: usize) -> Self {
        Self {
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            is_error: false,
            after_cr: false,
            at_start: true,
            condenser: None,
            condensing_line: false,
            lost: false,
            event_bytes_max,
        }
    }

    /// Whether anything was longer than what is held.
    pub const fn lost(&self) -> bool {
        self.lost
    }

    /// How much is held, and how much is allocated for it.
    #[cfg(test)]
    pub(crate) fn held_bytes(&self) -> (usize, usize) {
        (self.line.len() + self.data.len(), self.line.capacity() + self.data.capacity())
    }

    /// Reads the next bytes.
    pub(crate) fn feed(&mut self, chunk: &[u8], sink: &mut impl FnMut(SseEvent<'_>)) {
        let mut at = 0;
        while at < chunk.len() {
            at = self.feed_block(chunk, at, sink);
        }
    }

    /// Reads on in the chunk from byte `from`, no further than to the next blank line. Returns how far
    /// it came.
    #[inline]
    pub(crate) fn feed_block(
        &mut self,
        chunk: &[u8],
        from: usize,
        sink: &mut impl FnMut(SseEvent<'_>),
    ) -> usize {
        let mut at = from;
        // The first data line of the event at hand, while it lies in this chunk alone.
        let mut first: Option<&[u8]> = None;
        while let Some(rest) = chunk.get(at..).filter(|rest| !rest.is_empty()) {
            if std::mem::take(&mut self.after_cr) && rest.first() == Some(&b'\n') {
                at += 1;
                continue;
            }
            let Some(length) = line_len(rest) else {
                self.keep_first(&mut first);
                self.hold(rest);
                return chunk.len();
            };
            let line = rest.get(..length).unwrap_or_default();
            at += length + 1;
            if rest.get(length) == Some(&b'\r') {
                at += usize::from(chunk.get(at) == Some(&b'\n'));
                self.after_cr = at == chunk.len() && rest.get(length + 1).is_none();
            }
            if self.line.is_empty() && !self.condensing_line {
                let line = strip_bom(line, &mut self.at_start);
                self.on_line(line, &mut first, at, sink);
                if line.is_empty() {
                    return at;
                }
            } else {
                self.on_split_line(line, &mut first, at, sink);
            }
        }
        self.keep_first(&mut first);
        at
    }

    /// Whether an event may begin here, of which nothing was read yet: the same bytes mean the same
    /// wherever this holds.
    #[inline]
    pub(crate) const fn is_between_events(&self) -> bool {
        let begun = self.has_data | self.is_error | self.condensing_line;
        self.line.is_empty() && !(begun | self.after_cr | self.at_start)
    }

    /// How long the data of an event may be to be read whole, in bytes.
    pub(crate) const fn event_bytes_max(&self) -> usize {
        self.event_bytes_max
    }

    /// The stream is over: an event without its blank line counts.
    pub(crate) fn finish(&mut self, sink: &mut impl FnMut(SseEvent<'_>)) {
        let mut first = None;
        if !self.line.is_empty() || self.condensing_line {
            self.on_split_line(&[], &mut first, 0, sink);
        }
        self.dispatch(None, 0, sink);
    }

    /// A line that lies whole in the chunk.
    #[inline]
    fn on_line<'a>(
        &mut self,
        line: &'a [u8],
        first: &mut Option<&'a [u8]>,
        end: usize,
        sink: &mut impl FnMut(SseEvent<'_>),
    ) {
        if line.is_empty() {
            self.dispatch(first.take(), end, sink);
            return;
        }
        match field(line) {
            Some((b"data", value)) => {
                if !self.has_data && first.is_none() {
                    *first = Some(value);
                } else {
                    self.keep_first(first);
                    self.append(value);
                }
            }
            Some((b"event", value)) => self.is_error = value == b"error",
            _ => {}
        }
    }

    /// A line whose beginning came with an earlier chunk.
    fn on_split_line(
        &mut self,
        rest: &[u8],
        first: &mut Option<&[u8]>,
        end: usize,
        sink: &mut impl FnMut(SseEvent<'_>),
    ) {
        if std::mem::take(&mut self.condensing_line) {
            if let Some(condenser) = &mut self.condenser {
                condenser.push(rest);
            }
            return;
        }
        let mut line = std::mem::take(&mut self.line);
        line.extend_from_slice(rest);
        let whole = strip_bom(&line, &mut self.at_start);
        let mut own_first = None;
        self.on_line(whole, &mut own_first, end, sink);
        if let Some(value) = own_first {
            self.keep_first(first);
            self.append(value);
        }
        empty(&mut line);
        self.line = line;
    }

    /// Keeps the beginning of a line.
    fn hold(&mut self, rest: &[u8]) {
        if self.condensing_line {
            if let Some(condenser) = &mut self.condenser {
                condenser.push(rest);
            }
            return;
        }
        if self.line.len() + rest.len() <= self.event_bytes_max + DATA_NAME.len() + 1 {
            self.line.extend_from_slice(rest);
            return;
        }
        // Enough of the line to know its field; the rest goes by uncopied.
        let missing = (DATA_NAME.len() + 1).saturating_sub(self.line.len()).min(rest.len());
        let (head, tail) = rest.split_at_checked(missing).unwrap_or((rest, b""));
        self.line.extend_from_slice(head);
        let line = std::mem::take(&mut self.line);
        let whole = strip_bom(&line, &mut self.at_start);
        if let Some((b"data", value)) = field(whole) {
            let continues = self.has_data;
            let condenser = self.condenser();
            if continues {
                condenser.push(b"\n");
            }
            condenser.push(value);
            condenser.push(tail);
            self.condensing_line = true;
            self.has_data = true;
        } else {
            // A comment or a field that means nothing to us: its rest can only mean the same.
            self.line.push(b':');
        }
    }

    /// Copies the first data line, because its event does not end in this chunk or has more.
    fn keep_first(&mut self, first: &mut Option<&[u8]>) {
        if let Some(value) = first.take() {
            self.append(value);
        }
    }

    fn append(&mut self, value: &[u8]) {
        if let Some(condenser) = &mut self.condenser {
            condenser.push(b"\n");
            condenser.push(value);
            return;
        }
        if self.data.len() + value.len() > self.event_bytes_max {
            let condenser = self.condenser();
            condenser.push(b"\n");
            condenser.push(value);
        } else {
            if self.has_data {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value);
        }
        self.has_data = true;
    }

    /// Begins to condense the event at hand, if it does not yet.
    fn condenser(&mut self) -> &mut Condenser {
        self.lost = true;
        let data = std::mem::take(&mut self.data);
        self.condenser.get_or_insert_with(|| {
            let mut condenser = Condenser::default();
            condenser.push(&data);
            condenser
        })
    }

    #[inline]
    fn dispatch(&mut self, first: Option<&[u8]>, end: usize, sink: &mut impl FnMut(SseEvent<'_>)) {
        let is_error = std::mem::take(&mut self.is_error);
        if let Some(data) = first {
            if data.len() <= self.event_bytes_max {
                sink(SseEvent { data, is_error, is_condensed: false, end });
                return;
            }
            // Lying whole in a chunk must make no difference.
            self.condenser().push(data);
            self.has_data = true;
        }
        if !std::mem::take(&mut self.has_data) {
            return;
        }
        if let Some(condenser) = self.condenser.take() {
            let data = &condenser.finish();
            sink(SseEvent { data, is_error, is_condensed: true, end });
        } else {
            sink(SseEvent { data: &self.data, is_error, is_condensed: false, end });
        }
        empty(&mut self.data);
    }
}

/// Empties a buffer, and gives back what only a long event needed.
fn empty(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.shrink_to(IDLE_BYTES_MAX);
}

/// The length of the line at the start of `bytes`; `None` if it does not end there.
#[inline]
fn line_len(bytes: &[u8]) -> Option<usize> {
    match bytes.first() {
        Some(b'\n' | b'\r') => Some(0),
        _ => memchr2(b'\n', b'\r', bytes),
    }
}

/// Name and value of a line; `None` for a comment.
#[inline]
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some(value) = line.strip_prefix(DATA_NAME) {
        return Some((b"data", value.strip_prefix(b" ").unwrap_or(value)));
    }
    if let Some(value) = line.strip_prefix(EVENT_NAME) {
        return Some((b"event", value.strip_prefix(b" ").unwrap_or(value)));
    }
    let Some(colon) = memchr::memchr(b':', line) else { return Some((line, &[])) };
    if colon == 0 {
        return None;
    }
    let (name, value) = line.split_at(colon);
    let value = value.get(1..)?;
    Some((name, value.strip_prefix(b" ").unwrap_or(value)))
}

fn strip_bom<'a>(line: &'a [u8], at_start: &mut bool) -> &'a [u8] {
    if !std::mem::take(at_start) {
        return line;
    }
    line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line)
}
