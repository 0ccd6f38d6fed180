//! Looking a key up is cheap, and tells nothing by its time.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::KeyRing;
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
    let apart = median(one).abs_diff(median(two));
    assert!(apart < Duration::from_micros(5), "{apart:?}");
}

#[test]
fn a_known_key_is_looked_up_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.db");
    let store = KeyStore::create(&path).unwrap();
    let (key, record) = store.add(&new_key(Some("p"), &[Scope::OtelWrite], None), NOW).unwrap();
    let keys = KeyRing::new(&path);
    assert_eq!(*keys.authenticate(key.expose(), NOW).unwrap(), record);
    let started = Instant::now();
    for _ in 0..1_000 {
        black_box(keys.authenticate(key.expose(), NOW).unwrap());
    }
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert!(!format!("{keys:?}").contains(key.prefix()));
}
