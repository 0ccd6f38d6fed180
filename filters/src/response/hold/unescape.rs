//! Tool arguments are JSON, written as text. What stands in their strings is looked at as it reads,
//! without the escapes that the model wrote.

use memchr::memchr2;
use tollgate_providers::JsonStr;

/// A piece of the text as it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'t> {
    /// How it reads; empty for the beginning of an escape whose rest has not come.
    pub(super) text: &'t str,
    /// How many bytes of what was fed it takes.
    pub(super) bytes: usize,
    /// Whether it reads as it is written.
    pub(super) plain: bool,
    /// Whether it stands in a string.
    pub(super) in_string: bool,
}

/// Reads JSON in pieces.
#[derive(Debug, Default)]
pub(super) struct Unescape {
    /// An escape that is not complete: at most a pair of surrogates.
    escape: String,
    in_string: bool,
}

// === impl Unescape ===

impl Unescape {
    /// Takes more of the text.
    pub(super) fn push(&mut self, text: &str, sink: &mut dyn FnMut(Piece<'_>)) {
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
            let (plain, later) = rest.split_at_checked(at).unwrap_or((rest, ""));
            self.plain(plain, sink);
            rest = later.get(1..).unwrap_or_default();
            match later.as_bytes().first() {
                Some(b'"') => {
                    // A quote is no part of its string.
                    let in_string = std::mem::take(&mut self.in_string);
                    self.plain("\"", sink);
                    self.in_string = !in_string;
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
    }

    fn plain(&self, text: &str, sink: &mut dyn FnMut(Piece<'_>)) {
        if !text.is_empty() {
            sink(Piece { text, bytes: text.len(), plain: true, in_string: self.in_string });
        }
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
