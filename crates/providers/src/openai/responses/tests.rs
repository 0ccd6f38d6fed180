//! Responses: items by output index, and what runs at the provider.

use crate::Dialect::Responses;
use crate::body::read_body;
use crate::event::StreamEvent;
use crate::fixtures::{said, transcript, written};

fn added(index: u32, item: &str) -> String {
    format!(r#"{{"type":"response.output_item.added","output_index":{index},"item":{item}}}"#)
}

fn done(index: u32, item: &str) -> String {
    format!(r#"{{"type":"response.output_item.done","output_index":{index},"item":{item}}}"#)
}

fn piece(index: u32, text: &str) -> String {
    format!(
        r#"{{"type":"response.function_call_arguments.delta","output_index":{index},"item_id":"rotates","delta":{text:?}}}"#
    )
}

fn call(id: &str, arguments: &str) -> String {
    format!(
        r#"{{"type":"function_call","id":"fc_{id}","call_id":"{id}","name":"f","arguments":{arguments:?}}}"#
    )
}

fn told(payloads: &[String]) -> Vec<String> {
    said(Responses, &payloads.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn calls_that_overlap_end_with_their_own_item() {
    let events = told(&[
        added(0, &call("a", "")),
        added(1, &call("b", "")),
        piece(0, "x"),
        piece(1, "y"),
        done(0, &call("a", "x")),
        piece(1, "z"),
        done(1, &call("b", "yz")),
    ]);
    assert_eq!(
        events,
        [
            "start 0 a f",
            "start 1 b f",
            "arguments 0 x",
            "arguments 1 y",
            "end 0",
            "arguments 1 z",
            "end 1"
        ]
    );
}

#[test]
fn arguments_without_deltas_come_from_the_finished_item() {
    let events = told(&[added(0, &call("a", "{}")), done(0, &call("a", "{}"))]);
    assert_eq!(events, ["start 0 a f", "arguments 0 {}", "end 0"]);
    assert_eq!(told(&[done(0, &call("a", "{}"))]), ["start 0 a f", "arguments 0 {}", "end 0"]);
}

#[test]
fn without_an_output_index_the_item_id_finds_the_call() {
    let strip = |text: String, index: u32| text.replace(&format!(r#""output_index":{index},"#), "");
    let delta = |item: &str, text: &str| {
        format!(
            r#"{{"type":"response.function_call_arguments.delta","item_id":"fc_{item}","delta":"{text}"}}"#
        )
    };
    let events = told(&[
        strip(added(0, &call("a", "")), 0),
        strip(added(1, &call("b", "")), 1),
        delta("a", "x"),
        delta("b", "y"),
    ]);
    assert_eq!(&events[..4], ["start 0 a f", "start 1 b f", "arguments 0 x", "arguments 1 y"]);
}

#[test]
fn a_custom_tool_takes_any_text() {
    let item = |input: &str| {
        format!(
            r#"{{"type":"custom_tool_call","id":"ct","call_id":"c","name":"sql","input":{input:?}}}"#
        )
    };
    let delta =
        r#"{"type":"response.custom_tool_call_input.delta","output_index":0,"delta":"SELECT"}"#;
    let events = told(&[added(0, &item("")), delta.to_owned(), done(0, &item("SELECT"))]);
    assert_eq!(events, ["start 0 c sql", "freeform 0", "arguments 0 SELECT", "end 0"]);
}

#[test]
fn what_runs_at_the_provider_is_no_call() {
    for kind in
        ["web_search_call", "mcp_call", "code_interpreter_call", "tool_search_call", "shell_call"]
    {
        let item = format!(r#"{{"type":"{kind}","id":"i","name":"f","arguments":"{{}}"}}"#);
        assert_eq!(told(&[added(0, &item), done(0, &item)]), [""; 0], "{kind}");
    }
}

#[test]
fn text_reasoning_refusal_and_images_are_content() {
    let delta =
        |kind: &str| format!(r#"{{"type":"response.{kind}.delta","output_index":0,"delta":"x"}}"#);
    assert_eq!(told(&[delta("output_text")]), ["text 0 x"]);
    assert_eq!(told(&[delta("refusal")]), ["refusal 0 x"]);
    assert_eq!(told(&[delta("reasoning_summary_text")]), ["reasoning 0 x"]);
    assert_eq!(told(&[delta("reasoning_text")]), ["reasoning 0 x"]);
    let image =
        r#"{"type":"response.image_generation_call.partial_image","partial_image_b64":"iVBO"}"#;
    assert_eq!(said(Responses, &[image]), ["image 0"]);
    assert_eq!(said(Responses, &[r#"{"type":"keepalive","sequence_number":3}"#]), [""; 0]);
}

#[test]
fn the_first_id_and_the_usage_of_the_end_count() {
    let response =
        |id: &str, rest: &str| format!(r#"{{"id":"{id}","model":"m","usage":null{rest}}}"#);
    let created = format!(r#"{{"type":"response.created","response":{}}}"#, response("r1", ""));
    let end = r#"{"type":"response.completed","response":{"id":"r2","model":"m","status":"completed","output":[{"type":"function_call","call_id":"again"}],"usage":{"input_tokens":5,"input_tokens_details":{"cached_tokens":2},"output_tokens":7,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":12}}}"#;
    let told = transcript(Responses, &[&created, end]);
    let usage = told.usage().unwrap();
    assert_eq!(told.id(), Some("r1"));
    assert_eq!((usage.input, usage.output, usage.total), (Some(5), Some(7), Some(12)));
    assert_eq!((usage.cache_read, usage.reasoning), (Some(2), Some(3)));
    assert_eq!(told.finish_reasons().collect::<Vec<_>>(), ["completed"]);
    assert!(told.tool_calls().is_empty() && told.is_done());
}

#[test]
fn an_incomplete_response_says_why() {
    let end = r#"{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}}}"#;
    assert_eq!(said(Responses, &[end]), ["finish 0 max_output_tokens", "done"]);
}

#[test]
fn a_failure_is_flat_or_nested_and_then_the_response_has_failed() {
    let flat = r#"{"type":"error","code":"server_error","message":"gone","param":null}"#;
    let nested = r#"{"type":"error","error":{"type":"quota","code":"quota","message":"gone"}}"#;
    let failed = r#"{"type":"response.failed","response":{"id":"r","status":"failed","error":{"code":"quota","message":"later"},"usage":null}}"#;
    for first in [flat, nested] {
        let told = transcript(Responses, &[first, failed]);
        assert_eq!(told.error(), Some("gone"));
        assert_eq!(told.finish_reasons().collect::<Vec<_>>(), ["failed"]);
    }
}

#[test]
fn a_broken_event_says_nothing() {
    let broken = r#"{"type":"response.created","response":{"id":"r","model":"m"}"#;
    assert_eq!(said(Responses, &[broken]), [""; 0]);
    assert_eq!(said(Responses, &["[DONE]"]), ["done"]);
}

#[test]
fn encrypted_reasoning_comes_when_its_item_is_done_and_once() {
    let item = |encrypted: &str| {
        format!(
            r#"{{"type":"reasoning","id":"rs_1","summary":[{{"type":"summary_text","text":"a"}}],"encrypted_content":{encrypted}}}"#
        )
    };
    let delta = r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"delta":"a"}"#;
    let end =
        format!(r#"{{"type":"response.completed","response":{{"output":[{}]}}}}"#, item("\"enc\""));
    let opaque = "opaque 0 openai-responses-v1 signs=true rs_1 enc";
    let events =
        told(&[added(0, &item("\"early\"")), delta.into(), done(0, &item("\"enc\"")), end]);
    assert_eq!(events, ["reasoning 0 a", opaque, "done"]);
    assert_eq!(told(&[done(0, &item("null"))]), [""; 0]);
    let body = format!(r#"{{"output":[{}]}}"#, item("\"enc\""));
    let mut events = Vec::new();
    let mut sink = |event: StreamEvent<'_>| events.push(written(&event));
    read_body(Responses, body.as_bytes(), &mut sink).unwrap();
    assert_eq!(events, ["reasoning 0 a", opaque]);
}
