//! The same judgement as a parser that has the whole text, wherever the pieces are cut.

use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::{DEPTH_MAX, Judgement, ObjectCheck};

fn judged<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Judgement {
    let mut check = ObjectCheck::default();
    for piece in pieces {
        check.push(piece);
    }
    check.judge()
}

/// What a whole parser says.
fn reference(text: &[u8]) -> Judgement {
    let text = String::from_utf8_lossy(text);
    let trimmed = text.trim_matches([' ', '\t', '\n', '\r']);
    let is_json = serde_json::from_str::<IgnoredAny>(&text).is_ok();
    if trimmed.is_empty() || (is_json && trimmed.starts_with('{')) {
        Judgement::Object
    } else {
        Judgement::NoObject
    }
}

/// The judgement of a text, cut everywhere, must be the reference's; escaped once more, too.
fn agrees(text: &[u8]) {
    let expected = reference(text);
    let escaped = serde_json::to_string(&String::from_utf8_lossy(text)).unwrap();
    let escaped = &escaped.as_bytes()[1..escaped.len() - 1];
    for at in 0..=text.len() {
        let (a, b) = text.split_at(at);
        assert_eq!(judged([a, b]), expected, "{:?} cut at {at}", String::from_utf8_lossy(text));
    }
    for at in 0..=escaped.len() {
        let mut check = ObjectCheck::default();
        check.push_escaped(&escaped[..at]);
        check.push_escaped(&escaped[at..]);
        assert_eq!(check.judge(), expected, "{:?}", String::from_utf8_lossy(escaped));
    }
}

#[test]
fn objects_are_told_from_everything_else_wherever_they_are_cut() {
    for text in [
        "",
        "  \n",
        "{}",
        " { } ",
        r#"{"city":"Paris","n":[1,-0.5e+3,0,true,false,null,{}],"":{"a":[]}}"#,
        r#"{"q":"\"\\\/\b\f\n\r\t\u00e9\uD83D é 日本"}"#,
        "{",
        "{}}",
        "{}{}",
        "[]",
        "5",
        "null",
        "\"{}\"",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{,}"#,
        r#"{"a":[1,]}"#,
        r#"{"a":[1 2]}"#,
        r#"{"a":[}"#,
        r#"{"a":{]}"#,
        r#"{a:1}"#,
        r#"{'a':1}"#,
        r#"{"a":01}"#,
        r#"{"a":-}"#,
        r#"{"a":1.}"#,
        r#"{"a":.5}"#,
        r#"{"a":1e}"#,
        r#"{"a":1e+}"#,
        r#"{"a":tru}"#,
        r#"{"a":truee}"#,
        r#"{"a":"\x"}"#,
        r#"{"a":"\u12g4"}"#,
        "{\"a\":\"\t\"}",
        "{\"a\":\"open",
        r#"{"a":1}x"#,
        "\u{feff}{}",
        "{\"a\":1\u{a0}}",
    ] {
        agrees(text.as_bytes());
    }
    agrees(b"{\"a\":\"\xff\"}");
    agrees(b"{\xff}");
}

#[test]
fn what_nests_too_deep_is_not_judged() {
    let nested = |depth: u32| {
        let inner = depth as usize - 1;
        format!("{{\"a\":{}{}}}", "[".repeat(inner), "]".repeat(inner))
    };
    assert_eq!(judged([nested(DEPTH_MAX).as_bytes()]), Judgement::Object);
    assert_eq!(judged([nested(DEPTH_MAX + 1).as_bytes()]), Judgement::TooDeep);
}

#[test]
fn an_escape_that_is_broken_is_no_json() {
    for raw in [r#"{\"a\":\"\q\"}"#, r"{\u007", r"{\"] {
        let mut check = ObjectCheck::default();
        check.push_escaped(raw.as_bytes());
        let expected = if raw.contains('q') { Judgement::Object } else { Judgement::NoObject };
        assert_eq!(check.judge(), expected, "{raw}: a broken escape is some character");
    }
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "\\PC{0,8}".prop_map(Into::into),
        "[\"\\\\\n\u{1}é日]{0,4}".prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            proptest::collection::btree_map("\\PC{0,4}", inner, 0..5)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_serde_writes_is_judged_at_every_cut(value in value(), pretty in any::<bool>()) {
        let text = if pretty {
            serde_json::to_string_pretty(&value).unwrap()
        } else {
            value.to_string()
        };
        agrees(text.as_bytes());
    }

    #[test]
    fn a_text_with_one_byte_changed_is_judged_as_serde_judges_it(
        value in value(), at in any::<proptest::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()
    ) {
        let mut text = serde_json::json!({ "a": value }).to_string().into_bytes();
        let at = at.index(text.len());
        if cut { text.truncate(at) } else { text[at] = byte }
        prop_assert_eq!(judged([&text[..]]), reference(&text));
    }

    #[test]
    fn any_text_of_json_characters_is_judged_as_serde_judges_it(
        text in r#"[{}\[\]",:0-9eE+\-. a\\utrlsnf]{0,24}"#
    ) {
        agrees(text.as_bytes());
    }
}
