//! What is on disk: no secret, nobody else's file, and nothing that others can read.

use std::os::unix::fs::PermissionsExt;

use super::{Grants, KeyStore, KeyStoreError, NewKey};
use crate::{ApiKey, Scope};

pub(crate) fn new_key(project: Option<&str>, scopes: &[Scope], expires_s: Option<u64>) -> NewKey {
    NewKey {
        name: "ci".to_owned(),
        project: project.map(str::to_owned),
        scopes: scopes.to_vec(),
        expires_s,
        environment: None,
        grants: Grants::default(),
    }
}

#[test]
fn what_is_kept_is_listed_and_its_secret_is_nowhere_in_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/keys.db");
    assert!(KeyStore::open(&path).unwrap().is_none());
    let store = KeyStore::create(&path).unwrap();
    let wanted = new_key(Some("p1"), &[Scope::OtelWrite, Scope::QueryRead], Some(2_000));
    let (key, record) = store.add(&wanted, 1_000).unwrap();
    store.rotate(1_000).unwrap();
    let again = KeyStore::open(&path).unwrap().unwrap().list().unwrap();
    assert_eq!(again, std::slice::from_ref(&record));
    assert_eq!((record.created_s, record.expires_s, record.revoked_s), (1_000, Some(2_000), None));
    assert_eq!((record.project.as_deref(), record.name.as_str()), (Some("p1"), "ci"));
    assert_eq!(record.scopes, wanted.scopes);
    let secret = key.expose().rsplit('_').next().unwrap();
    for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        let bytes = std::fs::read(entry.path()).unwrap();
        let mut windows = bytes.windows(secret.len());
        assert!(windows.all(|window| window != secret.as_bytes()), "{entry:?}");
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
    }
    assert!(!format!("{store:?}{record:?}").contains(&secret[..8]));
}

#[test]
fn a_key_is_revoked_by_id_or_prefix_and_stays_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = KeyStore::create(&folder.path().join("keys.db")).unwrap();
    let add = || store.add(&new_key(Some("p"), &[Scope::OtelWrite], None), 1).unwrap().1;
    let (one, two, kept) = (add(), add(), add());
    assert_eq!(store.revoke(&one.id, 10).unwrap().revoked_s, Some(10));
    assert_eq!(store.revoke(&two.prefix, 11).unwrap().id, two.id);
    assert_eq!(store.revoke(&one.id, 12).unwrap().revoked_s, Some(10), "the first time counts");
    let revoked: Vec<_> = store.list().unwrap().into_iter().map(|key| key.revoked_s).collect();
    assert_eq!(revoked, [Some(10), Some(11), None]);
    let kept_key = store.list().unwrap().into_iter().find(|key| key.id == kept.id);
    assert_eq!(kept_key, Some(kept));
    for stranger in ["", "key_", "' OR 1=1 --", "%", "_"] {
        assert!(matches!(store.revoke(stranger, 1), Err(KeyStoreError::NoSuchKey)), "{stranger}");
    }
}

#[test]
fn a_file_of_somebody_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    std::fs::write(&path, "this is text, and quite a lot of it").unwrap();
    assert!(matches!(KeyStore::create(&path), Err(KeyStoreError::Foreign { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"this is text, and quite a lot of it");
    let path = folder.path().join("tables.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE theirs (a)").unwrap();
    assert!(matches!(KeyStore::create(&path), Err(KeyStoreError::Foreign { .. })));
    let path = folder.path().join("newer.db");
    drop(KeyStore::create(&path).unwrap());
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 3).unwrap();
    assert!(matches!(KeyStore::create(&path), Err(KeyStoreError::Newer { found: 3, .. })));
    let error = KeyStore::create(folder.path()).unwrap_err();
    assert!(matches!(error, KeyStoreError::Unusable { .. }), "{error}");
}

#[test]
fn two_processes_that_rotate_at_once_make_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.db");
    let stores: Vec<_> = (0..8).map(|_| KeyStore::create(&path).unwrap()).collect();
    let changed: usize = std::thread::scope(|scope| {
        let rotating: Vec<_> =
            stores.iter().map(|store| scope.spawn(|| store.rotate(1_000).unwrap())).collect();
        rotating.into_iter().map(|it| usize::from(it.join().unwrap())).sum()
    });
    assert_eq!((changed, stores[0].signing_keys().unwrap().len()), (1, 1));
}

#[test]
fn the_prefix_alone_is_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let store = KeyStore::create(&folder.path().join("keys.db")).unwrap();
    let (key, record) = store.add(&new_key(None, &[Scope::OtelWrite], None), 1).unwrap();
    assert_eq!((key.prefix(), record.project), (&*record.prefix, None));
    let other = ApiKey::generate(None).unwrap();
    assert_ne!(record.hash, other.hash());
}

#[test]
fn what_a_key_may_use_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = KeyStore::create(&folder.path().join("keys.db")).unwrap();
    let grants = Grants {
        models: vec!["gpt-4o*".to_owned(), "summarize".to_owned()],
        requests_per_minute: Some(60),
        tokens_per_minute: Some(1 << 40),
        concurrency_max: Some(4),
        budget_day_nanos: Some(5_000_000_000),
        budget_month_nanos: None,
        currency: "EUR".to_owned(),
        metadata: vec![("team".to_owned(), "a \"quoted\" ß".to_owned())],
    };
    let wanted = NewKey { grants: grants.clone(), ..new_key(None, &[Scope::GatewayCall], None) };
    let (_, record) = store.add(&wanted, 1).unwrap();
    let plain = store.add(&new_key(None, &[Scope::GatewayCall], None), 2).unwrap().1;
    assert_eq!(record.grants, grants);
    assert_eq!(store.list().unwrap(), [record, plain]);
}

#[test]
fn a_store_of_the_version_before_is_brought_up_with_its_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.db");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(super::MIGRATIONS[0]).unwrap();
    old.execute_batch(
        "INSERT INTO keys (id, prefix, hash, name, scopes, created_s)
         VALUES ('key_1', 'abc', x'00', 'old', 'otel:write', 5);
         PRAGMA application_id = 1953195385; PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(old);
    let keys = KeyStore::open(&path).unwrap().unwrap().list().unwrap();
    assert_eq!((keys.len(), &*keys[0].name), (1, "old"));
    assert_eq!(keys[0].grants, Grants::default(), "an old key is limited by nothing new");
    let again = KeyStore::open(&path).unwrap().unwrap();
    assert_eq!(again.list().unwrap(), keys);
}
