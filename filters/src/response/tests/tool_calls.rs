//! When tool calls open and close, one event every ten milliseconds.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::time::Instant;
use tollgate_providers::Dialect;

use crate::response::{Body, Flow, Pipeline, Settings};

const GAP: Duration = Duration::from_millis(10);

/// The numbers of the events with which each call opened and closed, and whether its arguments are
/// an object; nothing of them is kept.
fn times(dialect: Dialect, payloads: &[&str]) -> Vec<(u32, u32, Option<bool>)> {
    let started = Instant::now();
    let mut pipeline = Pipeline::new(
        Body::Stream(dialect),
        Settings {
            status: StatusCode::OK,
            swallow_usage: false,
            hold: false,
            content_bytes_max: 0,
            started,
            translation: None,
            secret: None,
            guard: None,
            encoded: false,
        },
    );
    let mut at = started;
    for payload in payloads {
        let event = Bytes::from(format!("data: {payload}\n\n"));
        assert!(matches!(pipeline.on_chunk(event, at), Flow::Forward(_)));
        at += GAP;
    }
    let _rest = pipeline.on_end(at);
    let seen = pipeline.into_seen();
    assert_eq!(seen.tool_calls.len(), seen.transcript.tool_calls().len());
    let number = |at: Instant| (at.duration_since(started).as_millis() / GAP.as_millis()) as u32;
    seen.tool_calls
        .iter()
        .enumerate()
        .map(|(call, it)| {
            assert_eq!(seen.transcript.tool_calls()[call].arguments, "");
            (number(it.opened), number(it.closed), seen.transcript.arguments_valid(call))
        })
        .collect()
}

/// A chat chunk with one piece of a call; the first one names it.
fn chat(index: u32, first: bool, piece: &str) -> String {
    let id = if first { format!(r#""id":"c{index}","#) } else { String::new() };
    let name = if first { r#""name":"f","# } else { "" };
    let piece = serde_json::to_string(piece).unwrap();
    format!(
        r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":{index},{id}"function":{{{name}"arguments":{piece}}}}}]}}}}]}}"#
    )
}

fn refs(payloads: &[String]) -> Vec<&str> {
    payloads.iter().map(String::as_str).collect()
}

const FINISH: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#;

#[test]
fn a_chat_call_closes_when_the_next_opens_or_its_choice_ends() {
    let payloads = [
        chat(0, true, ""),
        chat(0, false, r#"{"a":"#),
        chat(0, false, "1}"),
        chat(1, true, ""),
        chat(1, false, "{}"),
        FINISH.to_owned(),
        "[DONE]".to_owned(),
    ];
    assert_eq!(times(Dialect::Chat, &refs(&payloads)), [(0, 3, Some(true)), (3, 5, Some(true))]);
}

#[test]
fn chat_calls_that_interleave_close_with_their_own_last_piece_or_the_end() {
    let payloads = [
        chat(0, true, "{"),
        chat(1, true, "{"),
        chat(0, false, r#""a":1"#),
        chat(1, false, "}"),
        chat(0, false, "}"),
        FINISH.to_owned(),
    ];
    assert_eq!(times(Dialect::Chat, &refs(&payloads)), [(0, 5, Some(true)), (1, 5, Some(true))]);
}

#[test]
fn calls_of_several_choices_end_with_their_own() {
    let second = chat(0, true, "{}").replacen(r#""index":0"#, r#""index":1"#, 1);
    let ends = |choice: u32| FINISH.replacen(r#""index":0"#, &format!(r#""index":{choice}"#), 1);
    let payloads = [chat(0, true, "{"), second, ends(1), chat(0, false, "}"), ends(0)];
    assert_eq!(times(Dialect::Chat, &refs(&payloads)), [(0, 4, Some(true)), (1, 2, Some(true))]);
}

#[test]
fn blocks_and_items_close_when_the_provider_says_so() {
    let messages = [
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\""}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"b","name":"g","input":{}}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"}}"#,
        r#"{"type":"message_stop"}"#,
    ];
    assert_eq!(times(Dialect::Messages, &messages), [(0, 2, Some(false)), (3, 4, Some(true))]);
    let responses = [
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"i","call_id":"a","name":"f","arguments":""}}"#,
        r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","id":"j","call_id":"b","name":"g","arguments":""}}"#,
        r#"{"type":"response.function_call_arguments.delta","output_index":0,"delta":"{}"}"#,
        r#"{"type":"response.function_call_arguments.delta","output_index":1,"delta":"{\"a\":[]}"}"#,
        r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"function_call","id":"j","call_id":"b","name":"g","arguments":"{\"a\":[]}"}}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","id":"i","call_id":"a","name":"f","arguments":"{}"}}"#,
        r#"{"type":"response.completed","response":{"status":"completed"}}"#,
    ];
    assert_eq!(times(Dialect::Responses, &responses), [(0, 5, Some(true)), (1, 4, Some(true))]);
    let cohere = [
        r#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"a","function":{"name":"f","arguments":""}}}}}"#,
        r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{}"}}}}}"#,
        r#"{"type":"tool-call-end","index":0}"#,
        r#"{"type":"tool-call-start","index":1,"delta":{"message":{"tool_calls":{"id":"b","function":{"name":"g","arguments":"{"}}}}}"#,
        r#"{"type":"tool-call-end","index":1}"#,
        r#"{"type":"message-end","delta":{"finish_reason":"TOOL_CALL"}}"#,
    ];
    assert_eq!(times(Dialect::Cohere, &cohere), [(0, 2, Some(true)), (3, 4, Some(false))]);
}

#[test]
fn a_gemini_call_comes_whole() {
    let call =
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":1}}}]}}]}"#;
    let end = r#"{"candidates":[{"content":{"parts":[]},"finishReason":"STOP"}]}"#;
    assert_eq!(
        times(Dialect::Gemini, &[call, call, end]),
        [(0, 0, Some(true)), (1, 1, Some(true))]
    );
}

#[test]
fn a_call_that_a_break_cut_off_closed_with_its_last_piece() {
    let payloads = [chat(0, true, "{}"), chat(1, true, "{"), chat(1, false, r#""a""#)];
    assert_eq!(times(Dialect::Chat, &refs(&payloads)), [(0, 1, Some(true)), (1, 2, None)]);
}
