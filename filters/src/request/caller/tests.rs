//! Where a key of ours is found, and where it is not.

use http::HeaderMap;

use super::super::tests::gates::{caller, keys};
use super::{Rejection, holds_ours, param_is_ours, remove_ours};

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

#[test]
fn a_key_is_found_wherever_an_sdk_puts_its_own_and_our_own_header_wins() {
    let ours = "x-to11-authorization";
    for (pairs, query, expected) in [
        (&[(ours, "Bearer tg_a")][..], None, Some("tg_a")),
        (&[(ours, "bearer   tg_a ")], None, Some("tg_a")),
        (&[(ours, "tg_a")], None, Some("tg_a")),
        (&[(ours, "Bearer tg_a"), ("authorization", "Bearer tg_b")], None, Some("tg_a")),
        (&[("authorization", "Bearer tg_a")], None, Some("tg_a")),
        (&[("x-api-key", "tg_a")], None, Some("tg_a")),
        (&[("api-key", "tg_a")], None, Some("tg_a")),
        (&[("x-goog-api-key", "tg_a")], None, Some("tg_a")),
        (&[], Some("alt=sse&key=tg_a"), Some("tg_a")),
        (&[("authorization", "Bearer sk-own"), ("x-api-key", "tg_a")], None, Some("tg_a")),
        (&[("authorization", "Bearer sk-own")], None, None),
        (&[("authorization", "Basic tg_a")], None, None),
        (&[], Some("key=AIza&token=tg_a"), None),
        (&[], None, None),
        // Our own header is for nothing else: what is no key there is a bad one.
        (&[(ours, "Bearer sk-own")], None, Some("sk-own")),
        (&[(ours, "Basic tg_a")], None, Some("")),
        (&[(ours, "tg_a"), (ours, "tg_b")], None, Some("")),
    ] {
        let (asked, known) = keys(&[("tg_a", caller("1", None, None))], false);
        let found = known.identify(&headers(pairs), query);
        let key = asked.asked.lock().unwrap()[0].0.clone();
        match expected {
            Some("tg_a") => assert_eq!(&*found.unwrap().unwrap().key_id, "1", "{pairs:?}"),
            Some(_) => assert_eq!(found.unwrap_err(), Rejection::KeyNotValid, "{pairs:?}"),
            None => assert!(found.unwrap().is_none(), "{pairs:?}"),
        }
        assert_eq!(key, expected.unwrap_or_default(), "{pairs:?}");
    }
}

#[test]
fn the_project_is_asked_about_with_the_key() {
    let (asked, known) = keys(&[], false);
    let pairs = [("x-api-key", "tg_a"), ("x-to11-project-id", " p1 ")];
    let refused = known.identify(&headers(&pairs), None).unwrap_err();
    assert_eq!(refused, Rejection::KeyNotValid);
    assert_eq!(asked.asked.lock().unwrap()[0], ("tg_a".to_owned(), Some("p1".to_owned())));
}

#[test]
fn a_key_that_is_needed_and_missing_is_told_apart_from_a_bad_one() {
    let (_, known) = keys(&[], true);
    let missing = known.identify(&HeaderMap::new(), None).unwrap_err();
    assert_eq!(missing, Rejection::KeyMissing);
    let provider = known.identify(&headers(&[("x-api-key", "sk-own")]), None).unwrap_err();
    assert_eq!(provider, Rejection::KeyMissing, "another's key is none");
}

#[test]
fn keys_of_ours_are_taken_out_and_others_stay() {
    let mut all = headers(&[
        ("authorization", "Bearer tg_a"),
        ("x-api-key", "sk-own"),
        ("api-key", "tg_b"),
        ("x-to11-authorization", "anything"),
        ("x-other", "tg_c"),
    ]);
    remove_ours(&mut all);
    let mut left: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
    left.sort_unstable();
    assert_eq!(left, ["x-api-key", "x-other"]);
    assert!(
        holds_ours(&"Bearer tg_x".parse().unwrap()) && !holds_ours(&"sk-tg_x".parse().unwrap())
    );
    assert!(param_is_ours("anything=tg_x") && !param_is_ours("tg_x=1"));
}
