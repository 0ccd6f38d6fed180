//! Whether a text is JSON, what it becomes, and that pieces of it make no difference.

use std::sync::Arc;

use super::*;
use crate::detect::Kind;
use crate::guard::{Action, DetectorSettings, Direction, Directions, Policy, Settings};

fn rules(action: Action) -> Arc<Rules> {
    let detectors = vec![DetectorSettings {
        kinds: Kind::ALL.to_vec(),
        action,
        directions: Directions::Output,
    }];
    let settings = Settings { blocklist: vec!["forbidden".to_owned()], detectors };
    Arc::clone(Policy::new(&settings).unwrap().rules(Direction::Output).unwrap())
}

fn becomes(text: &str) -> String {
    let mut findings = Findings::default();
    let new = look_through(&rules(Action::Redact), text, &mut findings).unwrap();
    assert_eq!(new.is_none(), findings.is_empty(), "{text}");
    new.unwrap_or_else(|| text.to_owned())
}

#[test]
fn a_text_that_begins_as_json_is_read_without_its_escapes_up_to_its_end() {
    for (text, expected) in [
        (r#"{"to":"bob\u0040example.com"}"#, r#"{"to":"[REDACTED:email]"}"#),
        (" [\n{ \"n\": 4111111111111111 }]", " [\n{ \"n\": \"[REDACTED:credit_card]\" }]"),
        (r#"["a\nbob@example.com\t"]"#, r#"["a\n[REDACTED:email]\t"]"#),
        (r#"{"bob@example.com":{}}"#, r#"{"[REDACTED:email]":{}}"#),
        (r#"{"a":[1,{"b":2}]} 123-45-6789 \u0031"#, r#"{"a":[1,{"b":2}]} [REDACTED:ssn] \u0031"#),
        ("{\"a\":1}\n{\"b\":\"bob\\u0040example.com\"}", "{\"a\":1}\n{\"b\":\"[REDACTED:email]\"}"),
        // What begins with a bracket, and is words.
        ("[see 123-45-6789]", "[see [REDACTED:ssn]]"),
        ("{ssn} 123-45-6789", "{ssn} [REDACTED:ssn]"),
        ("[1, 123-45-6789]", "[1, [REDACTED:ssn]]"),
        ("[[1]](at) 123-45-6789", "[[1]](at) [REDACTED:ssn]"),
        ("\"123-45-6789\"", "\"[REDACTED:ssn]\""),
        (r"a\nbob@example.com", r"a\[REDACTED:email]"),
        ("", ""),
        ("[", "["),
        ("{\"a\":\"\\u00", "{\"a\":\"\\u00"),
    ] {
        assert_eq!(becomes(text), expected, "{text}");
    }
}

#[test]
fn what_is_left_is_not_looked_at_again() {
    assert_eq!(becomes("forbidden123-45-6789"), "[REDACTED:blocklist]123-45-6789");
}

#[test]
fn a_block_is_told_and_says_nothing_of_the_text() {
    let mut findings = Findings::default();
    let rules = rules(Action::Block);
    let refusal = look_through(&rules, r#"["bob\u0040example.com"]"#, &mut findings).unwrap_err();
    assert!(refusal.to_string().contains("email"), "{refusal}");
    assert_eq!(findings.iter().map(|it| it.count).sum::<u32>(), 1);
}
