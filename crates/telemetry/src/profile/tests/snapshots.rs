//! Every sort of span in every profile, compared with the files in `golden/`.
//! `TOLLGATE_BLESS=1` writes them anew.

use std::fmt::Write;
use std::path::Path;

use super::super::{Profile, apply, schema_url};
use super::calls;
use crate::span::{Key, Span, Value};

fn attributes(out: &mut String, indent: &str, attributes: &[(Key, Value)]) {
    for (name, value) in attributes {
        writeln!(out, "{indent}{name} = {value:?}").unwrap();
    }
}

fn show(out: &mut String, span: &Span) {
    writeln!(out, "- {} ({:?}) {:?}", span.name, span.kind, span.status).unwrap();
    attributes(out, "    ", &span.attributes);
    for event in &span.events {
        writeln!(out, "    event {} at {}", event.name, event.at_ns).unwrap();
        attributes(out, "      ", &event.attributes);
    }
    for link in &span.links {
        writeln!(out, "    link {} {}", link.trace_id, link.span_id).unwrap();
    }
}

fn check(profiles: &[Profile]) {
    let names: Vec<_> = profiles.iter().map(|profile| profile.name()).collect();
    let name = names.join("+");
    let mut said = format!("schema_url: {:?}\n", schema_url(profiles));
    for (call, genai) in calls::all() {
        writeln!(said, "\n# {call}").unwrap();
        for span in calls::tree(genai) {
            match apply(profiles, &span) {
                Some(applied) => show(&mut said, &applied),
                None => writeln!(said, "- {}: left out", span.name).unwrap(),
            }
        }
    }
    let golden =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/profile/tests/golden/{name}.txt"));
    if std::env::var_os("TOLLGATE_BLESS").is_some() {
        std::fs::write(&golden, &said).unwrap();
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    let line = said.lines().zip(expected.lines()).position(|(said, expected)| said != expected);
    assert!(said == expected, "{name}, from line {:?} on, says:\n{said}", line.map(|at| at + 1));
}

#[test]
fn spans_as_they_are_made() {
    check(&[Profile::To11]);
}

#[test]
fn spans_in_the_pinned_semantic_conventions() {
    check(&[Profile::SemconvPinned]);
}

#[test]
fn spans_in_the_latest_semantic_conventions() {
    check(&[Profile::SemconvLatest]);
}

#[test]
fn spans_in_openinference() {
    check(&[Profile::OpenInference]);
}

#[test]
fn spans_in_two_vocabularies_at_once() {
    check(&[Profile::To11, Profile::SemconvPinned]);
}
