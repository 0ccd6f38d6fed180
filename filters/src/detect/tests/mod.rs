//! What is found, and what only looks like it.

mod bounds;
mod hits;
mod near_misses;
pub(crate) mod properties;
mod shortcuts;

pub(crate) use super::scanner::tests::{SAMPLES, pieces_of};
use super::{Detectors, Kind};

/// What is found of one kind, as text.
fn found(kind: Kind, text: &str) -> Vec<&str> {
    let detectors = Detectors::new([kind], ["Project Nightjar", "größe", "a.b*c"]).unwrap();
    detectors.find(text).into_iter().map(|finding| &text[finding.range]).collect()
}

#[test]
fn a_name_means_a_detector_or_one_kind() {
    assert_eq!(Kind::named("email"), [Kind::Email]);
    assert_eq!(Kind::named("secrets"), [Kind::ApiKey, Kind::Jwt, Kind::PrivateKey]);
    assert_eq!(Kind::named("pii").len(), 5);
    assert_eq!(Kind::named("blocklist"), [Kind::Blocklist]);
    assert_eq!(Kind::named("Email"), []);
}

#[test]
fn only_what_is_asked_for_is_found() {
    let text = "bob@example.com at 10.0.0.1";
    assert_eq!(found(Kind::Email, text), ["bob@example.com"]);
    assert_eq!(found(Kind::IpAddress, text), ["10.0.0.1"]);
    assert_eq!(found(Kind::ApiKey, text), [""; 0]);
    assert!(Detectors::new([], ["bob"]).unwrap().find(text).is_empty());
}

#[test]
fn findings_that_overlap_are_one_named_for_the_longest() {
    let detectors = Detectors::new(Kind::ALL, ["example"]).unwrap();
    let text = "to 123-45-6789@mail.example.com, now";
    let found = detectors.find(text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].kind, &text[found[0].range.clone()]), (Kind::Email, &text[3..31]));
}

#[test]
fn a_blocklist_of_nothing_finds_nothing() {
    assert!(Detectors::new([Kind::Blocklist], [""]).unwrap().find("anything").is_empty());
    let none: [&str; 0] = [];
    assert!(Detectors::new([Kind::Blocklist], none).unwrap().find("anything").is_empty());
}
