//! Chat completions, chunk by chunk as OpenAI sends them.

use crate::answer::reply::{Counts, Event, Part, Reply};
use crate::ordered::{Json, object};
use crate::scenario::UsagePlace;

/// Output tokens reported by chunks before the last one.
const OUTPUT_PROVISIONAL: u64 = 1;

/// The bytes of an event that carries no text.
pub(crate) fn text_event_bytes(reply: &Reply<'_>) -> usize {
    text_event(reply, "").bytes.len()
}

/// Role chunk, deltas, finish chunk, usage chunk if asked for, `[DONE]`.
pub(crate) fn stream(reply: &Reply<'_>) -> Vec<Event> {
    let says_text = reply.parts.iter().any(|part| matches!(part, Part::Text(_)));
    let role = object! {
        "role" => "assistant",
        "content" => says_text.then_some(""),
        "refusal" => Json::Null,
    };
    let mut events = vec![delta(reply, role, None, false)];
    for part in &reply.parts {
        match part {
            Part::Text(fragments) => push_text(&mut events, reply, fragments),
            Part::Reasoning(fragments) => events.extend(fragments.iter().map(|text| {
                delta(reply, object! { "reasoning_content" => text.as_str() }, None, true)
            })),
            Part::Refusal(fragments) => events.extend(
                fragments
                    .iter()
                    .map(|text| delta(reply, object! { "refusal" => text.as_str() }, None, true)),
            ),
            Part::Tool { .. } => {}
        }
    }
    push_tools(&mut events, reply);
    events.push(delta(reply, Json::Object(Vec::new()), Some(reply.finish()), false));
    let own = reply.ask.include_usage && reply.scenario.usage_place == UsagePlace::Own;
    if let (true, Some(counts)) = (own, reply.usage) {
        let chunk = head(reply).with("choices", Vec::new()).with("usage", usage(counts));
        events.push(Event::data(&chunk.text(), false));
    }
    if reply.marks_end() {
        events.push(Event::data("[DONE]", false));
    }
    events
}

/// The answer in one piece.
pub(crate) fn plain(reply: &Reply<'_>) -> Json {
    let mut message = object! {
        "role" => "assistant",
        "content" => reply.text(),
        "refusal" => reply.refusal(),
        "annotations" => Vec::new(),
    };
    if let Some(reasoning) = reply.reasoning() {
        message = message.with("reasoning_content", reasoning);
    }
    let calls: Vec<Json> = reply
        .tools()
        .iter()
        .map(|(id, name, arguments)| {
            let function = object! { "name" => *name, "arguments" => arguments.concat() };
            object! { "id" => *id, "type" => "function", "function" => function }
        })
        .collect();
    if !calls.is_empty() {
        message = message.with("tool_calls", calls);
    }
    let choice = object! {
        "index" => 0_u64,
        "message" => message,
        "logprobs" => Json::Null,
        "finish_reason" => reply.finish(),
    };
    let mut body = object! {
        "id" => reply.id.as_str(),
        "object" => "chat.completion",
        "created" => reply.created,
        "model" => reply.model.as_str(),
        "choices" => vec![choice],
    };
    if let Some(counts) = reply.usage {
        body = body.with("usage", usage(counts));
    }
    body.with("service_tier", "default").with("system_fingerprint", "fp_mock")
}

fn head(reply: &Reply<'_>) -> Json {
    object! {
        "id" => reply.id.as_str(),
        "object" => "chat.completion.chunk",
        "created" => reply.created,
        "model" => reply.model.as_str(),
        "service_tier" => "default",
        "system_fingerprint" => "fp_mock",
    }
}

fn delta(reply: &Reply<'_>, delta: Json, finish: Option<&str>, content: bool) -> Event {
    let choice = object! {
        "index" => 0_u64,
        "delta" => delta,
        "logprobs" => Json::Null,
        "finish_reason" => finish,
    };
    let mut chunk = head(reply).with("choices", vec![choice]);
    let place = reply.scenario.usage_place;
    match reply.usage {
        Some(counts) if finish.is_some() && place != UsagePlace::Own => {
            chunk = chunk.with("usage", usage(counts));
        }
        Some(counts) if place == UsagePlace::Every => {
            let so_far = Counts { output: OUTPUT_PROVISIONAL, reasoning: 0, ..counts };
            chunk = chunk.with("usage", usage(so_far));
        }
        _ if reply.ask.include_usage && !reply.scenario.omit_null_usage => {
            chunk = chunk.with("usage", Json::Null);
        }
        _ => {}
    }
    Event::data(&chunk.text(), content)
}

fn text_event(reply: &Reply<'_>, text: &str) -> Event {
    delta(reply, object! { "content" => text }, None, true)
}

/// Equal neighbours share their bytes, so that a load stream costs one event to make.
fn push_text(events: &mut Vec<Event>, reply: &Reply<'_>, fragments: &[String]) {
    let mut last: Option<(&str, Event)> = None;
    for text in fragments {
        let event = match last {
            Some((same, event)) if same == text => event,
            _ => text_event(reply, text),
        };
        events.push(event.clone());
        last = Some((text, event));
    }
}

fn push_tools(events: &mut Vec<Event>, reply: &Reply<'_>) {
    let calls = reply.tools();
    let open = |(index, (id, name, _)): (usize, &(&str, &str, &[String]))| {
        let function = object! { "name" => *name, "arguments" => "" };
        tool_event(
            reply,
            object! {
                "index" => index, "id" => *id, "type" => "function", "function" => function,
            },
        )
    };
    let piece = |index: usize, text: &str| {
        let function = object! { "arguments" => text };
        tool_event(reply, object! { "index" => index, "function" => function })
    };
    if !reply.scenario.interleave_tool_calls {
        for (index, call) in calls.iter().enumerate() {
            events.push(open((index, call)));
            events.extend(call.2.iter().map(|text| piece(index, text)));
        }
        return;
    }
    events.extend(calls.iter().enumerate().map(open));
    let rounds = calls.iter().map(|(_, _, arguments)| arguments.len()).max().unwrap_or(0);
    for round in 0..rounds {
        for (index, (_, _, arguments)) in calls.iter().enumerate() {
            events.extend(arguments.get(round).map(|text| piece(index, text)));
        }
    }
}

fn tool_event(reply: &Reply<'_>, call: Json) -> Event {
    delta(reply, object! { "tool_calls" => vec![call] }, None, true)
}

fn usage(counts: Counts) -> Json {
    let prompt = object! { "cached_tokens" => counts.cached, "audio_tokens" => 0_u64 };
    let completion = object! {
        "reasoning_tokens" => counts.reasoning,
        "audio_tokens" => 0_u64,
        "accepted_prediction_tokens" => 0_u64,
        "rejected_prediction_tokens" => 0_u64,
    };
    object! {
        "prompt_tokens" => counts.input,
        "completion_tokens" => counts.output,
        "total_tokens" => counts.input.saturating_add(counts.output),
        "prompt_tokens_details" => prompt,
        "completion_tokens_details" => completion,
    }
}
