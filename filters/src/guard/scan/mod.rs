//! One body against the rules of its direction: what was found, and what goes on instead.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use serde_json::value::RawValue;

use super::reading::look_through;
use super::texts::{self, Form, Text};
use super::{Action, Cause, Direction, Findings, Refusal, Rule, Rules, What};
use crate::detect::Counts;

#[cfg(test)]
mod tests;

/// Bytes of a text that are looked at together for one that JSON escapes.
const TOGETHER_BYTES: usize = 64;

/// What a body turned out to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// What was found.
    pub findings: Findings,
    /// The body that goes on, where it is another one.
    pub changed: Option<Bytes>,
    /// Why nothing goes on.
    pub refusal: Option<Refusal>,
}

// === impl Rules ===

impl Rules {
    /// Looks through a body that is known to be JSON.
    pub fn scan_json(&self, body: &Bytes) -> Scanned {
        match std::str::from_utf8(body) {
            Ok(json) => self.scan(json, &texts::of_json(json)),
            Err(_) => self.unreadable(),
        }
    }

    /// Looks through a body that should be JSON and may be anything.
    pub fn scan_body(&self, body: &Bytes) -> Scanned {
        match std::str::from_utf8(body) {
            Ok(text) if serde_json::from_str::<&RawValue>(text).is_ok() => {
                self.scan(text, &texts::of_json(text))
            }
            Ok(text) => self.scan(text, &texts::of_plain(text)),
            Err(_) => self.unreadable(),
        }
    }

    /// The refusal of what nobody can look through, where there is one: [`Action::Flag`] lets it by.
    pub fn refuse(&self, cause: Cause) -> Option<Refusal> {
        let acts = self.iter().find(|rule| rule.action != Action::Flag)?;
        let kind = acts.detectors.kinds().first()?;
        Some(Refusal { what: What::Shape(*kind), direction: self.direction(), cause })
    }

    /// A body that nobody here can read.
    pub(super) fn unreadable(&self) -> Scanned {
        Scanned { refusal: self.refuse(Cause::Unreadable), ..Scanned::default() }
    }

    fn scan(&self, body: &str, texts: &[Text<'_>]) -> Scanned {
        match self.direction() {
            Direction::Input => self.scan_request(body, texts),
            Direction::Output => self.scan_answer(body, texts),
        }
    }

    /// As a stream that says the same is looked at.
    fn scan_answer(&self, body: &str, texts: &[Text<'_>]) -> Scanned {
        let mut scanned = Scanned::default();
        let mut new = Vec::with_capacity(texts.len());
        for text in texts {
            if matches!(text.form, Form::Repeats(_)) {
                new.push(None);
                continue;
            }
            match look_through(self, &text.text, &mut scanned.findings) {
                Ok(clean) => new.push(clean),
                Err(refusal) => {
                    scanned.refusal = Some(refusal);
                    return scanned;
                }
            }
        }
        if new.iter().any(Option::is_some) {
            scanned.changed = Some(rewritten(body, texts, &new));
        }
        scanned
    }

    fn scan_request(&self, body: &str, texts: &[Text<'_>]) -> Scanned {
        let mut scanned = Scanned::default();
        let mut touched = vec![false; texts.len()];
        for rule in self {
            let counts = apply(rule, texts, &mut touched);
            for (kind, count) in counts.iter() {
                scanned.findings.note(self.finding(kind, rule.action, count));
            }
            if let Some((kind, _)) = counts.iter().next().filter(|_| rule.action == Action::Block) {
                let what = What::Shape(kind);
                let direction = self.direction();
                scanned.refusal = Some(Refusal { what, direction, cause: Cause::Found });
                return scanned;
            }
        }
        if touched.contains(&true) {
            let clean = |(text, touched): (&Text<'_>, &bool)| match text.form {
                _ if !touched => None,
                Form::Json => Some(self.redacted().redact(&text.text).into_owned()),
                _ => Some(self.redacted().redact_across(&text.text).into_owned()),
            };
            let new: Vec<_> = texts.iter().zip(&touched).map(clean).collect();
            scanned.changed = Some(rewritten(body, texts, &new));
        }
        scanned
    }
}

/// The body with what texts become; all else byte for byte.
fn rewritten(body: &str, texts: &[Text<'_>], new: &[Option<String>]) -> Bytes {
    let mut out = BytesMut::with_capacity(body.len());
    let mut copied = 0;
    for (text, new) in texts.iter().zip(new) {
        let new: Cow<'_, str> = match (text.form, new) {
            // What repeats in pieces what is gone goes, too.
            (Form::Repeats(true), _) => Cow::Borrowed("[]"),
            (Form::Repeats(false), _) => Cow::Borrowed("null"),
            (_, None) => continue,
            (Form::String, Some(new)) => quoted(new).into(),
            (Form::Json | Form::Plain, Some(new)) => Cow::Borrowed(new),
        };
        let before = body.get(copied..text.place.start).unwrap_or_default();
        out.extend_from_slice(before.as_bytes());
        out.extend_from_slice(new.as_bytes());
        copied = text.place.end;
    }
    out.extend_from_slice(body.get(copied..).unwrap_or_default().as_bytes());
    out.freeze()
}

/// A text as a JSON string.
fn quoted(text: &str) -> String {
    let is_plain = |bytes: &[u8]| {
        // No early end, so that many are looked at together.
        let plain = |byte: &u8| (*byte >= b' ') & (*byte != b'"') & (*byte != b'\\');
        bytes.iter().fold(true, |all, byte| all & plain(byte))
    };
    if text.as_bytes().chunks(TOGETHER_BYTES).all(is_plain) {
        return format!("\"{text}\"");
    }
    serde_json::Value::from(text).to_string()
}

/// All texts of a JSON body, one on a line; at most `bytes_max` bytes, and whether there was more.
pub(crate) fn text_of(body: &[u8], bytes_max: usize) -> (String, bool) {
    let json = String::from_utf8_lossy(body);
    let mut all = String::new();
    for Text { text, form, .. } in texts::of_json(&json) {
        if matches!(form, Form::Repeats(_)) {
            continue;
        }
        if !all.is_empty() {
            all.push('\n');
        }
        let room = bytes_max.saturating_sub(all.len());
        all.push_str(text.get(..text.floor_char_boundary(room)).unwrap_or_default());
        if text.len() > room {
            return (all, true);
        }
    }
    (all, false)
}

/// What a rule finds. One that blocks looks no further than its first finding.
fn apply(rule: &Rule, texts: &[Text<'_>], touched: &mut [bool]) -> Counts {
    let mut all = Counts::default();
    let scanned = texts.iter().zip(touched).filter(|(it, _)| !matches!(it.form, Form::Repeats(_)));
    for (text, touched) in scanned {
        let counts = rule.detectors.count(&text.text);
        if counts.is_empty() {
            continue;
        }
        all.add(&counts);
        *touched |= rule.action == Action::Redact;
        if rule.action == Action::Block {
            break;
        }
    }
    all
}
