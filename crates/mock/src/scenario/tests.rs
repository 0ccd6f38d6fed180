//! Scenarios as JSON, their limits, and how texts are cut.

use std::collections::BTreeMap;

use super::{
    EVENT_BYTES_MAX, Fault, Fragments, GENERATED_BYTES_MAX, Piece, STREAM_EVENTS_MAX, Scenario,
};

fn pieces(text: &str) -> Vec<String> {
    Fragments::from(text).0
}

#[test]
fn texts_are_cut_before_blanks_and_long_words_once_more() {
    assert_eq!(pieces("Hello there, friend"), ["Hello", " there,", " friend"]);
    assert_eq!(pieces("  two\n\nlines"), ["  two", "\n\nlines"]);
    assert_eq!(pieces("0123456789ab"), ["0123456789ab"]);
    assert_eq!(pieces("0123456789abc"), ["012345", "6789ab", "c"]);
    assert!(pieces("").is_empty());
    let mixed = "héllo wörld 😀😀😀😀😀😀😀😀😀😀😀😀😀😀  end ";
    assert_eq!(Fragments::from(mixed).concat(), mixed);
}

#[test]
fn every_fault_survives_json() {
    let headers = BTreeMap::from([("retry-after".to_owned(), "1".to_owned())]);
    let faults = [
        (Fault::Status { code: 429, body: None, headers }, r#"{"status":{"#),
        (Fault::RefuseAfterAccept, r#""refuse_after_accept""#),
        (Fault::Reset, r#""reset""#),
        (Fault::ResetAfterEvents(1), r#"{"reset_after_events":1}"#),
        (Fault::HangHead, r#""hang_head""#),
        (Fault::Stall { after_events: 2 }, r#"{"stall":{"after_events":2}}"#),
        (Fault::CutAfterEvents(3), r#"{"cut_after_events":3}"#),
        (Fault::CutAfterBytes(4), r#"{"cut_after_bytes":4}"#),
        (Fault::ErrorEventAfter(5), r#"{"error_event_after":5}"#),
        (Fault::Garbage, r#""garbage""#),
        (Fault::SlowBytes { bytes: 1, gap_ms: 2 }, r#"{"slow_bytes":{"bytes":1,"gap_ms":2}}"#),
        (Fault::NoDone, r#""no_done""#),
        (Fault::NoUsage, r#""no_usage""#),
        (Fault::BadContentType, r#""bad_content_type""#),
        (Fault::Truncated, r#""truncated""#),
    ];
    for (fault, json) in faults {
        let written = serde_json::to_string(&fault).unwrap();
        assert!(written.starts_with(json), "{written}");
        assert_eq!(serde_json::from_str::<Fault>(&written).unwrap(), fault);
    }
    let bare: Fault = serde_json::from_str(r#"{"status":{"code":500}}"#).unwrap();
    assert_eq!(Scenario::fault(bare), Scenario::status(500));
}

#[test]
fn a_scenario_is_read_from_json_with_defaults_and_without_unknown_fields() {
    let json = r#"{
        "content": [
            {"reasoning": "Let me see."},
            {"text": ["one", "two"]},
            {"tool_call": {"name": "f", "arguments": ["{", "}"]}}
        ],
        "usage": null,
        "first_delay_ms": 5
    }"#;
    let scenario: Scenario = serde_json::from_str(json).unwrap();
    assert_eq!(scenario.content[0], Piece::reasoning("Let me see."));
    assert_eq!(scenario.content[1], Piece::Text(Fragments(vec!["one".into(), "two".into()])));
    assert_eq!((scenario.usage, scenario.first_delay_ms), (None, 5));
    assert_eq!(serde_json::from_str::<Scenario>("{}").unwrap(), Scenario::default());
    assert!(serde_json::from_str::<Scenario>(r#"{"delay":1}"#).is_err());
    let written = serde_json::to_string(&scenario).unwrap();
    assert_eq!(serde_json::from_str::<Scenario>(&written).unwrap(), scenario);
}

#[test]
fn each_limit_holds_at_its_number_and_not_one_above() {
    let problem = |events, bytes| Scenario::load(events, bytes, 0).problem();
    assert_eq!(problem(STREAM_EVENTS_MAX, 1), None);
    assert!(problem(STREAM_EVENTS_MAX + 1, 1).unwrap().contains("stream_events"));
    assert_eq!(problem(1, EVENT_BYTES_MAX), None);
    assert!(problem(1, EVENT_BYTES_MAX + 1).unwrap().contains("event_bytes"));
    let events = GENERATED_BYTES_MAX / EVENT_BYTES_MAX;
    assert_eq!(problem(events, EVENT_BYTES_MAX), None);
    assert!(problem(events + 1, EVENT_BYTES_MAX).is_some());
}

#[test]
fn what_is_no_header_or_no_status_is_a_problem() {
    let headers = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let with = |name, value| Scenario { headers: headers(name, value), ..Scenario::default() };
    assert_eq!(with("x-ok", "yes").problem(), None);
    assert!(with("not ok", "yes").problem().is_some());
    assert!(with("x-ok", "a\r\nb").problem().is_some());
    let status = |code, name| {
        Scenario::fault(Fault::Status { code, body: None, headers: headers(name, "1") }).problem()
    };
    assert_eq!(status(200, "a"), None);
    assert!(status(199, "a").is_some() && status(1000, "a").is_some());
    assert!(status(500, "a b").is_some());
}
