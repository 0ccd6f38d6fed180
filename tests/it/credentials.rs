//! Keys stay where they belong: the caller's goes nowhere else, and ours does not come back.

use std::collections::BTreeMap;

use tollgate_mock::{Fault, Scenario};

use crate::client::post;
use crate::harness::{OPENAI_KEY, World};

const CHAT: &str = r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}]}"#;
const MANAGED: &str = r#"
providers:
  openai: { base_url: "{mock}/v1", models: [gpt-4o-mini, held], credential: "env::OPENAI_KEY" }
targets:
  ours: { model: gpt-4o-mini, provider: openai }
routes:
  held: { models: [gpt-4o-mini], strategy: single, targets: [ours], retry: { max_retries: 0 } }
"#;

fn fault(code: u16, body: &str, headers: &[(&str, &str)]) -> Scenario {
    let headers: BTreeMap<_, _> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Scenario::fault(Fault::Status { code, body: Some(body.to_owned()), headers })
}

#[test]
fn our_key_in_an_error_answer_does_not_reach_the_caller() {
    let world = World::new(MANAGED);
    let long = "x".repeat(70_000);
    for padding in ["", &long] {
        let body = format!(
            r#"{{"error":{{"message":"no such model for {OPENAI_KEY}{padding}","type":"invalid_request_error","param":"{OPENAI_KEY}","code":null}}}}"#
        );
        for path in ["/v1/chat/completions", "/v1/messages"] {
            world.mock.push("/v1/", fault(404, &body, &[("x-echo", OPENAI_KEY)]));
            let body = CHAT.replace("\"messages\"", "\"max_tokens\":5,\"messages\"");
            let answer = post(world.gateway, path, &[], &body);
            assert_eq!(answer.status, 404);
            let told = format!("{:?} {}", answer.headers, answer.text());
            assert!(!told.contains(OPENAI_KEY), "{path}: {}", &told[..told.len().min(500)]);
        }
    }
    // All else of an error of the caller's own dialect stays as it came.
    let body = r#"{"error":{"message":"sk-other is unknown","odd":[1,2]}}"#;
    world.mock.push("/v1/", fault(404, body, &[]));
    assert_eq!(post(world.gateway, "/v1/chat/completions", &[], CHAT).text(), body);
}

#[test]
fn a_key_in_the_query_goes_to_no_target_with_a_key_of_its_own() {
    let world = World::new(MANAGED);
    let path =
        "/v1/chat/completions?key=caller-1&beta=true&k%65y=caller-2&API_KEY=caller-3&alt=sse";
    assert_eq!(post(world.gateway, path, &["cookie: a=caller-4"], CHAT).status, 200);
    let sent = world.mock.log().pop().unwrap();
    assert_eq!(sent.path_and_query, "/v1/chat/completions?beta=true&alt=sse");
    assert!(!format!("{sent:?}").contains("caller-"), "{sent:?}");
}

#[test]
fn a_caller_without_a_managed_key_keeps_its_query_but_not_its_cookies() {
    let world = World::usual();
    let path = "/v1/chat/completions?key=mine";
    let headers = ["authorization: Bearer mine", "cookie: a=b", "proxy-authorization: Basic x"];
    assert_eq!(post(world.gateway, path, &headers, CHAT).status, 200);
    let sent = world.mock.log().pop().unwrap();
    assert_eq!(sent.header("authorization"), Some("Bearer mine"));
    assert_eq!((sent.header("cookie"), sent.header("proxy-authorization")), (None, None));
}

#[test]
fn what_is_ours_to_say_an_upstream_cannot() {
    let world = World::new(MANAGED);
    let forged: BTreeMap<_, _> = [
        ("x-to11-dropped-params", "everything"),
        ("x-to11-error-code", "nonsense"),
        ("x-to11-cache", "hit"),
        ("X-Gateway-Variant", "gold"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    world.mock.push("/v1/", Scenario { headers: forged, ..Scenario::default() });
    let answer = post(world.gateway, "/v1/chat/completions", &[], CHAT);
    assert_eq!(answer.status, 200);
    for name in ["x-to11-dropped-params", "x-to11-error-code", "x-to11-cache", "x-gateway-variant"]
    {
        assert_eq!(answer.header(name), None, "{name}");
    }
    assert!(answer.header("x-to11-request-id").is_some());
}

#[test]
fn a_rewritten_body_has_no_header_that_speaks_of_the_old_one() {
    let world = World::new(MANAGED);
    let of_the_body = [("content-encoding", "gzip"), ("etag", "\"a\""), ("content-md5", "AA==")];
    world.mock.push("/v1/", fault(500, "{}", &of_the_body));
    let answer = post(world.gateway, "/v1/chat/completions", &[], CHAT);
    assert_eq!(answer.status, 500);
    for (name, _) in of_the_body {
        assert_eq!(answer.header(name), None, "{name}");
    }
    assert!(answer.json()["error"]["message"].is_string());
}
