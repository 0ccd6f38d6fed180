//! The fold: what counts first, what counts last, and where content is cut.

use serde_json::json;

use super::{CALLS_MAX, NAME_BYTES_MAX, Transcript};
use crate::event::{JsonStr, StreamEvent, Usage};
use crate::fixtures::transcript;
use crate::provider::Dialect;

fn text(text: &str) -> JsonStr<'_> {
    JsonStr::new(text.as_bytes())
}

fn fold(content_bytes_max: usize, events: &[StreamEvent<'_>]) -> Transcript {
    let mut transcript = Transcript::new(content_bytes_max);
    events.iter().for_each(|event| transcript.on_event(event));
    transcript
}

#[test]
fn the_first_id_and_the_last_model_count() {
    let events = [
        StreamEvent::Id(text("a")),
        StreamEvent::Model(text("m")),
        StreamEvent::Id(text("b")),
        StreamEvent::Model(text("m-2026")),
    ];
    let told = fold(0, &events);
    assert_eq!((told.id(), told.model()), (Some("a"), Some("m-2026")));
}

#[test]
fn content_is_cut_at_the_limit_and_never_inside_a_character() {
    let say = |parts: &[&str], max: usize| {
        let events: Vec<_> =
            parts.iter().map(|part| StreamEvent::Text { choice: 0, text: text(part) }).collect();
        let told = fold(max, &events);
        (told.text().to_owned(), told.is_truncated())
    };
    assert_eq!(say(&["abc", "def"], 6), ("abcdef".to_owned(), false));
    assert_eq!(say(&["abc", "defg"], 6), ("abcdef".to_owned(), true));
    assert_eq!(say(&["abcd", "é"], 5), ("abcd".to_owned(), true));
    assert_eq!(say(&["abcdé"], 5), ("abcd".to_owned(), true));
    assert_eq!(say(&["abcd", "é"], 6), ("abcdé".to_owned(), false));
}

#[test]
fn a_limit_of_zero_keeps_no_content_but_counts_it() {
    let told = fold(
        0,
        &[
            StreamEvent::Text { choice: 0, text: text("abc") },
            StreamEvent::Reasoning { choice: 0, text: text("de") },
            StreamEvent::ToolCallStart { call: 0, id: text("t"), name: text("f") },
            StreamEvent::ToolCallArguments { call: 0, fragment: text("{}") },
            StreamEvent::ToolCallInput { call: 0, json: b"{\"a\":1}" },
        ],
    );
    assert_eq!((told.text(), told.reasoning(), told.is_truncated()), ("", "", false));
    assert_eq!(told.tool_calls()[0].name, "f");
    assert_eq!(told.tool_calls()[0].arguments, "");
    assert_eq!(told.output_bytes(), 14);
}

#[test]
fn all_content_shares_one_limit() {
    let told = fold(
        4,
        &[
            StreamEvent::Reasoning { choice: 0, text: text("ab") },
            StreamEvent::Text { choice: 0, text: text("cd") },
            StreamEvent::ToolCallStart { call: 0, id: text("t"), name: text("f") },
            StreamEvent::ToolCallArguments { call: 0, fragment: text("{}") },
        ],
    );
    assert_eq!((told.reasoning(), told.text(), &*told.tool_calls()[0].arguments), ("ab", "cd", ""));
    assert!(told.is_truncated());
}

#[test]
fn each_choice_has_its_text_and_the_first_is_the_text() {
    let told = fold(
        100,
        &[
            StreamEvent::Text { choice: 1, text: text("b") },
            StreamEvent::Text { choice: 0, text: text("a") },
            StreamEvent::Text { choice: u32::MAX, text: text("z") },
        ],
    );
    assert_eq!(told.text(), "a");
    assert_eq!(told.texts()[..2], ["a", "b"]);
    assert!(told.texts().len() <= CALLS_MAX + 1);
}

#[test]
fn names_and_numbers_of_calls_are_bounded() {
    let long = "x".repeat(NAME_BYTES_MAX + 1);
    let told = fold(
        100,
        &[
            StreamEvent::ToolCallStart {
                call: 0,
                id: text(&long[..NAME_BYTES_MAX]),
                name: text(&long),
            },
            StreamEvent::ToolCallStart {
                call: CALLS_MAX as u32 - 1,
                id: text("t"),
                name: text("f"),
            },
            StreamEvent::ToolCallStart { call: CALLS_MAX as u32, id: text("u"), name: text("f") },
            StreamEvent::ToolCallArguments { call: CALLS_MAX as u32, fragment: text("{}") },
        ],
    );
    assert_eq!(told.tool_calls().len(), CALLS_MAX);
    assert_eq!(told.tool_calls()[0].id.len(), NAME_BYTES_MAX);
    assert_eq!(told.tool_calls()[0].name.len(), NAME_BYTES_MAX);
}

#[test]
fn usage_that_says_nothing_is_no_usage() {
    assert_eq!(fold(0, &[StreamEvent::Usage(Usage::default())]).usage(), None);
    let some = Usage { output: Some(0), ..Usage::default() };
    assert_eq!(fold(0, &[StreamEvent::Usage(some)]).usage(), Some(some));
}

#[test]
fn the_first_failure_is_the_one_reported() {
    let told = fold(
        0,
        &[
            StreamEvent::Error { kind: Some(text("quota")), message: None },
            StreamEvent::Error { kind: None, message: Some(text("later")) },
        ],
    );
    assert_eq!(told.error(), Some("quota"));
    let bare = fold(0, &[StreamEvent::Error { kind: None, message: None }]);
    assert_eq!(bare.error(), Some("error"));
}

#[test]
fn first_counts_events_that_carried_data() {
    let chunk = |delta: &str| format!(r#"{{"choices":[{{"index":0,"delta":{delta}}}]}}"#);
    let told = transcript(
        Dialect::Chat,
        &[
            &chunk(r#"{"role":"assistant"}"#),
            &chunk(r#"{"reasoning":"a"}"#),
            &chunk(r#"{"content":"b"}"#),
            "[DONE]",
        ],
    );
    let json = told.to_json();
    assert_eq!(json["first"], json!({ "reasoning": 1, "text": 2 }));
    assert_eq!(json["n_events"], 4);
}

#[test]
fn the_json_has_the_names_of_the_contract() {
    let start = r#"{"type":"message_start","message":{"id":"m","model":"c","usage":{"input_tokens":3,"cache_read_input_tokens":2,"output_tokens":1}}}"#;
    let json = transcript(Dialect::Messages, &[start]).to_json();
    assert_eq!(
        json["usage"],
        json!({
            "input_tokens": 3, "output_tokens": 1, "total_tokens": null, "cache_read": 2,
            "cache_creation": null, "cache_creation_5m": null, "cache_creation_1h": null,
            "reasoning": null, "input_total_with_cache": 5,
        })
    );
    assert_eq!(json["error"], json!(null));
    assert_eq!(json["tool_calls"], json!([]));
}

/// Whether the arguments of the only call are an object, with and without content kept.
fn valid(dialect: Dialect, payloads: &[&str]) -> Option<bool> {
    let kept = transcript(dialect, payloads);
    let mut told = Transcript::new(0);
    let mut reader = crate::StreamReader::new(dialect);
    let mut sink = |event: StreamEvent<'_>| told.on_event(&event);
    reader.feed(crate::fixtures::sse(payloads).as_bytes(), &mut sink);
    reader.finish(&mut sink);
    assert_eq!(told.tool_calls()[0].arguments, "", "no content is kept for it");
    assert_eq!(told.arguments_valid(0), kept.arguments_valid(0));
    assert_eq!(told.arguments_valid(1), None, "there is no such call");
    told.arguments_valid(0)
}

#[test]
fn arguments_are_judged_in_every_dialect_once_their_call_is_over() {
    let chat = |pieces: &[&str], end: &[&str]| {
        let call = |id: &str, piece: &str| {
            let piece = serde_json::to_string(piece).unwrap();
            format!(
                r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":0,{id}"function":{{"name":"f","arguments":{piece}}}}}]}}}}]}}"#
            )
        };
        let mut payloads = vec![call(r#""id":"c","#, "")];
        payloads.extend(pieces.iter().map(|piece| call("", piece)));
        payloads.extend(end.iter().map(|end| (*end).to_owned()));
        valid(Dialect::Chat, &payloads.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let end = [r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#, "[DONE]"];
    assert_eq!(chat(&["{\"city\": \"Pa", "ris\", \"n\": [1", "]}"], &end), Some(true));
    assert_eq!(chat(&[], &end), Some(true), "no arguments are none");
    assert_eq!(chat(&["{\"city\": \"Pa"], &end), Some(false), "the model's doing");
    assert_eq!(chat(&["[1]"], &end), Some(false), "not an object");
    assert_eq!(chat(&["{\"city\": \"Pa"], &[]), None, "the stream broke");
    assert_eq!(chat(&["{}"], &[]), None, "more might have come");
    assert_eq!(chat(&["{}"], &end[1..]), Some(true), "the end mark is an end");

    let start = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"c","name":"f","input":{}}}"#;
    let delta = r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1"}}"#;
    let rest = r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"}"}}"#;
    let stop = r#"{"type":"content_block_stop","index":0}"#;
    assert_eq!(valid(Dialect::Messages, &[start, delta, rest, stop]), Some(true));
    assert_eq!(valid(Dialect::Messages, &[start, delta, stop]), Some(false));
    assert_eq!(valid(Dialect::Messages, &[start, delta, rest]), None);
    assert_eq!(valid(Dialect::Messages, &[start, stop]), Some(true));

    let call =
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":[]}}}]}}]}"#;
    assert_eq!(valid(Dialect::Gemini, &[call]), Some(true));
    let open = r#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"c","function":{"name":"f","arguments":"{"}}}}}"#;
    let shut = r#"{"type":"tool-call-end","index":0}"#;
    assert_eq!(valid(Dialect::Cohere, &[open, shut]), Some(false));
}

#[test]
fn free_text_and_what_was_cut_are_not_judged() {
    let item = |kind: &str, field: &str| {
        let item = format!(
            r#"{{"type":"{kind}","id":"i","call_id":"c","name":"f","{field}":"select 1"}}"#
        );
        let done =
            format!(r#"{{"type":"response.output_item.done","output_index":0,"item":{item}}}"#);
        valid(Dialect::Responses, &[&done])
    };
    assert_eq!(item("function_call", "arguments"), Some(false));
    assert_eq!(item("custom_tool_call", "input"), None);
    let custom = r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"custom","custom":{"name":"f","input":"select 1"}}]},"finish_reason":"tool_calls"}]}"#;
    assert_eq!(valid(Dialect::Chat, &[custom]), None);

    let long = |bytes: usize| {
        let arguments = format!(r#"{{\"a\":\"{}\"}}"#, "x".repeat(bytes));
        let done = format!(
            r#"{{"type":"response.output_item.done","output_index":0,"item":{{"type":"function_call","id":"i","call_id":"c","name":"f","arguments":"{arguments}"}}}}"#
        );
        let after = r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"function_call","id":"j","call_id":"d","name":"g","arguments":"{}"}}"#;
        let told = transcript(Dialect::Responses, &[&done, after]);
        (told.arguments_valid(0), told.arguments_valid(1))
    };
    assert_eq!(long(60 * 1024), (Some(true), Some(true)));
    assert_eq!(long(64 * 1024), (None, Some(true)), "too long an event is read in part");
}

#[test]
fn arguments_that_nest_too_deep_are_not_judged() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
    let mut told = Transcript::new(0);
    told.on_event(&StreamEvent::ToolCallStart { call: 0, id: text("c"), name: text("f") });
    told.on_event(&StreamEvent::ToolCallInput { call: 0, json: deep.as_bytes() });
    told.on_event(&StreamEvent::ToolCallEnd { call: 0 });
    assert_eq!(told.arguments_valid(0), None);
}
