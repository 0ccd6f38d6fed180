//! Answers, written as a stream and as one body, and read again.

use serde_json::{Value, json};

use super::fold::{call, chat, folded, payloads, read_again, reply, same, streamed, whole};
use crate::event::{JsonStr, Opaque, StreamEvent};
use crate::fixtures::sse;
use crate::provider::Dialect::{Chat, Messages, Responses};
use crate::translate::Writer;
use crate::translate::sealed::Sealed;

fn block(index: u32, block: &Value) -> String {
    json!({ "type": "content_block_start", "index": index, "content_block": block }).to_string()
}

fn delta(index: u32, delta: &Value) -> String {
    json!({ "type": "content_block_delta", "index": index, "delta": delta }).to_string()
}

fn stop(index: u32) -> String {
    json!({ "type": "content_block_stop", "index": index }).to_string()
}

/// A stream of this API's own, with these events in the middle.
fn messages(events: &[String], reason: &str) -> String {
    let usage = json!({ "input_tokens": 3, "cache_read_input_tokens": 2,
        "cache_creation_input_tokens": 7, "output_tokens": 1,
        "cache_creation": { "ephemeral_5m_input_tokens": 7, "ephemeral_1h_input_tokens": 0 } });
    let message = json!({ "id": "msg_1", "model": "claude", "content": [], "usage": usage });
    let mut all = vec![json!({ "type": "message_start", "message": message }).to_string()];
    all.extend_from_slice(events);
    let end = json!({ "type": "message_delta", "delta": { "stop_reason": reason },
        "usage": { "output_tokens": 9, "output_tokens_details": { "thinking_tokens": 4 } } });
    all.extend([end.to_string(), json!({ "type": "message_stop" }).to_string()]);
    sse(&all.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn text_alone() {
    let stream = chat(&[json!({ "content": "Hel" }), json!({ "content": "lo" })], "stop");
    assert_eq!(
        same(Chat, &stream),
        json!({
            "id": "c1", "type": "message", "role": "assistant", "model": "gpt",
            "content": [{ "type": "text", "text": "Hello" }],
            "stop_reason": "end_turn", "stop_sequence": null,
            "usage": { "input_tokens": 6, "cache_read_input_tokens": 4, "output_tokens": 5,
                       "output_tokens_details": { "thinking_tokens": 2 } },
        })
    );
    let (told, ..) = streamed(Chat, &stream);
    let names: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let types: Vec<Value> = payloads(&told).iter().map(|event| event["type"].clone()).collect();
    assert_eq!(types, names, "each event says its type twice");
    assert_eq!(
        names,
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
}

#[test]
fn thoughts_keep_their_signatures_and_their_order() {
    let stream = messages(
        &[
            block(0, &json!({ "type": "thinking", "thinking": "", "signature": "" })),
            delta(0, &json!({ "type": "thinking_delta", "thinking": "hm" })),
            delta(0, &json!({ "type": "signature_delta", "signature": "s1" })),
            stop(0),
            block(1, &json!({ "type": "redacted_thinking", "data": "dark" })),
            stop(1),
            block(2, &json!({ "type": "thinking", "thinking": "", "signature": "" })),
            delta(2, &json!({ "type": "signature_delta", "signature": "s2" })),
            stop(2),
            block(3, &json!({ "type": "text", "text": "" })),
            delta(3, &json!({ "type": "text_delta", "text": "hi" })),
            stop(3),
        ],
        "end_turn",
    );
    let message = same(Messages, &stream);
    assert_eq!(
        message["content"],
        json!([
            { "type": "thinking", "thinking": "hm", "signature": "s1" },
            { "type": "redacted_thinking", "data": "dark" },
            { "type": "thinking", "thinking": "", "signature": "s2" },
            { "type": "text", "text": "hi" },
        ])
    );
    assert_eq!(
        message["usage"],
        json!({ "input_tokens": 3, "cache_creation_input_tokens": 7, "cache_read_input_tokens": 2,
            "output_tokens": 9, "output_tokens_details": { "thinking_tokens": 4 },
            "cache_creation": { "ephemeral_5m_input_tokens": 7, "ephemeral_1h_input_tokens": 0 } })
    );
}

#[test]
fn what_another_provider_sealed_comes_with_a_tag() {
    let format = JsonStr::new(b"openai-responses-v1");
    let (id, data) = (JsonStr::new(b"rs_1"), JsonStr::new(b"enc"));
    let opaque = |signs| StreamEvent::Opaque(Opaque { choice: 0, format, signs, id, data });
    let reason = StreamEvent::FinishReason { choice: 0, reason: JsonStr::new(b"stop") };
    let thought = StreamEvent::Reasoning { choice: 0, text: JsonStr::new(b"hm") };
    let events = [opaque(false), thought, opaque(true), reason, StreamEvent::Done];
    let (mut writer, mut out) = (Writer::events(Messages, reply()), Vec::new());
    events.iter().for_each(|event| writer.on_event(event, &mut out));
    let message = folded(std::str::from_utf8(&out).unwrap());
    let sealed = |field: &Value| Sealed::from_tagged(field.as_str().unwrap()).unwrap();
    let told = |signs| Sealed {
        format: "openai-responses-v1".into(),
        signs,
        id: "rs_1".into(),
        data: "enc".into(),
    };
    let [dark, signed] = [0, 1].map(|at| &message["content"][at]);
    assert_eq!(
        (dark["type"].as_str(), sealed(&dark["data"])),
        (Some("redacted_thinking"), told(false))
    );
    assert_eq!(
        (signed["thinking"].as_str(), sealed(&signed["signature"])),
        (Some("hm"), told(true))
    );
}

#[test]
fn three_calls_in_turns_become_three_blocks_in_a_row() {
    let deltas = [
        json!({ "content": "so" }),
        call(0, "a", ""),
        call(1, "b", ""),
        call(2, "c", "{"),
        call(0, "", r#"{"x""#),
        call(1, "", "{}"),
        call(2, "", "}"),
        call(0, "", ":1}"),
    ];
    let message = same(Chat, &chat(&deltas, "tool_calls"));
    let tool = |id: &str, input: Value| json!({ "type": "tool_use", "id": id, "name": "f", "input": input });
    assert_eq!(
        message["content"],
        json!([
            { "type": "text", "text": "so" },
            tool("a", json!({ "x": 1 })),
            tool("b", json!({})),
            tool("c", json!({})),
        ])
    );
    assert_eq!(message["stop_reason"], "tool_use");
}

#[test]
fn parallel_calls_of_a_plain_body_come_one_after_the_other() {
    let tool = |id: &str, input: Value| json!({ "type": "tool_use", "id": id, "name": "f", "input": input });
    let stream = messages(
        &[
            block(0, &tool("a", json!({}))),
            delta(0, &json!({ "type": "input_json_delta", "partial_json": "{\"x\":" })),
            delta(0, &json!({ "type": "input_json_delta", "partial_json": "[1]}" })),
            stop(0),
            block(1, &tool("b", json!({ "y": 2 }))),
            stop(1),
        ],
        "tool_use",
    );
    let message = same(Messages, &stream);
    let content = json!([tool("a", json!({ "x": [1] })), tool("b", json!({ "y": 2 }))]);
    assert_eq!(message["content"], content);
}

#[test]
fn a_call_without_arguments_has_an_empty_input() {
    let message = same(Chat, &chat(&[call(0, "a", "")], "stop"));
    assert_eq!(message["content"][0]["input"], json!({}));
    assert_eq!(message["stop_reason"], "tool_use", "a caller that is told `end_turn` runs no tool");
}

#[test]
fn calls_without_ids_get_ids_that_no_other_answer_has() {
    let bare = |index: u32| json!({ "tool_calls": [{ "index": index, "function": { "name": "f", "arguments": "{}" } }] });
    let stream = chat(&[bare(0), bare(1)], "tool_calls");
    let (told, ..) = streamed(Chat, &stream);
    let message = folded(&told);
    assert_eq!(message["content"][0]["id"], "call_c1_0");
    assert_eq!(message["content"][1]["id"], "call_c1_1");
    assert_eq!(message, whole(Chat, &stream));
}

#[test]
fn a_refusal_is_text_with_its_own_reason() {
    let message = same(Chat, &chat(&[json!({ "refusal": "no" })], "stop"));
    assert_eq!(message["content"], json!([{ "type": "text", "text": "no" }]));
    assert_eq!(message["stop_reason"], "refusal");
}

#[test]
fn the_limit_and_a_filter_are_told_as_reasons() {
    for (reason, told) in [("length", "max_tokens"), ("content_filter", "refusal")] {
        let message = same(Chat, &chat(&[json!({ "content": "x" })], reason));
        assert_eq!(message["stop_reason"], told);
    }
    let silent = same(Chat, &chat(&[json!({ "content": "" })], "stop"));
    assert_eq!(silent["content"], json!([]), "no block without content");
}

#[test]
fn arguments_that_were_cut_off_are_given_as_text() {
    let message = whole(Chat, &chat(&[call(0, "a", "{\"x\":")], "length"));
    assert_eq!(message["content"][0]["input"], "{\"x\":");
}

#[test]
fn an_answer_that_breaks_off_ends_with_an_error_event() {
    let stream = chat(&[json!({ "content": "Hel" }), json!({ "content": "lo" })], "stop");
    let cut = &stream[..stream.find("finish_reason\":\"stop").unwrap() - 100];
    let (told, _, ended) = streamed(Chat, cut);
    assert!(!ended);
    let last = payloads(&told).pop().unwrap();
    assert_eq!((&last["type"], &last["error"]["type"]), (&json!("error"), &json!("api_error")));
    assert_eq!(last["request_id"], "req");
    let again = read_again(&told);
    assert!(!again.is_done() && again.error().is_some());
}

#[test]
fn a_failure_in_the_middle_ends_the_stream_with_its_message() {
    let error = json!({ "error": { "message": "too fast", "type": "rate_limit_error" } });
    let first = json!({ "id": "c1", "model": "gpt", "choices": [{ "index": 0, "delta": { "content": "x" } }] });
    let stream = sse(&[&first.to_string(), &error.to_string()]);
    let (told, ..) = streamed(Chat, &stream);
    let last = payloads(&told).pop().unwrap();
    assert_eq!(last["error"]["message"], "too fast");
    assert_eq!(told.matches("event: error").count(), 1);
}

#[test]
fn an_upstream_that_reports_no_usage_is_told_in_zeros() {
    let item = json!({ "type": "response.created", "response": { "id": "r", "model": "o" } });
    let text = json!({ "type": "response.output_text.delta", "output_index": 0, "delta": "x" });
    let done = json!({ "type": "response.completed", "response": { "id": "r", "status": "completed", "output": [] } });
    let all = [item.to_string(), text.to_string(), done.to_string()];
    let (told, ..) = streamed(Responses, &sse(&all.each_ref().map(String::as_str)));
    let message = folded(&told);
    assert_eq!(message["usage"], json!({ "input_tokens": 0, "output_tokens": 0 }));
    assert_eq!(message["content"], json!([{ "type": "text", "text": "x" }]));
}
