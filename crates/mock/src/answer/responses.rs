//! OpenAI Responses: text, reasoning summaries and function calls.

use crate::answer::reply::{Counts, Event, Part, Reply};
use crate::ordered::{Json, object};

/// What stands for reasoning that only the provider can read.
const ENCRYPTED: &str = "bW9jay1lbmNyeXB0ZWQ=";

/// Numbers the events, which carry their number.
struct Sequence {
    events: Vec<Event>,
}

/// The bytes of an event that carries no text.
pub(crate) fn text_event_bytes(_: &Reply<'_>) -> usize {
    let mut sequence = Sequence { events: Vec::new() };
    sequence.text_delta(0, &item_id("msg", 0), "");
    sequence.events.first().map_or(0, |event| event.bytes.len())
}

/// `response.created`, `.in_progress`, the items, and `response.completed` or `.incomplete`.
pub(crate) fn stream(reply: &Reply<'_>) -> Vec<Event> {
    let mut sequence = Sequence { events: Vec::new() };
    for name in ["response.created", "response.in_progress"] {
        let response = response(reply, "in_progress", Vec::new(), None);
        sequence.push(name, object! { "response" => response }, false);
    }
    for (index, part) in reply.parts.iter().enumerate() {
        sequence.item(index, part);
    }
    if reply.marks_end() {
        let status = status(reply);
        let name = format!("response.{status}");
        let response = response(reply, status, items(reply), reply.usage);
        sequence.push(&name, object! { "response" => response }, false);
    }
    sequence.events
}

/// The answer in one piece.
pub(crate) fn plain(reply: &Reply<'_>) -> Json {
    response(reply, status(reply), items(reply), reply.usage)
}

/// The events of a failure in mid-stream; `number` continues the stream's own count.
pub(crate) fn failed(reply: &Reply<'_>, number: usize) -> Vec<Event> {
    let message = "The server had an error processing your request.";
    let error = object! {
        "type" => "error",
        "code" => "server_error",
        "message" => message,
        "param" => Json::Null,
        "sequence_number" => number,
    };
    let cause = object! { "code" => "server_error", "message" => message };
    let failed = object! {
        "type" => "response.failed",
        "response" => response(reply, "failed", Vec::new(), None).with("error", cause),
        "sequence_number" => number + 1,
    };
    vec![
        Event::named("error", &error.text(), false),
        Event::named("response.failed", &failed.text(), false),
    ]
}

// === impl Sequence ===

impl Sequence {
    fn push(&mut self, name: &str, members: Json, content: bool) {
        let mut all = vec![("type", Json::from(name))];
        if let Json::Object(members) = members {
            all.extend(members);
        }
        all.push(("sequence_number", Json::from(self.events.len())));
        self.events.push(Event::named(name, &Json::Object(all).text(), content));
    }

    fn item(&mut self, index: usize, part: &Part<'_>) {
        let opens = matches!(part, Part::Tool { .. });
        let added = object! { "output_index" => index, "item" => item(index, part, false) };
        self.push("response.output_item.added", added, opens);
        match part {
            Part::Text(fragments) => self.text(index, fragments),
            Part::Refusal(fragments) => self.refusal(index, fragments),
            Part::Reasoning(fragments) => self.reasoning(index, fragments),
            Part::Tool { arguments, .. } => self.arguments(index, arguments),
        }
        let done = object! { "output_index" => index, "item" => item(index, part, true) };
        self.push("response.output_item.done", done, false);
    }

    fn text(&mut self, index: usize, fragments: &[String]) {
        let id = item_id("msg", index);
        let at = |id: &str| {
            object! { "item_id" => id, "output_index" => index, "content_index" => 0_u64 }
        };
        let added = at(&id).with("part", text_part(""));
        self.push("response.content_part.added", added, false);
        for text in fragments {
            self.text_delta(index, &id, text);
        }
        let text = fragments.concat();
        let done = at(&id).with("text", text.as_str()).with("logprobs", Vec::new());
        self.push("response.output_text.done", done, false);
        self.push("response.content_part.done", at(&id).with("part", text_part(&text)), false);
    }

    fn refusal(&mut self, index: usize, fragments: &[String]) {
        let id = item_id("msg", index);
        let at = || {
            let id = id.as_str();
            object! { "item_id" => id, "output_index" => index, "content_index" => 0_u64 }
        };
        self.push("response.content_part.added", at().with("part", refusal_part("")), false);
        for text in fragments {
            self.push("response.refusal.delta", at().with("delta", text.as_str()), true);
        }
        let text = fragments.concat();
        self.push("response.refusal.done", at().with("refusal", text.as_str()), false);
        self.push("response.content_part.done", at().with("part", refusal_part(&text)), false);
    }

    fn text_delta(&mut self, index: usize, id: &str, text: &str) {
        let delta = object! {
            "item_id" => id,
            "output_index" => index,
            "content_index" => 0_u64,
            "delta" => text,
            "logprobs" => Vec::new(),
        };
        self.push("response.output_text.delta", delta, true);
    }

    fn reasoning(&mut self, index: usize, fragments: &[String]) {
        let id = item_id("rs", index);
        let at = || {
            let id = id.as_str();
            object! { "item_id" => id, "output_index" => index, "summary_index" => 0_u64 }
        };
        let part = |text: &str| object! { "type" => "summary_text", "text" => text };
        let added = at().with("part", part(""));
        self.push("response.reasoning_summary_part.added", added, false);
        for text in fragments {
            let delta = at().with("delta", text.as_str());
            self.push("response.reasoning_summary_text.delta", delta, true);
        }
        let text = fragments.concat();
        let done = at().with("text", text.as_str());
        self.push("response.reasoning_summary_text.done", done, false);
        let done = at().with("part", part(&text));
        self.push("response.reasoning_summary_part.done", done, false);
    }

    fn arguments(&mut self, index: usize, arguments: &[String]) {
        let id = item_id("fc", index);
        let at = || object! { "item_id" => id.as_str(), "output_index" => index };
        for text in arguments {
            let delta = at().with("delta", text.as_str());
            self.push("response.function_call_arguments.delta", delta, true);
        }
        let done = at().with("arguments", arguments.concat());
        self.push("response.function_call_arguments.done", done, false);
    }
}

fn status(reply: &Reply<'_>) -> &'static str {
    match reply.finish() {
        "length" | "content_filter" => "incomplete",
        _ => "completed",
    }
}

fn response(reply: &Reply<'_>, status: &str, output: Vec<Json>, usage: Option<Counts>) -> Json {
    let reason = match (status, reply.finish()) {
        ("incomplete", "length") => Some("max_output_tokens"),
        ("incomplete", reason) => Some(reason),
        _ => None,
    };
    let response = object! {
        "id" => reply.id.as_str(),
        "object" => "response",
        "created_at" => reply.created,
        "status" => status,
        "background" => false,
        "incomplete_details" => reason.map(|reason| object! { "reason" => reason }),
        "instructions" => Json::Null,
        "model" => reply.model.as_str(),
        "output" => output,
        "parallel_tool_calls" => true,
        "tool_choice" => "auto",
        "tools" => Vec::new(),
        "usage" => usage.map(usage_of),
        "metadata" => Json::Object(Vec::new()),
    };
    if status == "failed" { response } else { response.with("error", Json::Null) }
}

fn items(reply: &Reply<'_>) -> Vec<Json> {
    reply.parts.iter().enumerate().map(|(index, part)| item(index, part, true)).collect()
}

fn item(index: usize, part: &Part<'_>, done: bool) -> Json {
    let status = if done { "completed" } else { "in_progress" };
    match part {
        Part::Text(fragments) => object! {
            "id" => item_id("msg", index),
            "type" => "message",
            "status" => status,
            "content" => if done { vec![text_part(&fragments.concat())] } else { Vec::new() },
            "role" => "assistant",
        },
        Part::Refusal(fragments) => object! {
            "id" => item_id("msg", index),
            "type" => "message",
            "status" => status,
            "content" => if done { vec![refusal_part(&fragments.concat())] } else { Vec::new() },
            "role" => "assistant",
        },
        Part::Reasoning(fragments) => {
            let text = object! { "type" => "summary_text", "text" => fragments.concat() };
            let item = object! {
                "id" => item_id("rs", index),
                "type" => "reasoning",
                "summary" => if done { vec![text] } else { Vec::new() },
            };
            if done { item.with("encrypted_content", ENCRYPTED) } else { item }
        }
        Part::Tool { id, name, arguments } => object! {
            "id" => item_id("fc", index),
            "type" => "function_call",
            "status" => status,
            "arguments" => if done { arguments.concat() } else { String::new() },
            "call_id" => id.as_str(),
            "name" => *name,
        },
    }
}

fn item_id(kind: &str, index: usize) -> String {
    format!("{kind}_mock{index:016}")
}

fn text_part(text: &str) -> Json {
    object! {
        "type" => "output_text",
        "annotations" => Vec::new(),
        "logprobs" => Vec::new(),
        "text" => text,
    }
}

fn refusal_part(text: &str) -> Json {
    object! { "type" => "refusal", "refusal" => text }
}

fn usage_of(counts: Counts) -> Json {
    object! {
        "input_tokens" => counts.input,
        "input_tokens_details" => object! { "cached_tokens" => counts.cached },
        "output_tokens" => counts.output,
        "output_tokens_details" => object! { "reasoning_tokens" => counts.reasoning },
        "total_tokens" => counts.input.saturating_add(counts.output),
    }
}
