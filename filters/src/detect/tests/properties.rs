//! Whatever the text: findings are whole characters, in order, and gone once they are taken out.

use proptest::prelude::*;

use super::{Detectors, Kind};

/// Pieces of which findings are made, so that nearly all texts have some.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "123-45-6789",
        "4111111111111111",
        "4111 1111 1111 1111",
        "415-555-2671",
        "+1 415 555 2671",
        "10.0.0.1",
        "fe80::1",
        "::",
        "bob",
        "@",
        "example.com",
        ".",
        "-",
        " ",
        "sk-",
        "a1B2c3D4e5F6g7H8i9J0",
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJub25lIn0.eyJhIjoxfQ.s",
        "-----BEGIN PRIVATE KEY-----",
        "\n",
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "1",
        "é",
        "界",
        "forbidden",
        "_",
        "(",
        ")",
        "+",
    ]);
    let piece = prop_oneof![9 => pieces.prop_map(str::to_owned), 1 => any::<String>()];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

pub(crate) fn all() -> Detectors {
    Detectors::new(Kind::ALL, ["forbidden", "bidden 1", "4111 forb"]).unwrap()
}

proptest! {
    #[test]
    fn findings_are_whole_characters_in_order_and_apart(text in text()) {
        let mut last = 0;
        for finding in all().find(&text) {
            prop_assert!(finding.range.start >= last && !finding.range.is_empty());
            prop_assert!(text.get(finding.range.clone()).is_some());
            last = finding.range.end;
        }
    }

    #[test]
    fn nothing_is_found_in_what_was_redacted(text in text()) {
        let redacted = all().redact(&text).into_owned();
        prop_assert_eq!(all().find(&redacted), vec![], "{:?} became {:?}", text, redacted);
    }

    #[test]
    fn json_stays_json_and_its_strings_are_clean(texts in prop::collection::vec(text(), 1..4), inner in text()) {
        let arguments = serde_json::json!({ "to": inner, "n": 4_111_111_111_111_111_u64 }).to_string();
        let json = serde_json::json!([{ "content": texts, "arguments": arguments }]).to_string();
        let redacted = all().redact(&json).into_owned();
        let read: serde_json::Value = serde_json::from_str(&redacted).unwrap();
        for text in read[0]["content"].as_array().unwrap() {
            prop_assert_eq!(all().find(text.as_str().unwrap()), vec![]);
        }
        let arguments: serde_json::Value =
            serde_json::from_str(read[0]["arguments"].as_str().unwrap()).unwrap();
        prop_assert_eq!(&arguments["n"], "[REDACTED:credit_card]");
        prop_assert_eq!(all().find(arguments["to"].as_str().unwrap()), vec![]);
    }
}
