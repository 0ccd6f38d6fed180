//! Texts that an event has as a whole: what a terminal event repeats, what a tool of the provider's
//! wrote, arguments in their place as JSON.

use std::ops::Range;

use super::channel::{Channel, Key, Owner, Pieces};
use super::fragment::{Fragment, text_at};
use super::strings::walk;
use crate::guard::{Findings, Refusal, Rules};

/// Keys behind which the APIs give text of the answer.
pub(super) const TEXT_KEYS: [&[u8]; 17] = [
    b"text",
    b"content",
    b"delta",
    b"arguments",
    b"refusal",
    b"reasoning",
    b"reasoning_content",
    b"thinking",
    b"input",
    b"partial_json",
    b"code",
    b"output",
    b"summary",
    b"transcript",
    b"cited_text",
    b"tool_plan",
    b"logs",
];
/// Keys behind which an answer repeats its request, or says nothing that the model said.
const SKIPPED: [&[u8]; 8] = [
    b"instructions",
    b"tools",
    b"tool_choice",
    b"metadata",
    b"prompt",
    b"logprobs",
    b"usage",
    b"error",
];
/// Keys behind which the text is JSON.
const JSON_KEYS: [&[u8]; 2] = [b"arguments", b"partial_json"];

/// Where something is to be replaced, and by what.
pub(super) type Edit = (Range<usize>, String);

/// Looks at texts one by one.
pub(super) struct Whole<'g> {
    pub(super) rules: &'g Rules,
    pub(super) findings: &'g mut Findings,
}

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Words.
    Text,
    /// JSON, written as text.
    Json,
    /// A value of JSON that nothing else has said.
    Value,
}

/// One text that does not wait.
struct Alone<'e> {
    fragment: Fragment,
    event: &'e [u8],
}

// === impl Whole ===

impl Whole<'_> {
    /// Looks at the texts of an event's data but for those in `read`, which are pieces of longer ones.
    pub(super) fn event(
        &mut self,
        event: &[u8],
        data: Range<usize>,
        read: &[Range<usize>],
        edits: &mut Vec<Edit>,
    ) -> Result<(), Refusal> {
        let mut looked = Ok(());
        walk(event.get(data.clone()).unwrap_or_default(), &SKIPPED, &mut |value| {
            let range = value.range.start + data.start..value.range.end + data.start;
            if looked.is_err()
                || !value.is_string
                || range.is_empty()
                || !TEXT_KEYS.contains(&value.key)
                || read
                    .iter()
                    .any(|it| *it == range || event.get(it.clone()) == event.get(range.clone()))
            {
                return;
            }
            let form = if JSON_KEYS.contains(&value.key) { Form::Json } else { Form::Text };
            looked = self.text(event, range, form, edits);
        });
        looked
    }

    /// Looks at every string and number of a JSON value.
    pub(super) fn json(
        &mut self,
        event: &[u8],
        json: Range<usize>,
        edits: &mut Vec<Edit>,
    ) -> Result<(), Refusal> {
        let mut looked = Ok(());
        walk(event.get(json.clone()).unwrap_or_default(), &[], &mut |value| {
            let range = value.range.start + json.start..value.range.end + json.start;
            if looked.is_ok() {
                let before = edits.len();
                looked = self.text(event, range, Form::Value, edits);
                if let Some((_, new)) = edits.get_mut(before).filter(|_| !value.is_string) {
                    // A number becomes a string.
                    *new = format!("\"{new}\"");
                }
            }
        });
        looked
    }

    fn text(
        &mut self,
        event: &[u8],
        range: Range<usize>,
        form: Form,
        edits: &mut Vec<Edit>,
    ) -> Result<(), Refusal> {
        let text = text_at(event, range.clone());
        if form != Form::Json && self.rules.iter().all(|rule| rule.detectors.find(&text).is_empty())
        {
            return Ok(());
        }
        let key = if form == Form::Json { Key::Arguments(0) } else { Key::Text(0) };
        let mut channel = Channel::new(key, self.rules);
        let fragment = Fragment::new(range.clone(), text.len());
        let mut alone = Alone { fragment, event };
        let mut found = Findings::default();
        let looked = channel
            .push(&text, Owner::default(), self.rules, &mut found)
            .and_then(|()| channel.pause(self.rules, &mut found, &mut alone));
        // Mostly it was told when the pieces came.
        for finding in &found {
            let known = |it: &crate::guard::Finding| {
                (&it.what, it.action, it.direction)
                    == (&finding.what, finding.action, finding.direction)
            };
            if form == Form::Value || !self.findings.iter().any(known) {
                self.findings.note(finding.clone());
            }
        }
        looked?;
        if let Some(new) = alone.fragment.replacement() {
            edits.push((range, new));
        }
        Ok(())
    }
}

impl Pieces for Alone<'_> {
    fn pass(&mut self, _: Owner, bytes: usize) {
        self.fragment.pass(bytes);
    }

    fn take_out(&mut self, _: Owner, bytes: usize) {
        self.fragment.take_out(bytes, self.event);
    }

    fn put(&mut self, _: Owner, mark: &str) {
        self.fragment.put(mark, self.event);
    }
}
