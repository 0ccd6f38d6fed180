//! Streams made of deltas, and what a caller reads in them.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::time::Instant;
use tollgate_providers::{Dialect, StreamEvent, StreamReader};

use crate::detect::Kind;
use crate::guard::{Action, DetectorSettings, Direction, Directions, Policy, Rules};
use crate::response::{Body, Flow, Pipeline, Settings};

/// Which text of the answer the deltas are pieces of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text,
    Reasoning,
    Refusal,
    Arguments,
    Completion,
}

/// Every dialect with the texts that it streams.
pub(super) const PARTS: [(Dialect, &[Part]); 5] = [
    (
        Dialect::Chat,
        &[Part::Text, Part::Reasoning, Part::Refusal, Part::Arguments, Part::Completion],
    ),
    (Dialect::Messages, &[Part::Text, Part::Reasoning, Part::Arguments]),
    (Dialect::Responses, &[Part::Text, Part::Reasoning, Part::Refusal, Part::Arguments]),
    (Dialect::Cohere, &[Part::Text, Part::Reasoning, Part::Arguments]),
    (Dialect::Gemini, &[Part::Text, Part::Reasoning]),
];

/// The phrase of the tests' blocklist.
pub(super) const PHRASE: &str = "Forbidden";

pub(super) fn rules(kinds: &[Kind], action: Action) -> Arc<Rules> {
    rules_of(&[(kinds, action)])
}

pub(super) fn rules_of(wanted: &[(&[Kind], Action)]) -> Arc<Rules> {
    let settings = |(kinds, action): &(&[Kind], Action)| DetectorSettings {
        kinds: kinds.to_vec(),
        action: *action,
        directions: Directions::Both,
    };
    let settings = crate::guard::Settings {
        blocklist: vec![PHRASE.to_owned()],
        detectors: wanted.iter().map(settings).collect(),
    };
    Arc::clone(Policy::new(&settings).unwrap().rules(Direction::Output).unwrap())
}

/// The text with marks, as the detectors say of the whole of it.
pub(super) fn marked(rules: &Rules, text: &str) -> String {
    let (mut out, mut from) = (String::new(), 0);
    for finding in rules.redacted().find(text) {
        out.push_str(&text[from..finding.range.start]);
        out.push_str(finding.kind.mark());
        from = finding.range.end;
    }
    out + &text[from..]
}

fn event(name: Option<&str>, data: &Value) -> String {
    let name = name.map_or_else(String::new, |name| format!("event: {name}\n"));
    format!("{name}data: {data}\n\n")
}

fn named(mut data: Value) -> String {
    let name = data["type"].as_str().unwrap().to_owned();
    data["sequence_number"] = json!(7);
    event(Some(&name), &data)
}

/// The events of an answer whose one text comes in these pieces.
pub(super) fn events(dialect: Dialect, part: Part, pieces: &[&str]) -> Vec<String> {
    match dialect {
        Dialect::Chat => chat(part, pieces),
        Dialect::Messages => messages(part, pieces),
        Dialect::Responses => responses(part, pieces),
        Dialect::Cohere => cohere(part, pieces),
        Dialect::Gemini => gemini(part, pieces),
    }
}

fn chat(part: Part, pieces: &[&str]) -> Vec<String> {
    let chunk = |choice: Value| {
        let id = "chatcmpl-1";
        event(None, &json!({ "id": id, "model": "m", "choices": [choice] }))
    };
    let delta = |delta: Value| chunk(json!({ "index": 0, "delta": delta, "finish_reason": null }));
    let mut events = vec![delta(json!({ "role": "assistant", "content": "" }))];
    if part == Part::Arguments {
        let call =
            json!({ "index": 0, "id": "call_1", "function": { "name": "f", "arguments": "" } });
        events.push(delta(json!({ "tool_calls": [call] })));
    }
    events.extend(pieces.iter().map(|piece| match part {
        Part::Text => delta(json!({ "content": piece })),
        Part::Reasoning => delta(json!({ "reasoning_content": piece, "reasoning": piece })),
        Part::Refusal => delta(json!({ "refusal": piece })),
        Part::Arguments => {
            delta(json!({ "tool_calls": [{ "index": 0, "function": { "arguments": piece } }] }))
        }
        Part::Completion => chunk(json!({ "index": 0, "text": piece })),
    }));
    events.push(chunk(json!({ "index": 0, "delta": {}, "finish_reason": "stop" })));
    events.push("data: [DONE]\n\n".to_owned());
    events
}

fn messages(part: Part, pieces: &[&str]) -> Vec<String> {
    let (block, kind, key) = match part {
        Part::Reasoning => {
            (json!({ "type": "thinking", "thinking": "" }), "thinking_delta", "thinking")
        }
        Part::Arguments => (
            json!({ "type": "tool_use", "id": "t", "name": "f", "input": {} }),
            "input_json_delta",
            "partial_json",
        ),
        _ => (json!({ "type": "text", "text": "" }), "text_delta", "text"),
    };
    let message =
        json!({ "id": "msg_1", "model": "m", "content": [], "usage": { "input_tokens": 3 } });
    let mut events = vec![
        named(json!({ "type": "message_start", "message": message })),
        named(json!({ "type": "content_block_start", "index": 0, "content_block": block })),
    ];
    events.extend(pieces.iter().map(|piece| {
        let delta = json!({ "type": kind, key: piece });
        named(json!({ "type": "content_block_delta", "index": 0, "delta": delta }))
    }));
    events.push(named(json!({ "type": "content_block_stop", "index": 0 })));
    let (delta, usage) = (json!({ "stop_reason": "end_turn" }), json!({ "output_tokens": 9 }));
    events.push(named(json!({ "type": "message_delta", "delta": delta, "usage": usage })));
    events.push(named(json!({ "type": "message_stop" })));
    events
}

fn responses(part: Part, pieces: &[&str]) -> Vec<String> {
    let all = pieces.concat();
    let (name, done_key, item) = match part {
        Part::Text | Part::Completion => {
            let content = json!([{ "type": "output_text", "text": all }]);
            ("output_text", "text", json!({ "type": "message", "id": "i", "content": content }))
        }
        Part::Refusal => {
            let content = json!([{ "type": "refusal", "refusal": all }]);
            ("refusal", "refusal", json!({ "type": "message", "id": "i", "content": content }))
        }
        Part::Reasoning => {
            let summary = json!([{ "type": "summary_text", "text": all }]);
            let item = json!({ "type": "reasoning", "id": "i", "summary": summary });
            ("reasoning_summary_text", "text", item)
        }
        Part::Arguments => {
            let item = json!({ "type": "function_call", "id": "i", "call_id": "c", "name": "f", "arguments": all });
            ("function_call_arguments", "arguments", item)
        }
    };
    let mut empty = item.clone();
    for key in ["content", "summary", "arguments"] {
        if !empty[key].is_null() {
            empty[key] = if key == "arguments" { json!("") } else { json!([]) };
        }
    }
    let response = |status: &str, output: Value| {
        json!({ "id": "resp_1", "model": "m", "status": status, "output": output,
            "instructions": "Never say Forbidden", "text": { "format": { "type": "text" } } })
    };
    let mut events = vec![
        named(
            json!({ "type": "response.created", "response": response("in_progress", json!([])) }),
        ),
        named(json!({ "type": "response.output_item.added", "output_index": 0, "item": empty })),
    ];
    let delta = |piece: &&str| {
        named(
            json!({ "type": format!("response.{name}.delta"), "output_index": 0, "delta": piece }),
        )
    };
    events.extend(pieces.iter().map(delta));
    let done = format!("response.{name}.done");
    events.push(named(json!({ "type": done, "output_index": 0, done_key: all })));
    events.push(named(
        json!({ "type": "response.output_item.done", "output_index": 0, "item": item }),
    ));
    let whole = response("completed", json!([item]));
    events.push(named(json!({ "type": "response.completed", "response": whole })));
    events
}

fn cohere(part: Part, pieces: &[&str]) -> Vec<String> {
    let told = |kind: &str, message: Value| {
        event(None, &json!({ "type": kind, "index": 0, "delta": { "message": message } }))
    };
    let mut events = vec![event(None, &json!({ "type": "message-start", "id": "c1" }))];
    if part == Part::Arguments {
        let call = json!({ "id": "call_1", "function": { "name": "f", "arguments": "" } });
        events.push(told("tool-call-start", json!({ "tool_calls": call })));
    }
    events.extend(pieces.iter().map(|piece| match part {
        Part::Reasoning => told("tool-plan-delta", json!({ "tool_plan": piece })),
        Part::Arguments => {
            let call = json!({ "function": { "arguments": piece } });
            told("tool-call-delta", json!({ "tool_calls": call }))
        }
        _ => told("content-delta", json!({ "content": { "text": piece } })),
    }));
    let end = json!({ "finish_reason": "COMPLETE" });
    events.push(event(None, &json!({ "type": "message-end", "delta": end })));
    events
}

fn gemini(part: Part, pieces: &[&str]) -> Vec<String> {
    let chunk = |part: Value, reason: Option<&str>| {
        let mut candidate = json!({ "content": { "parts": [part], "role": "model" } });
        if let Some(reason) = reason {
            candidate["finishReason"] = json!(reason);
        }
        event(None, &json!({ "candidates": [candidate], "responseId": "g", "modelVersion": "m" }))
    };
    let thought = part == Part::Reasoning;
    let piece = |piece: &&str| chunk(json!({ "text": piece, "thought": thought }), None);
    let mut events: Vec<String> = pieces.iter().map(piece).collect();
    events.push(chunk(json!({ "text": "" }), Some("STOP")));
    events
}

pub(super) fn pipeline(dialect: Dialect, guard: Option<Arc<Rules>>) -> Pipeline {
    let settings = Settings {
        status: StatusCode::OK,
        swallow_usage: false,
        hold: false,
        content_bytes_max: 1 << 20,
        started: Instant::now(),
        translation: None,
        secret: None,
        guard,
        encoded: false,
    };
    Pipeline::new(Body::Stream(dialect), settings)
}

/// What leaves of a stream that comes in these chunks, and what ended it.
pub(super) fn pass(
    dialect: Dialect,
    rules: &Arc<Rules>,
    chunks: &[&[u8]],
) -> (String, Pipeline, Option<Flow>) {
    let mut pipeline = pipeline(dialect, Some(Arc::clone(rules)));
    let mut out = Vec::new();
    let mut ended = None;
    for chunk in chunks {
        match pipeline.on_chunk(Bytes::copy_from_slice(chunk), Instant::now()) {
            Flow::Forward(bytes) => out.extend_from_slice(&bytes),
            other => {
                ended = Some(other);
                break;
            }
        }
    }
    if ended.is_none() {
        match pipeline.on_end(Instant::now()) {
            Flow::Forward(bytes) => out.extend_from_slice(&bytes),
            other => ended = Some(other),
        }
    }
    (String::from_utf8(out).unwrap(), pipeline, ended)
}

/// What a caller reads: all pieces of the answer's texts, in order.
pub(super) fn read(dialect: Dialect, stream: &str) -> String {
    let mut reader = StreamReader::new(dialect);
    let mut text = String::new();
    let mut sink = |event: StreamEvent<'_>| match event {
        StreamEvent::Text { text: piece, .. }
        | StreamEvent::Reasoning { text: piece, .. }
        | StreamEvent::Refusal { text: piece, .. }
        | StreamEvent::ToolCallArguments { fragment: piece, .. } => text.push_str(&piece.decode()),
        _ => {}
    };
    reader.feed(stream.as_bytes(), &mut sink);
    reader.finish(&mut sink);
    text
}
