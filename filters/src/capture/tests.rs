//! Cutting at N and N + 1, and what is no text.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{json as capture, redacted_json, redacted_text, text};
use crate::detect::{Detectors, Kind};

fn all() -> Detectors {
    Detectors::new(Kind::ALL, ["forbidden"]).unwrap()
}

fn none() -> Detectors {
    Detectors::new([], [""; 0]).unwrap()
}

#[test]
fn what_fits_is_kept_as_written() {
    let raw = "[ {\"a\" : 1.50e3 ,\"b\":\"caf\\u00e9\"} ]";
    let exact = capture(raw, raw.len());
    assert_eq!((&*exact.text, exact.truncated), (raw, false));
    let short = capture(raw, raw.len() - 1);
    assert!(short.truncated && short.text.len() < raw.len());
    assert_eq!(serde_json::from_str::<Value>(&short.text).unwrap()[0]["a"], 1500.0);
}

#[test]
fn a_text_is_cut_between_characters() {
    assert_eq!(text("abé", 4).text, "abé");
    assert!(!text("abé", 4).truncated);
    assert_eq!(text("abé", 3).text, "ab");
    assert!(text("abé", 3).truncated);
}

#[test]
fn what_is_cut_is_json_too() {
    let cut = |raw: &str, bytes_max| capture(raw, bytes_max).text;
    assert_eq!(
        cut(r#"[{"role":"user","content":"abcdef"}]"#, 34),
        r#"[{"role":"user","content":"abcd"}]"#
    );
    assert_eq!(cut(r#"[{"a":"é界"}]"#, 12), r#"[{"a":"é"}]"#, "no half character");
    assert_eq!(cut(r#"[{"a":"x\n\u00e9"}]"#, 15), r#"[{"a":"x\n"}]"#, "no half escape");
    assert_eq!(cut(r#"["\ud83d\ude00"]"#, 15), "[]", "no half pair");
    assert_eq!(cut(r#"[{"a":1},{"b":2}]"#, 12), r#"[{"a":1},{}]"#, "no key without a value");
    assert_eq!(cut(r#"{"a":{"b":[1,2,3]}}"#, 15), r#"{"a":{"b":[1]}}"#);
    assert_eq!(cut(r#""one two""#, 5), r#""one""#);
}

#[test]
fn blobs_are_named_and_not_kept() {
    let png = format!("iVBORw0KGgo{}", "A".repeat(53));
    let jpeg = format!("\\/9j\\/{}", "b".repeat(396));
    let raw = format!(
        r#"[{{"url":"data:image/webp;base64,{png}"}},{{"media_type":"image/png","data":"{png}"}},{{"data":"{jpeg}"}},{{"file_data":"{}"}}]"#,
        "QUJD".repeat(400)
    );
    assert_eq!(
        capture(&raw, 1_000).text,
        r#"[{"url":"[image/webp, 48 bytes]"},{"media_type":"image/png","data":"[image/png, 48 bytes]"},{"data":"[image/jpeg, 300 bytes]"},{"file_data":"[application/octet-stream, 1200 bytes]"}]"#
    );
}

#[test]
fn a_blob_of_sound_is_known_by_what_riff_holds() {
    let of = |head: &str| {
        let raw = format!(r#"{{"data":"{head}{}","format":"wav"}}"#, "A".repeat(64));
        capture(&raw, 100).text
    };
    assert_eq!(of("UklGRmQAAABXQVZF"), r#"{"data":"[audio/wav, 60 bytes]","format":"wav"}"#);
    assert_eq!(of("UklGRkDiAQBXRUJQ"), r#"{"data":"[image/webp, 60 bytes]","format":"wav"}"#);
    assert_eq!(
        of("UklGRkDiAQBXAAAA"),
        r#"{"data":"[application/octet-stream, 60 bytes]","format":"wav"}"#
    );
}

#[test]
fn long_text_is_no_blob() {
    for raw in [
        format!(r#"{{"content":"{}"}}"#, "a".repeat(500)),
        format!(r#"{{"data":"{} words with spaces"}}"#, "a".repeat(500)),
        format!(r#"{{"data":"{}"}}"#, "a".repeat(63)),
        format!(r#"{{"url":"https://example.com/{}"}}"#, "a".repeat(500)),
        format!(r#"{{"url":"data:text/plain,{}"}}"#, "a".repeat(500)),
    ] {
        assert_eq!(capture(&raw, 1_000).text, raw);
    }
}

#[test]
fn a_finding_that_the_cut_goes_through_is_gone() {
    let key = "sk-a1B2c3D4e5F6g7H8i9J0";
    for before in 0..60 {
        let raw =
            json!([{ "content": format!("{} {key} {}", "x".repeat(before), "y".repeat(9_000)) }]);
        let kept = redacted_json(&raw.to_string(), 60, &all());
        assert!(kept.truncated && kept.text.len() <= 60);
        assert!(!kept.text.contains("sk-"), "{}", kept.text);
        let _json: Value = serde_json::from_str(&kept.text).unwrap();
        let plain = format!("{} {key} {}", "x".repeat(before), "y".repeat(9_000));
        assert!(!redacted_text(&plain, 60, &all()).text.contains("sk-"));
    }
}

#[test]
fn marks_that_save_room_do_not_let_half_a_finding_in() {
    let token = format!("eyJhbGciOiJub25lIn0.eyJ{}.s", "a".repeat(30_000));
    let raw = format!("{token} {token} {}sk-a1B2c3D4e5F6g7H8i9J0", "x ".repeat(2_900));
    for bytes_max in raw.len() - 8_000..raw.len() - 7_900 {
        let kept = redacted_text(&raw, bytes_max, &all());
        assert!(!kept.text.contains("sk-"), "{bytes_max}");
    }
}

#[test]
fn without_detectors_the_text_is_only_cut() {
    let kept = redacted_text("bob@example.com", 7, &none());
    assert_eq!((&*kept.text, kept.truncated), ("bob@exa", true));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-zA-Z0-9+/]{60,80}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("data|[a-z]{0,3}|é", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_cut_of_any_container_is_json_within_the_limit(values in prop::collection::vec(any_json(), 0..4), bytes_max in 2_usize..400, ascii in any::<bool>()) {
        let mut raw = Value::from(values).to_string();
        if ascii {
            raw = raw.chars().map(|c| if c.is_ascii() { c.to_string() } else {
                c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
            }).collect();
        }
        let kept = capture(&raw, bytes_max);
        prop_assert!(kept.text.len() <= bytes_max);
        let read: Result<Value, _> = serde_json::from_str(&kept.text);
        prop_assert!(read.is_ok(), "{} of {}", kept.text, raw);
        prop_assert!(kept.truncated || !capture(&raw, bytes_max + 1).truncated);
        let clean = redacted_json(&raw, bytes_max, &all());
        prop_assert!(clean.text.len() <= bytes_max);
        prop_assert!(serde_json::from_str::<Value>(&clean.text).is_ok(), "{} of {}", clean.text, raw);
    }
}
