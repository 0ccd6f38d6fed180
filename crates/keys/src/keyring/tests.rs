//! Looking a key up is cheap, and tells nothing by its time.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::seen::{SEEN_MAX, Seen};
use super::{Denied, KeyRing};
use crate::store::tests::new_key;
use crate::{ApiKey, KeyStore, Scope};

const NOW: u64 = 1_800_000_000;

#[test]
fn a_wrong_secret_takes_as_long_wherever_it_differs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.db");
    let store = KeyStore::create(&path).unwrap();
    let (key, _) = store.add(&new_key(Some("p"), &[Scope::OtelWrite], None), NOW).unwrap();
    let keys = KeyRing::new(&path);
    let forged = [ApiKey::forged(key.prefix()), ApiKey::forged(key.prefix())];
    // What a busy machine adds to one of them in one run it does not add in every one.
    let apart: Vec<_> = (0..5).map(|_| medians_apart(&keys, &forged)).collect();
    assert!(apart.iter().any(|apart| *apart < Duration::from_micros(5)), "{apart:?}");
}

fn medians_apart(keys: &KeyRing, forged: &[ApiKey; 2]) -> Duration {
    let mut times: [Vec<Duration>; 2] = Default::default();
    for round in 0..4_000 {
        let at = round % 2;
        let started = Instant::now();
        assert!(black_box(keys.authenticate(forged[at].expose(), NOW)).is_err());
        times[at].push(started.elapsed());
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    let [one, two] = &mut times;
    median(one).abs_diff(median(two))
}

#[test]
fn a_known_key_is_looked_up_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.db");
    let store = KeyStore::create(&path).unwrap();
    let (key, record) = store.add(&new_key(Some("p"), &[Scope::OtelWrite], None), NOW).unwrap();
    let keys = KeyRing::new(&path);
    assert_eq!(*keys.authenticate(key.expose(), NOW).unwrap(), record);
    // A look into the file would show in every hundred, a busy machine does not.
    let hundred = || {
        let started = Instant::now();
        (0..100).for_each(|_| drop(black_box(keys.authenticate(key.expose(), NOW).unwrap())));
        started.elapsed()
    };
    let best = (0..10).map(|_| hundred()).min().unwrap();
    assert!(best < Duration::from_millis(100), "{best:?}");
    assert!(!format!("{keys:?}").contains(key.prefix()));
}

#[test]
fn a_file_that_cannot_be_written_does_not_stop_the_key_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.db");
    drop(KeyStore::create(&path).unwrap());
    let keys = KeyRing::new(&path);
    let first = keys.signer(NOW).unwrap().unwrap();
    let full = rusqlite::Connection::open(&path).unwrap();
    full.execute_batch(
        "CREATE TRIGGER full BEFORE INSERT ON signing_keys BEGIN SELECT raise(FAIL, 'full'); END",
    )
    .unwrap();
    let due = NOW + crate::signing::USED_S;
    assert_eq!(keys.signer(due).unwrap().unwrap().kid, first.kid);
    full.execute_batch("DROP TRIGGER full").unwrap();
    assert_eq!(keys.signer(due).unwrap().unwrap().kid, first.kid, "a new one is only published");
    assert_eq!(keys.public_keys_now().unwrap().len(), 2);
}

#[test]
fn a_request_waits_for_no_file_and_a_revoked_key_ends_with_the_next_refresh() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.db");
    let store = KeyStore::create(&path).unwrap();
    let (key, record) = store.add(&new_key(None, &[Scope::GatewayCall], None), NOW).unwrap();
    let keys = KeyRing::new(&path);
    assert_eq!(*keys.recognize(key.expose(), NOW).unwrap(), record, "nobody has read it before");
    let (late, _) = store.add(&new_key(None, &[Scope::GatewayCall], None), NOW).unwrap();
    store.revoke(&record.id, NOW).unwrap();
    assert!(keys.recognize(key.expose(), NOW).is_ok(), "from memory");
    assert!(matches!(keys.recognize(late.expose(), NOW), Err(Denied::Unknown)));
    keys.refresh().unwrap();
    assert!(matches!(keys.recognize(key.expose(), NOW), Err(Denied::Revoked)));
    assert!(keys.recognize(late.expose(), NOW).is_ok());
    let forged = ApiKey::forged(late.prefix());
    assert!(matches!(keys.recognize(forged.expose(), NOW), Err(Denied::Unknown)));
    assert!(matches!(keys.recognize("tg_x", NOW), Err(Denied::Bad(_))));
}

#[test]
fn a_key_that_was_recognized_is_known_again_as_long_as_it_is_good() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.db");
    let store = KeyStore::create(&path).unwrap();
    let grants = [Scope::GatewayCall];
    let (key, record) = store.add(&new_key(None, &grants, Some(NOW + 10)), NOW).unwrap();
    let (other, _) = store.add(&new_key(None, &grants, None), NOW).unwrap();
    let keys = KeyRing::new(&path);
    keys.refresh().unwrap();
    let seen = || keys.in_memory().seen.count();
    for _ in 0..2 {
        assert_eq!(*keys.recognize(key.expose(), NOW).unwrap(), record);
        assert_eq!(seen(), 1);
    }
    let forged = ApiKey::forged(key.prefix());
    assert!(matches!(keys.recognize(forged.expose(), NOW), Err(Denied::Unknown)));
    assert_eq!(seen(), 1, "what opens nothing is not kept");
    let again = keys.recognize(other.expose(), NOW).unwrap();
    assert_ne!(again.id, record.id);
    assert_eq!(keys.recognize(key.expose(), NOW).unwrap().id, record.id);
    assert!(matches!(keys.recognize(key.expose(), NOW + 10), Err(Denied::Expired)), "known or not");
    store.revoke(&record.id, NOW).unwrap();
    keys.refresh().unwrap();
    assert_eq!(seen(), 0, "with the file, all is read again");
    assert!(matches!(keys.recognize(key.expose(), NOW), Err(Denied::Revoked)));
}

#[test]
fn so_many_keys_are_known_again_and_then_it_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let store = KeyStore::create(&folder.path().join("keys.db")).unwrap();
    let (_, record) = store.add(&new_key(None, &[Scope::GatewayCall], None), NOW).unwrap();
    let (seen, record) = (Seen::default(), std::sync::Arc::new(record));
    (0..SEEN_MAX).for_each(|at| seen.put(&at.to_string(), &record));
    assert_eq!(seen.count(), SEEN_MAX);
    seen.put("one more", &record);
    assert_eq!(seen.count(), 1);
    assert!(seen.get("one more").is_some() && seen.get("0").is_none());
    let long = "x".repeat(crate::api_key::TEXT_BYTES_MAX + 1);
    seen.put(&long, &record);
    assert!(seen.get(&long).is_none(), "no key is so long");
    assert!(seen.get(&long[1..]).is_none());
}
