//! Texts that take turns: each is one text, whatever comes between its pieces.

use tollgate_providers::Dialect;

use super::rig::{PARTS, Part, events, pass, read, rules};
use crate::detect::Kind;
use crate::guard::{Action, What};
use crate::response::Flow;

/// What comes before the first piece of a text, and the piece.
fn opened(dialect: Dialect, part: Part, piece: &str) -> (Vec<String>, String) {
    let mut events = events(dialect, part, &[piece]);
    let at = events.iter().position(|event| event.contains(piece)).unwrap();
    let delta = events.swap_remove(at);
    events.truncate(at);
    (events, delta)
}

/// The events of pieces, each of its text; every text is opened before.
fn turns(dialect: Dialect, pieces: &[(Part, &str)]) -> Vec<String> {
    let mut all = Vec::new();
    let mut open: Vec<Part> = Vec::new();
    for (part, piece) in pieces {
        let (opening, delta) = opened(dialect, *part, piece);
        // Blocks of Messages come one after the other.
        if dialect == Dialect::Messages && open.last() != Some(part) {
            if !open.is_empty() {
                let stop = r#"{"type":"content_block_stop","index":0}"#;
                all.push(format!("event: content_block_stop\ndata: {stop}\n\n"));
            }
            all.extend(opening);
            open.push(*part);
        } else if !open.contains(part) {
            all.splice(0..0, opening);
            open.push(*part);
        }
        all.push(delta);
    }
    all
}

/// Every dialect with two of its texts, of which the first can go on after the second.
fn pairs() -> impl Iterator<Item = (Dialect, Part, Part)> {
    let goes_on = |dialect, part| !(dialect == Dialect::Messages && part == Part::Arguments);
    PARTS.into_iter().flat_map(move |(dialect, parts)| {
        let parts = parts.iter().filter(|it| **it != Part::Completion);
        let pairs = parts.clone().flat_map(move |one| parts.clone().map(move |two| (*one, *two)));
        let pairs = pairs.filter(move |(one, two)| one != two && goes_on(dialect, *one));
        pairs.map(move |(one, two)| (dialect, one, two))
    })
}

fn run(
    dialect: Dialect,
    kind: Kind,
    action: Action,
    stream: &[String],
) -> (String, u32, Option<Flow>) {
    let chunks: Vec<&[u8]> = stream.iter().map(String::as_bytes).collect();
    let (out, pipeline, ended) = pass(dialect, &rules(&[kind], action), &chunks);
    let found = pipeline.into_seen().findings.iter().map(|it| it.count).sum();
    (out, found, ended)
}

#[test]
fn what_two_texts_say_one_after_the_other_is_no_match() {
    for (dialect, one, two) in pairs() {
        let stream = turns(dialect, &[(one, "it is 123-"), (two, "45-6789 "), (one, "or not ")]);
        for action in [Action::Flag, Action::Redact, Action::Block] {
            let (out, found, ended) = run(dialect, Kind::Ssn, action, &stream);
            assert_eq!((found, &ended), (0, &None), "{dialect:?} {one:?} {two:?}");
            assert_eq!(out, stream.concat(), "{dialect:?} {one:?} {two:?}");
        }
    }
}

#[test]
fn a_match_that_ends_where_its_text_is_interrupted_is_one() {
    for (dialect, one, two) in pairs() {
        let stream =
            turns(dialect, &[(one, "ask bob@example.com"), (two, "hm 5 "), (one, ", now ")]);
        let (out, found, _) = run(dialect, Kind::Email, Action::Redact, &stream);
        let what = format!("{dialect:?} {one:?} {two:?}: {out}");
        assert!(!out.contains("bob") && !out.contains("example"), "{what}");
        assert_eq!(
            (found, &*read(dialect, &out)),
            (1, "ask [REDACTED:email]hm 5 , now "),
            "{what}"
        );
    }
}

#[test]
fn a_match_that_another_text_interrupts_is_found_and_nothing_more_of_it_leaves() {
    for (dialect, one, two) in pairs() {
        let pieces = [(one, "ask bob@exam"), (two, "hm 5 "), (one, "ple.com now ")];
        let stream = turns(dialect, &pieces);
        let what = format!("{dialect:?} {one:?} {two:?}");
        for action in [Action::Flag, Action::Redact, Action::Block] {
            let (out, found, ended) = run(dialect, Kind::Email, action, &stream);
            assert_eq!(found, 1, "{what} {action:?}: {out}");
            match action {
                Action::Flag => assert_eq!((out, ended), (stream.concat(), None), "{what}"),
                Action::Redact => {
                    assert!(!out.contains("ple.com"), "{what}: {out}");
                    assert!(out.contains("[REDACTED:email] now "), "{what}: {out}");
                }
                Action::Block => {
                    let Some(Flow::Blocked(refusal)) = ended else { panic!("{what}: {ended:?}") };
                    assert_eq!(refusal.what, What::Shape(Kind::Email), "{what}");
                    assert!(!out.contains("ple.com"), "{what}: {out}");
                }
            }
        }
    }
}

#[test]
fn texts_that_take_turns_are_each_found_in() {
    for (dialect, one, two) in pairs() {
        if dialect == Dialect::Messages && two == Part::Arguments {
            continue;
        }
        let pieces =
            [(one, "it is 123-"), (two, "or 321-"), (one, "45-6789 ok "), (two, "54-9876 ok ")];
        let (out, found, _) = run(dialect, Kind::Ssn, Action::Redact, &turns(dialect, &pieces));
        let what = format!("{dialect:?} {one:?} {two:?}: {out}");
        assert_eq!(found, 2, "{what}");
        assert!(!out.contains("6789") && !out.contains("9876"), "{what}");
    }
}
