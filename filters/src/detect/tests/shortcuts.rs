//! What makes scans fast changes nothing of what they find.

use aho_corasick::{AhoCorasick, MatchKind};
use proptest::prelude::*;

use super::super::phrases::Phrases;
use super::super::{begins, look};
use super::{Detectors, Kind};

/// Few letters, so that phrases and texts have much in common.
fn words(length: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = String> {
    let letters = prop::sample::select(vec!['a', 'A', 'b', 'B', 'c', ' ', '@', '`', 'é', '\u{0}']);
    prop::collection::vec(letters, length).prop_map(|letters| letters.into_iter().collect())
}

proptest! {
    #[test]
    fn the_sieve_holds_back_no_text_that_has_a_phrase(
        phrases in prop::collection::vec(words(1..=9), 1..5),
        text in words(0..=80),
    ) {
        let mut found = Vec::new();
        Phrases::new(&phrases).unwrap().unwrap().find(&text, &mut found);
        let found: Vec<_> = found.into_iter().map(|it| it.range).collect();
        let plain = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(true)
            .build(&phrases)
            .unwrap();
        let expected: Vec<_> = plain.find_iter(&text).map(|it| it.range()).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_word_shows_the_same_beginnings_as_its_bytes(bytes in any::<[u8; 8]>()) {
        let mut places = begins(u64::from_le_bytes(bytes));
        for byte in bytes {
            let expected = byte.is_ascii_digit() || byte == b'@' || byte == b':';
            prop_assert_eq!(places & 0xFF == 0x80, expected, "{}", byte);
            places >>= 8;
        }
    }

    #[test]
    fn it_does_not_matter_where_in_a_word_of_the_processor_a_finding_begins(
        before in " {0,9}",
        finding in prop::sample::select(vec![
            "123-45-6789", "4111 1111 1111 1111", "+1 415 555 2671", "(415) 555-2671",
            "1 415 555 2671", "415.555.2671", "10.0.0.1", "::1", "fe80::1", "a@b.example",
        ]),
        after in " {0,9}",
    ) {
        let all = Detectors::new(Kind::ALL, [""; 0]).unwrap();
        let text = format!("{before}{finding}{after}");
        let found = all.find(&text);
        prop_assert_eq!(found.len(), 1, "{:?}", text);
        prop_assert_eq!(&text[found[0].range.clone()], finding);
    }
}

#[test]
fn a_look_at_any_place_of_any_text_ends() {
    let text = "+(:@1".repeat(9);
    for at in 0..=text.len() + 1 {
        look(text.as_bytes(), at, &mut |_, range| assert!(range.end <= text.len()));
    }
}
