//! How a text of an answer is read, whole or in pieces: one rule, so that a stream and a whole answer
//! that say the same are redacted and blocked alike.
//!
//! A text that begins as JSON does is looked at as its strings read, without the escapes that the
//! model wrote. Everything that is found in it goes at once; what is left is not looked at again.

mod channel;
mod unescape;

pub(crate) use channel::{Channel, Key, Owner, Pieces};
pub(crate) use unescape::Unescape;

use super::{Findings, Refusal, Rules};

#[cfg(test)]
mod tests;

/// A text that does not wait, and what becomes of it.
struct Alone<'t> {
    text: &'t str,
    at: usize,
    /// What it is up to `at`; `None` while it stays as it is.
    new: Option<String>,
}

/// What a text becomes of which all is there; `None` where it stays.
///
/// # Errors
/// When something in it is blocked.
pub(crate) fn look_through(
    rules: &Rules,
    text: &str,
    findings: &mut Findings,
) -> Result<Option<String>, Refusal> {
    if Unescape::is_plain(text) && rules.iter().all(|rule| rule.detectors.find(text).is_empty()) {
        return Ok(None);
    }
    let mut channel = Channel::new(Key::Text(0), rules);
    let mut alone = Alone { text, at: 0, new: None };
    channel.push(text, Owner::default(), rules, findings)?;
    channel.pause(rules, findings, &mut alone)?;
    Ok(alone.new)
}

// === impl Alone ===

impl Alone<'_> {
    fn changed(&mut self) -> &mut String {
        let (text, at) = (self.text, self.at);
        self.new.get_or_insert_with(|| text.get(..at).unwrap_or_default().to_owned())
    }
}

impl Pieces for Alone<'_> {
    fn pass(&mut self, _: Owner, bytes: usize) {
        let end = self.at + bytes;
        if let Some(new) = &mut self.new {
            new.push_str(self.text.get(self.at..end).unwrap_or_default());
        }
        self.at = end;
    }

    fn take_out(&mut self, _: Owner, bytes: usize) {
        self.changed();
        self.at += bytes;
    }

    fn put(&mut self, _: Owner, mark: &str) {
        self.changed().push_str(mark);
    }
}
