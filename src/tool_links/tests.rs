//! What is remembered, for how long, and for whom.

use std::time::Duration;

use http::HeaderMap;
use tollgate_telemetry::{SpanId, TraceId};

use super::{Caller, Limits, Origin, ToolLinks};

const LIMITS: Limits = Limits { ids_max: 3, ttl: Duration::from_secs(3600) };

fn origin(at: u64) -> Origin {
    Origin { trace_id: TraceId::new(u128::from(at)), span_id: SpanId::new(at) }
}

fn caller(links: &ToolLinks, key: &str) -> Caller {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", key.parse().unwrap());
    links.caller(&headers, None, None)
}

fn known(links: &ToolLinks, caller: Caller, limits: Limits, ids: &[&str]) -> Vec<(String, Origin)> {
    let found = links.find(caller, ids.iter().copied(), limits);
    found.into_iter().map(|(id, origin)| (id.to_owned(), origin)).collect()
}

#[test]
fn an_id_leads_to_the_answer_that_it_came_with() {
    let links = ToolLinks::default();
    let ada = caller(&links, "Bearer ada");
    links.remember(ada, ["a", "b"], origin(1), LIMITS);
    assert_eq!(
        known(&links, ada, LIMITS, &["b", "x", "a"]),
        [("b".to_owned(), origin(1)), ("a".to_owned(), origin(1))]
    );
    links.remember(ada, ["a"], origin(2), LIMITS);
    assert_eq!(known(&links, ada, LIMITS, &["a"]), [("a".to_owned(), origin(2))], "the later one");
    assert_eq!(links.counts().known, 2, "each id is remembered once");
}

#[test]
fn so_many_ids_are_remembered_and_the_oldest_goes_for_one_more() {
    let links = ToolLinks::default();
    let ada = caller(&links, "Bearer ada");
    links.remember(ada, ["a", "b", "c"], origin(1), LIMITS);
    assert_eq!((links.counts().known, links.counts().evicted), (3, 0));
    links.remember(ada, ["d"], origin(2), LIMITS);
    assert_eq!((links.counts().known, links.counts().evicted), (3, 1));
    let ids: Vec<_> = known(&links, ada, LIMITS, &["a", "b", "c", "d"]);
    assert_eq!(ids.iter().map(|(id, _)| &**id).collect::<Vec<_>>(), ["b", "c", "d"]);
    for at in 0..100 {
        links.remember(ada, ["again"], origin(at), LIMITS);
    }
    assert_eq!(links.counts().known, 3, "an id that comes again takes no more room");
    let fewer = Limits { ids_max: 1, ..LIMITS };
    links.remember(ada, ["e"], origin(3), fewer);
    assert_eq!((links.counts().known, links.counts().evicted), (1, 5), "a reload may lower it");
}

#[test]
fn what_is_too_old_is_no_longer_known_and_takes_no_room() {
    let links = ToolLinks::default();
    let ada = caller(&links, "Bearer ada");
    let short = Limits { ttl: Duration::from_millis(30), ..LIMITS };
    links.remember(ada, ["a"], origin(1), short);
    std::thread::sleep(Duration::from_millis(40));
    assert!(known(&links, ada, short, &["a"]).is_empty());
    assert_eq!(known(&links, ada, LIMITS, &["a"]).len(), 1, "by its age alone");
    links.remember(ada, ["b"], origin(2), short);
    assert_eq!((links.counts().known, links.counts().evicted), (1, 0), "expired, not evicted");
}

#[test]
fn nobody_finds_what_another_was_given() {
    let links = ToolLinks::default();
    let ada = caller(&links, "Bearer ada");
    let eve = caller(&links, "Bearer eve");
    links.remember(ada, ["call_1"], origin(1), LIMITS);
    assert!(known(&links, eve, LIMITS, &["call_1"]).is_empty());
    links.remember(eve, ["call_1"], origin(2), LIMITS);
    assert_eq!(known(&links, ada, LIMITS, &["call_1"]), [("call_1".to_owned(), origin(1))]);
}

#[test]
fn a_caller_is_its_credential_wherever_it_stands_and_without_one_its_address() {
    let links = ToolLinks::default();
    let with = |name: &'static str, value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    };
    let here = Some([127, 0, 0, 1].into());
    let there = Some([127, 0, 0, 2].into());
    let none = HeaderMap::new();
    let of = |headers: &HeaderMap, query, address| links.caller(headers, query, address);
    for name in super::CREDENTIALS {
        assert_eq!(of(&with(name, "k"), None, here), of(&with(name, "k"), None, there), "{name}");
        assert_ne!(of(&with(name, "k"), None, here), of(&with(name, "l"), None, here), "{name}");
    }
    let query = |query| of(&none, Some(query), here);
    assert_eq!(query("alt=sse&key=a"), query("key=a"));
    assert_ne!(query("key=a"), query("key=b"));
    assert_eq!(query("alt=sse"), of(&none, None, here));
    assert_ne!(of(&none, None, here), of(&none, None, there));
    assert_eq!(of(&with("cookie", "a"), None, here), of(&none, None, here));
    assert_ne!(of(&none, None, here), ToolLinks::default().caller(&none, None, here), "keyed");
}
