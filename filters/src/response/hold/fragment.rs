//! One piece of text in an event that is held, and what becomes of it.

use std::borrow::Cow;
use std::ops::Range;

use tollgate_providers::JsonStr;

/// A JSON string's content in an event. What of it is decided passes or is taken out.
#[derive(Debug)]
pub(super) struct Fragment {
    /// Where it stands in the event.
    pub(super) range: Range<usize>,
    /// How much of its text is decided, in bytes.
    at: usize,
    /// How much of it is not.
    left: usize,
    changed: Option<Changed>,
}

/// A text that does not stay as it came.
#[derive(Debug)]
struct Changed {
    text: String,
    out: String,
}

// === impl Fragment ===

impl Fragment {
    /// Of a text of `bytes` bytes.
    pub(super) const fn new(range: Range<usize>, bytes: usize) -> Self {
        Self { range, at: 0, left: bytes, changed: None }
    }

    /// Whether all of it is decided.
    pub(super) const fn is_decided(&self) -> bool {
        self.left == 0
    }

    /// Whether it does not stay as it came.
    pub(super) const fn is_changed(&self) -> bool {
        self.changed.is_some()
    }

    /// The next bytes stay.
    pub(super) fn pass(&mut self, bytes: usize) {
        let bytes = bytes.min(self.left);
        if let Some(Changed { text, out }) = &mut self.changed {
            out.push_str(text.get(self.at..self.at + bytes).unwrap_or_default());
        }
        self.at += bytes;
        self.left -= bytes;
    }

    /// The next bytes go. `event` is where the text stands.
    pub(super) fn take_out(&mut self, bytes: usize, event: &[u8]) {
        let bytes = bytes.min(self.left);
        self.change(event);
        self.at += bytes;
        self.left -= bytes;
    }

    /// Puts a mark in.
    pub(super) fn put(&mut self, mark: &str, event: &[u8]) {
        self.change(event).out.push_str(mark);
    }

    /// What stands in its place, as a JSON string's content; `None` where it stays.
    pub(super) fn replacement(&self) -> Option<String> {
        self.changed.as_ref().map(|changed| escaped(&changed.out))
    }

    fn change(&mut self, event: &[u8]) -> &mut Changed {
        let (range, at) = (self.range.clone(), self.at);
        self.changed.get_or_insert_with(|| {
            let text = text_at(event, range).into_owned();
            let out = text.get(..at).unwrap_or_default().to_owned();
            Changed { text, out }
        })
    }
}

/// The text of a JSON string's content.
pub(super) fn text_at(event: &[u8], range: Range<usize>) -> Cow<'_, str> {
    JsonStr::new(event.get(range).unwrap_or_default()).decode()
}

/// A text as a JSON string's content.
pub(super) fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
}
