//! What is bounded, at the bound and beyond, and texts that are interrupted.

use std::sync::Arc;

use serde_json::json;
use tollgate_providers::Dialect;

use super::super::{EVENT_BYTES_MAX, TEXTS_MAX};
use super::rig::{pass, read, rules};
use crate::detect::Kind;
use crate::guard::{Action, Cause};
use crate::response::{Bounds, Flow, HELD_BYTES_MAX};

fn delta(choice: usize, text: &str) -> String {
    let choice = json!({ "index": choice, "delta": { "content": text } });
    format!("data: {}\n\n", json!({ "choices": [choice] }))
}

fn out(events: &[String], kinds: &[Kind]) -> String {
    let rules = rules(kinds, Action::Redact);
    let chunks: Vec<&[u8]> = events.iter().map(String::as_bytes).collect();
    pass(Dialect::Chat, &rules, &chunks).0
}

#[test]
fn an_event_up_to_the_limit_passes_and_a_longer_one_ends_the_stream() {
    let rules = rules(&[Kind::Ssn], Action::Redact);
    let empty = delta(0, "").len();
    for (bytes, passes) in [(EVENT_BYTES_MAX, true), (EVENT_BYTES_MAX + 1, false)] {
        let event = delta(0, &"x".repeat(bytes - empty));
        assert_eq!(event.len(), bytes);
        for size in [bytes, 1 << 20] {
            let chunks: Vec<&[u8]> = event.as_bytes().chunks(size).collect();
            let (out, _, ended) = pass(Dialect::Chat, &rules, &chunks);
            if passes {
                assert!(ended.is_none() && out == event);
                continue;
            }
            let Some(Flow::Blocked(refusal)) = ended else { panic!("{ended:?}") };
            assert_eq!(refusal.cause, Cause::TooLong { bytes_max: EVENT_BYTES_MAX });
            assert!(out.is_empty());
        }
    }
}

#[test]
fn so_much_waits_behind_a_held_event_and_no_more() {
    let held = delta(0, "it is 123-4");
    let behind = delta(1, "words and words. ");
    let rules = rules(&[Kind::Ssn], Action::Redact);
    let mut waiting = held.len();
    let mut chunks = vec![held.as_bytes()];
    while waiting + behind.len() <= HELD_BYTES_MAX {
        chunks.push(behind.as_bytes());
        waiting += behind.len();
    }
    let left = |chunks: &[&[u8]]| {
        let mut pipeline = super::rig::pipeline(Dialect::Chat, Some(Arc::clone(&rules)));
        let now = tokio::time::Instant::now();
        let left = chunks.iter().map(|chunk| {
            match pipeline.on_chunk(bytes::Bytes::copy_from_slice(chunk), now) {
                Flow::Forward(bytes) => bytes.len(),
                other => panic!("{other:?}"),
            }
        });
        let left = left.sum::<usize>();
        (left, pipeline.into_seen().guarded.unwrap().bounds)
    };
    assert_eq!(left(&chunks), (0, Bounds::default()));
    chunks.push(behind.as_bytes());
    let reached = Bounds { held_bytes: 1, texts: 0 };
    assert_eq!(left(&chunks), (waiting + behind.len(), reached));
    assert_eq!(reached.reached().collect::<Vec<_>>(), [("held_bytes", 1)]);
}

#[test]
fn so_many_texts_are_told_apart_and_each_further_one_is_counted() {
    for action in [Action::Flag, Action::Redact] {
        let rules = rules(&[Kind::Ssn], action);
        for texts in [TEXTS_MAX, TEXTS_MAX + 1] {
            let events: Vec<String> = (0..texts).map(|choice| delta(choice, "it is ")).collect();
            let chunks: Vec<&[u8]> = events.iter().map(String::as_bytes).collect();
            let (_, pipeline, ended) = pass(Dialect::Chat, &rules, &chunks);
            assert_eq!(ended, None);
            let bounds = pipeline.into_seen().guarded.unwrap().bounds;
            let expected = u32::try_from(texts - TEXTS_MAX).unwrap();
            assert_eq!(bounds, Bounds { held_bytes: 0, texts: expected }, "{action:?} {texts}");
        }
    }
}

#[test]
fn more_texts_than_are_told_apart_are_looked_at_all_the_same() {
    let mut events: Vec<String> =
        (0..=TEXTS_MAX).map(|choice| delta(choice, "it is 123-4")).collect();
    events.extend((1..=TEXTS_MAX).map(|choice| delta(choice, "5-6789 ok")));
    let out = out(&events, &[Kind::Ssn]);
    assert_eq!(out.matches("[REDACTED:ssn]").count(), TEXTS_MAX);
    assert!(!out.contains("6789"));
}

#[test]
fn choices_that_take_turns_are_texts_of_their_own() {
    let events = [
        delta(0, "it is 123-"),
        delta(1, "ask bob@exam"),
        delta(0, "45-6789."),
        delta(1, "ple.com now"),
        delta(0, " end"),
    ];
    let out = out(&events, &[Kind::Ssn, Kind::Email]);
    assert!(out.contains("[REDACTED:ssn].") && out.contains("[REDACTED:email] now"), "{out}");
    assert!(!out.contains("123") && !out.contains("bob") && !out.contains("example"), "{out}");
}

#[test]
fn calls_that_take_turns_are_texts_of_their_own() {
    let piece = |index: usize, text: &str| {
        let call = json!({ "index": index, "id": format!("call_{index}"),
            "function": { "name": "f", "arguments": text } });
        let choice = json!({ "index": 0, "delta": { "tool_calls": [call] } });
        format!("data: {}\n\n", json!({ "choices": [choice] }))
    };
    let events = [
        piece(0, "{\"a\":\"123-"),
        piece(1, "{\"b\":\"bob@exam"),
        piece(0, "45-6789\"}"),
        piece(1, "ple.com\"}"),
    ];
    let out = out(&events, &[Kind::Ssn, Kind::Email]);
    assert!(!out.contains("123-") && !out.contains("bob") && !out.contains("ple.com"), "{out}");
    assert!(
        out.contains(r#"[REDACTED:ssn]\"}"#) && out.contains(r#"[REDACTED:email]\"}"#),
        "{out}"
    );
}

#[test]
fn a_text_that_is_interrupted_waits_no_longer_and_what_completes_a_match_is_taken_out() {
    let choice = json!({ "index": 0, "delta": { "reasoning_content": "hm " } });
    let thought = format!("data: {}\n\n", json!({ "choices": [choice] }));
    let events = [delta(0, "ask bob@exam"), thought.clone(), delta(0, "ple.com now ")];
    let rules = rules(&[Kind::Email], Action::Redact);
    let mut pipeline = super::rig::pipeline(Dialect::Chat, Some(rules));
    let now = tokio::time::Instant::now();
    let left: Vec<String> = events
        .iter()
        .map(|event| match pipeline.on_chunk(event.clone().into(), now) {
            Flow::Forward(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(left[1], [&*events[0], &thought].concat(), "not held for what may never come");
    assert!(left[2].contains("[REDACTED:email] now ") && !left[2].contains("ple.com"), "{left:?}");
    let found: u32 = pipeline.into_seen().findings.iter().map(|it| it.count).sum();
    assert_eq!(found, 1);
}

#[test]
fn what_an_event_says_twice_is_redacted_twice_and_logprobs_go() {
    let choice = json!({
        "index": 0,
        "delta": { "content": "it is 123-45-6789 " },
        "logprobs": { "content": [{ "token": "123" }, { "token": "-45-6789" }] },
    });
    let event = format!("data: {}\n\n", json!({ "id": "123-45-6789", "choices": [choice] }));
    let out = out(&[event], &[Kind::Ssn]);
    assert_eq!(out.matches("6789").count(), 1, "the id is no text: {out}");
    assert!(out.contains("\"logprobs\":null") && out.contains("it is [REDACTED:ssn] "), "{out}");
}

#[test]
fn a_number_in_arguments_becomes_a_string() {
    let call = json!({ "index": 0, "id": "c", "function": { "name": "pay", "arguments": "{\"card\":4111" } });
    let more = json!({ "index": 0, "function": { "arguments": "111111111111,\"n\":1}" } });
    let events: Vec<String> = [call, more]
        .into_iter()
        .map(|call| {
            let choice = json!({ "index": 0, "delta": { "tool_calls": [call] } });
            format!("data: {}\n\n", json!({ "choices": [choice] }))
        })
        .collect();
    let out = out(&events, &[Kind::CreditCard]);
    let said = read(Dialect::Chat, &out);
    assert_eq!(said, "{\"card\":\"[REDACTED:credit_card]\",\"n\":1}", "{out}");
}
