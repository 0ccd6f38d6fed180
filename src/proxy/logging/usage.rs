//! Token counts: as reported, else estimated from what was delivered, else unknown.

use tollgate_filters::request::Facts;
use tollgate_providers::estimate::Family;
use tollgate_providers::{Transcript, Usage};
use tollgate_telemetry::genai::{Outcome, UsageSource};

/// The counts of a response, and where they come from; never zero for unknown.
///
/// `facts` are there where tokens may be estimated: of chat alone. `model` is whose tokens they are.
pub(super) fn usage(
    outcome: Outcome,
    stream: bool,
    transcript: &Transcript,
    facts: Option<&Facts>,
    model: &str,
) -> (Option<Usage>, UsageSource) {
    let reported = transcript.usage();
    if let Some(usage) = reported.filter(|_| is_final(outcome, stream, transcript)) {
        return (Some(usage), UsageSource::Reported);
    }
    let Some(facts) = facts.filter(|_| !transcript.output_text().is_empty()) else {
        // What a stream says at its beginning is true of its input, whatever came of the rest.
        let source = if reported.is_some() { UsageSource::Reported } else { UsageSource::Unknown };
        return (reported, source);
    };
    let family = Family::of(transcript.model().unwrap_or(model));
    let mut usage = reported.unwrap_or_default();
    let tokens = transcript.output_text().tokens(family);
    usage.output = Some(usage.output.map_or(tokens, |said| said.max(tokens)));
    // A total that was said before the output grew is none.
    usage.total = None;
    if usage.input.is_none() {
        usage.input = facts.input_tokens(family);
    }
    (Some(usage), UsageSource::Estimated)
}

/// Whether the counts say how much it was in the end: a stream that broke off may have said some
/// before. What is said with or after the answer's end stands, whoever leaves then.
fn is_final(outcome: Outcome, stream: bool, transcript: &Transcript) -> bool {
    let over = transcript.is_done() || transcript.finish_reasons().next().is_some();
    !stream || outcome == Outcome::Complete || (over && transcript.error().is_none())
}
