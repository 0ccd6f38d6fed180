//! Texts and JSON without what was found.

use crate::detect::{Detectors, Kind};

fn redact(text: &str) -> String {
    Detectors::new(Kind::ALL, ["nightjar", "redacted", "2 b"]).unwrap().redact(text).into_owned()
}

#[test]
fn a_mark_stands_in_place_of_a_finding() {
    assert_eq!(
        redact("Mail bob@example.com or call 415-555-2671."),
        "Mail [REDACTED:email] or call [REDACTED:phone]."
    );
    assert_eq!(redact("nothing here"), "nothing here");
    assert_eq!(redact(""), "");
}

#[test]
fn a_match_is_found_under_its_escapes() {
    assert_eq!(
        redact(r#"[{"content":"to bob\u0040example.com\n\u0031\u0030.0.0.1"}]"#),
        r#"[{"content":"to [REDACTED:email]\n[REDACTED:ip_address]"}]"#
    );
}

#[test]
fn an_escape_before_a_match_is_no_letter() {
    assert_eq!(redact(r#""\n123-45-6789\t""#), r#""\n[REDACTED:ssn]\t""#);
}

#[test]
fn what_has_no_finding_keeps_its_bytes() {
    let json = r#"{ "a" : "caf\u00e9 \/" , "n" : 1.50e3, "x":12345678901234567890 }"#;
    assert_eq!(redact(json), json);
    let mixed = r#"{ "a" : "caf\u00e9" , "b":"bob@example.com" }"#;
    assert_eq!(redact(mixed), r#"{ "a" : "caf\u00e9" , "b":"[REDACTED:email]" }"#);
}

#[test]
fn a_number_becomes_a_string() {
    assert_eq!(redact(r#"{"card":4111111111111111}"#), r#"{"card":"[REDACTED:credit_card]"}"#);
    assert_eq!(redact("[4111111111111111,-1]"), r#"["[REDACTED:credit_card]",-1]"#);
}

#[test]
fn arguments_in_a_string_stay_json() {
    let json = r#"{"arguments":"{\"card\":4111111111111111,\"to\":\"bob\\u0040example.com\"}"}"#;
    let read: serde_json::Value = serde_json::from_str(&redact(json)).unwrap();
    assert_eq!(read["arguments"], r#"{"card":"[REDACTED:credit_card]","to":"[REDACTED:email]"}"#);
}

#[test]
fn half_of_a_json_text_is_redacted_too() {
    assert_eq!(
        redact(r#"{"to":"bob\u0040example.com","n":"x"#),
        r#"{"to":"[REDACTED:email]","n":"x"#
    );
    assert_eq!(redact(r#"{"to":"bob\u0040example.com"#), r#"{"to":"[REDACTED:email]"#);
    assert_eq!(redact(r#"{"to":"bob@example.com"#), r#"{"to":"[REDACTED:email]"#);
}

#[test]
fn a_phrase_does_not_eat_marks_and_uncovers_nothing() {
    assert_eq!(redact("bob@example.com"), "[REDACTED:email]", "though the mark has the phrase");
    assert_eq!(redact("nightjar123-45-6789"), "[REDACTED:blocklist][REDACTED:ssn]");
    assert_eq!(redact("10.0.0.2 b"), "[REDACTED:ip_address]", "what overlaps is one");
}

#[test]
fn nothing_to_look_for_changes_nothing() {
    let none = Detectors::new([], [""; 0]).unwrap();
    assert!(matches!(
        none.redact("bob@example.com"),
        std::borrow::Cow::Borrowed("bob@example.com")
    ));
}
