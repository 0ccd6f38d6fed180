//! Anthropic messages, event by event.

use crate::answer::reply::{Counts, Event, Part, Reply, arguments_value};
use crate::ordered::{Json, object};

/// What stands for a thinking block's signature.
const SIGNATURE: &str = "bW9jay1zaWduYXR1cmU=";
/// Output tokens reported before anything is said, as Anthropic does.
const OUTPUT_PROVISIONAL: u64 = 1;

/// The bytes of an event that carries no text.
pub(crate) fn text_event_bytes(_: &Reply<'_>) -> usize {
    block_delta(0, object! { "type" => "text_delta", "text" => "" }, true).bytes.len()
}

/// `message_start`, the content blocks with a ping after the first one's start, `message_delta`,
/// `message_stop`.
pub(crate) fn stream(reply: &Reply<'_>) -> Vec<Event> {
    let start = message(reply, Vec::new(), Json::Null, OUTPUT_PROVISIONAL);
    let mut events = vec![event("message_start", object! { "message" => start }, false)];
    for (index, part) in reply.parts.iter().enumerate() {
        push_block(&mut events, index, part);
    }
    let delta = object! { "stop_reason" => stop_reason(reply), "stop_sequence" => Json::Null };
    let mut members = object! { "delta" => delta };
    if let Some(counts) = reply.usage {
        members = members.with("usage", usage(counts, counts.output));
    }
    events.push(event("message_delta", members, false));
    if reply.marks_end() {
        events.push(event("message_stop", Json::Object(Vec::new()), false));
    }
    events
}

/// The answer in one piece.
pub(crate) fn plain(reply: &Reply<'_>) -> Json {
    let blocks = reply.parts.iter().map(|part| match part {
        Part::Text(fragments) | Part::Refusal(fragments) => {
            object! { "type" => "text", "text" => fragments.concat() }
        }
        Part::Reasoning(fragments) => object! {
            "type" => "thinking", "thinking" => fragments.concat(), "signature" => SIGNATURE,
        },
        Part::Tool { id, name, arguments } => object! {
            "type" => "tool_use",
            "id" => id.as_str(),
            "name" => *name,
            "input" => arguments_value(arguments),
        },
    });
    let output = reply.usage.map_or(0, |counts| counts.output);
    message(reply, blocks.collect(), stop_reason(reply).into(), output)
}

fn message(reply: &Reply<'_>, content: Vec<Json>, stop_reason: Json, output: u64) -> Json {
    let message = object! {
        "model" => reply.model.as_str(),
        "id" => reply.id.as_str(),
        "type" => "message",
        "role" => "assistant",
        "content" => content,
        "stop_reason" => stop_reason,
        "stop_sequence" => Json::Null,
    };
    let Some(counts) = reply.usage else { return message };
    let creation = object! {
        "ephemeral_5m_input_tokens" => counts.cache_creation,
        "ephemeral_1h_input_tokens" => 0_u64,
    };
    let usage = usage(counts, output).with("cache_creation", creation);
    message.with("usage", usage.with("service_tier", "standard"))
}

fn push_block(events: &mut Vec<Event>, index: usize, part: &Part<'_>) {
    let start = match part {
        Part::Text(_) | Part::Refusal(_) => object! { "type" => "text", "text" => "" },
        Part::Reasoning(_) => {
            object! { "type" => "thinking", "thinking" => "", "signature" => "" }
        }
        Part::Tool { id, name, .. } => object! {
            "type" => "tool_use",
            "id" => id.as_str(),
            "name" => *name,
            "input" => Json::Object(Vec::new()),
        },
    };
    // The start of a call is content already: it names the tool.
    let content = matches!(part, Part::Tool { .. });
    let members = object! { "index" => index, "content_block" => start };
    events.push(event("content_block_start", members, content));
    if index == 0 {
        events.push(Event::named("ping", r#"{"type": "ping"}"#, false));
    }
    push_deltas(events, index, part);
    events.push(event("content_block_stop", object! { "index" => index }, false));
}

fn push_deltas(events: &mut Vec<Event>, index: usize, part: &Part<'_>) {
    match part {
        Part::Text(fragments) | Part::Refusal(fragments) => {
            let mut last: Option<(&str, Event)> = None;
            for text in fragments.iter() {
                let event = match last {
                    Some((same, event)) if same == text => event,
                    _ => {
                        let delta = object! { "type" => "text_delta", "text" => text.as_str() };
                        block_delta(index, delta, true)
                    }
                };
                events.push(event.clone());
                last = Some((text, event));
            }
        }
        Part::Reasoning(fragments) => {
            events.extend(fragments.iter().map(|text| {
                let delta = object! { "type" => "thinking_delta", "thinking" => text.as_str() };
                block_delta(index, delta, true)
            }));
            let delta = object! { "type" => "signature_delta", "signature" => SIGNATURE };
            events.push(block_delta(index, delta, false));
        }
        Part::Tool { arguments, .. } => {
            let piece =
                |text: &str| object! { "type" => "input_json_delta", "partial_json" => text };
            events.push(block_delta(index, piece(""), false));
            events.extend(arguments.iter().map(|text| block_delta(index, piece(text), true)));
        }
    }
}

fn block_delta(index: usize, delta: Json, content: bool) -> Event {
    event("content_block_delta", object! { "index" => index, "delta" => delta }, content)
}

/// An event whose JSON `type` is its name.
fn event(name: &str, members: Json, content: bool) -> Event {
    let mut all = vec![("type", Json::from(name))];
    if let Json::Object(members) = members {
        all.extend(members);
    }
    Event::named(name, &Json::Object(all).text(), content)
}

fn stop_reason<'a>(reply: &'a Reply<'_>) -> &'a str {
    match reply.finish() {
        "stop" => "end_turn",
        "tool_calls" => "tool_use",
        "length" => "max_tokens",
        "content_filter" => "refusal",
        own => own,
    }
}

/// Cached tokens are not in `input_tokens`.
fn usage(counts: Counts, output: u64) -> Json {
    let uncached = counts.input.saturating_sub(counts.cached.saturating_add(counts.cache_creation));
    object! {
        "input_tokens" => uncached,
        "cache_creation_input_tokens" => counts.cache_creation,
        "cache_read_input_tokens" => counts.cached,
        "output_tokens" => output,
    }
}
