//! Answers of Gemini and Cohere, as every caller is told them: as a stream and as one body.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use tollgate_providers::body::read_body;
use tollgate_providers::translate::{Reply, WriteError, Writer};
use tollgate_providers::{Dialect, StreamEvent, StreamReader, Transcript};

const CALLERS: [Dialect; 3] = [Dialect::Chat, Dialect::Messages, Dialect::Responses];

fn reply() -> Reply {
    Reply { request_id: "req".into(), model: "asked".into(), created: 1, include_usage: true }
}

/// Feeds a stream in pieces of this size.
fn feed(dialect: Dialect, stream: &str, piece: usize, sink: &mut dyn FnMut(StreamEvent<'_>)) {
    let mut reader = StreamReader::new(dialect);
    for piece in stream.as_bytes().chunks(piece) {
        reader.feed(piece, sink);
    }
    reader.finish(sink);
}

fn transcript(dialect: Dialect, stream: &str) -> Transcript {
    let mut transcript = Transcript::new(1 << 20);
    feed(dialect, stream, usize::MAX, &mut |event| transcript.on_event(&event));
    transcript
}

fn written(mut writer: Writer, upstream: Dialect, stream: &str) -> Result<String, WriteError> {
    let mut out = Vec::new();
    feed(upstream, stream, 7, &mut |event| writer.on_event(&event, &mut out));
    writer.on_end(&mut out).map(|()| String::from_utf8(out).unwrap())
}

/// What counts of an answer, whoever tells it. Reasons are spelt by each API as it likes.
fn essence(said: &Transcript) -> Value {
    let calls: Vec<Value> = said
        .tool_calls()
        .iter()
        .map(|call| {
            let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or(json!({}));
            json!([call.name, arguments])
        })
        .collect();
    let usage = said.usage().unwrap_or_default();
    json!({
        "id": said.id(), "text": said.text(), "reasoning": said.reasoning(), "calls": calls,
        "input": usage.input_total(), "output": usage.output_total(), "cached": usage.cache_read,
    })
}

/// What the upstream says, and that every caller is told the same, either way. The reasons that
/// callers are told come back.
fn told(upstream: Dialect, stream: &str) -> (Value, [String; 3]) {
    let mut expected = essence(&transcript(upstream, stream));
    let reasons = CALLERS.map(|caller| {
        let events = written(Writer::events(caller, reply()), upstream, stream).unwrap();
        let whole = written(Writer::whole(caller, reply()), upstream, stream).unwrap();
        let mut read = Transcript::new(1 << 20);
        read_body(caller, whole.as_bytes(), &mut |event| read.on_event(&event)).unwrap();
        let streamed = transcript(caller, &events);
        for said in [&streamed, &read] {
            assert_eq!(essence(said), expected, "{caller:?}\n{events}\n{whole}");
        }
        assert_eq!(streamed.error(), None);
        let ids: Vec<_> = streamed.tool_calls().iter().map(|call| call.id.clone()).collect();
        assert!(ids.iter().all(|id| !id.is_empty()), "every call has an id: {events}");
        assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), ids.len());
        streamed.finish_reasons().next().unwrap_or_default().to_owned()
    });
    expected.as_object_mut().unwrap().remove("id");
    (expected, reasons)
}

/// Responses say that an answer failed where others say nothing.
fn has_finished(said: &Transcript) -> bool {
    said.finish_reasons().any(|reason| reason != "failed")
}

fn sse(payloads: &[Value]) -> String {
    payloads.iter().map(|payload| format!("data: {payload}\n\n")).collect()
}

/// One response for each list of parts; the last one has the reason and the counts.
fn gemini(parts: &[Value], reason: &str) -> String {
    let mut events: Vec<Value> = parts
        .iter()
        .map(|parts| {
            json!({ "candidates": [{ "content": { "parts": parts, "role": "model" }, "index": 0 }],
                    "modelVersion": "gemini-x", "responseId": "r1" })
        })
        .collect();
    events.push(json!({
        "candidates": [{ "content": { "parts": [{ "text": "" }] }, "finishReason": reason }],
        "usageMetadata": { "promptTokenCount": 11, "cachedContentTokenCount": 4,
            "candidatesTokenCount": 6, "thoughtsTokenCount": 3, "totalTokenCount": 20 },
        "responseId": "r1"
    }));
    sse(&events)
}

fn call(name: &str, arguments: &Value) -> Value {
    json!({ "functionCall": { "name": name, "args": arguments } })
}

#[test]
fn text_and_thoughts_of_gemini_with_all_counts() {
    let stream = gemini(
        &[
            json!([{ "text": "Let me \"see\"", "thought": true }]),
            json!([{ "text": "22 °C" }, { "text": ".\n" }]),
        ],
        "STOP",
    );
    let (said, reasons) = told(Dialect::Gemini, &stream);
    assert_eq!(
        said,
        json!({ "text": "22 °C.\n", "reasoning": "Let me \"see\"", "calls": [],
                "input": 11, "output": 9, "cached": 4 })
    );
    assert_eq!(reasons, ["stop", "end_turn", "completed"]);
}

#[test]
fn calls_of_one_name_without_ids_and_without_arguments_stay_apart() {
    let mut first = call("f", &json!({ "a": [1, "x"] }));
    first["thoughtSignature"] = "c2ln".into();
    let stream = gemini(
        &[json!([first, call("f", &json!({ "a": 2 }))]), json!([call("g", &json!({}))])],
        "STOP",
    );
    let (said, reasons) = told(Dialect::Gemini, &stream);
    assert_eq!(said["calls"], json!([["f", { "a": [1, "x"] }], ["f", { "a": 2 }], ["g", {}]]));
    assert_eq!(reasons[..2], ["tool_calls", "tool_use"], "who calls tools has not just stopped");
    for caller in CALLERS {
        let events = written(Writer::events(caller, reply()), Dialect::Gemini, &stream).unwrap();
        assert!(events.contains("c2ln"), "the signature goes along: {events}");
    }
}

#[test]
fn why_gemini_ended_is_told_in_each_callers_words() {
    let text = [json!([{ "text": "so" }])];
    for (reason, expected) in [
        ("MAX_TOKENS", ["length", "max_tokens"]),
        ("SAFETY", ["content_filter", "refusal"]),
        ("RECITATION", ["content_filter", "refusal"]),
        ("LANGUAGE", ["content_filter", "refusal"]),
        ("STOP", ["stop", "end_turn"]),
    ] {
        let (_, reasons) = told(Dialect::Gemini, &gemini(&text, reason));
        assert_eq!(reasons[..2], expected, "{reason}");
    }
    let blocked = sse(&[json!({
        "promptFeedback": { "blockReason": "JAILBREAK" }, "responseId": "r1",
        "usageMetadata": { "promptTokenCount": 4, "totalTokenCount": 4 }
    })]);
    let events = written(Writer::events(Dialect::Chat, reply()), Dialect::Gemini, &blocked);
    assert!(events.unwrap().contains("\"content_filter\""), "a blocked prompt is an answer");
}

#[test]
fn a_stream_of_gemini_that_breaks_off_or_fails_has_no_end() {
    let whole = gemini(&[json!([{ "text": "so" }])], "STOP");
    let cut = whole.split("\n\n").next().unwrap().to_owned() + "\n\n";
    let failed = cut.clone()
        + &sse(&[json!({ "error": { "code": 503, "status": "UNAVAILABLE", "message": "over" } })]);
    let broken = gemini(&[json!([{ "text": "so" }])], "MALFORMED_FUNCTION_CALL");
    for caller in CALLERS {
        for stream in [&cut, &failed, &broken] {
            let mut writer = Writer::events(caller, reply());
            let mut out = Vec::new();
            feed(Dialect::Gemini, stream, 5, &mut |event| writer.on_event(&event, &mut out));
            let ended = writer.on_end(&mut out);
            assert_eq!(ended.is_err(), stream == &cut, "{caller:?} {stream}");
            let said = transcript(caller, std::str::from_utf8(&out).unwrap());
            assert!(said.error().is_some(), "{caller:?} {stream}");
            assert_eq!((said.text(), has_finished(&said)), ("so", false), "{caller:?} {stream}");
        }
        let whole = written(Writer::whole(caller, reply()), Dialect::Gemini, &failed);
        assert!(matches!(whole, Err(WriteError::Failed(_))), "{whole:?}");
    }
}

fn cohere(pieces: &[Value], end: &Value) -> String {
    let start = json!({ "id": "c1", "type": "message-start", "delta": { "message": { "role": "assistant" } } });
    let usage = json!({ "billed_units": { "input_tokens": 2, "output_tokens": 9 },
        "tokens": { "input_tokens": 11.0, "output_tokens": 9.0 }, "cached_tokens": 4 });
    let mut delta = end.clone();
    delta["usage"] = usage;
    let mut all = vec![start];
    all.extend_from_slice(pieces);
    all.push(json!({ "type": "message-end", "delta": delta }));
    all.iter()
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()))
        .collect()
}

fn piece(kind: &str, index: u32, message: &Value) -> Value {
    json!({ "type": kind, "index": index, "delta": { "message": message } })
}

#[test]
fn a_plan_thoughts_text_and_calls_of_cohere() {
    let arguments = |text: &str| json!({ "tool_calls": { "function": { "arguments": text } } });
    let start = |id: &str, name: &str| {
        json!({ "tool_calls": { "id": id, "type": "function",
                "function": { "name": name, "arguments": "" } } })
    };
    let calls = [
        json!({ "type": "tool-plan-delta", "delta": { "message": { "tool_plan": "I will look" } } }),
        piece("tool-call-start", 0, &start("f_0", "f")),
        piece("tool-call-delta", 0, &arguments("{\"a\":")),
        piece("tool-call-delta", 0, &arguments("1}")),
        json!({ "type": "tool-call-end", "index": 0 }),
        piece("tool-call-start", 1, &start("g_1", "g")),
        piece("tool-call-delta", 1, &arguments("{}")),
        json!({ "type": "tool-call-end", "index": 1 }),
    ];
    let (said, reasons) =
        told(Dialect::Cohere, &cohere(&calls, &json!({ "finish_reason": "TOOL_CALL" })));
    assert_eq!(
        said,
        json!({ "text": "", "reasoning": "I will look", "calls": [["f", { "a": 1 }], ["g", {}]],
                "input": 11, "output": 9, "cached": 4 })
    );
    assert_eq!(reasons[..2], ["tool_calls", "tool_use"]);
    let text = [
        piece("content-start", 0, &json!({ "content": { "type": "thinking", "thinking": "" } })),
        piece("content-delta", 0, &json!({ "content": { "thinking": "hm" } })),
        json!({ "type": "content-end", "index": 0 }),
        piece("content-start", 1, &json!({ "content": { "type": "text", "text": "" } })),
        piece("content-delta", 1, &json!({ "content": { "text": "22 °C" } })),
        piece("citation-start", 0, &json!({ "citations": { "start": 0, "end": 2, "text": "22" } })),
        json!({ "type": "citation-end", "index": 0 }),
        json!({ "type": "content-end", "index": 1 }),
    ];
    let ended = |reason: &str| {
        let stream = cohere(&text, &json!({ "finish_reason": reason }));
        let (said, reasons) = told(Dialect::Cohere, &stream);
        assert_eq!((&said["text"], &said["reasoning"]), (&json!("22 °C"), &json!("hm")));
        reasons
    };
    assert_eq!(ended("COMPLETE")[..2], ["stop", "end_turn"]);
    assert_eq!(ended("MAX_TOKENS")[..2], ["length", "max_tokens"]);
    assert_eq!(ended("STOP_SEQUENCE")[..2], ["stop", "stop_sequence"]);
}

#[test]
fn a_failure_at_the_end_of_coheres_stream_is_the_callers_error() {
    let text = [piece("content-delta", 0, &json!({ "content": { "text": "so" } }))];
    let stream = cohere(&text, &json!({ "finish_reason": "ERROR", "error": "it broke" }));
    for caller in CALLERS {
        let events = written(Writer::events(caller, reply()), Dialect::Cohere, &stream).unwrap();
        let said = transcript(caller, &events);
        assert!(said.error().is_some() && !has_finished(&said), "{events}");
    }
}
