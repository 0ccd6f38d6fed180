//! Traps of the shape of telemetry, as `docs/traps.md` numbers them.

use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use tollgate_mock::{Ended, Piece, Scenario, Tokens};
use tollgate_telemetry::genai::attributes::On;

use super::calls::SECTIONS;
use super::receiver::{Receiver, Told};
use crate::client::{leave_after, post, request};
use crate::harness::{PATIENCE, World, trace_id, traceparent};

/// How long the providers here think, in seconds.
const THINKING: f64 = 1.5;
const THINKING_MS: u64 = 1_500;

fn world() -> (Receiver, World) {
    let receiver = Receiver::start();
    let world = World::new(&format!("{SECTIONS}{}", receiver.sections(false)));
    (receiver, world)
}

fn seconds(told: &Told, name: &str) -> f64 {
    match told.value(On::Call, name) {
        Some(Value::DoubleValue(seconds)) => seconds,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn trap_17_heads_roles_and_pings_are_not_the_first_token() {
    let (receiver, world) = world();
    let chat = r#"{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let messages = r#"{"model":"claude-sonnet-4-6","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let responses = r#"{"model":"gpt-4o","stream":true,"input":"hi"}"#;
    for (path, body) in
        [("/v1/chat/completions", chat), ("/v1/messages", messages), ("/v1/responses", responses)]
    {
        for first in [Piece::text("Now then."), Piece::tool("weather", "{}")] {
            let scenario = Scenario {
                content: vec![first],
                first_delay_ms: THINKING_MS,
                ..Scenario::default()
            };
            world.mock.push("/v1/", scenario);
            let trace = trace_id();
            let answer = post(world.gateway, path, &[&traceparent(&trace)], body);
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            let told = receiver.told(&world, &trace);
            let of = |name| seconds(&told, name);
            assert!(
                of("gateway.stream.first_byte_seconds") < THINKING,
                "{path}: a head is no token"
            );
            assert!(
                of("gateway.stream.first_event_seconds") < THINKING,
                "{path}: a role is no token"
            );
            let first = of("gen_ai.server.time_to_first_token");
            assert!((THINKING..5.0 + THINKING).contains(&first), "{path}: {first}");
            assert_eq!(of("gateway.stream.first_content_seconds"), first, "{path}");
        }
    }
    let metrics = world.running().metrics();
    let early = metrics.lines().filter(|line| {
        line.starts_with("gen_ai_server_time_to_first_token_seconds_bucket")
            && line.contains("le=\"1\"")
    });
    let mut count = 0;
    for line in early {
        count += 1;
        assert!(line.ends_with(" 0"), "nothing was there before: {line}");
    }
    assert!(count > 0, "{metrics}");
}

#[test]
fn trap_30_a_call_is_one_span_with_everything_on_it_however_many_attempts_it_took() {
    let (receiver, world) = world();
    world.mock.set("first", Scenario::status(503));
    let usage = Tokens { input: 90, cached: 60, ..Tokens::default() };
    let mut plan = Scenario::tools(&[("weather", "{}"), ("news", "{}")]);
    plan.usage = Some(usage);
    for stream in [false, true] {
        world.mock.push("/v1/", plan.clone());
        let trace = trace_id();
        let body = format!(r#"{{"model":"resilient","stream":{stream},"messages":[]}}"#);
        let answer = post(world.gateway, "/v1/chat/completions", &[&traceparent(&trace)], &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let told = receiver.told(&world, &trace);
        let mut names: Vec<_> = told.spans.iter().map(|span| span.name.as_str()).collect();
        names.sort_unstable();
        let all =
            ["POST /v1/chat/completions", "chat resilient", "tool_call.news", "tool_call.weather"];
        assert_eq!(names, all, "nothing else, and each once");
        let call = told.span(On::Call).unwrap();
        let [attempt] = &call.events[..] else { panic!("{:?}", call.events) };
        assert_eq!(attempt.name, "gateway.attempt");
        let cached = told.value(On::Call, "gen_ai.usage.cache_read.input_tokens");
        assert_eq!(cached, Some(Value::IntValue(60)));
        let first = told.value(On::Call, "gen_ai.server.time_to_first_token");
        assert_eq!(first.is_some(), stream);
    }
}

#[test]
fn trap_34_the_span_of_an_abandoned_stream_is_exported_once() {
    let (receiver, world) = world();
    world.mock.push("/v1/", Scenario::load(500, 80, 100));
    let trace = trace_id();
    let body = r#"{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let bytes = request("POST", "/v1/chat/completions", &[&traceparent(&trace)], body.as_bytes());
    let (answer, _left) = leave_after(world.gateway, &bytes, 5);
    assert_eq!(answer.status, 200);
    let ended = world.block_on(world.mock.ended(1, PATIENCE));
    assert_eq!(ended[0].ended(), Some(Ended::PeerClosed), "the upstream stops, too");
    receiver.told(&world, &trace);
    // A second one would come soon after.
    std::thread::sleep(Duration::from_millis(300));
    let told = receiver.told(&world, &trace);
    assert_eq!(told.spans.len(), 2, "HTTP and call: {:#?}", told.spans);
    let outcome = told.value(On::Call, "gateway.outcome");
    assert_eq!(outcome, Some(Value::StringValue("cancelled".to_owned())));
    assert_eq!(told.value(On::Call, "error.type"), None, "leaving is no fault of the provider's");
    assert!(
        seconds(&told, "gen_ai.server.request.duration") < 40.0,
        "it ended when the caller left"
    );
}
