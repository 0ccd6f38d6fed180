//! Counts findings in texts and in JSON, and takes them out; what was JSON stays JSON.

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::value::RawValue;
use tollgate_providers::JsonStr;

use super::{Detectors, Kind};

#[cfg(test)]
mod tests;

/// How deep JSON is looked for in the strings of JSON: arguments of a call, a message in a message.
const NESTED_MAX: usize = 4;
/// What a finding was part of may be found once it is gone: a phrase uncovers a token, a token whose
/// end swallowed the beginning of an address uncovers that; then nothing new can be.
const PASSES: usize = 4;

/// How often each kind was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([u32; Kind::ALL.len()]);

// === impl Counts ===

impl Counts {
    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|count| *count == 0)
    }

    /// What was found, each kind with how often.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, u32)> + '_ {
        Kind::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count = count.saturating_add(more);
        }
    }

    /// What of it is more than another's.
    fn beyond(mut self, other: &Self) -> Self {
        for (count, less) in self.0.iter_mut().zip(other.0) {
            *count = count.saturating_sub(less);
        }
        self
    }
}

// === impl Kind ===

impl Kind {
    /// What stands in place of a finding: `[REDACTED:email]`.
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Blocklist => "[REDACTED:blocklist]",
            Self::Ssn => "[REDACTED:ssn]",
            Self::CreditCard => "[REDACTED:credit_card]",
            Self::Phone => "[REDACTED:phone]",
            Self::IpAddress => "[REDACTED:ip_address]",
            Self::Email => "[REDACTED:email]",
            Self::ApiKey => "[REDACTED:api_key]",
            Self::Jwt => "[REDACTED:jwt]",
            Self::PrivateKey => "[REDACTED:private_key]",
        }
    }
}

// === impl Detectors ===

impl Detectors {
    /// The text with a mark in place of each finding. Text that is JSON stays JSON: findings are
    /// looked for in its strings as they read without their escapes, and in its numbers.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.is_empty() { Cow::Borrowed(text) } else { self.redact_nested(text, NESTED_MAX) }
    }

    /// How often each kind stands in the text. Of text that looks like JSON, its strings count as
    /// they read without their escapes.
    pub fn count(&self, text: &str) -> Counts {
        self.count_nested(text, NESTED_MAX)
    }

    fn count_nested(&self, text: &str, depth: usize) -> Counts {
        let mut counts = self.count_once(text);
        if depth == 0 || !looks_like_json(text) || !text.contains('\\') {
            return counts;
        }
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(quote) = memchr::memchr(b'"', bytes.get(at..).unwrap_or_default()) {
            let start = at + quote;
            at = string_end(bytes, start);
            let inner = text.get(start..at).unwrap_or_default().trim_start_matches('"');
            let inner = inner.strip_suffix('"').unwrap_or(inner);
            if inner.contains('\\') {
                let read = self.count_nested(&JsonStr::new(inner.as_bytes()).decode(), depth - 1);
                counts.add(&read.beyond(&self.count_once(inner)));
            }
        }
        counts
    }

    fn count_once(&self, text: &str) -> Counts {
        let mut counts = Counts::default();
        for finding in self.find(text) {
            if let Some(count) = counts.0.get_mut(finding.kind as usize) {
                *count = count.saturating_add(1);
            }
        }
        counts
    }

    fn redact_nested<'a>(&self, text: &'a str, depth: usize) -> Cow<'a, str> {
        let looks = looks_like_json(text) && depth > 0;
        if looks && serde_json::from_str::<&RawValue>(text).is_ok() {
            return self.redact_json(text, depth - 1);
        }
        // Half of a JSON text: what is in its strings, and then what is left.
        if looks && text.contains('\\') {
            let strings = self.redact_json(text, depth - 1).into_owned();
            return Cow::Owned(self.redact_text(&strings).into_owned());
        }
        self.redact_text(text)
    }

    /// As [`Detectors::redact`]; what stands across the strings of JSON is taken out, too: that it stays
    /// JSON is worth less.
    pub(crate) fn redact_across<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !looks_like_json(text) {
            return self.redact_passes(text, 2 * PASSES);
        }
        match self.redact(text) {
            Cow::Borrowed(text) => self.redact_text(text),
            Cow::Owned(text) => Cow::Owned(self.redact_text(&text).into_owned()),
        }
    }

    /// The text with a mark in place of each finding, whatever it looks like.
    pub(crate) fn redact_text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.redact_passes(text, PASSES)
    }

    /// At most so many passes, fewer where one finds nothing.
    fn redact_passes<'a>(&self, text: &'a str, passes: usize) -> Cow<'a, str> {
        let mut redacted = Cow::Borrowed(text);
        for _ in 0..passes {
            let Some(next) = self.redact_once(&redacted) else { break };
            redacted = Cow::Owned(next);
        }
        redacted
    }

    fn redact_once(&self, text: &str) -> Option<String> {
        let found = self.find(text);
        if found.is_empty() {
            return None;
        }
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for finding in found {
            out.push_str(text.get(from..finding.range.start).unwrap_or_default());
            // A phrase may also stand in a mark; that one stays as it is.
            let range = finding.range.clone();
            match text.get(range).filter(|_| inside_mark(text, &finding.range)) {
                Some(kept) => out.push_str(kept),
                None => out.push_str(finding.kind.mark()),
            }
            from = finding.range.end;
        }
        out.push_str(text.get(from..).unwrap_or_default());
        Some(out)
    }

    /// Strings and numbers of a JSON text, one by one; what is between them is copied.
    fn redact_json<'a>(&self, json: &'a str, depth: usize) -> Cow<'a, str> {
        let mut out = String::new();
        let mut copied = 0;
        let mut at = 0;
        let bytes = json.as_bytes();
        while let Some(byte) = bytes.get(at) {
            let end = match byte {
                b'"' => string_end(bytes, at),
                b'-' | b'0'..=b'9' => number_end(bytes, at),
                _ => {
                    at += 1;
                    continue;
                }
            };
            if let Some(token) = json.get(at..end)
                && let Some(redacted) = self.redact_token(token, depth)
            {
                out.push_str(json.get(copied..at).unwrap_or_default());
                out.push_str(&redacted);
                copied = end;
            }
            at = end;
        }
        if copied == 0 {
            return Cow::Borrowed(json);
        }
        out.push_str(json.get(copied..).unwrap_or_default());
        Cow::Owned(out)
    }

    /// What a string or number becomes; `None` where it stays.
    fn redact_token(&self, token: &str, depth: usize) -> Option<String> {
        if !token.starts_with('"') {
            let kind = self.find(token).first()?.kind;
            return Some(format!("\"{}\"", kind.mark()));
        }
        let cut = !token.ends_with('"') || token.len() < 2;
        let inner = token.trim_start_matches('"');
        let inner = if cut { inner } else { token.get(1..token.len() - 1)? };
        let text = if inner.contains('\\') {
            JsonStr::new(inner.as_bytes()).decode()
        } else {
            Cow::Borrowed(inner)
        };
        let redacted = match self.redact_nested(&text, depth) {
            Cow::Borrowed(_) => return None,
            Cow::Owned(redacted) => redacted,
        };
        if redacted == *text {
            return None;
        }
        let mut out = String::with_capacity(redacted.len() + 2);
        let _written = write!(out, "{}", serde_json::Value::String(redacted));
        if cut {
            out.pop();
        }
        Some(out)
    }
}

fn looks_like_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[', '"'])
}

fn inside_mark(text: &str, range: &std::ops::Range<usize>) -> bool {
    Kind::ALL.iter().any(|kind| {
        let mark = kind.mark();
        let from = text.floor_char_boundary(range.end.saturating_sub(mark.len()));
        let to = text.ceil_char_boundary((range.start + mark.len()).min(text.len()));
        text.get(from..to).is_some_and(|near| {
            near.match_indices(mark).any(|(at, _)| {
                let start = from + at;
                start <= range.start && range.end <= start + mark.len()
            })
        })
    })
}

/// Behind the string that begins at `at`, or the text's end.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'"' => return end + 1,
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    bytes.len()
}

fn number_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let number = |byte: &&u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    at + rest.iter().take_while(number).count().max(1)
}
