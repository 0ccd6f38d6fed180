//! What goes up, and what does not.

use serde_json::{Value, json};
use tollgate_mock::Scenario;

use super::{KEY, counted, events, world};
use crate::client::post;
use crate::harness::{attribute, trace_id, traceparent};

/// Each endpoint that takes text, with a body that has `TEXT` in it.
const TEXTS: [(&str, &str); 9] = [
    ("/v1/chat/completions", r#"{"model":"chat","messages":[{"role":"user","content":"TEXT"}]}"#),
    (
        "/v1/chat/completions",
        r#"{"model":"chat","stream":true,"messages":[{"role":"tool","tool_call_id":"c","content":"TEXT"}]}"#,
    ),
    (
        "/v1/messages",
        r#"{"model":"messages","max_tokens":9,"system":[{"type":"text","text":"TEXT"}],"messages":[{"role":"user","content":"hi"}]}"#,
    ),
    ("/v1/responses", r#"{"model":"responses","instructions":"TEXT","input":"hi"}"#),
    ("/v1/completions", r#"{"model":"chat","prompt":"TEXT"}"#),
    ("/v1/embeddings", r#"{"model":"chat","input":["hi","TEXT"]}"#),
    ("/v1/images/generations", r#"{"model":"chat","prompt":"TEXT"}"#),
    ("/v1/audio/speech", r#"{"model":"chat","voice":"alloy","input":"TEXT"}"#),
    ("/v1/rerank", r#"{"model":"cohere","query":"hi","documents":["TEXT"]}"#),
];

#[test]
fn a_blocked_phrase_goes_nowhere_from_any_endpoint_and_is_refused_in_the_callers_dialect() {
    let world = world(r#"blocklist: ["internal only"]"#);
    // As an escape it is the same phrase.
    for (text, total) in [("This is INTERNAL only.", 8.0), (r"\u0069nternal\u0020only", 16.0)] {
        for (path, body) in TEXTS {
            let trace = trace_id();
            let body = body.replace("TEXT", text);
            let answer = post(world.gateway, path, &[&traceparent(&trace)], &body);
            assert_eq!(answer.status, 400, "{path}: {}", answer.text());
            assert_eq!(answer.header("x-to11-error-code"), Some("content_policy"), "{path}");
            let said = answer.json();
            let message = said["error"]["message"].as_str().unwrap();
            let expected = "the guardrail `blocklist` blocked the request: it contains `blocklist`";
            assert_eq!(message, expected, "{path}");
            if path == "/v1/messages" {
                assert_eq!(
                    (&said["type"], &said["error"]["type"]),
                    (&json!("error"), &json!("invalid_request_error"))
                );
            } else {
                assert_eq!(said["error"]["code"], "content_policy", "{said}");
            }
            // There is no convention for a span of it.
            if path == "/v1/rerank" {
                continue;
            }
            let span = world.genai(&trace);
            assert_eq!(attribute(&span, "gateway.outcome"), Some("rejected"), "{path}");
            assert_eq!(attribute(&span, "gateway.error.class"), Some("content_policy"), "{path}");
            assert_eq!(events(&span), ["blocklist input blocklist block 1"], "{path}");
        }
        assert_eq!(counted(&world, "blocklist", "input"), total);
    }
    assert!(world.upstream().is_empty(), "nothing of it goes upstream");
    for (path, body) in [TEXTS[0], TEXTS[2]] {
        let answer = post(world.gateway, path, &[], &body.replace("TEXT", "internally only"));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
}

#[test]
fn what_the_table_leaves_out_is_not_looked_through() {
    let world = world(r#"blocklist: ["internal only"]"#);
    let body = r#"{"model":"messages","messages":[{"role":"user","content":"internal only"}]}"#;
    let answer = post(world.gateway, "/v1/messages/count_tokens", &[], body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let form = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\ninternal only\r\n--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nchat\r\n--b--\r\n";
    let head = format!(
        "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: g\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    let answer = crate::client::exchange(world.gateway, head.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(world.upstream().len(), 2);
}

#[test]
fn what_is_redacted_goes_up_without_it_and_all_else_byte_for_byte() {
    let world = world("pii: { action: redact }, secrets: { action: redact }");
    let sent = r#"{ "model":"chat" , "odd":1.50,"messages":[{"role":"user","content":"I am bob@example.com \u00e9"},
        {"role":"user","content":"caf\u00e9"}],"user":"u-1"}"#;
    let trace = trace_id();
    let answer = post(world.gateway, "/v1/chat/completions", &[&traceparent(&trace)], sent);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let expected = r#"{ "model":"chat" , "odd":1.50,"messages":[{"role":"user","content":"I am [REDACTED:email] é"},
        {"role":"user","content":"caf\u00e9"}],"user":"u-1"}"#;
    let received = world.upstream();
    assert_eq!(received[0].body, expected);
    let span = world.genai(&trace);
    assert_eq!(attribute(&span, "gateway.outcome"), Some("complete"));
    assert_eq!(events(&span), ["pii input email redact 1"]);
    let kept = attribute(&span, "gen_ai.input.messages").unwrap();
    assert!(kept.contains("[REDACTED:email]") && !kept.contains("bob@"), "{kept}");
    assert_eq!(counted(&world, "pii", "input"), 1.0);
    // Translated, too; and what a variant or a target changes comes on top.
    let body = sent.replace("\"chat\"", "\"messages\"").replace("bob@example.com", KEY);
    let answer = post(world.gateway, "/v1/chat/completions", &[], &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let up: Value = world.upstream().pop().unwrap().json();
    assert!(up.to_string().contains("[REDACTED:api_key]"), "{up}");
    assert!(!up.to_string().contains("a1B2c3"), "{up}");
}

#[test]
fn a_flag_changes_nothing_and_is_the_default_for_personal_data_and_secrets() {
    let world = world(r#"blocklist: ["internal only"]"#);
    let sent = format!(
        r#"{{"model":"chat","messages":[{{"role":"user","content":"bob@example.com eve@example.com {KEY}"}}]}}"#
    );
    let trace = trace_id();
    world.mock.push("/v1/", Scenario::text("Call 415-555-2671."));
    let answer = post(world.gateway, "/v1/chat/completions", &[&traceparent(&trace)], &sent);
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "Call 415-555-2671.");
    assert_eq!(world.upstream()[0].body, sent.as_bytes());
    let span = world.genai(&trace);
    assert_eq!(
        events(&span),
        ["pii input email flag 2", "secrets input api_key flag 1", "pii output phone flag 1"]
    );
    assert_eq!((counted(&world, "pii", "input"), counted(&world, "pii", "output")), (2.0, 1.0));
}

#[test]
fn what_is_off_or_of_another_kind_or_direction_is_not_looked_for() {
    let world =
        world("pii: { action: block, kinds: [ssn], direction: output }, secrets: { action: off }");
    let sent = format!(
        r#"{{"model":"chat","messages":[{{"role":"user","content":"123-45-6789 bob@example.com {KEY}"}}]}}"#
    );
    world.mock.push("/v1/", Scenario::text(&format!("Call 415-555-2671 with {KEY}.")));
    let answer = post(world.gateway, "/v1/chat/completions", &[], &sent);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(world.upstream()[0].body, sent.as_bytes());
    world.mock.push("/v1/", Scenario::text("It is 123-45-6789."));
    let answer = post(world.gateway, "/v1/chat/completions", &[], &sent);
    assert_eq!(answer.status, 400, "{}", answer.text());
}

#[test]
fn a_list_of_phrases_without_the_switch_does_nothing() {
    let world = crate::harness::World::new(&format!(
        "{}security: {{ blocklist: [\"internal only\"] }}\n",
        super::PROVIDERS
    ));
    let body = r#"{"model":"chat","messages":[{"role":"user","content":"internal only"}]}"#;
    assert_eq!(post(world.gateway, "/v1/chat/completions", &[], body).status, 200);
    assert!(!world.running().metrics().contains("guardrail_violations_total{"));
}
