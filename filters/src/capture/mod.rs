//! What is kept of a request for its span: JSON as written, without blobs, cut so that it stays
//! JSON.

mod blob;

use std::borrow::Cow;

pub(crate) use blob::is_base64;

use crate::detect::Detectors;

#[cfg(test)]
mod tests;

/// The longest way to write one character in JSON: an escaped surrogate pair, in bytes.
const ESCAPED_BYTES_MAX: usize = 12;

/// What is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// The text.
    pub text: String,
    /// Whether anything was cut off.
    pub truncated: bool,
}

/// Copies JSON token by token, as long as there is room.
struct Writer<'a> {
    json: &'a str,
    out: String,
    bytes_max: usize,
    /// Room is left for the brackets that are open.
    closes: bool,
    open: Vec<char>,
    /// Length and open brackets where the last whole value ended.
    whole: (usize, usize),
    key: &'a str,
}

/// There is no more room.
struct Full;

/// At most `bytes_max` bytes of a JSON text, base64 in it replaced by its media type and size. Cut
/// inside a string or behind a value, brackets closed: what is cut is JSON, too.
pub fn json(json: &str, bytes_max: usize) -> Captured {
    let mut writer = Writer::new(json, bytes_max, false);
    if writer.write().is_ok() {
        return Captured { text: writer.out, truncated: false };
    }
    let mut writer = Writer::new(json, bytes_max, true);
    let truncated = writer.write().is_err();
    if truncated {
        let (length, depth) = writer.whole;
        writer.out.truncate(length);
        let open = writer.open.get(..depth).unwrap_or_default();
        writer.out.extend(open.iter().rev());
    }
    Captured { text: writer.out, truncated }
}

/// At most `bytes_max` bytes of a plain text.
pub fn text(text: &str, bytes_max: usize) -> Captured {
    let kept = text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default();
    Captured { text: kept.to_owned(), truncated: kept.len() < text.len() }
}

/// [`json`] without what the detectors find, also where the cut goes through it.
pub fn redacted_json(raw: &str, bytes_max: usize, detectors: &Detectors) -> Captured {
    redacted(raw, bytes_max, detectors, json)
}

/// [`text`] without what the detectors find, also where the cut goes through it.
pub fn redacted_text(raw: &str, bytes_max: usize, detectors: &Detectors) -> Captured {
    redacted(raw, bytes_max, detectors, text)
}

/// Half a finding cannot be recognised: more is taken than is kept, and the end of it never kept.
fn redacted(
    raw: &str,
    bytes_max: usize,
    detectors: &Detectors,
    cut: fn(&str, usize) -> Captured,
) -> Captured {
    if detectors.is_empty() {
        return cut(raw, bytes_max);
    }
    let margin_bytes = detectors.decided_bytes_max() * ESCAPED_BYTES_MAX;
    let taken = cut(raw, bytes_max.saturating_add(margin_bytes));
    let clean = detectors.redact(&taken.text);
    let room = if taken.truncated { clean.len().saturating_sub(margin_bytes) } else { clean.len() };
    let kept = cut(&clean, bytes_max.min(room));
    Captured { truncated: taken.truncated || kept.truncated, ..kept }
}

// === impl Writer ===

impl<'a> Writer<'a> {
    fn new(json: &'a str, bytes_max: usize, closes: bool) -> Self {
        let out = String::with_capacity(json.len().min(bytes_max));
        Self { json, out, bytes_max, closes, open: Vec::new(), whole: (0, 0), key: "" }
    }

    fn write(&mut self) -> Result<(), Full> {
        let bytes = self.json.as_bytes();
        let mut at = 0;
        // Whether a string that comes now is a key.
        let mut names = false;
        while let Some(byte) = bytes.get(at) {
            let end = match byte {
                b'"' => string_end(bytes, at),
                b' ' | b'\n' | b'\r' | b'\t' | b',' | b':' | b'{' | b'[' | b'}' | b']' => at + 1,
                _ => scalar_end(bytes, at),
            };
            let token = self.json.get(at..end).unwrap_or_default();
            at = end;
            match byte {
                b'{' | b'[' => {
                    self.open.push(if *byte == b'{' { '}' } else { ']' });
                    self.put(token)?;
                    names = *byte == b'{';
                    self.whole();
                }
                b'}' | b']' => {
                    self.open.pop();
                    self.put(token)?;
                    self.whole();
                }
                b',' => {
                    self.put(token)?;
                    names = self.open.last() == Some(&'}');
                }
                b':' | b' ' | b'\n' | b'\r' | b'\t' => self.put(token)?,
                b'"' if names => {
                    self.put(token)?;
                    self.key = inner(token);
                    names = false;
                }
                b'"' => self.string(token)?,
                _ => {
                    self.put(token)?;
                    self.whole();
                }
            }
        }
        Ok(())
    }

    /// A value: whole, as what it is a blob of, or as much of it as there is room for.
    fn string(&mut self, token: &str) -> Result<(), Full> {
        let text = match blob::mark(self.key, inner(token)) {
            Some(mark) => Cow::Owned(format!("\"{mark}\"")),
            None => Cow::Borrowed(token),
        };
        let put = self.put(&text);
        if put.is_err() && self.closes {
            let kept = floor_escape(inner(&text), self.room().saturating_sub(2));
            if !kept.is_empty() {
                self.out.push('"');
                self.out.push_str(kept);
                self.out.push('"');
                self.whole();
            }
        }
        put?;
        self.whole();
        Ok(())
    }

    fn put(&mut self, token: &str) -> Result<(), Full> {
        if token.len() > self.room() {
            return Err(Full);
        }
        self.out.push_str(token);
        Ok(())
    }

    fn room(&self) -> usize {
        let closing = if self.closes { self.open.len() } else { 0 };
        self.bytes_max.saturating_sub(self.out.len() + closing)
    }

    fn whole(&mut self) {
        self.whole = (self.out.len(), self.open.len());
    }
}

/// A string's text as written, without its quotes.
fn inner(token: &str) -> &str {
    token.get(1..token.len().saturating_sub(1)).unwrap_or_default()
}

/// As much of a string's text as fits, cut before a character or escape, never inside a pair.
fn floor_escape(text: &str, bytes_max: usize) -> &str {
    let bytes = text.as_bytes();
    let mut end = 0;
    while let Some(byte) = bytes.get(end) {
        let high = |at: usize| {
            let digits = bytes.get(at + 2..at + 4).unwrap_or_default();
            matches!(digits, [b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B'])
        };
        let length = match (byte, bytes.get(end + 1)) {
            (b'\\', Some(b'u')) if high(end) => 12,
            (b'\\', Some(b'u')) => 6,
            (b'\\', _) => 2,
            (0xC0..=0xDF, _) => 2,
            (0xE0..=0xEF, _) => 3,
            (0xF0..=0xFF, _) => 4,
            _ => 1,
        };
        if end + length > bytes_max {
            break;
        }
        end += length;
    }
    text.get(..end.min(text.len())).unwrap_or_default()
}

/// Behind the string that begins at `at`.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(rest) = bytes.get(end..)
        && let Some(next) = memchr::memchr2(b'"', b'\\', rest)
    {
        end += next;
        if bytes.get(end) == Some(&b'"') {
            return end + 1;
        }
        end += 2;
    }
    bytes.len()
}

/// Behind the number or word that begins at `at`.
fn scalar_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
    at + rest.iter().position(ends).unwrap_or(rest.len()).max(1)
}
