//! The framing of a form as a state machine: bytes in any split, the same parts out.
//!
//! A boundary is looked for together with the line feed before it, which stands nowhere else in
//! it: whether a match can begin is decided by that one byte, and nothing is ever read twice.

use memchr::memmem::Finder;
use memchr::memrchr;

use super::head::Head;
use super::{
    FormError, HEAD_BYTES_MAX, PADDING_BYTES_MAX, PARTS_MAX, Part, VALUE_BYTES_MAX, boundary,
};

/// Where the scanner stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first boundary: to be ignored.
    Preamble,
    /// Behind a boundary, on its line.
    Line,
    /// In a part's head.
    Head,
    /// In a part's content.
    Content,
    /// Behind the closing boundary: to be ignored, too.
    Epilogue,
}

/// How far a boundary at hand is known.
#[derive(Clone, Copy, Debug, Default)]
struct Match {
    /// Bytes of the needle that are there; 0: none.
    bytes: usize,
    /// Whether a carriage return stands before its line feed.
    has_cr: bool,
    /// The line feed is that of the head: where readers disagree whether the part has ended.
    is_shared: bool,
}

/// Reads one form.
#[derive(Debug)]
pub struct FormScanner {
    /// Line feed, two hyphens, the boundary.
    needle: Finder<'static>,
    state: State,
    /// How many bytes were read.
    at: usize,
    last: u8,
    found: Match,
    /// What stands behind a boundary on its line, or the head of the part at hand.
    text: Vec<u8>,
    head: Option<Head>,
    /// Where the content at hand begins.
    start: usize,
    value: Vec<u8>,
    parts: Vec<Part>,
}

// === impl FormScanner ===

impl FormScanner {
    /// For a body of this content type.
    ///
    /// # Errors
    /// [`FormError`] of the content type.
    pub fn new(content_type: &str) -> Result<Self, FormError> {
        let needle = format!("\n--{}", boundary::of(content_type)?);
        Ok(Self {
            needle: Finder::new(needle.as_bytes()).into_owned(),
            state: State::Preamble,
            at: 0,
            last: 0,
            // The very beginning counts as the beginning of a line.
            found: Match { bytes: 1, has_cr: true, is_shared: false },
            text: Vec::new(),
            head: None,
            start: 0,
            value: Vec::new(),
            parts: Vec::new(),
        })
    }

    /// Reads the next bytes.
    ///
    /// # Errors
    /// [`FormError`] of the framing or of a part's head. The scanner is of no use afterwards.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), FormError> {
        let mut rest = chunk;
        while let Some(first) = rest.first() {
            let used = match self.state {
                State::Preamble | State::Content | State::Epilogue => self.search(rest)?,
                State::Line => self.on_line(*first)?,
                State::Head => self.on_head(*first)?,
            };
            let (read, after) = rest.split_at_checked(used).unwrap_or((rest, b""));
            self.last = read.last().copied().unwrap_or(self.last);
            rest = after;
        }
        Ok(())
    }

    /// The body is over: its parts, in order.
    ///
    /// # Errors
    /// [`FormError::Unterminated`].
    pub fn finish(self) -> Result<Vec<Part>, FormError> {
        let closed = self.state == State::Line && self.text.starts_with(b"--");
        if closed && !self.text.ends_with(b"\r") || self.state == State::Epilogue {
            return Ok(self.parts);
        }
        Err(FormError::Unterminated)
    }

    /// Looks for the next boundary; returns how many bytes that took.
    fn search(&mut self, chunk: &[u8]) -> Result<usize, FormError> {
        let needle = self.needle.needle();
        let needle_bytes = needle.len();
        let known = self.found.bytes;
        let mut skipped = 0;
        if known > 0 {
            let missing = needle.get(known..).unwrap_or_default();
            let same = missing.iter().zip(chunk).take_while(|(a, b)| a == b).count();
            if same == missing.len() {
                return self.on_boundary(chunk, same);
            }
            if same == chunk.len() {
                self.found.bytes += same;
                self.take(chunk);
                return Ok(same);
            }
            // What did not match may be a line feed itself.
            skipped = same;
            self.found = Match::default();
        }
        let rest = chunk.get(skipped..).unwrap_or_default();
        let has_cr = |chunk: &[u8], at: usize, last: u8| {
            at.checked_sub(1).and_then(|at| chunk.get(at)).map_or(last, |byte| *byte) == b'\r'
        };
        if let Some(place) = self.needle.find(rest) {
            let at = skipped + place;
            let has_cr = has_cr(chunk, at, self.last);
            self.found = Match { bytes: 0, has_cr, is_shared: false };
            return self.on_boundary(chunk, at + needle_bytes);
        }
        // The chunk may end in the middle of one.
        let tail = rest.len().saturating_sub(needle_bytes - 1);
        if let Some(place) = memrchr(b'\n', rest.get(tail..).unwrap_or_default()) {
            let at = skipped + tail + place;
            let beginning = chunk.get(at..).unwrap_or_default();
            if needle.starts_with(beginning) {
                let has_cr = has_cr(chunk, at, self.last);
                self.found = Match { bytes: beginning.len(), has_cr, is_shared: false };
            }
        }
        self.take(chunk);
        Ok(chunk.len())
    }

    /// A boundary ends after `used` more bytes of the chunk.
    fn on_boundary(&mut self, chunk: &[u8], used: usize) -> Result<usize, FormError> {
        self.take(chunk.get(..used).unwrap_or_default());
        let position = self.at;
        let Match { has_cr, is_shared, .. } = std::mem::take(&mut self.found);
        if self.state == State::Epilogue {
            return Err(FormError::AfterEnd { position });
        }
        if is_shared {
            return Err(FormError::Head { what: "is followed by no content", position });
        }
        if !has_cr {
            return Err(FormError::BareLineFeed { position });
        }
        if let Some(Head { name, is_file }) = self.head.take() {
            // The CR LF before a boundary belongs to the boundary.
            let end = position.saturating_sub(self.needle.needle().len() + 1);
            let bytes = end.saturating_sub(self.start);
            let mut value = std::mem::take(&mut self.value);
            value.truncate(bytes);
            let value = (!is_file && bytes <= VALUE_BYTES_MAX).then_some(value);
            self.parts.push(Part { name, is_file, place: self.start..end, value });
        }
        self.state = State::Line;
        self.text.clear();
        Ok(used)
    }

    /// Counts bytes, and keeps those of a short value. A boundary that may be among them is cut off
    /// later.
    fn take(&mut self, bytes: &[u8]) {
        self.at += bytes.len();
        if self.head.as_ref().is_some_and(|head| !head.is_file) {
            let most = VALUE_BYTES_MAX + self.needle.needle().len() + 1;
            let room = most.saturating_sub(self.value.len()).min(bytes.len());
            self.value.extend_from_slice(bytes.get(..room).unwrap_or_default());
        }
    }

    /// The rest of a boundary's line: two hyphens at the end of the form, white space, CR LF.
    fn on_line(&mut self, byte: u8) -> Result<usize, FormError> {
        let position = self.at;
        self.at += 1;
        let refused = Err(FormError::BoundaryLine { position });
        let closes = self.text.starts_with(b"--");
        let after_cr = self.last == b'\r' && !self.text.is_empty();
        match byte {
            b'\n' if after_cr => {
                self.text.clear();
                self.state = if closes { State::Epilogue } else { State::Head };
                // The next boundary may share this line's end.
                self.found = Match { bytes: usize::from(closes), has_cr: true, is_shared: false };
                return Ok(1);
            }
            _ if after_cr => return refused,
            b'-' if matches!(&*self.text, b"" | b"-") => {}
            b' ' | b'\t' | b'\r' if self.text != b"-" => {}
            _ => return refused,
        }
        let padding = self.text.len() - if closes { 2 } else { 0 };
        if padding >= PADDING_BYTES_MAX && byte != b'\r' {
            return refused;
        }
        self.text.push(byte);
        Ok(1)
    }

    fn on_head(&mut self, byte: u8) -> Result<usize, FormError> {
        self.at += 1;
        if self.text.len() >= HEAD_BYTES_MAX {
            return Err(FormError::LongHead);
        }
        self.text.push(byte);
        if !self.text.ends_with(b"\r\n\r\n") && self.text != b"\r\n" {
            return Ok(1);
        }
        let position = self.at;
        if self.parts.len() >= PARTS_MAX {
            return Err(FormError::ManyParts);
        }
        let head = Head::read(&self.text).map_err(|what| FormError::Head { what, position })?;
        self.head = Some(head);
        self.text.clear();
        self.value.clear();
        self.start = position;
        self.state = State::Content;
        self.found = Match { bytes: 1, has_cr: true, is_shared: true };
        Ok(1)
    }
}
