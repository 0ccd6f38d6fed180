//! What comes down, in every dialect and translated, and what does not.

use serde_json::Value;
use tollgate_mock::{Piece, Scenario};

use super::{KEY, body, counted, events, world};
use crate::client::post;
use crate::harness::{attribute, trace_id, traceparent};

const MODELS: [&str; 5] = ["chat", "responses", "messages", "cohere", "gemini"];

/// The same question in each dialect.
fn asked(path: &str, model: &str) -> String {
    match path {
        "/v1/responses" => format!(r#"{{"model":"{model}","input":"hi"}}"#),
        _ => format!(
            r#"{{"model":"{model}","max_tokens":99,"messages":[{{"role":"user","content":"hi"}}]}}"#
        ),
    }
}

const PATHS: [&str; 3] = ["/v1/chat/completions", "/v1/responses", "/v1/messages"];

fn telling() -> Scenario {
    Scenario {
        content: vec![
            Piece::text("Write to bob@example.com, \"now\"."),
            Piece::tool("send", r#"{"to":"eve\u0040example.com","n":2}"#),
        ],
        ..Scenario::default()
    }
}

#[test]
fn a_redacted_answer_is_the_same_answer_with_marks_in_every_dialect_and_translated() {
    let world = world("pii: { action: redact, direction: output }");
    for path in PATHS {
        for model in MODELS {
            let trace = trace_id();
            world.mock.push("/v", telling());
            let answer = post(world.gateway, path, &[&traceparent(&trace)], &asked(path, model));
            let what = format!("{path} at {model}");
            assert_eq!(answer.status, 200, "{what}: {}", answer.text());
            assert!(answer.complete, "{what}");
            let text = answer.text();
            let said: Value = answer.json();
            assert!(text.contains(r#"Write to [REDACTED:email], \"now\"."#), "{what}: {text}");
            assert!(!text.contains("example.com"), "{what}: {text}");
            let arguments = match path {
                "/v1/chat/completions" => {
                    said.pointer("/choices/0/message/tool_calls/0/function/arguments")
                }
                "/v1/responses" => {
                    said["output"].as_array().unwrap().iter().find_map(|it| it.get("arguments"))
                }
                _ => said["content"].as_array().unwrap().iter().find_map(|it| it.get("input")),
            };
            let arguments = arguments.unwrap_or_else(|| panic!("{what}: {text}"));
            let arguments: Value = match arguments {
                Value::String(json) => serde_json::from_str(json).unwrap(),
                object => object.clone(),
            };
            assert_eq!(arguments["to"], "[REDACTED:email]", "{what}: {text}");
            assert_eq!(arguments["n"], 2, "{what}: {text}");
            let spans = world.spans(&trace);
            let span = world.genai(&trace);
            assert_eq!(events(&span), ["pii output email redact 2"], "{what}");
            assert!(attribute(&span, "gen_ai.usage.output_tokens").is_some(), "{what}");
            let kept = format!("{spans:?}");
            assert!(
                kept.contains("REDACTED:email") && !kept.contains("example.com"),
                "{what}: {kept}"
            );
        }
    }
    assert_eq!(counted(&world, "pii", "output"), 30.0);
}

#[test]
fn a_clean_answer_is_byte_for_byte_the_upstreams() {
    let world = world("pii: { action: redact }, secrets: { action: block }");
    let odd = "{ \"id\" : \"x\", \"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"caf\\u00e9 \\/\"},\"finish_reason\":\"stop\",\"logprobs\":{\"content\":[]}}],\"new\":1.50 }\n";
    world.mock.push("/v1/", body(odd.to_owned(), &[]));
    let answer = post(world.gateway, PATHS[0], &[], &asked(PATHS[0], "chat"));
    assert_eq!((answer.text(), answer.complete), (odd.to_owned(), true));
}

#[test]
fn a_blocked_answer_is_a_400_that_nobody_else_is_asked_for_and_that_is_still_paid() {
    let world = world("secrets: { action: block, direction: output }");
    for path in PATHS {
        for model in ["either", "messages"] {
            let trace = trace_id();
            let before = world.upstream().len();
            world.mock.push("/v", Scenario::text(&format!("The key is {KEY}, keep it.")));
            let answer = post(world.gateway, path, &[&traceparent(&trace)], &asked(path, model));
            let what = format!("{path} at {model}");
            assert_eq!(answer.status, 400, "{what}: {}", answer.text());
            assert_eq!(answer.header("x-to11-error-code"), Some("content_policy"), "{what}");
            let message = "the guardrail `secrets` blocked the answer: it contains `api_key`";
            assert_eq!(answer.json()["error"]["message"], message, "{what}");
            assert_eq!(world.upstream().len(), before + 1, "{what}: one attempt");
            let span = world.genai(&trace);
            assert_eq!(attribute(&span, "gateway.outcome"), Some("rejected"), "{what}");
            assert_eq!(attribute(&span, "error.type"), Some("request_error"), "{what}");
            assert_eq!(attribute(&span, "gateway.error.class"), Some("content_policy"), "{what}");
            assert!(attribute(&span, "gen_ai.usage.output_tokens").is_some(), "{what}");
            assert_eq!(events(&span), ["secrets output api_key block 1"], "{what}");
            let kept = format!("{:?}", world.spans(&trace));
            assert!(!kept.contains("a1B2c3"), "{what}: {kept}");
        }
    }
    assert!(world.running().metrics().contains("gen_ai_client_token_usage"), "tokens were used");
}

#[test]
fn trap_42_an_answer_that_nobody_can_look_through_does_not_pass_a_rule_that_acts() {
    let packed = body("\u{1f}\u{8b}".to_owned(), &[("content-encoding", "gzip")]);
    let long = format!(
        r#"{{"choices":[{{"message":{{"content":"{}"}}}}]}}"#,
        "a ".repeat(4 * 1024 * 1024)
    );
    for (security, passes) in [("pii: { action: redact }", false), ("pii: { action: flag }", true)]
    {
        let world = world(security);
        for (scenario, reason) in [
            (packed.clone(), "it cannot be read"),
            (body(long.clone(), &[]), "more than 8388608 bytes cannot be looked through"),
        ] {
            world.mock.push("/v1/", scenario);
            let answer = post(world.gateway, PATHS[0], &[], &asked(PATHS[0], "chat"));
            assert_eq!(answer.status, if passes { 200 } else { 400 }, "{security}: {reason}");
            if !passes {
                let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
                assert!(message.ends_with(reason), "{message}");
            }
        }
    }
}
