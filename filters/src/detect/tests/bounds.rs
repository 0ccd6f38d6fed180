//! Limits at N and N + 1, and how little of a text decides.

use super::super::LOOK_BEHIND_BYTES_MAX;
use super::{Detectors, Kind, found};

#[test]
fn the_longest_email_address_is_found_and_a_longer_one_is_none() {
    let label = "7".repeat(61);
    let domain = format!("{label}.{label}.{label}.{}.com", "7".repeat(63));
    assert_eq!(domain.len(), 253);
    let longest = format!("{}@{domain}", "a".repeat(64));
    assert_eq!(found(Kind::Email, &longest), [&*longest]);
    assert_eq!(found(Kind::Email, &format!("a{longest}")), [""; 0]);
    let longer = format!("a@7.{domain}");
    assert_eq!(found(Kind::Email, &longer), [""; 0]);
    assert_eq!(found(Kind::Email, &format!("a@{}.com", "d".repeat(63))).len(), 1);
    assert_eq!(found(Kind::Email, &format!("a@{}.com", "d".repeat(64))), [""; 0]);
}

#[test]
fn a_finding_is_decided_within_its_bound() {
    let token = format!("eyJ{}.eyJ{}", "a".repeat(509), "b".repeat(9_000));
    let key = format!("sk-{}", "a1".repeat(9_000));
    let card = "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1";
    let samples = [
        (Kind::Ssn, "123-45-6789"),
        (Kind::CreditCard, card),
        (Kind::Phone, "+1 -2 -3 -4 -5 -6 -7 -8 -9 -1 -2 -3 -4 -5 -6"),
        (Kind::IpAddress, "0000:0000:0000:0000:0000:ffff:192.168.100.228"),
        (Kind::ApiKey, &key),
        (Kind::Jwt, &token),
        (Kind::PrivateKey, "-----BEGIN ENCRYPTED PRIVATE KEY-----"),
    ];
    for (kind, text) in samples {
        let head = &text[..text.len().min(kind.decided_bytes_max())];
        assert_eq!(found(kind, text).len(), 1, "{}", kind.name());
        assert_eq!(found(kind, head).len(), 1, "{} by its beginning", kind.name());
    }
}

#[test]
fn what_stands_further_before_has_no_say() {
    for (kind, text) in
        [(Kind::Ssn, "123-45-6789"), (Kind::Phone, "415-555-2671"), (Kind::IpAddress, "::1")]
    {
        for before in ["9.", "x.", "..", "a ", "1-", ")("] {
            assert_eq!(before.len(), LOOK_BEHIND_BYTES_MAX);
            let near = found(kind, &format!("{before}{text}")).len();
            for further in ["1", "a", ".", " "] {
                let text = format!("{further}{before}{text}");
                assert_eq!(found(kind, &text).len(), near, "{} in {text}", kind.name());
            }
        }
    }
}

#[test]
fn the_bound_of_a_set_is_that_of_its_longest() {
    let set = |kinds: &[Kind], phrases: &[&str]| {
        Detectors::new(kinds.iter().copied(), phrases).unwrap().decided_bytes_max()
    };
    assert_eq!(set(&[], &[]), 0);
    assert_eq!(set(&[Kind::Ssn], &[]), 12);
    assert_eq!(set(&[Kind::Ssn, Kind::Email], &[]), 319);
    assert_eq!(set(&[Kind::Ssn, Kind::Blocklist], &["a phrase of twenty-six by"]), 25);
}

#[test]
fn hostile_texts_take_linear_time() {
    let detectors = Detectors::new(Kind::ALL, ["aaaaaaaaab"]).unwrap();
    let repeated = [
        "1-",
        "1 ",
        "1",
        "@",
        "a@",
        "a.",
        "1:",
        ":",
        "::",
        "+1",
        "(4",
        "sk-",
        "eyJ",
        "eyJ.",
        "-----BEGIN ",
        "a",
        "A@b.",
        "1.",
    ];
    for unit in repeated {
        let text = unit.repeat(200_000 / unit.len());
        let once = || {
            let started = std::time::Instant::now();
            let _found = detectors.find(&text);
            started.elapsed()
        };
        // A busy machine may hold one of them up.
        let took = (0..3).map(|_| once()).find(|took| took.as_secs() < 5);
        assert!(took.is_some(), "200 kB of {unit:?} take more than five seconds");
    }
}
