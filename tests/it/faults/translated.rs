//! Targets that speak other dialects than the caller: they fail in their own, and what the caller
//! sees is whole, in its own.

use serde_json::Value;
use tollgate_mock::{Fault, Scenario};

use super::{in_parallel, of};
use crate::client::{Answer, post};
use crate::harness::{World, trace_id, traceparent};

/// A provider for each dialect, good and bad; a route from each bad one to each good one.
const DIALECTS: [(&str, &str); 5] = [
    ("chat", "v1"),
    ("messages", "v1"),
    ("responses", "v1"),
    ("gemini", "v1beta"),
    ("cohere", "v2"),
];
/// What callers speak, and where they send it.
const CALLERS: [(&str, &str); 3] = [
    ("chat", "/v1/chat/completions"),
    ("messages", "/v1/messages"),
    ("responses", "/v1/responses"),
];
const TEXT: &str = "Hello! I am a mock provider, and I do what I am told.";

/// A bad target that stays silent for this long is left; a good one has all the time it needs.
fn world(idle_ms: u64) -> World {
    let (mut providers, mut targets) = (String::new(), String::new());
    let mut routes = String::new();
    for (dialect, version) in DIALECTS {
        let idle = format!(", idle_timeout_ms: {idle_ms}");
        for (kind, folder, idle) in [("good", "good", ""), ("bad", "bad", &*idle)] {
            providers.push_str(&format!(
                "  {kind}-{dialect}: {{ base_url: \"{{mock}}/@{folder}/{version}\", models: [m], dialect: {dialect}, auth_type: none }}\n"
            ));
            targets.push_str(&format!(
                "  {kind}-{dialect}: {{ model: m, provider: {kind}-{dialect}{idle} }}\n"
            ));
        }
        routes.push_str(&format!(
            "  lone-{dialect}: {{ models: [lone-{dialect}], strategy: single, targets: [bad-{dialect}] }}\n"
        ));
        for (good, _) in DIALECTS {
            routes.push_str(&format!(
                "  {dialect}-{good}: {{ models: [{dialect}-{good}], strategy: fallback, targets: [bad-{dialect}, good-{good}] }}\n"
            ));
        }
    }
    let world = World::new(&format!(
        "providers:\n{providers}targets:\n{targets}routes:\n{routes}routing: {{ retry: {{ max_retries: 0 }} }}\n"
    ));
    world.mock.set("good", Scenario::default());
    world
}

fn send(world: &World, caller: &str, model: &str, stream: bool) -> (Answer, String) {
    let (_, path) = CALLERS.iter().find(|(name, _)| *name == caller).unwrap();
    let said = match caller {
        "responses" => r#""input":"hi""#,
        _ => r#""messages":[{"role":"user","content":"hi"}],"max_tokens":99"#,
    };
    let body = format!(r#"{{"model":"{model}","stream":{stream},{said}}}"#);
    let trace = trace_id();
    (post(world.gateway, path, &[&traceparent(&trace)], &body), trace)
}

/// The text that a caller reads out of an answer in its dialect.
fn text(caller: &str, answer: &Answer, stream: bool) -> String {
    if !stream {
        let json = answer.json();
        let found = match caller {
            "chat" => &json["choices"][0]["message"]["content"],
            "messages" => &json["content"][0]["text"],
            _ => &json["output"][0]["content"][0]["text"],
        };
        return found.as_str().unwrap_or_default().to_owned();
    }
    let events = events(answer);
    let pieces = events.iter().filter_map(|event| match caller {
        "chat" => event["choices"][0]["delta"]["content"].as_str(),
        "messages" => event["delta"]["text"].as_str(),
        _ if event["type"] == "response.output_text.delta" => event["delta"].as_str(),
        _ => None,
    });
    pieces.collect()
}

fn events(answer: &Answer) -> Vec<Value> {
    let text = answer.text();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

/// Every caller with every pair of upstream dialects.
fn combinations() -> Vec<(&'static str, &'static str, &'static str, bool)> {
    let mut all = Vec::new();
    for (caller, _) in CALLERS {
        for (bad, _) in DIALECTS {
            for (good, _) in DIALECTS {
                all.extend([true, false].map(|stream| (caller, bad, good, stream)));
            }
        }
    }
    all
}

fn assert_moves_on(fault: &Scenario, why: &str) {
    let world = world(700);
    world.mock.set("bad", fault.clone());
    in_parallel(&combinations(), |&(caller, bad, good, stream)| {
        let (answer, trace) = send(&world, caller, &format!("{bad}-{good}"), stream);
        let why = format!("{why}: {caller} from {bad} to {good}, {stream}: {}", answer.text());
        assert_eq!(answer.status, 200, "{why}");
        assert!(answer.complete, "{why}");
        assert_eq!(text(caller, &answer, stream), TEXT, "{why}");
        let span = world.genai(&trace);
        assert_eq!(of(&span, "gateway.routing.attempt"), "2", "{why}");
        assert_eq!(of(&span, "gateway.routing.target"), format!("good-{good}"), "{why}");
        assert_eq!(of(&span, "gateway.outcome"), "complete", "{why}");
    });
}

#[test]
fn a_target_that_fails_in_its_dialect_is_followed_by_one_that_answers_in_another() {
    assert_moves_on(&Scenario::status(529), "status");
}

#[test]
fn an_answer_that_breaks_off_before_its_content_is_given_by_a_target_of_another_dialect() {
    // Of a plain answer half is sent, of a stream nothing.
    assert_moves_on(&Scenario::fault(Fault::CutAfterEvents(0)), "cut");
    assert_moves_on(&Scenario::fault(Fault::ResetAfterEvents(0)), "reset");
}

#[test]
fn an_answer_that_falls_silent_before_its_content_is_given_by_a_target_of_another_dialect() {
    assert_moves_on(&Scenario::fault(Fault::Stall { after_events: 0 }), "silence");
}

#[test]
fn a_cut_after_the_first_content_is_an_error_event_for_every_caller_of_every_upstream() {
    let world = world(2_500);
    let faults = [
        Fault::CutAfterEvents(8),
        Fault::ResetAfterEvents(8),
        Fault::ErrorEventAfter(8),
        Fault::Stall { after_events: 8 },
    ];
    for fault in faults {
        world.mock.set("bad", Scenario::fault(fault.clone()));
        let mut cases: Vec<_> = CALLERS
            .iter()
            .flat_map(|(caller, _)| DIALECTS.iter().map(move |(bad, _)| (*caller, *bad)))
            .collect();
        // Gemini and Cohere have no event for an error in the middle of a stream.
        if matches!(fault, Fault::ErrorEventAfter(_)) {
            cases.retain(|(_, bad)| !["gemini", "cohere"].contains(bad));
        }
        in_parallel(&cases, |&(caller, bad)| {
            let (answer, trace) = send(&world, caller, &format!("{bad}-chat"), true);
            let why = format!("{fault:?}: {caller} of {bad}: {}", answer.text());
            assert_eq!(answer.status, 200, "{why}");
            assert!(answer.complete, "{why}");
            let said = text(caller, &answer, true);
            assert!(!said.is_empty() && TEXT.starts_with(&said), "{why}");
            let events = events(&answer);
            let last = events.last().unwrap();
            match caller {
                "chat" => assert!(last["error"]["message"].is_string(), "{why}"),
                "messages" => {
                    assert!(last["type"] == "error" && last["error"]["type"].is_string(), "{why}");
                }
                _ => assert!(last["type"] == "error" || last["type"] == "response.failed", "{why}"),
            }
            let span = world.genai(&trace);
            assert_eq!(of(&span, "gateway.outcome"), "upstream_failed", "{why}");
            assert_eq!(of(&span, "gateway.routing.attempt"), "1", "{why}");
            // `response.failed` is a reason of its provider's own.
            let own = bad == "responses" && matches!(fault, Fault::ErrorEventAfter(_));
            let reason = if own { "[\"failed\"]" } else { "[\"error\"]" };
            assert_eq!(of(&span, "gen_ai.response.finish_reasons"), reason, "{why}");
        });
    }
}
