//! Gemini `generateContent`: every event is a whole response with a part of the content.

use crate::answer::reply::{Counts, Event, Part, Reply, arguments_value};
use crate::ordered::{Json, object};

/// What stands for a thought's signature.
pub(crate) const SIGNATURE: &str = "bW9jay10aG91Z2h0LXNpZ25hdHVyZQ==";

/// The bytes of an event that carries no text.
pub(crate) fn text_event_bytes(reply: &Reply<'_>) -> usize {
    event(reply, vec![object! { "text" => "" }], None, true).bytes.len()
}

/// One event for each piece; the last one has the reason and, as all have, the counts so far.
pub(crate) fn stream(reply: &Reply<'_>) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let mut signed = false;
    for part in &reply.parts {
        for piece in pieces(part, &mut signed) {
            events.push(event(reply, vec![piece], None, true));
        }
    }
    let finish = reply.marks_end().then(|| finish_reason(reply));
    events.push(event(reply, vec![object! { "text" => "" }], finish, false));
    events
}

/// The answer in one piece.
pub(crate) fn plain(reply: &Reply<'_>) -> Json {
    let mut signed = false;
    let parts = reply.parts.iter().flat_map(|part| match part {
        Part::Text(fragments) | Part::Refusal(fragments) => {
            vec![object! { "text" => fragments.concat() }]
        }
        Part::Reasoning(fragments) => {
            vec![object! { "text" => fragments.concat(), "thought" => true }]
        }
        Part::Tool { .. } => pieces(part, &mut signed),
    });
    response(reply, parts.collect(), Some(finish_reason(reply)))
}

/// What is streamed of a part. The first call carries the signature of the thought behind it.
fn pieces(part: &Part<'_>, signed: &mut bool) -> Vec<Json> {
    match part {
        Part::Text(fragments) | Part::Refusal(fragments) => {
            fragments.iter().map(|text| object! { "text" => text.as_str() }).collect()
        }
        Part::Reasoning(fragments) => fragments
            .iter()
            .map(|text| object! { "text" => text.as_str(), "thought" => true })
            .collect(),
        Part::Tool { id, name, arguments } => {
            let call = object! {
                "id" => id.as_str(), "name" => *name, "args" => arguments_value(arguments),
            };
            let piece = object! { "functionCall" => call };
            let first = !std::mem::replace(signed, true);
            vec![if first { piece.with("thoughtSignature", SIGNATURE) } else { piece }]
        }
    }
}

fn event(reply: &Reply<'_>, parts: Vec<Json>, finish: Option<&str>, content: bool) -> Event {
    Event::data(&response(reply, parts, finish).text(), content)
}

fn response(reply: &Reply<'_>, parts: Vec<Json>, finish: Option<&str>) -> Json {
    let content = object! { "parts" => parts, "role" => "model" };
    let mut candidate = object! { "content" => content };
    if let Some(finish) = finish {
        candidate = candidate.with("finishReason", finish);
    }
    let mut response = object! { "candidates" => vec![candidate.with("index", 0_u64)] };
    if let Some(counts) = reply.usage {
        response = response.with("usageMetadata", usage(counts));
    }
    response.with("modelVersion", reply.model.as_str()).with("responseId", reply.id.as_str())
}

/// `STOP` whether tools are called or not.
fn finish_reason<'a>(reply: &'a Reply<'_>) -> &'a str {
    match reply.finish() {
        "stop" | "tool_calls" => "STOP",
        "length" => "MAX_TOKENS",
        "content_filter" => "SAFETY",
        own => own,
    }
}

/// Thoughts are not in `candidatesTokenCount`.
fn usage(counts: Counts) -> Json {
    object! {
        "promptTokenCount" => counts.input,
        "candidatesTokenCount" => counts.output.saturating_sub(counts.reasoning),
        "totalTokenCount" => counts.input.saturating_add(counts.output),
        "cachedContentTokenCount" => counts.cached,
        "thoughtsTokenCount" => counts.reasoning,
    }
}
