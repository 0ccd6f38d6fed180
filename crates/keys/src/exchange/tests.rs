//! Keys become tokens that say no more than the keys may.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Exchange, Refused};
use crate::keyring::Denied;
use crate::signing::{KEPT_AFTER_USE_S, PUBLISHED_BEFORE_USE_S, USED_S};
use crate::store::tests::new_key;
use crate::token::{Claims, LEEWAY_S, Rejected, TOKEN_LIFE_S, Unverified};
use crate::{KeyRing, KeyStore, Scope};

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "http://localhost:4500";

struct Bench {
    exchange: Exchange,
    store: KeyStore,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.db");
        let keys = Arc::new(KeyRing::new(&path));
        let exchange = Exchange::new(ISSUER, keys);
        Self { exchange, store: KeyStore::create(&path).unwrap(), _folder: folder }
    }

    fn key(&self, project: Option<&str>, scopes: &[Scope], expires_s: Option<u64>) -> String {
        let (key, _) = self.store.add(&new_key(project, scopes, expires_s), NOW).unwrap();
        key.expose().to_owned()
    }

    fn verify(&self, token: &str, now_s: u64) -> Result<Claims, Rejected> {
        let rules = self.exchange.rules(Scope::OtelWrite);
        let keys = self.exchange.keys().public_keys_now().unwrap();
        Unverified::parse(token)?.verify(&rules, &keys, now_s)
    }
}

#[test]
fn a_key_becomes_a_token_of_its_project_for_fifteen_minutes() {
    let bench = Bench::new();
    let key = bench.key(Some("proj_abc123"), &[Scope::OtelWrite, Scope::QueryRead], None);
    let issued = bench.exchange.exchange(&key, None, NOW).unwrap();
    assert_eq!((issued.project_id.as_str(), issued.expires_s), ("proj_abc123", NOW + 900));
    assert_eq!(issued.scopes, [Scope::OtelWrite], "a token for telemetry reads nothing");
    let claims = bench.verify(&issued.token, NOW).unwrap();
    assert_eq!((claims.project.as_str(), claims.expires_s), ("proj_abc123", NOW + 900));
    assert_eq!(claims.key_id, Some(issued.key_id.clone()));
    let last = NOW + TOKEN_LIFE_S + LEEWAY_S - 1;
    assert!(bench.verify(&issued.token, last).is_ok());
    assert_eq!(bench.verify(&issued.token, last + 1), Err(Rejected::Expired));
    assert!(bench.verify(&issued.token, NOW - LEEWAY_S).is_ok());
    assert_eq!(bench.verify(&issued.token, NOW - LEEWAY_S - 1), Err(Rejected::NotYet));
    assert!(!format!("{issued:?}").contains(&issued.token));
}

#[test]
fn a_token_ends_with_its_key() {
    let bench = Bench::new();
    let key = bench.key(Some("p"), &[Scope::OtelWrite], Some(NOW + 60));
    assert_eq!(bench.exchange.exchange(&key, None, NOW).unwrap().expires_s, NOW + 60);
    let expired = bench.exchange.exchange(&key, None, NOW + 60);
    assert!(matches!(expired, Err(Refused::Key(Denied::Expired))), "{expired:?}");
}

#[test]
fn a_key_gives_no_right_that_it_does_not_have() {
    let bench = Bench::new();
    let reader = bench.key(Some("p"), &[Scope::QueryRead], None);
    let own = bench.key(Some("p"), &[Scope::OtelWrite], None);
    let all = bench.key(None, &[Scope::OtelWrite], None);
    let ask = |key: &str, project: Option<&str>| bench.exchange.exchange(key, project, NOW);
    assert!(matches!(ask(&reader, None), Err(Refused::Scope(Scope::OtelWrite))));
    assert!(matches!(ask(&own, Some("q")), Err(Refused::Project)));
    assert_eq!(ask(&own, Some("p")).unwrap().project_id, "p");
    assert!(matches!(ask(&all, None), Err(Refused::NoProject)));
    assert_eq!(ask(&all, Some("q")).unwrap().project_id, "q");
    for odd in ["", " ", "a\nb", &"x".repeat(257)] {
        assert!(matches!(ask(&all, Some(odd)), Err(Refused::Project)), "{odd:?}");
    }
    assert_eq!(ask(&all, Some(&"x".repeat(256))).unwrap().project_id.len(), 256);
}

#[test]
fn what_is_no_key_opens_nothing_even_with_a_known_prefix() {
    let bench = Bench::new();
    let key = bench.key(Some("p"), &[Scope::OtelWrite], None);
    let ask = |key: &str| match bench.exchange.exchange(key, None, NOW) {
        Err(Refused::Key(denied)) => denied.to_string(),
        other => panic!("{other:?}"),
    };
    let stranger = crate::ApiKey::generate(None).unwrap();
    assert_eq!(ask(stranger.expose()), "there is no such key");
    // Of a key that exists only the prefix is known: another secret with a checksum that fits.
    let other = Bench::new();
    let guess = crate::ApiKey::forged(crate::ApiKey::parse(&key).unwrap().prefix());
    assert_eq!(guess.prefix(), crate::ApiKey::parse(&key).unwrap().prefix());
    assert_eq!(ask(guess.expose()), "there is no such key");
    assert!(ask(&key[..key.len() - 1]).contains("typing error"));
    assert!(ask("sk-123").contains("no key"));
    assert!(
        other.exchange.exchange(&key, None, NOW).is_err(),
        "keys of one store are of one store"
    );
}

#[test]
fn without_a_file_nothing_is_a_key_and_one_that_comes_later_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("later/keys.db");
    let exchange = Exchange::new(ISSUER, Arc::new(KeyRing::new(&path)));
    let stranger = crate::ApiKey::generate(None).unwrap();
    assert!(matches!(
        exchange.exchange(stranger.expose(), None, NOW),
        Err(Refused::Key(Denied::Unknown))
    ));
    assert!(exchange.keys().public_keys().unwrap().is_empty());
    assert!(!path.exists(), "asking makes no file");
    let store = KeyStore::create(&path).unwrap();
    let (key, _) = store.add(&new_key(Some("p"), &[Scope::OtelWrite], None), NOW).unwrap();
    assert!(exchange.exchange(key.expose(), None, NOW).is_ok(), "at once");
}

#[test]
fn a_revoked_key_and_its_tokens_end_within_five_seconds_without_being_asked_for() {
    let bench = Bench::new();
    let key = bench.key(Some("p"), &[Scope::OtelWrite], None);
    let issued = bench.exchange.exchange(&key, None, NOW).unwrap();
    let keys = bench.exchange.keys();
    assert!(keys.check(&issued.key_id, NOW).is_ok());
    bench.store.revoke(&issued.key_id, NOW).unwrap();
    let revoked = Instant::now();
    while keys.check(&issued.key_id, NOW).is_ok() {
        assert!(revoked.elapsed() < Duration::from_secs(5));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(matches!(keys.check(&issued.key_id, NOW), Err(Denied::Revoked)));
    assert!(matches!(bench.exchange.exchange(&key, None, NOW), Err(Refused::Key(Denied::Revoked))));
}

#[test]
fn through_three_rotations_every_token_is_good_for_as_long_as_it_says() {
    let bench = Bench::new();
    let key = bench.key(Some("p"), &[Scope::OtelWrite], None);
    let mut tokens: Vec<(String, u64)> = Vec::new();
    let mut kids = std::collections::BTreeSet::new();
    let mut at = NOW;
    // Nobody asks at the very second, so each rotation is some hours late.
    let end = NOW + 3 * (USED_S + PUBLISHED_BEFORE_USE_S + KEPT_AFTER_USE_S + 6 * 3_600);
    while at < end {
        let issued = bench.exchange.exchange(&key, None, at).unwrap();
        let unverified = Unverified::parse(&issued.token).unwrap();
        kids.insert(unverified.kid().to_owned());
        let published = bench.exchange.keys().public_keys_now().unwrap();
        assert!((1..=2).contains(&published.len()));
        tokens.retain(|(_, expires_s)| *expires_s > at);
        for (token, _) in &tokens {
            assert!(bench.verify(token, at).is_ok());
        }
        tokens.push((issued.token, issued.expires_s));
        // Densely around each change, seldom in between.
        let since = (at - NOW) % USED_S;
        at += if (4 * 3_600..USED_S - 600).contains(&since) { 6 * 3_600 } else { 300 };
    }
    assert_eq!(kids.len(), 4);
}

#[test]
fn a_file_that_cannot_be_read_makes_nobody_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.db");
    std::fs::write(&path, "not a database, but there").unwrap();
    let exchange = Exchange::new(ISSUER, Arc::new(KeyRing::new(&path)));
    let key = crate::ApiKey::generate(None).unwrap();
    let refused = exchange.exchange(key.expose(), None, NOW);
    assert!(matches!(refused, Err(Refused::Unavailable(_))), "{refused:?}");
    assert!(exchange.keys().public_keys().is_err());
}
