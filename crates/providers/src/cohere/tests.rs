//! Events as Cohere sends them.

use crate::Dialect::Cohere;
use crate::Transcript;
use crate::body::read_body;
use crate::fixtures::{events_of, said, sse, transcript};

const STREAM: [&str; 14] = [
    r#"{"id":"c-1","type":"message-start","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}"#,
    r#"{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"thinking","thinking":""}}}}"#,
    r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":"hm"}}}}"#,
    r#"{"type":"content-end","index":0}"#,
    r#"{"type":"content-start","index":1,"delta":{"message":{"content":{"type":"text","text":""}}}}"#,
    r#"{"type":"content-delta","index":1,"delta":{"message":{"content":{"text":"22 °C"}}}}"#,
    r#"{"type":"citation-start","index":0,"delta":{"message":{"citations":{"start":0,"end":2,"text":"22","sources":[]}}}}"#,
    r#"{"type":"content-end","index":1}"#,
    r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I will look"}}}"#,
    r#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"f_1","type":"function","function":{"name":"f","arguments":""}}}}}"#,
    r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"a\":"}}}}}"#,
    r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"1}"}}}}}"#,
    r#"{"type":"tool-call-end","index":0}"#,
    r#"{"type":"message-end","delta":{"finish_reason":"TOOL_CALL","usage":{"billed_units":{"input_tokens":3,"output_tokens":9},"tokens":{"input_tokens":80,"output_tokens":12},"cached_tokens":16}}}"#,
];
const BODY: &str = r#"{"id":"c-2","message":{"role":"assistant","tool_plan":"plan","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}],"content":[{"type":"text","text":"hi"}]},"finish_reason":"TOOL_CALL","usage":{"billed_units":{"input_tokens":3,"output_tokens":9}}}"#;

#[test]
fn a_stream_is_told_piece_by_piece() {
    let events = said(Cohere, &STREAM);
    let expected = [
        "id c-1",
        "reasoning 0 hm",
        "text 0 22 °C",
        "reasoning 0 I will look",
        "start 0 f_1 f",
        "arguments 0 {\"a\":",
        "arguments 0 1}",
        "end 0",
        "finish 0 TOOL_CALL",
    ];
    assert_eq!(events[..expected.len()], expected);
    assert_eq!(events.last().unwrap(), "done");
    let usage = transcript(Cohere, &STREAM).usage().unwrap();
    assert_eq!((usage.input, usage.output, usage.cache_read), (Some(80), Some(12), Some(16)));
}

#[test]
fn any_split_gives_the_same_events() {
    let stream = sse(&STREAM);
    let bytes = stream.as_bytes();
    let whole = events_of(Cohere, [bytes]);
    for at in 0..=bytes.len() {
        assert_eq!(events_of(Cohere, [&bytes[..at], &bytes[at..]]), whole, "split at {at}");
    }
}

#[test]
fn a_plain_body_says_the_same() {
    let mut read = Transcript::new(1_000);
    read_body(Cohere, BODY.as_bytes(), &mut |event| read.on_event(&event)).unwrap();
    assert_eq!((read.id(), read.text(), read.reasoning()), (Some("c-2"), "hi", "plan"));
    let names: Vec<_> = read.tool_calls().iter().map(|call| call.name.as_str()).collect();
    assert_eq!(names, ["f", "g"]);
    assert_eq!(read.usage().unwrap().output, Some(9), "what is billed, where nothing else is told");
    assert_eq!(read.finish_reasons().collect::<Vec<_>>(), ["TOOL_CALL"]);
}

#[test]
fn failures_are_told_wherever_they_stand() {
    let failed = r#"{"type":"message-end","delta":{"finish_reason":"ERROR","error":"broke"}}"#;
    assert_eq!(
        said(Cohere, &[failed]),
        ["finish 0 ERROR", "error Some(\"ERROR\") Some(\"broke\")", "done"]
    );
    let late = r#"{"type":"message-end","delta":{"finish_reason":"TIMEOUT"}}"#;
    assert_eq!(said(Cohere, &[late])[1], "error Some(\"TIMEOUT\") Some(\"TIMEOUT\")");
    let mut read = Transcript::new(1_000);
    read_body(Cohere, br#"{"message":"invalid api token"}"#, &mut |e| read.on_event(&e)).unwrap();
    assert_eq!(read.error(), Some("invalid api token"));
}

#[test]
fn events_alike_but_for_their_text_are_told_as_if_each_were_the_first() {
    let piece = |index: u32, content: &str| {
        format!(
            r#"{{"type":"content-delta","index":{index},"delta":{{"message":{{"content":{{{content}}}}}}}}}"#
        )
    };
    let events = [
        piece(0, r#""thinking":"a""#),
        piece(0, r#""thinking":"b""#),
        piece(1, r#""text":"c""#),
        piece(1, r#""text":"\"d""#),
        piece(1, r#""text":"""#),
        piece(1, r#""text":"e""#),
    ];
    let all: Vec<&str> = events.iter().map(String::as_str).collect();
    let alone: Vec<String> = all.iter().flat_map(|event| said(Cohere, &[event])).collect();
    assert_eq!(said(Cohere, &all), alone);
}
