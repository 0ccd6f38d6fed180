//! Errors of upstreams as callers of another dialect get them, and what goes up to providers that
//! reject what others take.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tollgate_mock::{Fault, Scenario};

use crate::client::post;
use crate::harness::World;

const WORLD: &str = r#"
providers:
  openai:  { base_url: "{mock}/v1", models: [plain], auth_type: none }
  mistral: { base_url: "{mock}/v1", models: [strict], auth_type: none }
  claude:  { base_url: "{mock}/v1", models: [other], auth_type: none, dialect: messages }
"#;

fn fault(code: u16, body: &str) -> Scenario {
    let headers = BTreeMap::from([
        ("retry-after".to_owned(), "7".to_owned()),
        ("content-type".to_owned(), "text/html".to_owned()),
    ]);
    Scenario::fault(Fault::Status { code, body: Some(body.to_owned()), headers })
}

fn chat(model: &str) -> String {
    format!(
        r#"{{"model":"{model}","max_tokens":9,"messages":[{{"role":"user","content":"hi"}}],"stream":true}}"#
    )
}

#[test]
fn an_error_arrives_in_the_callers_envelope_with_its_status_and_headers() {
    let world = World::new(WORLD);
    let quota = r#"{"error":{"message":"gone, key sk-abcdef0123456789","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#;
    world.mock.push("/v1/", fault(429, quota));
    let answer = post(world.gateway, "/v1/messages", &[], &chat("plain"));
    assert_eq!((answer.status, answer.header("x-to11-error-code")), (429, Some("quota")));
    assert_eq!(answer.header("x-to11-upstream-provider"), Some("openai"));
    assert_eq!(answer.header("retry-after"), Some("7"), "SDKs wait for it");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let id = answer.header("x-to11-request-id").unwrap();
    assert_eq!(
        answer.json(),
        json!({ "type": "error", "request_id": id,
            "error": { "type": "billing_error", "message": "gone, key ***" } })
    );
    let long = r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8 maximum"},"request_id":"req_1"}"#;
    world.mock.push("/v1/", fault(400, long));
    let answer = post(world.gateway, "/v1/chat/completions", &[], &chat("other"));
    assert_eq!((answer.status, answer.header("x-to11-error-code")), (400, Some("bad_request")));
    assert_eq!(answer.json()["error"]["code"], "context_length_exceeded");
    world.mock.push(
        "/v1/",
        fault(529, r#"{"type":"error","error":{"type":"overloaded_error","message":"shard 7"}}"#),
    );
    let answer = post(world.gateway, "/v1/chat/completions", &[], &chat("other"));
    assert_eq!((answer.status, answer.header("x-to11-error-code")), (529, Some("overloaded")));
    assert_eq!(answer.json()["error"]["message"], "provider returned status 529");
}

#[test]
fn a_page_in_place_of_an_error_is_replaced_by_one_that_an_sdk_can_read() {
    let world = World::new(WORLD);
    for (path, model) in [("/v1/chat/completions", "plain"), ("/v1/messages", "plain")] {
        world.mock.push("/v1/", fault(502, "<html>db-7.internal</html>"));
        let answer = post(world.gateway, path, &[], &chat(model));
        assert_eq!((answer.status, answer.header("content-type")), (502, Some("application/json")));
        assert_eq!(answer.json()["error"]["message"], "provider returned status 502");
    }
}

#[test]
fn trap_07_a_provider_that_rejects_the_question_for_usage_is_not_asked_it() {
    let world = World::new(WORLD);
    for (model, asked) in [("plain", true), ("strict", false)] {
        let answer = post(world.gateway, "/v1/chat/completions", &[], &chat(model));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let sent: Value = world.mock.log().pop().unwrap().json();
        let expected = if asked { json!({ "include_usage": true }) } else { Value::Null };
        assert_eq!(sent["stream_options"], expected, "{model}");
        // Translated, too.
        let answer = post(world.gateway, "/v1/messages", &[], &chat(model));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let sent: Value = world.mock.log().pop().unwrap().json();
        assert_eq!(sent["stream_options"], expected, "{model}");
    }
}
