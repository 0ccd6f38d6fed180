//! Whole bodies: what goes on, byte for byte, and what does not.

use bytes::Bytes;

use super::*;
use crate::detect::Kind;
use crate::guard::{DetectorSettings, Direction, Directions, Policy, Settings};

const KEY: &str = "sk-proj-a1B2c3D4e5F6g7H8i9J0";

fn rules(wanted: &[(&str, Action)]) -> std::sync::Arc<Rules> {
    let detectors = wanted.iter().map(|(name, action)| DetectorSettings {
        kinds: Kind::named(name),
        action: *action,
        directions: Directions::Both,
    });
    let blocklist = vec!["internal only".to_owned()];
    let detectors = detectors.collect();
    let settings = Settings { blocklist, detectors };
    let policy = Policy::new(&settings).unwrap();
    std::sync::Arc::clone(policy.rules(Direction::Input).unwrap())
}

fn scan(rules: &Rules, body: &str) -> Scanned {
    rules.scan_json(&Bytes::copy_from_slice(body.as_bytes()))
}

fn told(scanned: &Scanned) -> Vec<(&str, &str, u32)> {
    scanned.findings.iter().map(|it| (it.kind(), it.action.name(), it.count)).collect()
}

#[test]
fn a_phrase_is_found_in_every_place_where_a_model_reads() {
    let rules = rules(&[("blocklist", Action::Block)]);
    for body in [
        r#"{"messages":[{"role":"user","content":"This is INTERNAL Only."}]}"#,
        r#"{"messages":[{"role":"user","content":[{"type":"text","text":"internal only"}]}]}"#,
        r#"{"messages":[{"role":"tool","tool_call_id":"c","content":"internal only"}]}"#,
        r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":\"\\u0069nternal only\"}"}}]}]}"#,
        r#"{"system":"internal only","messages":[]}"#,
        r#"{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"internal only"}]}]}]}"#,
        r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{"id":"internal only"}}]}]}"#,
        r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{"internal only":1}}]}]}"#,
        r#"{"input":"\u0069nternal\u0020only"}"#,
        r#"{"input":[{"type":"function_call_output","call_id":"c","output":"internal only"}]}"#,
        r#"{"input":["fine","internal only"]}"#,
        r#"{"instructions":"internal only","input":"x"}"#,
        r#"{"prompt":"internal only"}"#,
        r#"{"query":"x","documents":[{"text":"internal only"}]}"#,
        r#"{"tools":[{"type":"function","function":{"name":"f","description":"internal only"}}]}"#,
        r#"{"tools":[{"name":"f","input_schema":{"properties":{"a":{"description":"internal only"}}}}]}"#,
        r#"{"messages":[{"role":"user","content":"\ud800 \u0069nternal only"}]}"#,
        r#"{"a_field_of_tomorrow":{"deep":[["internal only"]]}}"#,
    ] {
        let scanned = scan(&rules, body);
        let refusal = scanned.refusal.unwrap_or_else(|| panic!("missed in {body}"));
        assert_eq!(
            refusal.to_string(),
            "the guardrail `blocklist` blocked the request: it contains `blocklist`"
        );
    }
    for body in [
        r#"{"messages":[{"role":"user","content":"internal"},{"role":"user","content":" only"}]}"#,
        r#"{"model":"internal only","messages":[]}"#,
    ] {
        assert_eq!(scan(&rules, body), Scanned::default(), "{body}");
    }
}

#[test]
fn a_flag_tells_and_changes_nothing() {
    let rules = rules(&[("pii", Action::Flag), ("secrets", Action::Flag)]);
    let body = format!(r#"{{"input":["a@b.example and b@b.example","{KEY}"]}}"#);
    let scanned = scan(&rules, &body);
    assert_eq!(told(&scanned), [("email", "flag", 2), ("api_key", "flag", 1)]);
    assert_eq!((scanned.changed, scanned.refusal), (None, None));
}

#[test]
fn redaction_keeps_all_other_bytes() {
    let rules = rules(&[("pii", Action::Redact)]);
    let body = r#"{ "model" : "m", "odd": 1.50e1 , "messages":[{"role":"user","content":"to a@b.example \u2028"},
        {"role":"user" ,"content":"\u00e9 stays"},{"content":[{"input":{"card": 4111111111111111, "n": 2}}]},
        {"arguments":"{\"mail\":\"\\u0061@b.example\"}"}]}"#;
    let scanned = scan(&rules, body);
    let changed = scanned.changed.unwrap();
    let expected = r#"{ "model" : "m", "odd": 1.50e1 , "messages":[{"role":"user","content":"to [REDACTED:email] MARK"},
        {"role":"user" ,"content":"\u00e9 stays"},{"content":[{"input":{"card": "[REDACTED:credit_card]", "n": 2}}]},
        {"arguments":"{\"mail\":\"[REDACTED:email]\"}"}]}"#.replace("MARK", "\u{2028}");
    assert_eq!(std::str::from_utf8(&changed).unwrap(), expected);
    assert!(scan(&rules, std::str::from_utf8(&changed).unwrap()).findings.is_empty());
}

#[test]
fn the_first_rule_that_blocks_ends_it_and_dearer_ones_are_not_asked() {
    let rules =
        rules(&[("secrets", Action::Block), ("pii", Action::Block), ("blocklist", Action::Flag)]);
    let body = format!(r#"{{"input":["{KEY}","a@b.example","internal only"]}}"#);
    let scanned = scan(&rules, &body);
    assert_eq!(told(&scanned), [("blocklist", "flag", 1), ("email", "block", 1)]);
    assert_eq!(scanned.refusal.unwrap().what, What::Shape(Kind::Email));
}

#[test]
fn what_repeats_a_redacted_text_in_pieces_goes_with_it() {
    let rules = rules(&[("pii", Action::Redact)]);
    let body = r#"{"choices":[{"message":{"content":"a@b.example"},"logprobs":{"content":[{"token":"a@"}]}}]}"#;
    let expected = r#"{"choices":[{"message":{"content":"[REDACTED:email]"},"logprobs":null}]}"#;
    assert_eq!(scan(&rules, body).changed.unwrap(), expected);
    let clean = body.replace("a@b.example", "nothing");
    assert_eq!(scan(&rules, &clean), Scanned::default());
}

#[test]
fn a_body_that_is_no_json_is_one_text_and_one_that_is_no_text_does_not_pass() {
    let redacts = rules(&[("pii", Action::Redact)]);
    let changed = redacts.scan_body(&Bytes::from_static(b"<p>a@b.example</p>")).changed;
    assert_eq!(changed.unwrap(), "<p>[REDACTED:email]</p>");
    let bytes = Bytes::from_static(b"\x1f\x8b\x08\xff");
    let refusal = redacts.scan_body(&bytes).refusal.unwrap();
    assert_eq!(refusal.cause, Cause::Unreadable);
    let flags = rules(&[("pii", Action::Flag)]);
    assert_eq!(flags.scan_body(&bytes), Scanned::default());
}

#[test]
fn no_refusal_and_no_finding_repeats_what_was_found() {
    let rules = rules(&[("secrets", Action::Block)]);
    let scanned = scan(&rules, &format!(r#"{{"input":"{KEY}"}}"#));
    let all = format!("{scanned:?} {}", scanned.refusal.as_ref().unwrap());
    assert!(!all.contains("a1B2"), "{all}");
}
