//! Variants through the whole gateway: what they add, what the caller's word beats, and who is told.

use serde_json::{Value, json};
use tollgate_mock::Scenario;

use crate::client::{Answer, post};
use crate::harness::{World, attribute, trace_id, traceparent};

const FUNCTIONS: &str = r#"
providers:
  openai:  { base_url: "{mock}/v1", models: [small, vectors], auth_type: none }
  acme:    { base_url: "{mock}/v1", models: [plain], auth_type: none }
  claude:  { base_url: "{mock}/v1", models: [claude-sonnet-4-5], dialect: messages, auth_type: none }
  first:   { base_url: "{mock}/@first/v1", models: [failing], auth_type: none }
functions:
  newer:   { strategy: experiment, variants: { only: { model: small, weight: 7, temperature: 0.25, max_tokens: 50 } } }
  older:   { strategy: experiment, variants: { only: { model: plain, temperature: 0.25, max_tokens: 50 } } }
  crossed: { strategy: experiment, variants: { only: { model: claude-sonnet-4-5, temperature: 0.25, max_tokens: 50 } } }
  vectors: { endpoint: embeddings, strategy: experiment, variants: { only: { model: vectors, temperature: 0.25, max_tokens: 50 } } }
  both:
    strategy: experiment
    variants: { broken: { model: failing, weight: 9 }, sound: { model: plain, weight: 1 } }
    retry: { max_retries: 0 }
"#;

/// The answer, and the body that the provider saw.
fn ask(world: &World, function: &str, more: &str) -> (Answer, Value) {
    let body =
        format!(r#"{{"model":"{function}",{more}"messages":[{{"role":"user","content":"hi"}}]}}"#);
    let answer = post(world.gateway, "/v1/chat/completions", &[], &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    (answer, world.upstream().pop().unwrap().json())
}

#[test]
fn a_variant_gives_what_the_caller_left_out_under_the_name_that_the_provider_knows() {
    let world = World::new(FUNCTIONS);
    for (function, model, limit) in [
        ("newer", "small", "max_completion_tokens"),
        ("older", "plain", "max_tokens"),
        ("crossed", "claude-sonnet-4-5", "max_tokens"),
    ] {
        for left_out in ["", r#""temperature":null,"max_tokens":null,"#] {
            let (answer, sent) = ask(&world, function, left_out);
            assert_eq!(answer.header("x-gateway-variant"), Some("only"), "{function}");
            assert_eq!((&sent["model"], &sent["temperature"]), (&json!(model), &json!(0.25)));
            // A caller's own name for the limit stays.
            let limit = if left_out.is_empty() { limit } else { "max_tokens" };
            assert_eq!(sent[limit], 50, "{function} {left_out}: {sent}");
        }
    }
}

#[test]
fn what_the_caller_says_beats_the_variant() {
    let world = World::new(FUNCTIONS);
    for function in ["newer", "older", "crossed"] {
        let (_, sent) = ask(&world, function, r#""temperature":0.5,"max_tokens":7,"#);
        assert_eq!((&sent["temperature"], &sent["max_tokens"]), (&json!(0.5), &json!(7)), "{sent}");
        assert_eq!(sent.get("max_completion_tokens"), None, "{function}: one limit");
    }
    let (_, sent) = ask(&world, "newer", r#""max_completion_tokens":9,"#);
    assert_eq!((&sent["max_completion_tokens"], &sent["temperature"]), (&json!(9), &json!(0.25)));
    assert_eq!(sent.get("max_tokens"), None);
}

#[test]
fn what_a_variant_says_of_sampling_is_not_for_embeddings() {
    let world = World::new(FUNCTIONS);
    let body = r#"{"model":"vectors","input":"hi"}"#;
    let answer = post(world.gateway, "/v1/embeddings", &[], body);
    assert_eq!((answer.status, answer.header("x-gateway-variant")), (200, Some("only")));
    let sent = world.upstream().pop().unwrap().json();
    assert_eq!(sent, json!({ "model": "vectors", "input": "hi" }));
}

#[test]
fn the_span_and_the_answer_name_the_variant_that_answered() {
    let world = World::new(FUNCTIONS);
    world.mock.set("first", Scenario::status(503));
    for _ in 0..8 {
        let trace = trace_id();
        let body = r#"{"model":"function::both","messages":[{"role":"user","content":"hi"}]}"#;
        let answer = post(world.gateway, "/v1/chat/completions", &[&traceparent(&trace)], body);
        assert_eq!(answer.header("x-gateway-variant"), Some("sound"), "{}", answer.text());
        let span = world.genai(&trace);
        for (name, value) in [
            ("gateway.routing.layer", "function"),
            ("gateway.routing.strategy", "experiment"),
            ("gateway.routing.target", "sound"),
            ("gateway.function.name", "both"),
            ("gateway.variant.name", "sound"),
            ("gateway.variant.weight", "1"),
            ("gateway.experiment.total_variants", "2"),
        ] {
            assert_eq!(attribute(&span, name), Some(value), "{name}");
        }
    }
    let failed = world.upstream().iter().filter(|it| it.path_and_query.contains("@first")).count();
    assert!(failed > 0, "nine of ten begin there");
}
