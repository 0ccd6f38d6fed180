//! A stream and a whole answer that say the same are redacted and blocked alike.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_providers::Dialect;

use super::rig::{PARTS, Part, events, pass, read, rules};
use crate::detect::Kind;
use crate::detect::tests::{SAMPLES, pieces_of};
use crate::guard::{Action, Findings, Refusal, Rules};
use crate::response::Flow;

/// The whole answer with this text, and where the text stands in it.
fn whole(dialect: Dialect, part: Part, text: &str) -> (Value, &'static str) {
    match (dialect, part) {
        (Dialect::Chat, Part::Completion) => {
            (json!({ "choices": [{ "index": 0, "text": text }] }), "/choices/0/text")
        }
        (Dialect::Chat, part) => {
            let (message, place) = match part {
                Part::Reasoning => {
                    (json!({ "reasoning_content": text }), "/choices/0/message/reasoning_content")
                }
                Part::Refusal => (json!({ "refusal": text }), "/choices/0/message/refusal"),
                Part::Arguments => (
                    json!({ "tool_calls": [{ "id": "c", "function": { "name": "f", "arguments": text } }] }),
                    "/choices/0/message/tool_calls/0/function/arguments",
                ),
                _ => (json!({ "content": text }), "/choices/0/message/content"),
            };
            (json!({ "choices": [{ "index": 0, "message": message }] }), place)
        }
        (Dialect::Messages, Part::Reasoning) => (
            json!({ "content": [{ "type": "thinking", "thinking": text }] }),
            "/content/0/thinking",
        ),
        (Dialect::Messages, _) => {
            (json!({ "content": [{ "type": "text", "text": text }] }), "/content/0/text")
        }
        (Dialect::Responses, Part::Arguments) => (
            json!({ "output": [{ "type": "function_call", "arguments": text }] }),
            "/output/0/arguments",
        ),
        (Dialect::Responses, Part::Refusal) => (
            json!({ "output": [{ "content": [{ "type": "refusal", "refusal": text }] }] }),
            "/output/0/content/0/refusal",
        ),
        (Dialect::Responses, Part::Reasoning) => (
            json!({ "output": [{ "summary": [{ "type": "summary_text", "text": text }] }] }),
            "/output/0/summary/0/text",
        ),
        (Dialect::Responses, _) => (
            json!({ "output": [{ "content": [{ "type": "output_text", "text": text }] }] }),
            "/output/0/content/0/text",
        ),
        (Dialect::Cohere, Part::Arguments) => (
            json!({ "message": { "tool_calls": [{ "function": { "arguments": text } }] } }),
            "/message/tool_calls/0/function/arguments",
        ),
        (Dialect::Cohere, Part::Reasoning) => {
            (json!({ "message": { "tool_plan": text } }), "/message/tool_plan")
        }
        (Dialect::Cohere, _) => (
            json!({ "message": { "content": [{ "type": "text", "text": text }] } }),
            "/message/content/0/text",
        ),
        (Dialect::Gemini, _) => (
            json!({ "candidates": [{ "content": { "parts": [{ "text": text }] } }] }),
            "/candidates/0/content/parts/0/text",
        ),
    }
}

/// What a caller reads of a text, what was found, and what blocked it.
type Outcome = (Option<String>, Vec<(String, u32)>, Option<Refusal>);

fn counted(findings: &Findings) -> Vec<(String, u32)> {
    let mut counted: Vec<_> = findings.iter().map(|it| (it.kind().to_owned(), it.count)).collect();
    counted.sort();
    counted
}

fn not_streamed(dialect: Dialect, part: Part, rules: &Rules, text: &str) -> Outcome {
    let (body, place) = whole(dialect, part, text);
    let body = Bytes::from(body.to_string());
    let scanned = rules.scan_body(&body);
    let found = counted(&scanned.findings);
    if scanned.refusal.is_some() {
        return (None, found, scanned.refusal);
    }
    let said: Value = serde_json::from_slice(&scanned.changed.unwrap_or(body)).unwrap();
    (Some(said.pointer(place).unwrap().as_str().unwrap().to_owned()), found, None)
}

fn streamed(
    dialect: Dialect,
    part: Part,
    rules: &std::sync::Arc<Rules>,
    pieces: &[&str],
    chunk_bytes: usize,
) -> Outcome {
    let stream = events(dialect, part, pieces).concat();
    let chunks: Vec<&[u8]> = stream.as_bytes().chunks(chunk_bytes).collect();
    let (out, pipeline, ended) = pass(dialect, rules, &chunks);
    let found = counted(&pipeline.into_seen().findings);
    match ended {
        Some(Flow::Blocked(refusal)) => (None, found, Some(refusal)),
        Some(other) => panic!("{other:?}"),
        None => (Some(read(dialect, &out)), found, None),
    }
}

#[test]
fn every_sample_in_every_dialect_and_text_comes_out_alike() {
    for (dialect, parts) in PARTS {
        for part in parts {
            for (kind, sample) in SAMPLES {
                for action in [Action::Flag, Action::Redact, Action::Block] {
                    let rules = rules(&[kind], action);
                    let json = json!({ "to": sample, "list": [sample, 7], "n": 1 }).to_string();
                    for text in [format!("é Say {sample}, then"), json] {
                        let whole = not_streamed(dialect, *part, &rules, &text);
                        for size in [1, text.len()] {
                            let pieces = pieces_of(&text, &[size]);
                            let stream = streamed(dialect, *part, &rules, &pieces, 1 << 20);
                            let what = format!("{dialect:?} {part:?} {action:?} {text} by {size}");
                            assert_eq!((&stream.0, &stream.2), (&whole.0, &whole.2), "{what}");
                            if action != Action::Block {
                                assert_eq!(stream.1, whole.1, "{what}");
                            }
                        }
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_text_is_redacted_alike_however_it_comes(
        text in crate::detect::tests::properties::text(),
        as_json in any::<bool>(),
        sizes in prop::collection::vec(1..30usize, 1..6),
        chunk_bytes in 1..700usize,
        which in 0..5usize,
        part in 0..5usize,
        kind in prop::option::of(prop::sample::select(Kind::ALL.to_vec())),
    ) {
        let (dialect, parts) = PARTS[which];
        let part = parts[part % parts.len()];
        let text = if as_json { json!({ "a": text, "b": [text.len()] }).to_string() } else { text };
        let kinds = kind.map_or(Kind::ALL.to_vec(), |kind| vec![kind]);
        let rules = rules(&kinds, Action::Redact);
        let whole = not_streamed(dialect, part, &rules, &text);
        let stream = streamed(dialect, part, &rules, &pieces_of(&text, &sizes), chunk_bytes);
        prop_assert_eq!(stream, whole);
    }
}
