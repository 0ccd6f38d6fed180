//! An answer in pieces: held, passed, too long, unreadable.

use super::*;
use crate::detect::Kind;
use crate::guard::{Action, DetectorSettings, Direction, Directions, Policy, Settings};

fn answer(action: Action, encoded: bool) -> Answer {
    let kinds = vec![Kind::Email];
    let detectors = vec![DetectorSettings { kinds, action, directions: Directions::Output }];
    let policy = Policy::new(&Settings { blocklist: Vec::new(), detectors }).unwrap();
    Answer::new(Arc::clone(policy.rules(Direction::Output).unwrap()), encoded)
}

const BODY: &str = r#"{"choices":[{"message":{"content":"to bob@example.com"}}]}"#;

/// What leaves of a body that comes in two pieces: at once, and at the end.
fn pass(answer: &mut Answer, body: &str, cut: usize) -> Result<(String, String), Refusal> {
    let (first, last) = body.split_at(cut);
    let now = answer.on_chunk(Bytes::copy_from_slice(first.as_bytes()))?;
    let then = answer.on_end(Bytes::copy_from_slice(last.as_bytes()))?;
    let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    Ok((text(now), text(then)))
}

#[test]
fn a_rule_that_acts_holds_all_of_it_wherever_it_is_cut() {
    for cut in 0..=BODY.len() {
        let mut redacts = answer(Action::Redact, false);
        let (now, then) = pass(&mut redacts, BODY, cut).unwrap();
        assert_eq!((now.as_str(), then.contains("to [REDACTED:email]\"")), ("", true), "{cut}");
        let found: Vec<u32> = redacts.into_findings().iter().map(|it| it.count).collect();
        assert_eq!(found, [1]);
        let mut blocks = answer(Action::Block, false);
        assert_eq!(pass(&mut blocks, BODY, cut).unwrap_err().cause, Cause::Found);
    }
}

#[test]
fn a_flag_lets_it_pass_as_it_comes() {
    for cut in 0..=BODY.len() {
        let mut flags = answer(Action::Flag, false);
        let (now, then) = pass(&mut flags, BODY, cut).unwrap();
        assert_eq!((&*now, &*then), BODY.split_at(cut));
        assert_eq!(flags.into_findings().iter().count(), 1);
    }
}

#[test]
fn an_answer_at_the_limit_is_looked_through_and_one_byte_more_is_not() {
    let long = |bytes: usize| format!("\"{}\"", "a".repeat(bytes - 2));
    let (fits, over) = (long(ANSWER_BYTES_MAX), long(ANSWER_BYTES_MAX + 1));
    let (_, then) = pass(&mut answer(Action::Block, false), &fits, 9).unwrap();
    assert_eq!(then.len(), ANSWER_BYTES_MAX);
    let refusal = pass(&mut answer(Action::Block, false), &over, 9).unwrap_err();
    assert_eq!(refusal.cause, Cause::TooLong { bytes_max: ANSWER_BYTES_MAX });
    let mut flags = answer(Action::Flag, false);
    let (now, then) = pass(&mut flags, &over, 9).unwrap();
    assert_eq!(now.len() + then.len(), over.len());
    assert!(flags.too_long());
}

#[test]
fn a_compressed_answer_passes_no_rule_that_acts() {
    let refusal = pass(&mut answer(Action::Redact, true), BODY, 9).unwrap_err();
    assert_eq!(refusal.cause, Cause::Unreadable);
    assert!(pass(&mut answer(Action::Flag, true), BODY, 9).is_ok());
}
