//! How late a clean stream is, in events, where deltas are what models give: words and parts of words.

use bytes::Bytes;
use tokio::time::Instant;
use tollgate_providers::Dialect;

use super::rig::{Part, events, pipeline, rules};
use crate::detect::Kind;
use crate::guard::Action;
use crate::response::Flow;

/// What is said, over and over.
const PROSE: &str = "In 1990 the café sold 3 cups a day; by 2024 it was 1,250, which is unbelievably many for \
a side street. (See chapter 4.2, page 117.) The bookkeeping was added later: decades of receipts, faded and beaded with \
coffee, re-entered by hand. Configuration lives in `src/main.rs`, and `std::fs::read_to_string(path)?` reads it; version \
10.4 wants at least 2 GiB. Ask anybody — “naïve” or not — for the straightforward explanation, and e.g. the accessibility \
notes. Sketches, skeletons and ghosts aside, the extraordinarily long responsibilities were: 1) keep calm, 2) carry on. \
Das Straßenverkehrsamt öffnet um 9:30 Uhr. Всё началось в 1812 году. 天気がいいから、散歩しましょう。\n\n";
/// The letters after which a longer word is cut, as tokenizers cut it.
const LETTERS_MAX: usize = 7;
const PART_LETTERS: usize = 4;
const DIGITS_MAX: usize = 3;

/// A word with the blank before it, parts of a long one, up to three digits, a sign.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let blank = usize::from(first == ' ');
        let body = &rest[blank..];
        let run = |class: fn(char) -> bool| body.chars().take_while(|it| class(*it)).count();
        let (letters, digits) = (run(char::is_alphabetic), run(|it| it.is_ascii_digit()));
        let chars = match (letters, digits) {
            (0, 0) => 1,
            (0, digits) => digits.min(DIGITS_MAX),
            (letters, _) if letters > LETTERS_MAX => PART_LETTERS,
            (letters, _) => letters,
        };
        let bytes: usize = body.chars().take(chars).map(char::len_utf8).sum();
        let (token, later) = rest.split_at(blank + bytes);
        tokens.push(token.to_owned());
        rest = later;
    }
    tokens
}

/// By how many events each one is late.
fn late(kinds: &[Kind], tokens: &[&str]) -> Vec<usize> {
    let mut pipeline = pipeline(Dialect::Chat, Some(rules(kinds, Action::Redact)));
    let stream = events(Dialect::Chat, Part::Text, tokens);
    let mut late = Vec::new();
    for (at, event) in stream.iter().enumerate() {
        let chunk = Bytes::copy_from_slice(event.as_bytes());
        let Flow::Forward(bytes) = pipeline.on_chunk(chunk, Instant::now()) else { panic!() };
        let left = std::str::from_utf8(&bytes).unwrap().matches("\n\n").count();
        let first = late.len();
        late.extend((first..first + left).map(|event| at - event));
    }
    assert_eq!(late.len(), stream.len(), "all of it leaves with its end mark");
    // The event that opens the answer has no text.
    late[1..=tokens.len()].to_vec()
}

/// The 999th of a thousand, in order.
fn nearly_all(mut late: Vec<usize>) -> usize {
    late.sort_unstable();
    late[(late.len() * 999).div_ceil(1_000) - 1]
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._%+-".contains(&byte)
}

#[test]
fn of_a_stream_of_tokens_hardly_any_is_more_than_one_event_late() {
    let tokens = tokens(&PROSE.repeat(8));
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    assert!(tokens.len() > 1_500);
    let mut told = format!("{} events; ", tokens.len());
    for kind in Kind::ALL {
        let late = late(&[kind], &tokens);
        let share = |than: usize| {
            let some = late.iter().filter(|it| **it > than).count();
            f64::from(u32::try_from(some).unwrap()) / late.len() as f64
        };
        let most = late.iter().max().copied().unwrap();
        let name = kind.name();
        told +=
            &format!("{name}: {:.1} % late, {:.2} % by more, ", share(0) * 100.0, share(1) * 100.0);
        told += &format!("99.9th {}, {most} at most; ", nearly_all(late.clone()));
        match kind {
            // A word may be somebody's until it ends: see below.
            Kind::Email => {}
            // `1990` in two deltas and `9:30` in three may go on as one.
            Kind::IpAddress => assert!(share(1) < 0.06 && most <= 3, "{told}"),
            _ => assert!(most <= 1, "{told}"),
        }
    }
    println!("{told}");
}

#[test]
fn with_email_an_event_waits_for_the_end_of_its_last_word_and_not_an_event_longer() {
    let tokens = tokens(&PROSE.repeat(2));
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    for (at, late) in late(&[Kind::Email], &tokens).into_iter().enumerate() {
        let ends_in_word = tokens[at].bytes().last().is_some_and(is_local);
        let expected = if ends_in_word {
            let later = tokens[at + 1..].iter().position(|it| !it.bytes().all(is_local));
            later.map_or(tokens.len() - at, |events| events + 1)
        } else {
            0
        };
        assert!(late <= expected, "{:?} is {late} events late", &tokens[at..=at + expected]);
    }
}

#[test]
fn what_goes_on_and_on_is_held_no_longer_than_what_is_looked_for() {
    // A word that is too long for who somebody is, and a domain that is too long for where.
    for (head, unit) in [("", "abcd"), ("bob@", "abcd."), ("", "1.1."), ("call ", "4 4 ")] {
        let pieces: Vec<&str> = std::iter::once(head).chain([unit; 200]).collect();
        let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(|it| *it != Kind::Blocklist).collect();
        for kind in kinds {
            let most = late(&[kind], &pieces).into_iter().max().unwrap();
            let bound = kind.decided_bytes_max().div_ceil(unit.len()) + 1;
            assert!(most <= bound, "{kind:?} {head}{unit}: {most} of {bound}");
        }
    }
}

#[test]
fn any_byte_of_a_word_that_left_early_would_be_one_of_the_match() {
    // Why it cannot be less with `email`: whatever the cut, all before the `@` is the match's.
    let word = "extraordinarily";
    for at in 1..word.len() {
        let (left, right) = word.split_at(at);
        for (more, found) in [("@example.com ", true), (" ", false)] {
            let rules = rules(&[Kind::Email], Action::Redact);
            let stream = events(Dialect::Chat, Part::Text, &[left, right, more]);
            let mut pipeline = pipeline(Dialect::Chat, Some(rules));
            let leaves: Vec<usize> = stream[1..4]
                .iter()
                .map(|event| {
                    let chunk = Bytes::copy_from_slice(event.as_bytes());
                    match pipeline.on_chunk(chunk, Instant::now()) {
                        Flow::Forward(bytes) => bytes.len(),
                        other => panic!("{other:?}"),
                    }
                })
                .collect();
            assert_eq!(leaves[..2], [0, 0], "{left} {right}");
            assert!(leaves[2] > 0);
            let seen = pipeline.into_seen();
            assert_eq!(!seen.findings.is_empty(), found);
        }
    }
}
