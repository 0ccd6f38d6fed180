//! Cohere v2 chat, event by event.

use crate::answer::reply::{Counts, Event, Part, Reply};
use crate::ordered::{Json, object};

/// The bytes of an event that carries no text.
pub(crate) fn text_event_bytes(_: &Reply<'_>) -> usize {
    content_delta(0, "text", "").bytes.len()
}

/// `message-start`, a start, deltas and an end for each piece of content, `message-end`.
pub(crate) fn stream(reply: &Reply<'_>) -> Vec<Event> {
    let nothing = || Json::Array(Vec::new());
    let message = object! {
        "role" => "assistant", "content" => nothing(), "tool_plan" => "",
        "tool_calls" => nothing(), "citations" => nothing(),
    };
    let start = object! { "type" => "message-start", "id" => reply.id.as_str() };
    let start = start.with("delta", object! { "message" => message });
    let mut events = vec![Event::named("message-start", &start.text(), false)];
    let (mut contents, mut calls) = (0, 0);
    for part in &reply.parts {
        match part {
            Part::Text(fragments) | Part::Refusal(fragments) => {
                push_content(&mut events, &mut contents, "text", fragments)
            }
            Part::Reasoning(fragments) => {
                push_content(&mut events, &mut contents, "thinking", fragments);
            }
            Part::Tool { id, name, arguments } => {
                push_call(&mut events, calls, id, name, arguments);
                calls += 1;
            }
        }
    }
    if reply.marks_end() {
        let mut delta = object! { "finish_reason" => finish_reason(reply) };
        if let Some(counts) = reply.usage {
            delta = delta.with("usage", usage(counts));
        }
        events.push(event("message-end", None, delta, false));
    }
    events
}

/// The answer in one piece.
pub(crate) fn plain(reply: &Reply<'_>) -> Json {
    let mut content = Vec::new();
    let mut calls = Vec::new();
    for part in &reply.parts {
        match part {
            Part::Text(text) | Part::Refusal(text) => {
                content.push(object! { "type" => "text", "text" => text.concat() })
            }
            Part::Reasoning(text) => {
                content.push(object! { "type" => "thinking", "thinking" => text.concat() });
            }
            Part::Tool { id, name, arguments } => calls.push(call(id, name, &arguments.concat())),
        }
    }
    let mut message = object! { "role" => "assistant", "content" => content };
    if !calls.is_empty() {
        message = message.with("tool_calls", calls);
    }
    let answer = object! {
        "id" => reply.id.as_str(),
        "finish_reason" => finish_reason(reply),
        "message" => message,
    };
    match reply.usage {
        Some(counts) => answer.with("usage", usage(counts)),
        None => answer,
    }
}

fn push_content(events: &mut Vec<Event>, index: &mut usize, kind: &'static str, texts: &[String]) {
    let content = match kind {
        "thinking" => object! { "type" => kind, "thinking" => "" },
        _ => object! { "type" => kind, "text" => "" },
    };
    let delta = object! { "message" => object! { "content" => content } };
    events.push(event("content-start", Some(*index), delta, false));
    events.extend(texts.iter().map(|text| content_delta(*index, kind, text)));
    events.push(event("content-end", Some(*index), Json::Null, false));
    *index += 1;
}

fn content_delta(index: usize, kind: &str, text: &str) -> Event {
    let content = if kind == "thinking" {
        object! { "thinking" => text }
    } else {
        object! { "text" => text }
    };
    let delta = object! { "message" => object! { "content" => content } };
    event("content-delta", Some(index), delta, true)
}

fn push_call(events: &mut Vec<Event>, index: usize, id: &str, name: &str, pieces: &[String]) {
    let wrap = |calls: Json| object! { "message" => object! { "tool_calls" => calls } };
    events.push(event("tool-call-start", Some(index), wrap(call(id, name, "")), true));
    for piece in pieces {
        let delta = object! { "function" => object! { "arguments" => piece.as_str() } };
        events.push(event("tool-call-delta", Some(index), wrap(delta), true));
    }
    events.push(event("tool-call-end", Some(index), Json::Null, false));
}

fn call(id: &str, name: &str, arguments: &str) -> Json {
    let function = object! { "name" => name, "arguments" => arguments };
    object! { "id" => id, "type" => "function", "function" => function }
}

fn event(name: &str, index: Option<usize>, delta: Json, content: bool) -> Event {
    let mut data = object! { "type" => name };
    if let Some(index) = index {
        data = data.with("index", index);
    }
    if !matches!(delta, Json::Null) {
        data = data.with("delta", delta);
    }
    Event::named(name, &data.text(), content)
}

fn finish_reason<'a>(reply: &'a Reply<'_>) -> &'a str {
    match reply.finish() {
        "stop" => "COMPLETE",
        "tool_calls" => "TOOL_CALL",
        "length" => "MAX_TOKENS",
        own => own,
    }
}

fn usage(counts: Counts) -> Json {
    let tokens = || object! { "input_tokens" => counts.input, "output_tokens" => counts.output };
    object! {
        "billed_units" => tokens(), "tokens" => tokens(), "cached_tokens" => counts.cached,
    }
}
