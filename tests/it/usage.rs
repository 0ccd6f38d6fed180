//! Token counts and costs, whoever reports them, leaves or breaks off.

use std::time::Duration;

use tollgate_mock::{Fault, Piece, Scenario, Tokens};
use tollgate_store::SpanRow;

use crate::cancel::leave;
use crate::client::post;
use crate::harness::{USUAL, World, at_best, attribute, trace_id, traceparent};

/// Prices for a million tokens.
const PRICED: &str = r#"
pricing:
  gpt-4o-mini:       { input: 1.0, output: 10.0, cache_read: 0.5 }
  claude-sonnet-4-6: { input: 3.0, output: 15.0, cache_read: 0.3, cache_write: 3.75, currency: EUR }
"#;
/// Path and body of a stream in each dialect.
const STREAMS: [(&str, &str); 3] = [
    (
        "/v1/chat/completions",
        r#"{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"How warm is it in Lisbon today?"}]}"#,
    ),
    (
        "/v1/messages",
        r#"{"model":"claude-sonnet-4-6","stream":true,"max_tokens":99,"messages":[{"role":"user","content":"How warm is it in Lisbon today?"}]}"#,
    ),
    (
        "/v1/responses",
        r#"{"model":"gpt-4o-mini","stream":true,"input":"How warm is it in Lisbon today?"}"#,
    ),
];

fn priced() -> World {
    World::new(&format!("{USUAL}{PRICED}"))
}

fn number(span: &SpanRow, name: &str) -> Option<f64> {
    attribute(span, name).map(|value| value.parse().unwrap())
}

/// The span of one call that is answered so.
fn told(world: &World, path: &str, body: &str, scenario: Scenario) -> SpanRow {
    let trace = trace_id();
    world.mock.push(path, scenario);
    post(world.gateway, path, &[&traceparent(&trace)], body);
    world.genai(&trace)
}

fn near(found: Option<f64>, expected: f64) -> bool {
    found.is_some_and(|found| (found - expected).abs() < 1e-12)
}

#[test]
fn a_call_costs_what_its_tokens_cost_in_every_dialect() {
    let world = priced();
    let tokens = Tokens { input: 1000, output: Some(100), cached: 400, ..Tokens::default() };
    let scenario = || Scenario { usage: Some(tokens), ..Scenario::text("Mild.") };
    for (path, body) in STREAMS {
        for body in [body.to_owned(), body.replace(r#""stream":true,"#, "")] {
            let span = told(&world, path, &body, scenario());
            let (cost, currency) = match path {
                "/v1/messages" => ((600.0 * 3.0 + 400.0 * 0.3 + 1500.0) / 1e6, "EUR"),
                _ => ((600.0 + 400.0 * 0.5 + 1000.0) / 1e6, "USD"),
            };
            assert_eq!(attribute(&span, "gateway.usage.source"), Some("reported"), "{body}");
            assert_eq!(attribute(&span, "gen_ai.usage.input_tokens"), Some("1000"), "{body}");
            let found = number(&span, "gateway.usage.cost");
            assert!(near(found, cost), "{path} {body}: {found:?}, not {cost}");
            assert_eq!(attribute(&span, "gateway.usage.currency"), Some(currency));
        }
    }
    // A write to the cache is not priced for this model.
    let written = Tokens { cache_creation: 10, ..tokens };
    let span = told(
        &world,
        STREAMS[1].0,
        STREAMS[1].1,
        Scenario { usage: Some(written), ..Scenario::text("Mild.") },
    );
    assert!(number(&span, "gateway.usage.cost").is_some());
    let snapshot = Scenario { model: Some("gpt-4o-mini-2024-07-18".to_owned()), ..scenario() };
    let span = told(&world, STREAMS[0].0, STREAMS[0].1, snapshot);
    assert!(number(&span, "gateway.usage.cost").is_some(), "a snapshot has its model's price");
    let unpriced = World::usual();
    let span = told(&unpriced, STREAMS[0].0, STREAMS[0].1, scenario());
    assert_eq!(attribute(&span, "gateway.usage.cost"), None);
    assert_eq!(attribute(&span, "gateway.usage.currency"), None);
}

#[test]
fn trap_12_usage_that_nobody_reports_is_estimated_and_marked_or_unknown_and_never_zero() {
    let world = priced();
    let said = Scenario {
        content: vec![
            Piece::reasoning("The caller wants the weather of today. "),
            Piece::text("Let me look that up for you. "),
            Piece::tool("weather", r#"{"city":"Lisbon"}"#),
        ],
        usage: None,
        ..Scenario::default()
    };
    for (path, body) in STREAMS {
        for body in [body.to_owned(), body.replace(r#""stream":true,"#, "")] {
            let span = told(&world, path, &body, said.clone());
            assert_eq!(attribute(&span, "gateway.usage.source"), Some("estimated"), "{body}");
            let output = number(&span, "gen_ai.usage.output_tokens").unwrap();
            assert!((14.0..=40.0).contains(&output), "{path} {body}: {output} tokens out");
            let input = number(&span, "gen_ai.usage.input_tokens").unwrap();
            assert!((6.0..=14.0).contains(&input), "{path} {body}: {input} tokens in");
            assert!(number(&span, "gateway.usage.cost").unwrap() > 0.0, "estimated, too");
            let silent = Scenario { content: Vec::new(), usage: None, ..Scenario::default() };
            let span = told(&world, path, &body, silent);
            assert_eq!(attribute(&span, "gateway.usage.source"), Some("unknown"), "{path} {body}");
            for name in ["gen_ai.usage.output_tokens", "gateway.usage.cost"] {
                assert_eq!(attribute(&span, name), None, "{path}: unknown is not zero");
            }
        }
    }
}

#[test]
fn trap_11_a_caller_that_leaves_has_the_usage_of_what_it_was_given_in_every_dialect() {
    for (path, body) in STREAMS {
        let world = priced();
        // Trap 20: the upstream is left at once, and stops billing.
        let (trace, _) = at_best(
            path,
            || leave(&world, path, body),
            |(_, took)| *took < Duration::from_millis(200),
        );
        let span = world.genai(&trace);
        assert_eq!(attribute(&span, "gateway.outcome"), Some("cancelled"), "{path}");
        assert_eq!(attribute(&span, "gateway.usage.source"), Some("estimated"), "{path}");
        assert!(number(&span, "gen_ai.usage.output_tokens").unwrap() >= 1.0, "{path}");
        assert!(number(&span, "gen_ai.usage.input_tokens").unwrap() >= 1.0, "{path}");
        assert!(number(&span, "gateway.usage.cost").unwrap() > 0.0, "{path}");
    }
}

#[test]
fn trap_19_a_stream_that_breaks_off_is_counted_alike_in_every_dialect() {
    let world = priced();
    for (path, body) in STREAMS {
        let broken = Scenario {
            content: vec![Piece::text(&"so much was said of the weather ".repeat(20))],
            fault: Some(Fault::ResetAfterEvents(60)),
            ..Scenario::default()
        };
        let span = told(&world, path, body, broken);
        assert_eq!(attribute(&span, "gateway.outcome"), Some("upstream_failed"), "{path}");
        assert_eq!(attribute(&span, "gateway.usage.source"), Some("estimated"), "{path}");
        let output = number(&span, "gen_ai.usage.output_tokens").unwrap();
        assert!((20.0..=120.0).contains(&output), "{path}: {output} tokens");
    }
}

#[test]
fn what_a_broken_stream_said_of_its_input_stays_as_it_was_reported() {
    let world = priced();
    let broken = Scenario {
        content: vec![Piece::text("so much was said of the weather")],
        usage: Some(Tokens { input: 777, cached: 300, ..Tokens::default() }),
        fault: Some(Fault::ResetAfterEvents(6)),
        ..Scenario::default()
    };
    let (path, body) = STREAMS[1];
    let span = told(&world, path, body, broken);
    assert_eq!(attribute(&span, "gateway.usage.source"), Some("estimated"));
    assert_eq!(attribute(&span, "gen_ai.usage.input_tokens"), Some("777"));
    assert_eq!(attribute(&span, "gen_ai.usage.cache_read.input_tokens"), Some("300"));
}

#[test]
fn only_chat_is_asked_for_usage_and_only_by_a_stream() {
    let world = World::usual();
    for (path, body) in STREAMS {
        for body in [body.to_owned(), body.replace(r#""stream":true,"#, "")] {
            let answer = post(world.gateway, path, &[], &body);
            let sent = world.upstream().pop().unwrap();
            let sent: serde_json::Value = serde_json::from_slice(&sent.body).unwrap();
            let asked = !sent["stream_options"].is_null();
            let wanted = path.ends_with("completions") && body.contains("stream");
            assert_eq!(asked, wanted, "{path} {body}");
            if wanted {
                assert!(!answer.text().contains("prompt_tokens"), "the caller did not ask");
            }
        }
    }
}
