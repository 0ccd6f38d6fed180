//! Tool arguments are JSON, written as text, and so are many answers. What stands in their strings is
//! looked at as it reads, without the escapes that the model wrote.
//!
//! Whether a text is JSON its beginning has to tell, for the rest may not have come.

use memchr::{memchr, memchr2};
use tollgate_providers::JsonStr;

/// A piece of the text as it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece<'t> {
    /// How it reads; empty for the beginning of an escape whose rest has not come.
    pub(crate) text: &'t str,
    /// How many bytes of what was fed it takes.
    pub(crate) bytes: usize,
    /// Whether it reads as it is written.
    pub(crate) plain: bool,
    /// Whether it stands in a string.
    pub(crate) in_string: bool,
}

/// Reads a text in pieces.
#[derive(Debug, Default)]
pub(crate) struct Unescape {
    form: Form,
    /// An escape that is not complete: at most a pair of surrogates.
    escape: String,
    in_string: bool,
    /// How many objects and arrays are open.
    depth: usize,
}

/// What comes next is taken for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Form {
    /// Nobody knows: there was only white space.
    #[default]
    Start,
    /// JSON, if what follows the bracket says so: a citation and a template begin with one, too.
    Opened(u8),
    /// JSON, up to where its brackets are closed.
    Json,
    /// Words.
    Text,
}

// === impl Unescape ===

impl Unescape {
    /// Whether a text that is whole reads as it is written.
    pub(crate) fn is_plain(text: &str) -> bool {
        if memchr(b'\\', text.as_bytes()).is_none() {
            return true;
        }
        let mut unescape = Self::default();
        unescape.begin(text);
        unescape.form != Form::Json
    }

    /// Whether all that comes reads as it is written.
    pub(crate) const fn is_text(&self) -> bool {
        matches!(self.form, Form::Text)
    }

    /// Takes more of the text.
    pub(crate) fn push(&mut self, text: &str, sink: &mut dyn FnMut(Piece<'_>)) {
        let mut rest = text;
        while !rest.is_empty() {
            let known = self.begin(rest);
            let (before, later) = rest.split_at_checked(known).unwrap_or((rest, ""));
            plain(before, true, sink);
            rest = match self.form {
                Form::Json => self.json(later, sink),
                _ => {
                    plain(later, true, sink);
                    ""
                }
            };
        }
    }

    /// Up to where in the text its form is unknown.
    fn begin(&mut self, text: &str) -> usize {
        for (at, byte) in text.bytes().enumerate() {
            let known = match (self.form, byte) {
                (Form::Json | Form::Text, _) => return at,
                (_, byte) if byte.is_ascii_whitespace() => continue,
                (Form::Start, b'{' | b'[') => Form::Opened(byte),
                (Form::Opened(b'{'), b'"' | b'}') => Form::Json,
                (Form::Opened(b'['), b'"' | b'{') => Form::Json,
                _ => Form::Text,
            };
            self.form = known;
            if known == Form::Json {
                self.depth = 1;
            }
            if !matches!(known, Form::Opened(_)) {
                return at;
            }
        }
        text.len()
    }

    /// Returns what stands behind the JSON.
    fn json<'t>(&mut self, text: &'t str, sink: &mut dyn FnMut(Piece<'_>)) -> &'t str {
        let (mut rest, mut used) = (text, 0);
        while !rest.is_empty() {
            if !self.escape.is_empty() {
                let Some(next) = rest.chars().next() else { break };
                self.escape.push(next);
                used += next.len_utf8();
                rest = rest.get(next.len_utf8()..).unwrap_or_default();
                if is_complete(self.escape.as_bytes()) {
                    let read = JsonStr::new(self.escape.as_bytes()).decode();
                    let in_string = self.in_string;
                    sink(Piece { text: &read, bytes: used, plain: false, in_string });
                    drop(read);
                    self.escape.clear();
                    used = 0;
                }
                continue;
            }
            let at = memchr2(b'\\', b'"', rest.as_bytes()).unwrap_or(rest.len());
            let (before, later) = rest.split_at_checked(at).unwrap_or((rest, ""));
            if !self.in_string
                && let Some(end) = self.end(before)
            {
                let (json, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
                plain(json, false, sink);
                self.form = Form::Start;
                return behind;
            }
            plain(before, self.in_string, sink);
            rest = later.get(1..).unwrap_or_default();
            match later.as_bytes().first() {
                Some(b'"') => {
                    // A quote is no part of its string.
                    plain("\"", false, sink);
                    self.in_string = !self.in_string;
                }
                Some(_) => {
                    self.escape.push('\\');
                    used = 1;
                }
                None => {}
            }
        }
        if used > 0 {
            sink(Piece { text: "", bytes: used, plain: false, in_string: self.in_string });
        }
        ""
    }

    /// Behind the bracket that closes the first one, if it is in this piece from between strings.
    fn end(&mut self, between: &str) -> Option<usize> {
        for (at, byte) in between.bytes().enumerate() {
            match byte {
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth -= 1,
                _ => {}
            }
            if self.depth == 0 {
                return Some(at + 1);
            }
        }
        None
    }
}

fn plain(text: &str, in_string: bool, sink: &mut dyn FnMut(Piece<'_>)) {
    if !text.is_empty() {
        sink(Piece { text, bytes: text.len(), plain: true, in_string });
    }
}

/// Whether nothing more belongs to an escape. The first of two surrogates waits for the second.
fn is_complete(escape: &[u8]) -> bool {
    let high = |digits: Option<&[u8]>| {
        matches!(digits, Some([b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B', ..]))
    };
    match escape {
        [_] => false,
        [_, b'u', ..] if escape.len() < 6 => false,
        [_, b'u', ..] if high(escape.get(2..6)) => match escape.get(6..) {
            Some([] | [b'\\']) => false,
            Some([b'\\', b'u', ..]) => escape.len() >= 12,
            _ => true,
        },
        _ => true,
    }
}
