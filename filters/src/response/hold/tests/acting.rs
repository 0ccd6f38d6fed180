//! Redact and block, for every detector, dialect, text and split.

use proptest::prelude::*;
use tokio::time::Instant;
use tollgate_providers::error_body::ErrorBody;

use super::rig::{PARTS, Part, events, marked, pass, read, rules, rules_of};
use crate::detect::Kind;
use crate::detect::tests::{SAMPLES, pieces_of};
use crate::guard::reading::look_through;
use crate::guard::{Action, Cause, Findings, What};
use crate::response::Flow;

/// The text as the deltas of `part` have it: arguments are JSON.
fn written(part: Part, text: &str) -> String {
    if part == Part::Arguments {
        serde_json::json!({ "to": text, "n": 5 }).to_string()
    } else {
        text.to_owned()
    }
}

/// What a caller should read of it.
fn expected(part: Part, rules: &crate::guard::Rules, text: &str) -> String {
    let compact: String = text.split_ascii_whitespace().collect();
    let is_json = ["{\"", "{}", "[{", "[\""].iter().any(|begins| compact.starts_with(begins));
    if is_json && part != Part::Arguments {
        // Its own tests say what JSON becomes.
        let new = look_through(rules, text, &mut Findings::default()).unwrap();
        return new.unwrap_or_else(|| text.to_owned());
    }
    written(part, &marked(rules, text))
}

fn cuts(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let two = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).map(|at| {
        let (left, right) = text.split_at(at);
        vec![left, right]
    });
    let each = text.char_indices().map(|(at, char)| &text[at..at + char.len_utf8()]).collect();
    two.chain([each])
}

#[test]
fn every_match_is_redacted_in_place_in_every_dialect_however_the_deltas_cut_it() {
    for (dialect, parts) in PARTS {
        for part in parts {
            for (kind, sample) in SAMPLES {
                let rules = rules(&[kind], Action::Redact);
                let text = written(*part, &format!("é Say {sample}, then go on"));
                for pieces in cuts(&text) {
                    let stream = events(dialect, *part, &pieces);
                    let chunks: Vec<&[u8]> = stream.iter().map(|event| event.as_bytes()).collect();
                    let (out, pipeline, ended) = pass(dialect, &rules, &chunks);
                    assert_eq!(ended, None);
                    let said = expected(*part, &rules, &format!("é Say {sample}, then go on"));
                    assert_eq!(read(dialect, &out), said, "{dialect:?} {part:?} {pieces:?}\n{out}");
                    let written = serde_json::json!(sample).to_string();
                    let written = written.trim_matches('"');
                    assert!(!out.replace("Never say Forbidden", "").contains(written), "{out}");
                    assert_eq!(
                        out.matches("\n\n").count(),
                        stream.len(),
                        "an event is missing: {out}"
                    );
                    let seen = pipeline.into_seen();
                    let guarded = seen.guarded.unwrap();
                    let found: Vec<_> = seen.findings.iter().collect();
                    assert_eq!(found.len(), 1);
                    assert_eq!((&found[0].what, found[0].count), (&What::Shape(kind), 1));
                    assert!(guarded.changed && guarded.refusal.is_none());
                    assert!(!format!("{:?}", seen.transcript).contains(sample));
                }
            }
        }
    }
}

#[test]
fn the_chunks_that_a_stream_comes_in_make_no_difference() {
    let rules = rules(&Kind::ALL, Action::Redact);
    for (dialect, parts) in PARTS {
        for part in parts {
            let text = "call 415-555-2671, bob@example.com";
            let all = written(*part, text);
            let (left, right) = all.split_at(all.len() / 2);
            let (middle, right) = right.split_at(right.len() / 2);
            for (ends, step) in [("\n", 1 + 4 * usize::from(*part != Part::Text)), ("\r\n", 11)] {
                let stream = events(dialect, *part, &[left, middle, right]).concat();
                let stream = stream.replace('\n', ends);
                let (whole, ..) = pass(dialect, &rules, &[stream.as_bytes()]);
                assert_eq!(read(dialect, &whole), expected(*part, &rules, text));
                for at in (0..=stream.len()).step_by(step) {
                    let (left, right) = stream.as_bytes().split_at(at);
                    let (out, ..) = pass(dialect, &rules, &[left, right]);
                    assert_eq!(out, whole, "{dialect:?} cut at {at}");
                }
                let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
                assert_eq!(pass(dialect, &rules, &bytes).0, whole);
            }
        }
    }
}

#[test]
fn a_block_ends_the_stream_before_anything_of_the_match_has_left() {
    for (dialect, parts) in PARTS {
        for part in parts {
            for (kind, sample) in SAMPLES {
                let rules = rules(&[kind], Action::Block);
                let text = written(*part, &format!("é Say {sample}, then go on"));
                let start = text.find("Say ").unwrap() + 4;
                for pieces in cuts(&text) {
                    let stream = events(dialect, *part, &pieces);
                    let chunks: Vec<&[u8]> = stream.iter().map(|event| event.as_bytes()).collect();
                    let (out, mut pipeline, ended) = pass(dialect, &rules, &chunks);
                    let Some(Flow::Blocked(refusal)) = ended else {
                        panic!("{ended:?} {pieces:?}")
                    };
                    assert_eq!((refusal.what, refusal.cause), (What::Shape(kind), Cause::Found));
                    let status = http::StatusCode::BAD_REQUEST;
                    let error = ErrorBody {
                        status,
                        code: "guardrail",
                        message: "no",
                        param: None,
                        request_id: "r",
                    };
                    let last = pipeline.end_with_error(dialect, &error, Instant::now()).unwrap();
                    let out = out + std::str::from_utf8(&last).unwrap();
                    assert!(text[..start].starts_with(&read(dialect, &out)), "{out}");
                    assert!(out.ends_with("\n\n") && out.contains("\"no\""), "{out}");
                    let seen = pipeline.into_seen();
                    let guarded = seen.guarded.unwrap();
                    assert!(guarded.changed && guarded.refusal.is_some());
                    assert_eq!(seen.findings.iter().count(), 1);
                }
            }
        }
    }
}

#[test]
fn rules_of_all_actions_hold_at_once() {
    let rules = rules_of(&[
        (&[Kind::Email], Action::Flag),
        (&[Kind::Ssn, Kind::Phone], Action::Redact),
        (&[Kind::Blocklist, Kind::ApiKey], Action::Block),
    ]);
    let (dialect, part) = (tollgate_providers::Dialect::Chat, Part::Text);
    let pieces = ["bob@exam", "ple.com 123-", "45-6789 sk-a1B2c3D4", "e5F6g7H8i9J0 and more"];
    let stream = events(dialect, part, &pieces).concat();
    let (out, pipeline, ended) = pass(dialect, &rules, &[stream.as_bytes()]);
    assert!(matches!(ended, Some(Flow::Blocked(_))) && out.is_empty());
    let findings = pipeline.into_seen().findings;
    let told: Vec<_> = findings.iter().map(|it| (it.kind().to_owned(), it.action)).collect();
    let expected = [("email", Action::Flag), ("ssn", Action::Redact), ("api_key", Action::Block)];
    assert_eq!(told, expected.map(|(kind, action)| (kind.to_owned(), action)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_a_caller_reads_is_what_the_whole_text_becomes(
        text in crate::detect::tests::properties::text(),
        sizes in prop::collection::vec(1..30usize, 1..6),
        chunk in 1..700usize,
        which in 0..5usize,
        part in 0..5usize,
    ) {
        let (dialect, parts) = PARTS[which];
        let part = parts[part % parts.len()];
        let rules = rules(&Kind::ALL, Action::Redact);
        let all = written(part, &text);
        let pieces = pieces_of(&all, &sizes);
        let stream = events(dialect, part, &pieces).concat();
        let chunks: Vec<&[u8]> = stream.as_bytes().chunks(chunk).collect();
        let (out, ..) = pass(dialect, &rules, &chunks);
        prop_assert_eq!(read(dialect, &out), expected(part, &rules, &text));
        let clean = expected(part, &rules, &text) == written(part, &text);
        prop_assert_eq!(out == stream, clean);
    }
}
