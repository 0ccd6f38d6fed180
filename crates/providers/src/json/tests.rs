//! The cursor, the text behind escapes, and the condenser, against serde_json where it can judge.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Condenser, Cursor, respaced, string_end, unescape};

#[test]
fn text_without_escapes_is_borrowed() {
    assert!(matches!(unescape("né".as_bytes()), std::borrow::Cow::Borrowed("né")));
}

#[test]
fn escapes_become_what_they_stand_for() {
    assert_eq!(unescape(br#"a\"b\\c\/d\b\f\n\r\te"#), "a\"b\\c/d\u{8}\u{c}\n\r\te");
    assert_eq!(unescape(br"\u00e9\ud83d\uDE00\u0000"), "é\u{1F600}\0");
}

#[test]
fn what_cannot_be_read_becomes_the_replacement_character() {
    for (raw, text) in [
        (&br"\ud83d"[..], "\u{fffd}"),
        (br"\ude00x", "\u{fffd}x"),
        (br"\ud83dx", "\u{fffd}x"),
        (br"\ud83d\n", "\u{fffd}\n"),
        (br"\ud83d\ud83d\ude00", "\u{fffd}\u{1F600}"),
        (b"a\xFFb", "a\u{fffd}b"),
    ] {
        assert_eq!(unescape(raw), text, "{}", raw.escape_ascii());
    }
    for raw in [&br"\"[..], br"\u", br"\u12", br"\u12G4", br"\q", b"\\\xFF"] {
        assert!(unescape(raw).contains('\u{fffd}'), "{}", raw.escape_ascii());
    }
}

#[test]
fn an_object_is_walked_and_what_is_not_asked_for_is_skipped() {
    let text = br#" { "skip" : [ {"}":"]"}, [], "\"" ] , "n": 12.0, "s":"x\"y", "z":null } "#;
    let (mut n, mut s, mut z) = (None, None, None);
    let walked = Cursor::new(text).object(|cursor, key| {
        match key {
            b"n" => n = cursor.count()?,
            b"s" => s = Some(cursor.text()?.decode().into_owned()),
            b"z" => z = Some(cursor.text()?.is_empty()),
            _ => cursor.skip()?,
        }
        Some(())
    });
    assert_eq!(walked, Some(()));
    assert_eq!((n, s.as_deref(), z), (Some(12), Some("x\"y"), Some(true)));
}

#[test]
fn a_text_that_ends_early_is_none() {
    let whole = br#"{"a":{"b":[1,"c"]},"d":true}"#;
    assert_eq!(Cursor::new(whole).skip(), Some(()));
    for at in 0..whole.len() {
        let text = &whole[..at];
        assert_eq!(Cursor::new(text).object(|cursor, _| cursor.skip()), None, "cut at {at}");
    }
}

#[test]
fn counts_beyond_64_bits_and_below_zero_are_none() {
    for text in ["18446744073709551616", "-1", "\"5\"", "null", "[5]"] {
        assert_eq!(Cursor::new(text.as_bytes()).count(), Some(None), "{text}");
    }
    assert_eq!(Cursor::new(b"18446744073709551615").count(), Some(Some(u64::MAX)));
}

#[test]
fn nesting_ends_at_a_bound() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(Cursor::new(nested(super::DEPTH_MAX).as_bytes()).skip(), Some(()));
    assert_eq!(Cursor::new(nested(super::DEPTH_MAX + 1).as_bytes()).skip(), None);
}

#[test]
fn a_string_ends_at_its_quote_wherever_that_lies() {
    for len in 0..80 {
        let plain = "x".repeat(len);
        assert_eq!(string_end(format!("{plain}\"").as_bytes()), Some(len));
        assert_eq!(string_end(format!("{plain}\\\"{plain}\"").as_bytes()), Some(2 * len + 2));
        assert_eq!(string_end(plain.as_bytes()), None);
        assert_eq!(string_end(format!("{plain}\\\"").as_bytes()), None);
    }
}

#[test]
fn a_value_in_place_has_one_spacing() {
    let spaced = respaced(b"{ \"a\":1,\n\"b\" : [ 2,\"x , : \\\" \" ]}");
    assert_eq!(String::from_utf8(spaced).unwrap(), r#"{"a": 1, "b": [2, "x , : \" "]}"#);
}

fn condensed(text: &str, size: usize) -> Value {
    let mut condenser = Condenser::default();
    for piece in text.as_bytes().chunks(size) {
        condenser.push(piece);
    }
    let out = condenser.finish();
    assert!(out.len() <= 64 * 1024);
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn a_condensed_text_keeps_what_comes_behind_long_strings_and_long_arrays() {
    let items: Vec<_> =
        (0..4_000).map(|n| json!({ "id": format!("item{n}"), "deep": [[n]] })).collect();
    let long = json!({
        "a": "\"é\\\u{1}".repeat(50_000),
        "items": items,
        "usage": { "input_tokens": 5, "details": { "cached": 1 } },
    });
    let text = long.to_string();
    for size in [text.len(), 1_000, 7] {
        let short = condensed(&text, size);
        assert_eq!(short["usage"], long["usage"]);
        assert!(short["a"].as_str().unwrap().len() <= 1_100);
        assert_eq!(short["items"][0], long["items"][0]);
    }
}

#[test]
fn a_short_text_is_condensed_to_itself() {
    let value = json!({ "a": ["x\u{1F600}\n", { "b": null, "c": [true, -1.5e3] }], "": {} });
    assert_eq!(condensed(&value.to_string(), 3), value);
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(".{0,6}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn values() -> impl Strategy<Value = serde_json::Value> {
    let text = "[a-z\"\\\\/\\x00-\\x20\\x7fé😀]{0,20}|[a-z ]{0,40}";
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        text.prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 30, 5, move |inner| {
        let members = proptest::collection::vec((text, inner.clone()), 0..5);
        prop_oneof![
            proptest::collection::vec(inner, 0..5).prop_map(serde_json::Value::Array),
            members.prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_value_is_written_as_serde_json_writes_it(value in values()) {
        let mut written = Vec::new();
        super::write(&mut written, &value).unwrap();
        prop_assert_eq!(String::from_utf8(written).unwrap(), value.to_string());
    }

    #[test]
    fn any_string_survives_its_escapes(text in ".{0,60}") {
        let quoted = Value::from(text.clone()).to_string();
        let inner = &quoted[1..quoted.len() - 1];
        prop_assert_eq!(string_end(&quoted.as_bytes()[1..]), Some(inner.len()));
        prop_assert_eq!(unescape(inner.as_bytes()), text);
    }

    #[test]
    fn any_bytes_can_be_unescaped_and_scanned(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _text = unescape(&bytes);
        let _walked = Cursor::new(&bytes).object(|cursor, _| cursor.skip());
        let mut condenser = Condenser::default();
        condenser.push(&bytes);
        let _condensed = condenser.finish();
    }

    #[test]
    fn any_value_is_skipped_to_its_last_byte(value in value()) {
        let text = value.to_string();
        let mut cursor = Cursor::new(text.as_bytes());
        prop_assert_eq!(cursor.raw(), Some(text.as_bytes()));
        prop_assert_eq!(cursor.position(), text.len());
        let spaced: Value = serde_json::from_slice(&respaced(text.as_bytes())).unwrap();
        prop_assert_eq!(spaced, value);
    }
}

#[test]
fn a_condensed_text_keeps_more_behind_the_key_that_was_asked_for() {
    let long = "\\\"é".repeat(4_000);
    let text = format!("{{\"a\": \"{long}\", \"p\" : \"{long}\", \"q\": \"p\", \"n\": 1}}");
    for size in [1, 7, text.len()] {
        let mut condenser = Condenser::keeping(b"\"p\":");
        for piece in text.as_bytes().chunks(size) {
            condenser.push(piece);
        }
        let value: Value = serde_json::from_slice(&condenser.finish()).unwrap();
        let kept = |key: &str| value[key].as_str().unwrap().len();
        assert!(kept("a") < 1_024 && kept("p") == 12_000, "{} and {}", kept("a"), kept("p"));
        assert_eq!((value["q"].as_str(), value["n"].as_u64()), (Some("p"), Some(1)));
    }
}
