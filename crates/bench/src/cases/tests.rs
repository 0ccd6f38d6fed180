//! Every case does the work it is named for, as often as it is asked.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use tollgate_providers::translate::{Target, translate_request};
use tollgate_providers::{Capabilities, Dialect};

use super::{READ_PIECES, STORED, TIMES, every};
use crate::chunks::{Way, pass};
use crate::stack::body;
use crate::streams::all;

#[test]
fn every_case_does_all_of_its_work_each_time_it_is_asked() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut cases = every(folder.path()).unwrap();
    for case in &mut cases {
        let expected = match case.unit {
            "row" => usize::try_from(STORED).unwrap() * 2,
            "event" if case.name.contains("16 KiB") => READ_PIECES,
            _ => TIMES,
        };
        for turn in 1..=2 {
            let done = case.ready().unwrap()();
            assert_eq!(done, expected, "{}, turn {turn}", case.name);
        }
    }
}

#[test]
fn no_two_cases_have_the_same_name() {
    let folder = tempfile::TempDir::new().unwrap();
    let cases = every(folder.path()).unwrap();
    let mut names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len());
}

#[test]
fn every_stream_can_be_said_in_every_dialect_of_callers() {
    for stream in all(100) {
        for caller in [Dialect::Chat, Dialect::Messages, Dialect::Responses] {
            if caller != stream.dialect {
                let left = pass(stream.dialect, &stream.events, &Way::Translate(caller));
                let bytes = stream.bytes().len();
                assert!(left > bytes / 4, "{} to {caller:?}: {left} of {bytes}", stream.name);
            }
        }
        let left = pass(stream.dialect, &stream.events, &Way::Pass);
        assert_eq!(left, stream.bytes().len(), "{} as it is", stream.name);
    }
}

#[test]
fn the_request_can_be_said_in_every_dialect_of_upstreams() {
    for upstream in [Dialect::Messages, Dialect::Responses, Dialect::Cohere, Dialect::Gemini] {
        let target = Target {
            model: "some-model",
            capabilities: Capabilities::assumed(upstream),
            temperature: None,
            max_tokens: Some(256),
        };
        let said = translate_request(Dialect::Chat, upstream, &body("0.7", ""), &target);
        assert_eq!(said.map(|said| said.dropped), Ok(Vec::new()), "{upstream:?}");
    }
}
