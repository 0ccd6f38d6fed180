//! What a key makes of its caller, and what is counted of those that make none.

use std::sync::Arc;

use tollgate_filters::request::{Callers, KeyRefusal};
use tollgate_keys::{ApiKey, Grants, KeyRing, KeyStore, NewKey, Scope, now_s};
use tollgate_limits::Budget;

use super::KnownCallers;

/// Callers, and the store that their keys are in.
fn callers() -> (tempfile::TempDir, KeyStore, Arc<KeyRing>, KnownCallers) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.db");
    let store = KeyStore::create(&path).unwrap();
    let ring = Arc::new(KeyRing::new(&path));
    (folder, store, Arc::clone(&ring), KnownCallers::new(ring))
}

fn new_key(project: Option<&str>, scope: Scope, grants: Grants) -> NewKey {
    NewKey {
        name: "search".to_owned(),
        project: project.map(str::to_owned),
        scopes: vec![scope],
        expires_s: None,
        environment: None,
        grants,
    }
}

#[test]
fn a_caller_has_what_its_key_grants_and_is_made_once() {
    let (_folder, store, ring, callers) = callers();
    let grants = Grants {
        models: vec!["gpt-*".to_owned()],
        requests_per_minute: Some(60),
        budget_month_nanos: Some(5_000_000_000),
        currency: "EUR".to_owned(),
        metadata: vec![("team".to_owned(), "a".to_owned())],
        ..Grants::default()
    };
    let (key, record) =
        store.add(&new_key(Some("p"), Scope::GatewayCall, grants), now_s()).unwrap();
    let (plain, _) =
        store.add(&new_key(None, Scope::GatewayCall, Grants::default()), now_s()).unwrap();
    let caller = callers.identify(key.expose(), None).unwrap();
    assert_eq!((&*caller.key_id, &*caller.key_name), (&*record.id, "search"));
    assert_eq!(caller.project.as_deref(), Some("p"));
    assert!(caller.may_ask_for(["gpt-4o"].iter()) && !caller.may_ask_for(["o4"].iter()));
    assert_eq!(caller.metadata[0], ("gateway.key.metadata.team".into(), "a".to_owned()));
    let rule = caller.rule.as_ref().unwrap();
    assert_eq!(rule.caps.requests_per_minute, Some(60));
    assert_eq!(rule.caps.budget, Budget::new(None, Some(5.0), "EUR"));
    assert!(Arc::ptr_eq(&caller, &callers.identify(key.expose(), Some("p")).unwrap()));
    let plain_caller = callers.identify(plain.expose(), None).unwrap();
    assert!(plain_caller.rule.is_none() && plain_caller.models.is_none());
    assert_eq!(plain_caller.project, None);
    let of_project = callers.identify(plain.expose(), Some("p9")).unwrap();
    assert_eq!(of_project.project.as_deref(), Some("p9"));
    // Another record is another caller.
    store.revoke(&record.id, now_s()).unwrap();
    ring.refresh().unwrap();
    assert_eq!(callers.identify(key.expose(), None).unwrap_err(), KeyRefusal::NotValid);
}

#[test]
fn every_refusal_is_counted_as_what_it_is_though_few_are_told_apart() {
    let (_folder, store, _ring, callers) = callers();
    let call = |project| new_key(project, Scope::GatewayCall, Grants::default());
    let (good, _) = store.add(&call(Some("p")), now_s()).unwrap();
    let (any, _) = store.add(&call(None), now_s()).unwrap();
    let (other, _) =
        store.add(&new_key(None, Scope::OtelWrite, Grants::default()), now_s()).unwrap();
    let (expired, _) = store.add(&NewKey { expires_s: Some(1), ..call(None) }, now_s()).unwrap();
    let (revoked, record) = store.add(&call(None), now_s()).unwrap();
    store.revoke(&record.id, now_s()).unwrap();
    let unknown = ApiKey::generate(None).unwrap();
    for (key, project, refusal, counted) in [
        (good.expose(), None, None, "accepted"),
        (other.expose(), None, Some(KeyRefusal::NotForCalls), "scope"),
        (good.expose(), Some("q"), Some(KeyRefusal::OtherProject), "project"),
        (any.expose(), Some("no\u{1}project"), Some(KeyRefusal::OtherProject), "project"),
        (expired.expose(), None, Some(KeyRefusal::NotValid), "expired"),
        (revoked.expose(), None, Some(KeyRefusal::NotValid), "revoked"),
        (unknown.expose(), None, Some(KeyRefusal::NotValid), "unknown"),
        ("tg_bad", None, Some(KeyRefusal::NotValid), "malformed"),
        ("", None, Some(KeyRefusal::NotValid), "malformed"),
    ] {
        let count = |results: Vec<(&str, u64)>| {
            results.iter().find(|(name, _)| *name == counted).unwrap().1
        };
        let before = count(callers.results());
        assert_eq!(callers.identify(key, project).err(), refusal, "{counted}");
        assert_eq!(count(callers.results()), before + 1, "{counted}");
    }
    callers.anonymous(true);
    callers.anonymous(false);
    let of = |name: &str| callers.results().iter().find(|(known, _)| *known == name).unwrap().1;
    assert_eq!((of("missing"), of("anonymous")), (1, 1));
    assert!(!format!("{callers:?}").contains(good.prefix()));
}
