//! Responses as Gemini sends them.

use crate::Dialect::Gemini;
use crate::Transcript;
use crate::body::read_body;
use crate::fixtures::{events_of, news, said, sse, transcript};

const THOUGHT: &str = r#"{"candidates":[{"content":{"parts":[{"text":"Let me see","thought":true}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":7,"totalTokenCount":12,"thoughtsTokenCount":5},"modelVersion":"gemini-x","responseId":"r1"}"#;
const TEXT: &str = r#"{"candidates":[{"content":{"parts":[{"text":"It is "},{"text":"22 \u00b0C."}],"role":"model"}}],"responseId":"r1"}"#;
const CALLS: &str = r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"c2ln"},{"functionCall":{"name":"f","args":{"a":2},"id":"own"}}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":20,"totalTokenCount":32,"thoughtsTokenCount":5,"cachedContentTokenCount":3,"toolUsePromptTokenCount":2}}"#;

#[test]
fn thoughts_text_and_calls_are_told_apart() {
    assert_eq!(
        said(Gemini, &[THOUGHT, TEXT])[..7],
        [
            "usage Usage { input: Some(7), output: Some(0), total: Some(12), cache_read: None, cache_creation: None, cache_creation_5m: None, cache_creation_1h: None, reasoning: Some(5), duration_ms: None, input_excludes_cache: false, output_excludes_reasoning: true }",
            "model gemini-x",
            "id r1",
            "reasoning 0 Let me see",
            "id r1",
            "text 0 It is ",
            "text 0 22 °C.",
        ]
    );
}

#[test]
fn two_calls_of_one_name_without_ids_are_two_and_the_signature_comes_before_its_part() {
    let events = said(Gemini, &[CALLS]);
    assert_eq!(
        events[1..9],
        [
            "opaque 0 google-gemini-v1 signs=false  c2ln",
            "start 0  f",
            "input 0 {\"a\":1}",
            "end 0",
            "start 1 own f",
            "input 1 {\"a\":2}",
            "end 1",
            "finish 0 STOP",
        ]
    );
}

#[test]
fn usage_counts_thoughts_beside_and_tools_prompts_inside() {
    let usage = transcript(Gemini, &[THOUGHT, TEXT, CALLS]).usage().unwrap();
    assert_eq!((usage.input_total(), usage.output_total()), (Some(9), Some(25)));
    assert_eq!((usage.cache_read, usage.reasoning, usage.total), (Some(3), Some(5), Some(32)));
}

#[test]
fn any_split_gives_the_same_events() {
    let stream = sse(&[THOUGHT, TEXT, CALLS]).replace("\n\n", "\r\n\r\n");
    let bytes = stream.as_bytes();
    let whole = events_of(Gemini, [bytes]);
    for at in 0..=bytes.len() {
        assert_eq!(events_of(Gemini, [&bytes[..at], &bytes[at..]]), whole, "split at {at}");
    }
}

#[test]
fn a_blocked_prompt_and_an_error_are_told() {
    let blocked =
        r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4}}"#;
    assert_eq!(said(Gemini, &[blocked])[0], "finish 0 SAFETY");
    let error = r#"{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}"#;
    assert_eq!(said(Gemini, &[error]), ["error Some(\"UNAVAILABLE\") Some(\"overloaded\")"]);
}

#[test]
fn a_plain_body_is_one_response_or_a_list_of_them() {
    let read = |body: &str| {
        let mut transcript = Transcript::new(1_000);
        read_body(Gemini, body.as_bytes(), &mut |event| transcript.on_event(&event)).unwrap();
        transcript
    };
    let one = read(CALLS);
    assert_eq!(
        (one.tool_calls().len(), one.finish_reasons().collect::<Vec<_>>()),
        (2, vec!["STOP"])
    );
    let list = read(&format!("[{THOUGHT},\n{TEXT},{CALLS}]"));
    assert_eq!((list.text(), list.reasoning()), ("It is 22 °C.", "Let me see"));
    assert_eq!(list.tool_calls()[1].arguments, "{\"a\": 2}");
    assert!(read_body(Gemini, b"<html>", &mut |_| {}).is_err());
}

#[test]
fn an_answer_that_the_model_could_not_make_is_a_failure() {
    let with = |message: &str| {
        let candidate = format!(r#"{{"finishReason":"MALFORMED_FUNCTION_CALL"{message}}}"#);
        said(Gemini, &[&format!(r#"{{"candidates":[{candidate}]}}"#)])
    };
    let finish = "finish 0 MALFORMED_FUNCTION_CALL";
    let kind = "error Some(\"MALFORMED_FUNCTION_CALL\")";
    assert_eq!(
        with(r#","finishMessage":"no f""#),
        [finish.to_owned(), format!("{kind} Some(\"no f\")")]
    );
    assert_eq!(with(""), [finish.to_owned(), format!("{kind} Some(\"MALFORMED_FUNCTION_CALL\")")]);
}

#[test]
fn sound_is_told_from_pictures() {
    let part = |data: &str| format!(r#"{{"candidates":[{{"content":{{"parts":[{data}]}}}}]}}"#);
    let sound = part(r#"{"inlineData":{"data":"QQ==","mimeType":"audio/L16;rate=24000"}}"#);
    let picture = part(r#"{"inlineData":{"mimeType":"image/png","data":"QQ=="}}"#);
    let file = part(r#"{"fileData":{"fileUri":"https://example.org/a"}}"#);
    assert_eq!(said(Gemini, &[&sound, &picture, &file]), ["audio 0", "image 0", "image 0"]);
}

#[test]
fn thoughts_among_the_candidates_tokens_are_not_added_again() {
    let among = r#"{"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":20,"thoughtsTokenCount":5,"totalTokenCount":27}}"#;
    assert_eq!(transcript(Gemini, &[among]).usage().unwrap().output_total(), Some(20));
}

#[test]
fn a_reason_in_every_event_does_not_end_the_answer() {
    let piece = |text: &str| {
        format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{text}"}}]}},"finishReason":"STOP"}}]}}"#
        )
    };
    let read = transcript(Gemini, &[&piece("a"), &piece("b")]);
    assert_eq!((read.text(), read.finish_reasons().count()), ("ab", 1));
}

#[test]
fn events_alike_but_for_their_text_are_told_as_if_each_were_the_first() {
    let piece = |text: &str, more: &str| {
        format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{text}"{more}}}],"role":"model"}},"index":0}}],"modelVersion":"m","responseId":"r"}}"#
        )
    };
    let thought = r#","thought":true"#;
    let events = [
        piece("a", thought),
        piece("b\\n", thought),
        piece("c", ""),
        piece("\\\"d", ""),
        piece("", ""),
        piece("e", r#","thoughtSignature":"s""#),
        piece("f", r#","thoughtSignature":"s""#),
        piece("g", ""),
        piece("h", ""),
    ];
    let all: Vec<&str> = events.iter().map(String::as_str).collect();
    let alone: Vec<String> = all.iter().flat_map(|event| said(Gemini, &[event])).collect();
    assert_eq!(news(said(Gemini, &all)), news(alone));
}
