//! What other gateways got wrong in translating answers, a test each: the numbers are those of the
//! list in `docs/traps.md`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_providers::translate::{Reply, Target, Writer, translate_request};
use tollgate_providers::{Capabilities, Cut, Dialect, StreamReader, inspect};

const CALLERS: [Dialect; 3] = [Dialect::Chat, Dialect::Responses, Dialect::Messages];

fn reply() -> Reply {
    Reply { request_id: "r-1".to_owned(), model: "m".to_owned(), created: 1, include_usage: true }
}

/// What a caller is sent of an upstream's stream.
fn translated(upstream: Dialect, caller: Dialect, payloads: &[Value]) -> String {
    let (mut out, mut writer) = (Vec::new(), Writer::events(caller, reply()));
    let mut reader = StreamReader::new(upstream);
    for payload in payloads {
        let event = format!("data: {payload}\n\n");
        reader.feed(event.as_bytes(), &mut |event| writer.on_event(&event, &mut out));
    }
    reader.finish(&mut |event| writer.on_event(&event, &mut out));
    let _broken = writer.on_end(&mut out);
    String::from_utf8(out).unwrap()
}

/// The payloads of a stream, and the names of its events beside their types.
fn events(stream: &str) -> Vec<Value> {
    let blocks = stream.split("\n\n").filter(|block| !block.is_empty());
    blocks
        .map(|block| {
            let name = block.lines().find_map(|line| line.strip_prefix("event: "));
            let data = block.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
            let data: Value = serde_json::from_str(data).unwrap();
            assert_eq!(name, data["type"].as_str(), "an event is named after its type");
            data
        })
        .collect()
}

/// What Anthropic's SDK relies on: one block at a time, numbered without gaps, filled with deltas of
/// its own type only, and one end.
fn assert_messages_are_well_formed(stream: &str) {
    let (mut open, mut blocks, mut over) = (None, 0, false);
    for (at, event) in events(stream).iter().enumerate() {
        let kind = event["type"].as_str().unwrap();
        assert!(!over, "nothing follows the end: {stream}");
        assert_eq!(at == 0 && kind != "error", kind == "message_start", "{stream}");
        match kind {
            "content_block_start" => {
                assert_eq!((open, &event["index"]), (None, &json!(blocks)), "{stream}");
                open = event["content_block"]["type"].as_str().map(str::to_owned);
                blocks += 1;
            }
            "content_block_delta" => {
                assert_eq!(event["index"], json!(blocks - 1), "{stream}");
                let wanted = match event["delta"]["type"].as_str().unwrap() {
                    "text_delta" => "text",
                    "thinking_delta" | "signature_delta" => "thinking",
                    "input_json_delta" => "tool_use",
                    other => panic!("{other}"),
                };
                assert_eq!(open.as_deref(), Some(wanted), "{stream}");
            }
            "content_block_stop" => {
                assert_eq!(event["index"], json!(blocks - 1), "{stream}");
                assert!(open.take().is_some(), "{stream}");
            }
            "message_delta" => assert_eq!(open, None, "{stream}"),
            "message_stop" | "error" => over = true,
            "message_start" | "ping" => {}
            other => panic!("{other}"),
        }
    }
    assert!(over, "{stream}");
}

/// What `responses.stream()` relies on: numbered events, items that open and close in order.
fn assert_responses_are_well_formed(stream: &str) {
    let (mut items, mut open, mut last) = (0, false, String::new());
    for (at, event) in events(stream).iter().enumerate() {
        assert_eq!(event["sequence_number"], json!(at), "{stream}");
        last = event["type"].as_str().unwrap().to_owned();
        match &*last {
            "response.output_item.added" => {
                assert_eq!((open, &event["output_index"]), (false, &json!(items)), "{stream}");
                (open, items) = (true, items + 1);
            }
            "response.output_item.done" => {
                assert_eq!((open, &event["output_index"]), (true, &json!(items - 1)), "{stream}");
                open = false;
            }
            _ if !event["output_index"].is_null() => {
                assert_eq!((open, &event["output_index"]), (true, &json!(items - 1)), "{stream}");
            }
            _ => {}
        }
    }
    let ends = ["response.completed", "response.incomplete", "response.failed", "error"];
    assert!(ends.contains(&&*last), "{stream}");
}

/// A chunk of chat completions with one piece of anything, in any order.
fn chunk() -> impl Strategy<Value = Value> {
    let delta = prop_oneof![
        "[a-zé🦀]{0,6}".prop_map(|text| json!({ "content": text })),
        "[a-zé🦀]{0,6}".prop_map(|text| json!({ "reasoning_content": text })),
        (0u32..4, any::<bool>(), "[a-z]{0,4}").prop_map(|(index, opens, piece)| {
            let mut call = json!({ "index": index, "function": { "arguments": piece } });
            if opens {
                call["id"] = json!(format!("t{index}"));
                call["function"]["name"] = json!(format!("f{index}"));
            }
            json!({ "tool_calls": [call] })
        }),
        Just(json!({ "refusal": "no" })),
        Just(json!({ "role": "assistant", "content": "" })),
        Just(
            json!({ "reasoning_details": [{ "type": "reasoning.encrypted", "data": "x", "format": "openai-responses-v1" }] })
        ),
    ];
    delta.prop_map(
        |delta| json!({ "id": "c", "model": "m", "choices": [{ "index": 0, "delta": delta }] }),
    )
}

proptest! {
    #[test]
    fn trap_05_whatever_comes_in_blocks_open_fill_and_close_in_order(
        chunks in prop::collection::vec(chunk(), 0..24), ends: bool,
    ) {
        let mut chunks = chunks;
        if ends {
            chunks.push(json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] }));
        }
        assert_messages_are_well_formed(&translated(Dialect::Chat, Dialect::Messages, &chunks));
        assert_responses_are_well_formed(&translated(Dialect::Chat, Dialect::Responses, &chunks));
    }
}

#[test]
fn trap_05_reasoning_without_a_start_and_items_that_overlap_make_no_gaps() {
    let delta = |index: u32, delta: Value| json!({ "type": "content_block_delta", "index": index, "delta": delta });
    // No start, a gap in the numbers, the same start twice.
    let anthropic = [
        json!({ "type": "message_start", "message": { "id": "a", "model": "m" } }),
        delta(0, json!({ "type": "thinking_delta", "thinking": "Hm." })),
        json!({ "type": "content_block_start", "index": 5, "content_block": { "type": "text", "text": "" } }),
        json!({ "type": "content_block_start", "index": 5, "content_block": { "type": "text", "text": "" } }),
        delta(5, json!({ "type": "text_delta", "text": "Hi" })),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" } }),
        json!({ "type": "message_stop" }),
    ];
    let out = translated(Dialect::Messages, Dialect::Responses, &anthropic);
    assert_responses_are_well_formed(&out);
    let told = inspect(Dialect::Responses, out.as_bytes(), Cut::Whole);
    assert_eq!((told.reasoning(), told.text()), ("Hm.", "Hi"));
    // Two items at once.
    let call = |index: u32| json!({ "type": "function_call", "call_id": format!("t{index}"), "name": "f", "arguments": "" });
    let piece = |index: u32, text: &str| json!({ "type": "response.function_call_arguments.delta", "output_index": index, "delta": text });
    let responses = [
        json!({ "type": "response.created", "response": { "id": "r", "model": "m" } }),
        json!({ "type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "Hm." }),
        json!({ "type": "response.output_item.added", "output_index": 1, "item": call(1) }),
        json!({ "type": "response.output_item.added", "output_index": 2, "item": call(2) }),
        piece(2, "{\"b\":"),
        piece(1, "{\"a\":"),
        piece(2, "2}"),
        piece(1, "1}"),
        json!({ "type": "response.completed", "response": { "id": "r", "status": "completed" } }),
    ];
    let out = translated(Dialect::Responses, Dialect::Messages, &responses);
    assert_messages_are_well_formed(&out);
    let told = inspect(Dialect::Messages, out.as_bytes(), Cut::Whole);
    let calls: Vec<_> = told.tool_calls().iter().map(|call| &*call.arguments).collect();
    assert_eq!((told.reasoning(), &calls[..]), ("Hm.", &["{\"a\":1}", "{\"b\":2}"][..]));
}

/// An answer with a tool call whose reasoning the upstream wants back, and what it wants back.
fn sealed_answer(upstream: Dialect) -> (Value, &'static [&'static str]) {
    match upstream {
        Dialect::Messages => (
            json!({ "id": "a", "type": "message", "role": "assistant", "model": "m", "content": [
                { "type": "thinking", "thinking": "Hm.", "signature": "c2lnbmVkLTE=" },
                { "type": "redacted_thinking", "data": "cmVkYWN0ZWQtMg==" },
                { "type": "tool_use", "id": "t1", "name": "f", "input": { "x": 1 } },
            ], "stop_reason": "tool_use", "usage": { "input_tokens": 1, "output_tokens": 2 } }),
            &["c2lnbmVkLTE=", "cmVkYWN0ZWQtMg=="],
        ),
        Dialect::Responses => (
            json!({ "id": "r", "model": "m", "status": "completed", "output": [
                { "type": "reasoning", "id": "rs_1", "encrypted_content": "ZW5jcnlwdGVkLTM=",
                  "summary": [{ "type": "summary_text", "text": "Hm." }] },
                { "type": "function_call", "id": "fc_1", "call_id": "t1", "name": "f", "arguments": "{\"x\":1}" },
            ], "usage": { "input_tokens": 1, "output_tokens": 2, "total_tokens": 3 } }),
            &["ZW5jcnlwdGVkLTM="],
        ),
        Dialect::Gemini => (
            json!({ "responseId": "g", "modelVersion": "m", "candidates": [{ "index": 0, "content": {
                "role": "model", "parts": [
                    { "text": "Hm.", "thought": true },
                    { "functionCall": { "name": "f", "args": { "x": 1 } }, "thoughtSignature": "dGhvdWdodC00" },
                ] }, "finishReason": "STOP" }],
                "usageMetadata": { "promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3 } }),
            &["dGhvdWdodC00"],
        ),
        _ => (
            json!({ "id": "c", "model": "m", "choices": [{ "index": 0, "finish_reason": "tool_calls", "message": {
                "role": "assistant", "content": null, "reasoning": "Hm.", "reasoning_details": [{
                    "type": "reasoning.text", "text": "Hm.", "signature": "c2lnbmVkLTU=",
                    "format": "anthropic-claude-v1", "index": 0 }],
                "tool_calls": [{ "id": "t1", "type": "function",
                    "function": { "name": "f", "arguments": "{\"x\":1}" } }] } }],
                "usage": { "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3 } }),
            &["c2lnbmVkLTU="],
        ),
    }
}

/// The request that a caller sends after this answer, with the tool's result.
fn next_request(caller: Dialect, answer: &Value) -> Value {
    let parameters = json!({ "type": "object", "properties": { "x": { "type": "integer" } } });
    match caller {
        Dialect::Messages => json!({ "model": "m", "max_tokens": 99, "messages": [
            { "role": "user", "content": "hi" },
            { "role": "assistant", "content": answer["content"] },
            { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "t1", "content": "ok" }] },
        ], "tools": [{ "name": "f", "input_schema": parameters }] }),
        Dialect::Responses => {
            let mut input = vec![json!({ "role": "user", "content": "hi" })];
            input.extend(answer["output"].as_array().unwrap().iter().cloned());
            input.push(json!({ "type": "function_call_output", "call_id": "t1", "output": "ok" }));
            json!({ "model": "m", "input": input, "store": false,
                "tools": [{ "type": "function", "name": "f", "parameters": parameters }] })
        }
        _ => json!({ "model": "m", "messages": [
            { "role": "user", "content": "hi" },
            answer["choices"][0]["message"],
            { "role": "tool", "tool_call_id": "t1", "content": "ok" },
        ], "tools": [{ "type": "function", "function": { "name": "f", "parameters": parameters } }] }),
    }
}

#[test]
fn trap_06_what_a_provider_sealed_comes_back_to_it_through_every_caller_or_is_refused() {
    for upstream in [Dialect::Messages, Dialect::Responses, Dialect::Gemini, Dialect::Chat] {
        let (body, seals) = sealed_answer(upstream);
        for caller in CALLERS.into_iter().filter(|caller| *caller != upstream) {
            let (mut out, mut writer) = (Vec::new(), Writer::whole(caller, reply()));
            tollgate_providers::body::read_body(
                upstream,
                body.to_string().as_bytes(),
                &mut |event| {
                    writer.on_event(&event, &mut out);
                },
            )
            .unwrap();
            writer.on_end(&mut out).unwrap();
            let answer: Value = serde_json::from_slice(&out).unwrap();
            let mut request = next_request(caller, &answer);
            // The call's id is the gateway's own where the provider gives none.
            let id = inspect(caller, &out, Cut::Whole).tool_calls()[0].id.clone();
            request = serde_json::from_str(
                &request.to_string().replace("\"t1\"", &json!(id).to_string()),
            )
            .unwrap();
            let capabilities =
                Capabilities { reasoning_details: true, ..Capabilities::assumed(upstream) };
            let target = Target { model: "m", capabilities, temperature: None, max_tokens: None };
            let sent = translate_request(caller, upstream, request.to_string().as_bytes(), &target)
                .unwrap_or_else(|refused| {
                    panic!("{upstream:?} through {caller:?}: {refused}: {request}")
                });
            let sent = String::from_utf8(sent.body.to_vec()).unwrap();
            for seal in seals {
                assert_eq!(
                    sent.matches(seal).count(),
                    1,
                    "{upstream:?} through {caller:?}: {seal} in\n{sent}"
                );
            }
        }
    }
}
