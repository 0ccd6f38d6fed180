//! Messages: blocks, cumulative usage, and what runs at the provider.

use crate::Dialect::Messages;
use crate::fixtures::{said, sse, transcript};

const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","model":"claude","content":[],"stop_reason":null,"usage":{"input_tokens":10,"cache_read_input_tokens":2,"cache_creation_input_tokens":7,"cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":3},"output_tokens":1}}}"#;
const STOP: &str = r#"{"type":"message_stop"}"#;

fn block(index: u32, block: &str) -> String {
    format!(r#"{{"type":"content_block_start","index":{index},"content_block":{block}}}"#)
}

fn delta(index: u32, delta: &str) -> String {
    format!(r#"{{"type":"content_block_delta","index":{index},"delta":{delta}}}"#)
}

fn stop(index: u32) -> String {
    format!(r#"{{"type":"content_block_stop","index":{index}}}"#)
}

fn partial(index: u32, json: &str) -> String {
    delta(index, &format!(r#"{{"type":"input_json_delta","partial_json":{json:?}}}"#))
}

fn told(payloads: &[String]) -> Vec<String> {
    said(Messages, &payloads.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_tool_call_opens_and_closes_with_its_block() {
    let events = told(&[
        block(1, r#"{"type":"tool_use","id":"t1","name":"f","input":{}}"#),
        partial(1, ""),
        partial(1, r#"{"a":"#),
        partial(1, "1}"),
        stop(1),
        STOP.to_owned(),
    ]);
    assert_eq!(events, ["start 0 t1 f", r#"arguments 0 {"a":"#, "arguments 0 1}", "end 0", "done"]);
}

#[test]
fn tools_that_run_at_the_provider_are_no_calls() {
    for kind in ["server_tool_use", "mcp_tool_use", "web_search_tool_result"] {
        let start = format!(r#"{{"type":"{kind}","id":"s1","name":"web_search","input":{{}}}}"#);
        assert_eq!(told(&[block(0, &start), partial(0, "{}"), stop(0)]), [""; 0], "{kind}");
    }
}

#[test]
fn input_in_the_block_start_counts_as_the_arguments() {
    let events =
        told(&[block(0, r#"{"type":"tool_use","id":"t","name":"f","input":{"a": 1}}"#), stop(0)]);
    assert_eq!(events, ["start 0 t f", r#"input 0 {"a": 1}"#, "end 0"]);
}

#[test]
fn an_empty_input_is_the_input_where_no_deltas_can_follow() {
    let message = |input: &str| {
        format!(
            r#"{{"type":"message","content":[{{"type":"tool_use","id":"t","name":"f","input":{input}}}]}}"#
        )
    };
    for input in ["{}", r#"{"a":1}"#] {
        let mut said = Vec::new();
        let mut sink = |event: crate::StreamEvent<'_>| said.push(crate::fixtures::written(&event));
        crate::body::read_body(Messages, message(input).as_bytes(), &mut sink).unwrap();
        assert_eq!(
            said[..3],
            ["start 0 t f".to_owned(), format!("input 0 {input}"), "end 0".to_owned()]
        );
    }
}

#[test]
fn text_thinking_and_what_only_the_provider_reads_are_told_apart() {
    let events = told(&[
        block(0, r#"{"type":"thinking","thinking":"","signature":""}"#),
        delta(0, r#"{"type":"thinking_delta","thinking":"hm"}"#),
        delta(0, r#"{"type":"signature_delta","signature":"abc"}"#),
        stop(0),
        block(1, r#"{"type":"redacted_thinking","data":"abc"}"#),
        stop(1),
        block(2, r#"{"type":"text","text":""}"#),
        r#"{"type":"ping"}"#.to_owned(),
        delta(2, r#"{"type":"text_delta","text":"hi"}"#),
        delta(2, r#"{"type":"citations_delta","citation":{"text":"x"}}"#),
        r#"{"type":"invented_tomorrow","text":"x"}"#.to_owned(),
    ]);
    let (signature, sealed) = ("signs=true  abc", "signs=false  abc");
    let opaque = |rest| format!("opaque 0 anthropic-claude-v1 {rest}");
    let told = ["reasoning 0 hm".to_owned(), opaque(signature), opaque(sealed), "text 0 hi".into()];
    assert_eq!(events, told);
}

#[test]
fn a_thought_that_is_not_shown_sends_its_signature_alone() {
    let signature = "opaque 0 anthropic-claude-v1 signs=true  c2ln";
    let streamed = told(&[
        block(0, r#"{"type":"thinking","thinking":"","signature":""}"#),
        delta(0, r#"{"type":"signature_delta","signature":"c2ln"}"#),
        stop(0),
    ]);
    assert_eq!(streamed, [signature]);
    let whole = block(0, r#"{"type":"thinking","thinking":"","signature":"c2ln"}"#);
    assert_eq!(told(&[whole, stop(0)]), [signature]);
}

#[test]
fn later_usage_overwrites_by_field_and_keeps_the_lifetimes_of_the_start() {
    let end = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":12,"output_tokens":30,"output_tokens_details":{"thinking_tokens":5}}}"#;
    let told = transcript(Messages, &[START, end, STOP]);
    let usage = told.usage().unwrap();
    assert_eq!((usage.input, usage.output, usage.reasoning), (Some(12), Some(30), Some(5)));
    assert_eq!((usage.cache_read, usage.cache_creation), (Some(2), Some(7)));
    assert_eq!((usage.cache_creation_5m, usage.cache_creation_1h), (Some(4), Some(3)));
    assert_eq!((usage.input_total(), usage.total), (Some(21), None));
    assert_eq!(told.finish_reasons().collect::<Vec<_>>(), ["end_turn"]);
    assert!(told.is_done());
}

#[test]
fn a_message_may_be_whole_in_its_start() {
    let start = r#"{"type":"message_start","message":{"id":"m","model":"c","content":[{"type":"tool_use","id":"t","name":"f","input":{"player":"two"}}],"stop_reason":"tool_use","usage":{"input_tokens":0,"output_tokens":0}}}"#;
    let told = transcript(Messages, &[start, STOP]);
    assert_eq!(told.tool_calls()[0].arguments, r#"{"player": "two"}"#);
    assert_eq!(told.finish_reasons().collect::<Vec<_>>(), ["tool_use"]);
    assert_eq!(told.usage().unwrap().input, Some(0));
}

#[test]
fn a_fallback_block_names_the_model_that_answers() {
    let fallback =
        block(0, r#"{"type":"fallback","from":{"model":"claude"},"to":{"model":"smaller"}}"#);
    assert_eq!(transcript(Messages, &[START, &fallback]).model(), Some("smaller"));
}

#[test]
fn an_error_event_ends_the_message() {
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"r"}"#;
    let told = transcript(Messages, &[START, error]);
    assert_eq!(told.error(), Some("Overloaded"));
    assert!(!told.is_done());
    assert_eq!(said(Messages, &[r#"{"type":"error"}"#]), ["error None None"]);
}

#[test]
fn a_call_whose_block_never_stops_ends_with_the_message() {
    let events = told(&[
        block(0, r#"{"type":"tool_use","id":"t","name":"f","input":{}}"#),
        partial(0, "{"),
        r#"{"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{"output_tokens":9}}"#.to_owned(),
        STOP.to_owned(),
    ]);
    assert_eq!(&events[..2], ["start 0 t f", "arguments 0 {"]);
    assert_eq!(&events[events.len() - 2..], ["end 0", "done"]);
}

#[test]
fn a_block_index_used_again_opens_another_call() {
    let call = |id: &str| {
        block(1, &format!(r#"{{"type":"tool_use","id":"{id}","name":"f","input":{{}}}}"#))
    };
    let events = [call("a"), partial(1, "x"), call("b"), partial(1, "y"), stop(1)];
    let events = transcript(Messages, &events.iter().map(String::as_str).collect::<Vec<_>>());
    let calls: Vec<_> =
        events.tool_calls().iter().map(|call| (&*call.id, &*call.arguments)).collect();
    assert_eq!(calls, [("a", "x"), ("b", "y")]);
}

#[test]
fn the_event_line_decides_nothing() {
    let with = format!("event: message_stop\n{}", sse(&[START]));
    let events = crate::fixtures::events_of(Messages, [with.as_bytes()]);
    assert_eq!(events, crate::fixtures::events_of(Messages, [sse(&[START]).as_bytes()]));
}
