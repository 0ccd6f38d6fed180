//! Order, directions, and what is kept of findings.

use super::*;

fn looked_for(kinds: &[Kind], action: Action, directions: Directions) -> DetectorSettings {
    DetectorSettings { kinds: kinds.to_vec(), action, directions }
}

fn policy(detectors: Vec<DetectorSettings>, blocklist: &[&str]) -> Policy {
    let blocklist = blocklist.iter().map(|&phrase| phrase.to_owned()).collect();
    Policy::new(&Settings { blocklist, detectors }).unwrap()
}

#[test]
fn rules_stand_from_the_cheapest_to_the_dearest_whatever_the_file_says() {
    let policy = policy(
        vec![
            looked_for(&[Kind::Jwt, Kind::ApiKey], Action::Block, Directions::Both),
            looked_for(&[Kind::Email], Action::Flag, Directions::Input),
            looked_for(&[Kind::Blocklist], Action::Redact, Directions::Both),
        ],
        &["internal only"],
    );
    let order = |direction| -> Vec<Detector> {
        policy.rules(direction).unwrap().iter().map(|rule| rule.detector).collect()
    };
    assert_eq!(order(Direction::Input), [Detector::Blocklist, Detector::Pii, Detector::Secrets]);
    assert_eq!(order(Direction::Output), [Detector::Blocklist, Detector::Secrets]);
    let rules = policy.rules(Direction::Input).unwrap();
    assert_eq!(rules.action(Kind::Jwt), Some(Action::Block));
    assert_eq!(rules.action(Kind::Ssn), None);
    assert_eq!(rules.redacted().kinds(), [Kind::Blocklist]);
    assert_eq!(rules.unseen().kinds(), [Kind::Blocklist, Kind::ApiKey, Kind::Jwt]);
    assert!(!rules.only_flags());
}

#[test]
fn a_direction_in_which_nothing_is_looked_for_has_no_rules() {
    let empty_list = looked_for(&[Kind::Blocklist], Action::Block, Directions::Both);
    let one_way = looked_for(&[Kind::Email], Action::Flag, Directions::Output);
    let policy = policy(vec![empty_list, one_way], &[]);
    assert!(policy.rules(Direction::Input).is_none());
    assert!(policy.rules(Direction::Output).unwrap().only_flags());
}

#[test]
fn findings_of_a_kind_are_one_with_their_count() {
    let policy = policy(vec![looked_for(&[Kind::Email], Action::Redact, Directions::Both)], &[]);
    let rules = policy.rules(Direction::Output).unwrap();
    let mut findings = Findings::default();
    findings.note(rules.finding(Kind::Email, Action::Redact, 2));
    findings.note(rules.finding(Kind::Email, Action::Redact, u32::MAX));
    findings.note(Finding {
        what: What::Webhook("moderation".into()),
        action: Action::Flag,
        direction: Direction::Input,
        count: 1,
    });
    let told: Vec<_> =
        findings.iter().map(|it| (it.detector(), it.kind().to_owned(), it.count)).collect();
    let expected = [("pii", "email".to_owned(), u32::MAX), ("webhook", "moderation".to_owned(), 1)];
    assert_eq!(told, expected);
    assert!(findings.touched(Direction::Output) && !findings.touched(Direction::Input));
}
