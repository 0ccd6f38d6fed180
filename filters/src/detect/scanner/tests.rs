//! Whatever the split: the same findings as in the whole text, and nothing of one is let go early.

use proptest::prelude::*;

use super::{CONTEXT_BYTES, Scanner};
use crate::detect::tests::properties::{all, text};
use crate::detect::{Detectors, Finding, Kind};

/// Reads the pieces, and checks what is promised after each.
fn in_pieces(detectors: &Detectors, pieces: &[&str]) -> Vec<Finding> {
    let whole = pieces.concat();
    let expected = detectors.find(&whole);
    let mut scanner = Scanner::default();
    let mut found = Vec::new();
    let mut read = 0;
    for piece in pieces {
        scanner.push(detectors, piece, &mut |finding| found.push(finding));
        read += piece.len();
        let (decided, live) = (scanner.decided(), scanner.live());
        assert!(decided <= live && live <= read);
        assert!(read - live <= detectors.decided_bytes_max(), "{} held", read - live);
        assert!(scanner.kept_bytes() <= detectors.decided_bytes_max() + CONTEXT_BYTES);
        let known: Vec<_> =
            expected.iter().filter(|it| it.range.start < decided).cloned().collect();
        assert_eq!(found, known, "{decided} decided of {:?}", &whole[..read]);
        // Everything between is part of what is being found.
        if decided < live {
            let at = expected.iter().find(|it| it.range.contains(&decided)).unwrap();
            assert!(at.range.start == decided && at.range.end >= live, "{at:?} {decided}..{live}");
        }
    }
    scanner.finish(detectors, &mut |finding| found.push(finding));
    found
}

/// A text in pieces of these sizes, in turn; each ends with a character.
pub(crate) fn pieces_of<'t>(text: &'t str, sizes: &[usize]) -> Vec<&'t str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, later) = rest.split_at(rest.ceil_char_boundary((*size).min(rest.len())));
        pieces.push(piece);
        rest = later;
    }
    pieces
}

/// What each kind looks like.
pub(crate) const SAMPLES: [(Kind, &str); 15] = [
    (Kind::Blocklist, "Forbidden"),
    (Kind::Ssn, "123-45-6789"),
    (Kind::CreditCard, "4111 1111 1111 1111"),
    (Kind::CreditCard, "378282246310005"),
    (Kind::Phone, "(415) 555-2671"),
    (Kind::Phone, "+49 30 901820"),
    (Kind::IpAddress, "192.168.100.228"),
    (Kind::IpAddress, "fe80::1ff:fe23:4567:890a"),
    (Kind::Email, "first.last+tag@mail.example.com"),
    (Kind::ApiKey, "sk-proj-a1B2c3D4e5F6g7H8i9J0"),
    (Kind::ApiKey, "AKIAIOSFODNN7EXAMPLE"),
    (Kind::Jwt, "eyJhbGciOiJub25lIn0.eyJhIjoxfQ.c2lnbmVk"),
    (Kind::Jwt, "eyJhbGciOiJub25lIn0.eyJhIjoxfQ"),
    (
        Kind::PrivateKey,
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSj\n-----END PRIVATE KEY-----",
    ),
    (Kind::PrivateKey, "-----BEGIN RSA PRIVATE KEY-----\r\nMIIEvQIBADANBgkq"),
];

#[test]
fn every_sample_is_found_however_it_is_cut() {
    let detectors = all();
    for (kind, sample) in SAMPLES {
        for text in [sample.to_owned(), format!("Say {sample}, then"), format!("({sample}) é")] {
            let whole = detectors.find(&text);
            assert_eq!(whole.len(), 1, "{text}");
            assert_eq!(whole[0].kind, kind);
            for at in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
                let (left, right) = text.split_at(at);
                assert_eq!(in_pieces(&detectors, &[left, right]), whole, "{text} cut at {at}");
            }
            for size in 1..8 {
                assert_eq!(in_pieces(&detectors, &pieces_of(&text, &[size])), whole, "{text}");
            }
        }
    }
}

#[test]
fn a_phrase_of_other_letters_is_found_in_every_usual_case_however_it_is_cut() {
    for (phrase, spellings) in [
        (
            "Проект соловей",
            ["проект соловей", "ПРОЕКТ СОЛОВЕЙ", "Проект Соловей", "Проект соловей"],
        ),
        (
            "überweisung Ärzte",
            ["Überweisung ärzte", "ÜBERWEISUNG ÄRZTE", "überWeisung Ärzte", "ÜBERWEISUNG ärzte"],
        ),
        ("Straßenplan", ["strassenPLAN", "straßenplan", "STRASSENPLAN", "STRAßENplan"]),
        ("ΟΔΟΣ", ["οδο\u{3c2}", "Οδο\u{3c2}", "ΟΔΟΣ", "ΟΔΟΣ"]),
    ] {
        let detectors = Detectors::new([Kind::Blocklist], [phrase]).unwrap();
        for spelling in spellings {
            let text = format!("до {spelling}, и");
            let whole = detectors.find(&text);
            assert_eq!(whole.len(), 1, "{spelling}");
            assert_eq!(&text[whole[0].range.clone()], spelling);
            for size in 1..9 {
                assert_eq!(in_pieces(&detectors, &pieces_of(&text, &[size])), whole, "{spelling}");
            }
        }
    }
    let detectors = Detectors::new([Kind::Blocklist], ["Проект соловей"]).unwrap();
    assert!(detectors.find("пРоЕкТ сОлОвЕй").is_empty(), "nobody writes so");
}

#[test]
fn an_endless_key_is_one_finding_and_is_not_kept() {
    let detectors = all();
    for (head, unit, tail) in [
        ("sk-a1", "a1B2c3D4e5F6g7H8", " x"),
        ("eyJhbGciOiJub25lIn0.eyJ", "a1B2c3D4e5F6g7H8", ".c2ln"),
        (
            "-----BEGIN PRIVATE KEY-----",
            "\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
            "\n-----END PRIVATE KEY-----.",
        ),
    ] {
        let text = format!("{head}{}{tail}", unit.repeat(2_000));
        for sizes in [&[1][..], &[7, 300], &[4_000]] {
            let found = in_pieces(&detectors, &pieces_of(&text, sizes));
            assert_eq!(found, detectors.find(&text));
            assert_eq!(found.len(), 1);
        }
    }
}

#[test]
fn only_what_may_become_a_finding_is_live() {
    let live = |kinds: &[Kind], text: &str| {
        let detectors = Detectors::new(kinds.iter().copied(), ["nightjar"]).unwrap();
        let mut scanner = Scanner::default();
        scanner.push(&detectors, text, &mut |_| {});
        text[scanner.live()..].to_owned()
    };
    assert_eq!(live(&[Kind::Blocklist], "the Night"), "Night");
    assert_eq!(live(&[Kind::Blocklist], "the night "), "");
    assert_eq!(live(&[Kind::Email], "ask bob"), "bob");
    assert_eq!(live(&[Kind::Email], "ask bob "), "");
    assert_eq!(live(&[Kind::Email], &format!("ask {}", "a".repeat(64))), "a".repeat(64));
    assert_eq!(live(&[Kind::Email], &format!("ask {}", "a".repeat(65))), "");
    assert_eq!(live(&[Kind::Ssn], "it is 123-4"), "123-4");
    assert_eq!(live(&[Kind::Ssn], "it is 123-4 "), "");
    assert_eq!(live(&[Kind::Ssn], "at 9"), "");
    assert_eq!(live(&[Kind::Phone], "in 1990"), "");
    assert_eq!(live(&[Kind::CreditCard], "in 22"), "22");
    assert_eq!(live(&[Kind::CreditCard], "in 20"), "");
    assert_eq!(live(&[Kind::CreditCard], "in 2220"), "");
    assert_eq!(live(&[Kind::CreditCard], "in 2221"), "2221");
    assert_eq!(live(&[Kind::CreditCard], "id 1991284"), "");
    assert_eq!(live(&[Kind::ApiKey], "the s"), "s");
    assert_eq!(live(&[Kind::ApiKey], "cats"), "");
    assert_eq!(live(&[Kind::PrivateKey], "a line --------"), "-----");
    assert_eq!(live(&[Kind::IpAddress], "a cafe"), "cafe");
    assert_eq!(live(&[Kind::IpAddress], "the cafeteria"), "");
}

#[test]
fn after_a_pause_a_finding_is_found_all_the_same() {
    let detectors = all();
    let places = |finding: Finding| (finding.range.start, finding.range.end);
    let paused = |left: &str, right: &str| {
        let mut scanner = Scanner::default();
        let mut found = Vec::new();
        scanner.push(&detectors, left, &mut |finding: Finding| found.push(places(finding)));
        scanner.pause(&detectors, &mut |finding| found.push(places(finding)));
        scanner.push(&detectors, right, &mut |finding| found.push(places(finding)));
        scanner.finish(&detectors, &mut |finding| found.push(places(finding)));
        found
    };
    assert_eq!(paused("ask bob@exam", "ple.com now"), [(4, 19)]);
    assert_eq!(paused("ask bob@example.com", " now"), [(4, 19)]);
    assert_eq!(paused("ask bob@example.com", "pany"), [(4, 19)]);
    assert_eq!(paused("a forbid", "den one"), [(2, 11)]);
    let key = "sk-a1B2c3D4e5F6g7H8i9J0";
    assert_eq!(paused(key, "k1L2 x"), [(0, 23), (23, 27)]);
    assert_eq!(paused(key, " x"), [(0, 23)]);
    assert_eq!(paused("nothing", " here"), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_split_of_any_text_gives_the_findings_of_the_whole(
        text in text(),
        sizes in prop::collection::vec(1..30usize, 1..8),
    ) {
        let detectors = all();
        prop_assert_eq!(in_pieces(&detectors, &pieces_of(&text, &sizes)), detectors.find(&text));
    }

    #[test]
    fn each_kind_alone_is_found_in_any_split(
        text in text(),
        kind in prop::sample::select(Kind::ALL.to_vec()),
        sizes in prop::collection::vec(1..12usize, 1..8),
    ) {
        let detectors = Detectors::new([kind], ["forbidden", "bidden 1", "4111 forb", "aa", "a1"]).unwrap();
        prop_assert_eq!(in_pieces(&detectors, &pieces_of(&text, &sizes)), detectors.find(&text));
    }
}
