//! What callers make of an answer: as the SDKs fold it, and as our own reader does.

use serde_json::{Value, json};

use crate::fixtures::sse;
use crate::provider::Dialect;
use crate::translate::{Reply, Writer};
use crate::{StreamReader, Transcript};

pub(super) fn reply() -> Reply {
    Reply { request_id: "req".into(), model: "asked".into(), created: 1, include_usage: false }
}

/// What a caller reads of an upstream's stream, and the upstream's own transcript.
pub(super) fn streamed(upstream: Dialect, stream: &str) -> (String, Transcript, bool) {
    let mut writer = Writer::events(Dialect::Messages, reply());
    let mut transcript = Transcript::new(1 << 20);
    let mut out = Vec::new();
    let mut reader = StreamReader::new(upstream);
    let mut sink = |event: crate::StreamEvent<'_>| {
        transcript.on_event(&event);
        writer.on_event(&event, &mut out);
    };
    reader.feed(stream.as_bytes(), &mut sink);
    reader.finish(&mut sink);
    let ended = writer.on_end(&mut out).is_ok();
    (String::from_utf8(out).unwrap(), transcript, ended)
}

pub(super) fn whole(upstream: Dialect, stream: &str) -> Value {
    let mut writer = Writer::whole(Dialect::Messages, reply());
    let mut out = Vec::new();
    let mut reader = StreamReader::new(upstream);
    let mut sink = |event: crate::StreamEvent<'_>| writer.on_event(&event, &mut out);
    reader.feed(stream.as_bytes(), &mut sink);
    reader.finish(&mut sink);
    writer.on_end(&mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

pub(super) fn read_again(stream: &str) -> Transcript {
    let mut transcript = Transcript::new(1 << 20);
    let mut reader = StreamReader::new(Dialect::Messages);
    let mut sink = |event: crate::StreamEvent<'_>| transcript.on_event(&event);
    reader.feed(stream.as_bytes(), &mut sink);
    reader.finish(&mut sink);
    transcript
}

pub(super) fn payloads(stream: &str) -> Vec<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// What the SDKs fold a stream into, checking the order of its events on the way.
pub(super) fn folded(stream: &str) -> Value {
    let (mut message, mut open) = (Value::Null, false);
    let mut arguments = String::new();
    for event in payloads(stream) {
        let index = message["content"].as_array().map_or(0, Vec::len);
        match event["type"].as_str().unwrap() {
            "message_start" => {
                assert!(message.is_null());
                message = event["message"].clone();
            }
            "content_block_start" => {
                assert!(!open && event["index"] == index, "{event}");
                open = true;
                arguments.clear();
                message["content"].as_array_mut().unwrap().push(event["content_block"].clone());
            }
            "content_block_delta" => {
                assert!(open && event["index"] == index - 1, "{event}");
                let block = &mut message["content"][index - 1];
                let delta = &event["delta"];
                let (field, piece) = match delta["type"].as_str().unwrap() {
                    "text_delta" => ("text", &delta["text"]),
                    "thinking_delta" => ("thinking", &delta["thinking"]),
                    "signature_delta" => ("signature", &delta["signature"]),
                    _ => {
                        arguments.push_str(delta["partial_json"].as_str().unwrap());
                        continue;
                    }
                };
                block[field] =
                    (block[field].as_str().unwrap().to_owned() + piece.as_str().unwrap()).into();
            }
            "content_block_stop" => {
                assert!(std::mem::take(&mut open) && event["index"] == index - 1, "{event}");
                if !arguments.is_empty() {
                    message["content"][index - 1]["input"] = serde_json::from_str(&arguments)
                        .unwrap_or_else(|_| arguments.as_str().into());
                }
            }
            "message_delta" => {
                assert!(!open);
                message["stop_reason"] = event["delta"]["stop_reason"].clone();
                message["usage"] = event["usage"].clone();
            }
            other => assert!(matches!(other, "message_stop" | "error"), "{event}"),
        }
    }
    message
}

/// Chunks of chat completions.
pub(super) fn chat(deltas: &[Value], reason: &str) -> String {
    let chunk = |delta: &Value, reason: Value| {
        json!({ "id": "c1", "model": "gpt", "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }] })
            .to_string()
    };
    let mut chunks: Vec<String> = deltas.iter().map(|delta| chunk(delta, Value::Null)).collect();
    chunks.push(chunk(&json!({}), reason.into()));
    let usage = json!({ "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
        "prompt_tokens_details": { "cached_tokens": 4 },
        "completion_tokens_details": { "reasoning_tokens": 2 } });
    chunks.push(json!({ "id": "c1", "model": "gpt", "choices": [], "usage": usage }).to_string());
    chunks.push("[DONE]".to_owned());
    sse(&chunks.iter().map(String::as_str).collect::<Vec<_>>())
}

pub(super) fn call(index: u32, id: &str, arguments: &str) -> Value {
    let function = json!({ "name": if id.is_empty() { "" } else { "f" }, "arguments": arguments });
    json!({ "tool_calls": [{ "index": index, "id": id, "type": "function", "function": function }] })
}

/// The stream and the one body say the same, and our own reader finds in them what it found in the
/// upstream's. Gives the message.
pub(super) fn same(upstream: Dialect, stream: &str) -> Value {
    let (told, transcript, ended) = streamed(upstream, stream);
    assert!(ended, "{told}");
    let again = read_again(&told);
    // A refusal is text here.
    assert_eq!(again.text(), [transcript.text(), transcript.refusal()].concat());
    assert_eq!(again.reasoning(), transcript.reasoning());
    let calls = |transcript: &Transcript| -> Vec<(String, String, Value)> {
        let arguments = |text: &str| serde_json::from_str(text).unwrap_or(json!({}));
        transcript
            .tool_calls()
            .iter()
            .map(|c| (c.id.clone(), c.name.clone(), arguments(&c.arguments)))
            .collect()
    };
    assert_eq!(calls(&again), calls(&transcript));
    let counts = |transcript: &Transcript| {
        let usage = transcript.usage().unwrap();
        (usage.input_total(), usage.output_total(), usage.cache_read, usage.reasoning)
    };
    assert_eq!(counts(&again), counts(&transcript));
    assert!(again.is_done());
    let message = folded(&told);
    assert_eq!(message, whole(upstream, stream));
    message
}
