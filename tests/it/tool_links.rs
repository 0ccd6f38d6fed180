//! Results of tool runs point to the answers that asked for them.

use tollgate_mock::{Fragments, Piece, Scenario, ToolCall};
use tollgate_store::SpanRow;

use crate::client::{exchange, post};
use crate::harness::{USUAL, World, attribute, trace_id, traceparent};

/// For each dialect: path, what asks, and what brings the results of `call-1` and `call-2`.
const TURNS: [(&str, &str, &str); 3] = [
    (
        "/v1/chat/completions",
        r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"x"}]}"#,
        r#"{"model":"gpt-4o-mini","messages":[{"role":"assistant","tool_calls":[]},{"role":"tool","tool_call_id":"call-1","content":"a"},{"role":"tool","tool_call_id":"call-2","content":"b"}]}"#,
    ),
    (
        "/v1/messages",
        r#"{"model":"claude-sonnet-4-6","max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#,
        r#"{"model":"claude-sonnet-4-6","max_tokens":9,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"call-1"},{"type":"tool_result","tool_use_id":"call-2"}]}]}"#,
    ),
    (
        "/v1/responses",
        r#"{"model":"gpt-4o-mini","input":"x"}"#,
        r#"{"model":"gpt-4o-mini","input":[{"type":"function_call_output","call_id":"call-1","output":"a"},{"type":"function_call_output","call_id":"call-2","output":"b"}]}"#,
    ),
];
const ADA: &str = "authorization: Bearer sk-ada";
const EVE: &str = "authorization: Bearer sk-eve";

fn calls(ids: &[&str]) -> Scenario {
    let call = |id: &&str| {
        Piece::ToolCall(ToolCall {
            id: Some((*id).to_owned()),
            name: "look".to_owned(),
            arguments: Fragments::from(r#"{"a":1}"#),
        })
    };
    Scenario { content: ids.iter().map(call).collect(), ..Scenario::default() }
}

/// The spans of a request that is answered so.
fn turn(world: &World, path: &str, headers: &[&str], body: &str, answer: Scenario) -> Vec<SpanRow> {
    let trace = trace_id();
    world.mock.push(path, answer);
    let traceparent = traceparent(&trace);
    let headers: Vec<_> = headers.iter().copied().chain([&*traceparent]).collect();
    assert_eq!(post(world.gateway, path, &headers, body).status, 200);
    world.spans(&trace)
}

fn genai(spans: &[SpanRow]) -> &SpanRow {
    spans.iter().find(|span| attribute(span, "gateway.outcome").is_some()).unwrap()
}

/// Where the links of a span lead, and by which call.
fn links(span: &SpanRow) -> Vec<(&str, &str, &str)> {
    span.links
        .iter()
        .map(|link| {
            let [(name, id)] = &link.attributes[..] else { panic!("{link:?}") };
            assert_eq!(name, "gen_ai.tool.call.id");
            (&*link.trace_id, &*link.span_id, &**id)
        })
        .collect()
}

#[test]
fn results_lead_to_the_answer_that_asked_in_every_dialect_streamed_or_not() {
    for (path, asks, brings) in TURNS {
        for stream in [false, true] {
            let world = World::usual();
            let streamed = |body: &str| {
                let with = body.replacen("{\"model\"", "{\"stream\":true,\"model\"", 1);
                if stream { with } else { body.to_owned() }
            };
            let before = turn(&world, path, &[ADA], &streamed(asks), calls(&["call-1", "call-2"]));
            let origin = genai(&before);
            assert!(origin.links.is_empty(), "{path}: it brought no result");
            let after = turn(&world, path, &[ADA], &streamed(brings), Scenario::text("done"));
            let expected = ["call-1", "call-2"].map(|id| (&*origin.trace_id, &*origin.span_id, id));
            assert_eq!(links(genai(&after)), expected, "{path} {stream}");
            let others = turn(&world, path, &[EVE], brings, Scenario::text("done"));
            assert!(links(genai(&others)).is_empty(), "{path}: another caller's ids");
        }
    }
}

#[test]
fn a_tool_run_that_is_declared_has_the_link_of_its_call() {
    let world = World::usual();
    let (path, asks, brings) = TURNS[0];
    let before = turn(&world, path, &[ADA], asks, calls(&["call-1", "call-2"]));
    let origin = genai(&before);
    let run = |spans: &[SpanRow]| {
        spans.iter().find(|span| span.name.starts_with("execute_tool")).unwrap().clone()
    };
    let lead = |id: &'static str| (&*origin.trace_id, &*origin.span_id, id);
    let declared = ["x-to11-context-operation: execute_tool", "x-to11-context-tool-name: look"];
    let one = [&declared[..], &[ADA, "x-to11-context-tool-call-id: call-2"]].concat();
    let after = turn(&world, path, &one, brings, Scenario::text("done"));
    assert_eq!(links(&run(&after)), [lead("call-2")], "the call that it names");
    assert_eq!(links(genai(&after)), [lead("call-1")], "what it does not name");
    let any = [&declared[..], &[ADA]].concat();
    let after = turn(&world, path, &any, brings, Scenario::text("done"));
    assert_eq!(links(&run(&after)), [lead("call-1"), lead("call-2")]);
    assert!(links(genai(&after)).is_empty());
    let header_alone = turn(&world, path, &one, asks, Scenario::text("done"));
    assert_eq!(links(&run(&header_alone)), [lead("call-2")], "the body need not say it");
    let unknown = [&declared[..], &[ADA, "x-to11-context-tool-call-id: call-9"]].concat();
    let after = turn(&world, path, &unknown, asks, Scenario::text("done"));
    assert!(links(&run(&after)).is_empty(), "nobody asked for it");
}

#[test]
fn ids_beyond_the_limit_are_forgotten_and_counted() {
    let limited = "genai_telemetry: { tool_links: { ids_max: 1, ttl_s: 60 } }\n";
    let world = World::new(&format!("{USUAL}{limited}"));
    let (path, asks, brings) = TURNS[0];
    turn(&world, path, &[ADA], asks, calls(&["call-1", "call-2"]));
    let after = turn(&world, path, &[ADA], brings, Scenario::text("done"));
    let found: Vec<_> = links(genai(&after)).iter().map(|(_, _, id)| *id).collect();
    assert_eq!(found, ["call-2"], "the later one");
    let metrics =
        exchange(world.control, b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").text();
    for expected in ["gateway_tool_links_known", "gateway_tool_links_evicted_total"] {
        let line = metrics.lines().find(|line| line.starts_with(expected)).unwrap();
        assert!(line.ends_with(" 1"), "{line}");
    }
}

#[test]
fn arguments_are_judged_without_being_captured() {
    let world = World::usual();
    for (path, asks, _) in TURNS {
        for stream in [false, true] {
            let body = if stream {
                asks.replacen("{\"model\"", "{\"stream\":true,\"model\"", 1)
            } else {
                asks.to_owned()
            };
            let answer = Scenario::tools(&[("good", r#"{"a":[1]}"#), ("bad", r#"{"a":[1"#)]);
            // Messages has its arguments in place where it does not stream: they cannot be broken.
            let breakable = stream || path != "/v1/messages";
            let answer =
                if breakable { answer } else { Scenario::tools(&[("good", r#"{"a":[1]}"#)]) };
            let spans = turn(&world, path, &[], &body, answer);
            let valid = |name: &str| {
                let span = spans.iter().find(|span| span.name == format!("tool_call.{name}"));
                attribute(span.unwrap(), "gateway.tool_call.arguments_valid")
            };
            assert_eq!(valid("good"), Some("true"), "{path} {stream}");
            if breakable {
                assert_eq!(valid("bad"), Some("false"), "{path} {stream}");
            }
            assert!(spans.iter().all(|it| attribute(it, "gen_ai.tool.call.arguments").is_none()));
        }
    }
}

#[test]
fn an_id_that_the_translation_made_leads_back_too() {
    let gemini = r#"
providers:
  five: { base_url: "{mock}/@turn/v1beta", models: [gemini], dialect: gemini, auth_type: none }
"#;
    let world = World::new(gemini);
    let path = "/v1/chat/completions";
    let trace = trace_id();
    world.mock.push("/@turn/", Scenario::tools(&[("look", "{}"), ("look", r#"{"a":1}"#)]));
    let asks = r#"{"model":"gemini","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"look"}}]}"#;
    let answer = post(world.gateway, path, &[&traceparent(&trace)], asks).json();
    let calls = answer["choices"][0]["message"]["tool_calls"].as_array().unwrap().clone();
    assert_eq!(calls.len(), 2, "{answer}");
    let before = world.spans(&trace);
    let origin = genai(&before);
    let told: Vec<_> =
        before.iter().filter_map(|it| attribute(it, "gen_ai.tool.call.id")).collect();
    for call in &calls {
        assert!(told.contains(&call["id"].as_str().unwrap()), "{told:?} has not {call}");
    }
    let result = |at: usize| serde_json::json!({ "role": "tool", "tool_call_id": calls[at]["id"], "content": "mild" });
    let brings = serde_json::json!({ "model": "gemini", "messages": [
        { "role": "user", "content": "x" },
        { "role": "assistant", "content": null, "tool_calls": calls },
        result(0), result(1),
    ] });
    let trace = trace_id();
    world.mock.push("/@turn/", Scenario::text("done"));
    let answer = post(world.gateway, path, &[&traceparent(&trace)], &brings.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let after = world.spans(&trace);
    let expected =
        [0, 1].map(|at| (&*origin.trace_id, &*origin.span_id, calls[at]["id"].as_str().unwrap()));
    assert_eq!(links(genai(&after)), expected);
}
