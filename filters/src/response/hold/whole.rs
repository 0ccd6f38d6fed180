//! Texts that an event has as a whole: what a terminal event repeats, what a tool of the provider's
//! wrote, arguments in their place as JSON.

use std::ops::Range;

use super::fragment::{escaped, text_at};
use super::strings::walk;
use crate::guard::reading::look_through;
use crate::guard::{Finding, Findings, Refusal, Rules};

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
/// Where something is to be replaced, and by what.
pub(super) type Edit = (Range<usize>, String);

/// Looks at texts one by one.
pub(super) struct Whole<'g> {
    pub(super) rules: &'g Rules,
    pub(super) findings: &'g mut Findings,
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
            looked = self.text(event, range, edits);
        });
        looked
    }

    /// Looks at JSON in its place that nothing else has said.
    pub(super) fn json(
        &mut self,
        event: &[u8],
        range: Range<usize>,
        edits: &mut Vec<Edit>,
    ) -> Result<(), Refusal> {
        let json = String::from_utf8_lossy(event.get(range.clone()).unwrap_or_default());
        if let Some(new) = look_through(self.rules, &json, self.findings)? {
            edits.push((range, new));
        }
        Ok(())
    }

    /// Looks at a text that mostly was told of when its pieces came.
    fn text(
        &mut self,
        event: &[u8],
        range: Range<usize>,
        edits: &mut Vec<Edit>,
    ) -> Result<(), Refusal> {
        let text = text_at(event, range.clone());
        let mut found = Findings::default();
        let looked = look_through(self.rules, &text, &mut found);
        for finding in &found {
            let known = |it: &Finding| {
                (&it.what, it.action, it.direction)
                    == (&finding.what, finding.action, finding.direction)
            };
            if !self.findings.iter().any(known) {
                self.findings.note(finding.clone());
            }
        }
        if let Some(new) = looked? {
            edits.push((range, escaped(&new)));
        }
        Ok(())
    }
}
