//! The spellings and habits of the many servers that speak chat completions.

use crate::Dialect::Chat;
use crate::body::read_body;
use crate::event::StreamEvent;
use crate::fixtures::{said, transcript, written};

/// A chunk with one choice.
fn chunk(delta: &str) -> String {
    format!(
        r#"{{"id":"c1","model":"m1","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#
    )
}

/// What a delta says, without id and model.
fn delta(delta: &str) -> Vec<String> {
    deltas(&[delta])
}

fn deltas(deltas: &[&str]) -> Vec<String> {
    let chunks: Vec<_> = deltas.iter().map(|delta| chunk(delta)).collect();
    let chunks: Vec<_> = chunks.iter().map(String::as_str).collect();
    let mut events = said(Chat, &chunks);
    events.retain(|event| !event.starts_with("id") && !event.starts_with("model"));
    events
}

#[test]
fn the_first_chunk_of_a_role_alone_says_no_text() {
    assert_eq!(delta(r#"{"role":"assistant","content":""}"#), [""; 0]);
    assert_eq!(delta(r#"{"role":"assistant","content":null,"refusal":null}"#), [""; 0]);
}

#[test]
fn a_filter_chunk_with_empty_id_and_model_leaves_both_to_the_next_one() {
    let filter = r#"{"id":"","model":"","object":"","choices":[],"prompt_filter_results":[{}]}"#;
    let text = chunk(r#"{"content":"x"}"#);
    assert_eq!(said(Chat, &[filter, &text]), ["id c1", "model m1", "text 0 x"]);
}

#[test]
fn reasoning_has_two_spellings_and_counts_once() {
    assert_eq!(delta(r#"{"reasoning_content":"a"}"#), ["reasoning 0 a"]);
    assert_eq!(delta(r#"{"reasoning":"a","content":""}"#), ["reasoning 0 a"]);
    assert_eq!(delta(r#"{"reasoning":"a","reasoning_content":"a"}"#), ["reasoning 0 a"]);
    let details = r#"{"reasoning_details":[{"text":"a"},{"summary":"a"},null],"reasoning":"a"}"#;
    assert_eq!(delta(details), ["reasoning 0 a"]);
    assert_eq!(delta(r#"{"reasoning":null,"reasoning_details":null}"#), [""; 0]);
    assert_eq!(delta(r#"{"reasoning":null,"reasoning_details":"x"}"#), [""; 0]);
}

#[test]
fn signatures_and_encrypted_reasoning_come_behind_the_text_that_they_are_of() {
    let details = r#"{"reasoning_details":[{"type":"reasoning.text","text":"a","signature":"sig","format":"anthropic-claude-v1","index":0},{"type":"reasoning.encrypted","data":"enc","id":"rs_1","format":"openai-responses-v1"},{"type":"reasoning.encrypted","data":"","format":null}],"reasoning":"a"}"#;
    assert_eq!(
        delta(details),
        [
            "reasoning 0 a",
            "opaque 0 anthropic-claude-v1 signs=true  sig",
            "opaque 0 openai-responses-v1 signs=false rs_1 enc",
        ]
    );
}

#[test]
fn a_plain_answer_thinks_before_it_speaks() {
    let body = r#"{"choices":[{"message":{"content":"so","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}],"reasoning_content":"a","reasoning":"a","reasoning_details":[{"signature":"sig","format":"x"}]},"finish_reason":"stop"}]}"#;
    let mut events = Vec::new();
    let mut sink = |event: StreamEvent<'_>| events.push(written(&event));
    read_body(Chat, body.as_bytes(), &mut sink).unwrap();
    assert_eq!(
        events[..4],
        ["reasoning 0 a", "opaque 0 x signs=true  sig", "text 0 so", "start 0 c f"]
    );
}

#[test]
fn content_may_be_a_list_of_text_and_thinking() {
    let list = r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"a"}]},{"type":"text","text":"b"}]}"#;
    assert_eq!(delta(list), ["reasoning 0 a", "text 0 b"]);
    assert_eq!(delta(r#"{"content":[{"type":"thinking","thinking":"a"}]}"#), ["reasoning 0 a"]);
}

#[test]
fn refusals_audio_and_images_are_content() {
    assert_eq!(delta(r#"{"refusal":"no"}"#), ["refusal 0 no"]);
    assert_eq!(delta(r#"{"audio":{"data":"UklG"}}"#), ["audio 0"]);
    assert_eq!(delta(r#"{"images":[{"image_url":{"url":"data:"}}],"audio":null}"#), ["image 0"]);
}

#[test]
fn three_calls_that_interleave_keep_their_arguments_apart() {
    let opener = |n: u32| {
        format!(
            r#"{{"tool_calls":[{{"index":{n},"id":"t{n}","type":"function","function":{{"name":"f{n}","arguments":""}}}}]}}"#
        )
    };
    let piece = |n: u32, text: &str| {
        format!(r#"{{"tool_calls":[{{"index":{n},"function":{{"arguments":"{text}"}}}}]}}"#)
    };
    let pieces = [
        opener(0),
        opener(1),
        piece(0, "a"),
        opener(2),
        piece(1, "b"),
        piece(2, "c"),
        piece(0, "A"),
        piece(2, "C"),
        piece(1, "B"),
    ];
    let chunks: Vec<_> = pieces.iter().map(|piece| chunk(piece)).collect();
    let chunks: Vec<_> = chunks.iter().map(String::as_str).collect();
    let calls = transcript(Chat, &chunks);
    let calls: Vec<_> =
        calls.tool_calls().iter().map(|c| (&*c.id, &*c.name, &*c.arguments)).collect();
    assert_eq!(calls, [("t0", "f0", "aA"), ("t1", "f1", "bB"), ("t2", "f2", "cC")]);
}

#[test]
fn a_call_ends_with_the_next_one_or_with_the_choice() {
    let finish = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#;
    let open = |n: u32| {
        chunk(&format!(
            r#"{{"tool_calls":[{{"index":{n},"id":"t{n}","function":{{"name":"f","arguments":"{{}}"}}}}]}}"#
        ))
    };
    let events = said(Chat, &[&open(0), &open(1), finish, "[DONE]"]);
    let events: Vec<_> =
        events.iter().filter(|e| !e.starts_with("id") && !e.starts_with("model")).collect();
    assert_eq!(
        events,
        [
            "start 0 t0 f",
            "arguments 0 {}",
            "end 0",
            "start 1 t1 f",
            "arguments 1 {}",
            "end 1",
            "finish 0 tool_calls",
            "done"
        ]
    );
}

#[test]
fn a_call_that_goes_on_after_another_began_ends_again() {
    let piece = |n: u32, id: &str| {
        format!(
            r#"{{"tool_calls":[{{"index":{n},"id":"{id}","function":{{"name":"f","arguments":"x"}}}}]}}"#
        )
    };
    let (a, b, more) = (piece(0, "a"), piece(1, "b"), piece(0, ""));
    let events = deltas(&[&a, &b, &more]);
    assert_eq!(events[5..], ["arguments 0 x", "end 0", "end 1"], "{events:?}");
}

#[test]
fn several_whole_calls_without_an_index_come_in_one_chunk() {
    let two = r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}},{"id":"b","function":{"name":"g","arguments":{"x":1}}}]}"#;
    assert_eq!(
        delta(two),
        ["start 0 a f", "arguments 0 {}", "end 0", "start 1 b g", r#"input 1 {"x":1}"#, "end 1"]
    );
}

#[test]
fn id_and_name_repeated_in_every_fragment_are_set_once() {
    let part = |text: &str| {
        format!(
            r#"{{"tool_calls":[{{"index":0,"id":"t","type":"function","function":{{"name":"f","arguments":"{text}"}}}}]}}"#
        )
    };
    let (a, b) = (part("a"), part("b"));
    assert_eq!(deltas(&[&a, &b]), ["start 0 t f", "arguments 0 a", "arguments 0 b", "end 0"]);
    let empty = r#"{"tool_calls":[{"index":0,"id":"","function":{"name":null,"arguments":"b"}}]}"#;
    assert_eq!(deltas(&[&a, empty]), ["start 0 t f", "arguments 0 a", "arguments 0 b", "end 0"]);
}

#[test]
fn a_legacy_call_counts_unless_tool_calls_say_the_same() {
    let legacy = r#"{"function_call":{"name":"f","arguments":"{}"}}"#;
    assert_eq!(delta(legacy), ["start 0  f", "arguments 0 {}", "end 0"]);
    let both = r#"{"function_call":{"name":"f","arguments":"{}"},"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"{}"}}]}"#;
    assert_eq!(delta(both), ["start 0 t f", "arguments 0 {}", "end 0"]);
}

#[test]
fn the_index_may_stand_behind_what_it_belongs_to() {
    let chunk = r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"stop","index":3}]}"#;
    assert_eq!(said(Chat, &[chunk]), ["text 3 x", "finish 3 stop"]);
}

#[test]
fn legacy_completions_have_their_text_in_the_choice() {
    let chunk = r#"{"choices":[{"text":"x","index":0,"logprobs":null,"finish_reason":"length"}]}"#;
    assert_eq!(said(Chat, &[chunk]), ["text 0 x", "finish 0 length"]);
}

#[test]
fn reasons_come_in_the_order_of_choices_and_once() {
    let finish =
        |n: u32| format!(r#"{{"choices":[{{"index":{n},"delta":{{}},"finish_reason":"stop"}}]}}"#);
    let told = transcript(Chat, &[&finish(1), &finish(0), &finish(0)]);
    assert_eq!(told.finish_reasons().collect::<Vec<_>>(), ["stop", "stop"]);
}

fn usage(json: &str) -> crate::Usage {
    let chunk = format!(r#"{{"choices":[],"usage":{json}}}"#);
    transcript(Chat, &[&chunk]).usage().unwrap()
}

#[test]
fn cache_reads_have_a_name_for_every_provider() {
    for json in [
        r#"{"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":4}}"#,
        r#"{"prompt_tokens":9,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":5}"#,
        r#"{"prompt_tokens":9,"num_cached_tokens":4}"#,
        r#"{"prompt_tokens":9,"cached_tokens":4}"#,
    ] {
        assert_eq!(usage(json).cache_read, Some(4), "{json}");
    }
    let written = usage(r#"{"prompt_tokens":9,"prompt_tokens_details":{"cache_write_tokens":4}}"#);
    assert_eq!(written.cache_creation, Some(4));
}

#[test]
fn reasoning_beside_the_completion_is_told_by_the_total() {
    let beside = r#"{"prompt_tokens":1,"completion_tokens":2,"total_tokens":6,"completion_tokens_details":{"reasoning_tokens":3}}"#;
    assert_eq!(
        (usage(beside).output_excludes_reasoning, usage(beside).output_total()),
        (true, Some(5))
    );
    let inside = r#"{"prompt_tokens":1,"completion_tokens":5,"total_tokens":6,"completion_tokens_details":{"reasoning_tokens":3}}"#;
    assert_eq!(
        (usage(inside).output_excludes_reasoning, usage(inside).output_total()),
        (false, Some(5))
    );
}

#[test]
fn absurd_counts_do_no_harm() {
    let max = u64::MAX;
    let json = format!(
        r#"{{"prompt_tokens":{max},"completion_tokens":{max},"total_tokens":{max},"completion_tokens_details":{{"reasoning_tokens":{max}}}}}"#
    );
    assert_eq!(usage(&json).output_total(), Some(max));
    assert_eq!(usage(r#"{"prompt_tokens":1,"completion_tokens":-5}"#).output, None);
}

#[test]
fn the_last_usage_counts_wherever_it_stands_but_not_in_extensions() {
    let running = |n: u32| {
        format!(
            r#"{{"choices":[{{"index":0,"delta":{{}}}}],"usage":{{"prompt_tokens":3,"completion_tokens":{n}}}}}"#
        )
    };
    let told = transcript(Chat, &[&running(1), &running(2), r#"{"choices":[],"usage":null}"#]);
    assert_eq!(told.usage().unwrap().output, Some(2));
    let groq = r#"{"choices":[],"x_groq":{"usage":{"prompt_tokens":3}}}"#;
    assert_eq!(transcript(Chat, &[groq]).usage(), None);
}

#[test]
fn a_failure_inside_the_stream_has_many_forms() {
    let cut = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}],"usage":{"prompt_tokens":3},"error":{"code":502,"message":"gone"}}"#;
    let told = transcript(Chat, &[cut]);
    assert_eq!((told.error(), told.usage().unwrap().input), (Some("gone"), Some(3)));
    assert!(said(Chat, &[cut]).contains(&r#"error Some("502") Some("gone")"#.to_owned()));
    assert_eq!(said(Chat, &[r#"{"error":"overloaded"}"#]), [r#"error None Some("overloaded")"#]);
    assert_eq!(said(Chat, &[r#"{"choices":[],"error":null}"#]), [""; 0]);
}

#[test]
fn what_is_no_json_says_nothing() {
    assert_eq!(said(Chat, &["", "{", "ping", "[]", "null"]), [""; 0]);
}
