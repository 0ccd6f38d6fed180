//! Streams in which nothing is found: byte for byte, and hardly late.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::{Duration, Instant};
use tollgate_providers::Dialect;

use super::rig::{PARTS, Part, events, pass, pipeline, rules};
use crate::detect::Kind;
use crate::guard::Action;
use crate::response::Flow;

const WORDS: [&str; 9] =
    ["In", " 1990", ", the", " café", " sold", " 3", " cups;", " e-mail", " me."];

#[test]
fn a_clean_stream_leaves_byte_for_byte_and_no_event_is_later_than_one_event() {
    for action in [Action::Redact, Action::Block] {
        let rules = rules(&Kind::ALL, action);
        for (dialect, parts) in PARTS {
            for part in parts {
                let stream = events(dialect, *part, &WORDS);
                let mut pipeline = pipeline(dialect, Some(Arc::clone(&rules)));
                let (mut out, mut before) = (Vec::new(), 0);
                for event in &stream {
                    let chunk = Bytes::copy_from_slice(event.as_bytes());
                    let Flow::Forward(bytes) = pipeline.on_chunk(chunk, Instant::now()) else {
                        panic!()
                    };
                    out.extend_from_slice(&bytes);
                    assert!(out.len() >= before, "{dialect:?} {part:?}: late before {event}");
                    before += event.len();
                }
                let Flow::Forward(bytes) = pipeline.on_end(Instant::now()) else { panic!() };
                out.extend_from_slice(&bytes);
                assert_eq!(String::from_utf8(out).unwrap(), stream.concat());
                let seen = pipeline.into_seen();
                assert!(!seen.guarded.unwrap().changed && seen.findings.is_empty());
            }
        }
    }
}

#[test]
fn what_has_no_text_waits_behind_what_is_held() {
    let rules = rules(&[Kind::Ssn], Action::Redact);
    let mut pipeline = pipeline(Dialect::Messages, Some(rules));
    let stream = events(Dialect::Messages, Part::Text, &["it is 123-4", "5 and so on"]);
    let ping = "event: ping\ndata: {\"type\":\"ping\"}\n\n: a comment\n\n";
    let started = Instant::now();
    let mut feed = |chunk: &str, seconds: u64| {
        let at = started + Duration::from_secs(seconds);
        match pipeline.on_chunk(Bytes::copy_from_slice(chunk.as_bytes()), at) {
            Flow::Forward(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(feed(&stream[..2].concat(), 0), stream[..2].concat());
    assert_eq!(feed(&stream[2], 1), "");
    assert_eq!(feed(ping, 2), "");
    assert_eq!(feed(&stream[3], 4), [&stream[2], ping, &stream[3]].concat());
    let guarded = pipeline.into_seen().guarded.unwrap();
    assert_eq!(guarded.held, Some(Duration::from_secs(3)));
}

#[test]
fn rules_that_only_flag_hold_nothing_and_find_the_same() {
    for (dialect, parts) in PARTS {
        for part in parts {
            let rules = rules(&Kind::ALL, Action::Flag);
            let stream = events(dialect, *part, &["it is 123-4", "5-67", "89 and so on"]).concat();
            let mut pipeline = pipeline(dialect, Some(rules));
            for byte in stream.as_bytes().chunks(1) {
                let flow = pipeline.on_chunk(Bytes::copy_from_slice(byte), Instant::now());
                assert_eq!(flow, Flow::Forward(Bytes::copy_from_slice(byte)));
            }
            let _rest = pipeline.on_end(Instant::now());
            let seen = pipeline.into_seen();
            let guarded = seen.guarded.unwrap();
            let found: Vec<_> = seen.findings.iter().map(|it| (it.kind(), it.count)).collect();
            assert_eq!(found, [("ssn", 1)], "{dialect:?} {part:?}");
            assert!(!guarded.changed && guarded.held.is_none());
        }
    }
}

#[test]
fn an_unfinished_last_event_leaves_too() {
    let rules = rules(&[Kind::Ssn], Action::Redact);
    let stream = events(Dialect::Chat, Part::Text, &["it is 123-45", "-6789"]).concat();
    let cut = stream.find("\"finish_reason\":\"stop\"").unwrap();
    for end in [cut, stream.len() - 1, stream.len() - 2] {
        let (out, ..) = pass(Dialect::Chat, &rules, &[stream[..end].as_bytes()]);
        assert!(out.contains("[REDACTED:ssn]") && !out.contains("6789"), "{out}");
        assert!(out.ends_with(&stream[end - 20..end]), "{out}");
    }
}
