//! Guardrails on requests and on answers that are not streamed.

mod answers;
mod requests;
mod webhooks;

use std::collections::BTreeMap;

use tollgate_mock::{Fault, Scenario};
use tollgate_store::SpanRow;

use crate::harness::World;

/// One provider for each dialect that an upstream can speak, and one more to fall back to.
const PROVIDERS: &str = r#"
providers:
  one:   { base_url: "{mock}/v1", models: [chat, other], auth_type: none }
  two:   { base_url: "{mock}/v1", models: [responses], dialect: responses, auth_type: none }
  three: { base_url: "{mock}/v1", models: [messages], dialect: messages, auth_type: none }
  four:  { base_url: "{mock}/v2", models: [cohere], dialect: cohere, auth_type: none }
  five:  { base_url: "{mock}/v1beta", models: [gemini], dialect: gemini, auth_type: none }
targets:
  a: { model: chat, provider: one }
  b: { model: other, provider: one }
routes:
  either: { models: [either], strategy: fallback, targets: [a, b], retry: { max_retries: 0 } }
"#;
/// A key that only looks like one.
const KEY: &str = "sk-proj-a1B2c3D4e5F6g7H8i9J0";

fn world(security: &str) -> World {
    World::new(&format!(
        "{PROVIDERS}security: {{ enabled: true, {security} }}\ngenai_telemetry: {{ capture_content: true }}\n"
    ))
}

/// An answer of this body, whatever was asked.
fn body(body: String, headers: &[(&str, &str)]) -> Scenario {
    let mut all = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
    all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Scenario::fault(Fault::Status { code: 200, body: Some(body), headers: all })
}

/// What the span tells of findings: detector, direction, kind, action and count.
fn events(span: &SpanRow) -> Vec<String> {
    let told = span.events.iter().filter(|event| event.name == "gateway.guardrail");
    told.map(|event| {
        let value = |name: &str| {
            let found = event.attributes.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        [
            value("gen_ai.guardrail.detector"),
            value("gen_ai.guardrail.direction"),
            value("gateway.guardrail.kind"),
            value("gateway.guardrail.action"),
            value("gateway.guardrail.count"),
        ]
        .join(" ")
    })
    .collect()
}

/// How many violations the metrics count of a detector in a direction.
fn counted(world: &World, detector: &str, direction: &str) -> f64 {
    let text = world.running().metrics();
    let lines = text.lines().filter(|line| {
        line.starts_with("gen_ai_client_guardrail_violations_total{")
            && line.contains(&format!("gen_ai_guardrail_detector=\"{detector}\""))
            && line.contains(&format!("gen_ai_guardrail_direction=\"{direction}\""))
    });
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}
