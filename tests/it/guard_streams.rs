//! Output guardrails on streams, end to end: every caller's dialect, every upstream's, real SDKs.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tollgate_mock::{Ended, Fragments, Piece, Scenario, ToolCall};

use crate::client::post;
use crate::harness::{
    PATIENCE, World, at_best, attribute, helper_is_installed, sdk_folder, trace_id, traceparent,
};
use crate::translate::{PROVIDERS, UPSTREAMS};

const PATHS: [&str; 3] = ["/v1/chat/completions", "/v1/responses", "/v1/messages"];

fn world(security: &str) -> World {
    World::new(&format!(
        "{PROVIDERS}security: {{ enabled: true, {security} }}\ngenai_telemetry: {{ capture_content: true }}\n"
    ))
}

/// The same question in each dialect.
fn asked(path: &str, model: &str) -> String {
    match path {
        "/v1/responses" => format!(r#"{{"model":"{model}","stream":true,"input":"hi"}}"#),
        _ => format!(
            r#"{{"model":"{model}","stream":true,"max_tokens":99,"messages":[{{"role":"user","content":"hi"}}]}}"#
        ),
    }
}

fn cut(pieces: &[&str]) -> Fragments {
    Fragments(pieces.iter().map(|&piece| piece.to_owned()).collect())
}

/// Says three addresses, each of them cut by a delta.
fn telling() -> Scenario {
    Scenario {
        content: vec![
            Piece::Reasoning(cut(&["They", " want al", "ice@exam", "ple.com", " I think."])),
            Piece::Text(cut(&["Write to ", "bob", "@", "example", ".com", ", \"now\"."])),
            Piece::ToolCall(ToolCall {
                id: None,
                name: "send".to_owned(),
                arguments: cut(&["{\"to\":\"trudy\\u00", "40example.", "com\",\"n\":2}"]),
            }),
        ],
        gap_ms: 40,
        ..Scenario::default()
    }
}

/// Everything that a stream says, put together.
fn said(stream: &str) -> String {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    let events = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let mut said = String::new();
    for event in events {
        let delta = event.pointer("/choices/0/delta").unwrap_or(&event["delta"]);
        let call = delta.pointer("/tool_calls/0/function/arguments");
        let keys = ["content", "reasoning_content", "text", "thinking", "partial_json"];
        let texts = keys.iter().map(|key| &delta[*key]).chain(call).chain([delta]);
        said.extend(texts.filter_map(Value::as_str));
    }
    said
}

#[test]
fn a_match_across_deltas_is_redacted_in_every_dialect_and_translated() {
    let world = world("pii: { action: redact, direction: output }");
    world.mock.set("turn", telling());
    for path in PATHS {
        for model in UPSTREAMS {
            let trace = trace_id();
            let answer = post(world.gateway, path, &[&traceparent(&trace)], &asked(path, model));
            let what = format!("{path} at {model}");
            assert_eq!(answer.status, 200, "{what}: {}", answer.text());
            assert!(answer.complete, "{what}");
            let text = answer.text();
            for part in ["alice", "bob", "trudy", "example", "\\u0040"] {
                assert!(!text.contains(part), "{what}: {text}");
            }
            let said = said(&text);
            assert!(said.contains("They want [REDACTED:email] I think."), "{what}: {said}");
            assert!(said.contains("Write to [REDACTED:email], \"now\"."), "{what}: {said}");
            let arguments = said.replace(": ", ":");
            assert!(arguments.contains(r#"{"to":"[REDACTED:email]","n":2}"#), "{what}: {said}");
            let spans = world.spans(&trace);
            let span = world.genai(&trace);
            assert_eq!(attribute(&span, "gateway.outcome"), Some("complete"), "{what}");
            let found = span.events.iter().find(|event| event.name == "gateway.guardrail").unwrap();
            let value = |name: &str| {
                let found = found.attributes.iter().find(|(known, _)| known == name);
                found.map(|(_, value)| value.clone()).unwrap_or_default()
            };
            assert_eq!(value("gen_ai.guardrail.direction"), "output", "{what}");
            assert_eq!(value("gateway.guardrail.kind"), "email", "{what}");
            assert_eq!(value("gateway.guardrail.count"), "3", "{what}");
            if model != "gemini" {
                let held = attribute(&span, "gateway.guardrail.hold_seconds").unwrap();
                assert!(held.parse::<f64>().unwrap() >= 0.002, "{what}: {held}");
            }
            let kept = format!("{spans:?}");
            assert!(kept.contains("REDACTED:email") && !kept.contains("example"), "{what}: {kept}");
        }
    }
    let metrics = world.running().metrics();
    assert!(metrics.contains("gateway_guardrail_hold_seconds_count{"), "{metrics}");
}

#[test]
fn a_block_ends_the_stream_with_an_error_and_cuts_the_upstream() {
    let world = world("secrets: { action: block, direction: output }");
    let mut pieces = vec!["Sure: ", "the key is ", "sk-proj-a1B2", "c3D4e5F6g7H8", "i9J0"];
    pieces.extend(["more "; 200]);
    let scenario =
        Scenario { content: vec![Piece::Text(cut(&pieces))], gap_ms: 5, ..Scenario::default() };
    world.mock.set("turn", scenario);
    for (n, (path, model)) in
        PATHS.iter().flat_map(|path| UPSTREAMS.map(|it| (*path, it))).enumerate()
    {
        let trace = trace_id();
        let answer = post(world.gateway, path, &[&traceparent(&trace)], &asked(path, model));
        let what = format!("{path} at {model}");
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        assert!(answer.complete, "{what}: a clean end");
        let text = answer.text();
        assert!(!text.contains("sk-") && !text.contains("c3D4"), "{what}: {text}");
        assert_eq!(said(&text), "Sure: the key is ", "{what}: {text}");
        let last: Value = serde_json::from_str(
            text.lines().rfind(|it| it.starts_with("data: ")).unwrap().get(6..).unwrap(),
        )
        .unwrap();
        let message = last["error"]["message"].as_str().unwrap();
        let expected = "the guardrail `secrets` blocked the answer: it contains `api_key`";
        assert_eq!(message, expected, "{what}: {text}");
        if path == "/v1/messages" {
            assert_eq!(last["error"]["type"], "invalid_request_error", "{what}");
        } else {
            assert_eq!(last["error"]["code"], "content_policy", "{what}");
        }
        let ended = world.block_on(world.mock.ended(n + 1, PATIENCE));
        assert_eq!(ended[n].ended(), Some(Ended::PeerClosed), "{what}: the upstream is cut");
        let span = world.genai(&trace);
        assert_eq!(attribute(&span, "gateway.outcome"), Some("rejected"), "{what}");
        assert_eq!(attribute(&span, "gateway.error.class"), Some("content_policy"), "{what}");
        assert_eq!(attribute(&span, "gateway.usage.source"), Some("estimated"), "{what}");
        let reasons = attribute(&span, "gen_ai.response.finish_reasons").unwrap();
        assert!(reasons.contains("content_filter"), "{what}: {reasons}");
    }
}

#[test]
fn what_was_read_together_with_a_match_and_stood_before_it_reaches_the_caller() {
    let world = world("secrets: { action: block, direction: output }");
    let pieces =
        ["Sure: ", "the key is ", "sk-proj-a1B2", "c3D4e5F6g7H8", "i9J0 ", "and so on. ", "Bye."];
    for events_per_chunk in [1, 3, 1_000] {
        let content = vec![Piece::Text(cut(&pieces))];
        world.mock.set("turn", Scenario { content, events_per_chunk, ..Scenario::default() });
        for (path, model) in PATHS.iter().flat_map(|path| UPSTREAMS.map(|it| (*path, it))) {
            let answer = post(world.gateway, path, &[], &asked(path, model));
            let what = format!("{path} at {model}, {events_per_chunk} events a chunk");
            assert_eq!(answer.status, 200, "{what}: {}", answer.text());
            assert!(answer.complete, "{what}: a clean end");
            let text = answer.text();
            assert_eq!(said(&text), "Sure: the key is ", "{what}: {text}");
            let last = text.lines().rfind(|line| line.starts_with("data: ")).unwrap();
            assert!(last.contains("blocked the answer"), "{what}: the error is last: {text}");
        }
    }
}

#[test]
fn over_http_2_only_the_stream_ends_that_is_blocked() {
    let world = world("secrets: { action: block, direction: output }");
    let content = vec![Piece::Text(cut(&["Sure: ", "sk-proj-a1B2c3D4", "e5F6g7H8i9J0 ", "more"]))];
    world.mock.set("turn", Scenario { content, ..Scenario::default() });
    world.block_on(async {
        let mut connection = crate::http2::Connection::open(world.gateway).await;
        for path in PATHS.iter().chain(&PATHS) {
            let body = asked(path, UPSTREAMS[0]);
            let answer = connection.post(path, &[], body.as_bytes()).await;
            let text = answer.text();
            assert!(answer.status == 200 && answer.complete, "{path}: {text}");
            assert_eq!(said(&text), "Sure: ", "{path}: {text}");
            assert!(text.contains("blocked the answer"), "{path}: {text}");
        }
    });
}

#[test]
fn a_clean_stream_is_the_upstreams_byte_for_byte_and_comes_as_it_is_written() {
    let world =
        world("blocklist: [\"top secret\"], pii: { action: redact }, secrets: { action: block }");
    let scenario = Scenario {
        content: vec![
            Piece::reasoning("Two things, so let me think."),
            Piece::text("The café sold 3 cups; in 1990 it had sold 4, naïve “quotes” and a 🌦."),
            Piece::tool("weather", r#"{"city": "Paris", "days": [1, 2]}"#),
        ],
        gap_ms: 20,
        ..Scenario::default()
    };
    world.mock.set("turn", scenario);
    for (path, model) in PATHS.into_iter().zip(UPSTREAMS) {
        let body = asked(path, model);
        // Side by side, so that a busy machine holds up both.
        let compare = || {
            let direct = format!("/@turn{path}");
            let [through, without] = std::thread::scope(|scope| {
                let without = scope.spawn(|| post(world.mock.addr(), &direct, &[], &body));
                let through = post(world.gateway, path, &[], &body);
                [through, without.join().unwrap()]
            });
            assert_eq!(through.text(), without.text(), "{path}");
            [through, without].map(|answer| {
                let gaps = answer.arrivals.windows(2).map(|pair| pair[1] - pair[0]);
                (answer.arrivals.len(), gaps.max().unwrap())
            })
        };
        // As it is written: in many pieces, and none of them much later than the one before.
        at_best(path, compare, |[through, without]| {
            through.1 < without.1 + Duration::from_millis(20 * 9) && 2 * through.0 > without.0
        });
    }
}

#[test]
fn a_stream_that_breaks_off_gives_up_what_was_held_and_clean() {
    let world = world("pii: { action: redact, direction: output }");
    let scenario = Scenario {
        content: vec![Piece::Text(cut(&["call 415-555", "-26", "71"]))],
        fault: Some(tollgate_mock::Fault::ResetAfterEvents(4)),
        ..Scenario::default()
    };
    world.mock.set("turn", scenario);
    let answer = post(world.gateway, PATHS[0], &[], &asked(PATHS[0], "chat"));
    assert!(answer.complete, "a clean end: {}", answer.text());
    let text = answer.text();
    assert!(text.contains("\"error\""), "{text}");
    assert!(said(&text).starts_with("call "), "{text}");
    assert!(!text.contains("2671"), "{text}");
}

#[test]
fn a_stream_that_waits_for_more_than_is_held_goes_on_and_is_counted() {
    let world = world("pii: { action: redact, direction: output }");
    let call = |arguments: Vec<String>| {
        Piece::ToolCall(ToolCall {
            id: None,
            name: "send".to_owned(),
            arguments: Fragments(arguments),
        })
    };
    let behind = |pieces: usize| {
        let first = call(vec!["{\"to\":\"123-4".to_owned()]);
        let second = call(vec!["words and words. ".repeat(60); pieces]);
        let content = vec![first, second];
        world
            .mock
            .set("turn", Scenario { content, interleave_tool_calls: true, ..Scenario::default() });
        let trace = trace_id();
        let answer =
            post(world.gateway, PATHS[0], &[&traceparent(&trace)], &asked(PATHS[0], "chat"));
        assert!(answer.complete && answer.text().contains("123-4"), "{}", answer.text());
        world.spans(&trace);
        let metrics = world.running().metrics();
        let line =
            metrics.lines().find(|it| it.starts_with("gateway_guardrail_bounds_reached_total{"));
        line.map(str::to_owned)
    };
    assert_eq!(behind(10), None);
    let line = behind(100).unwrap();
    assert!(line.contains("bound=\"held_bytes\"") && line.ends_with(" 1"), "{line}");
}

/// What the SDKs of a language make of a redacted and of a blocked stream.
fn sdks(program: &std::path::Path, mark: &str, script: &str) {
    if !helper_is_installed(&sdk_folder().join(mark)) {
        return;
    }
    let world = world("pii: { action: redact, direction: output }, secrets: { action: block }");
    world.mock.set("turn", telling());
    let run = |what: &str| -> Vec<Value> {
        let script =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk").join(script);
        let output = Command::new(program)
            .arg(script)
            .arg(format!("http://{}", world.gateway))
            .arg(what)
            .env("TOLLGATE_SDK_DIR", sdk_folder())
            .output()
            .unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{err}");
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let redacted = run("redacted");
    assert_eq!(redacted.len(), 3, "{redacted:#?}");
    for line in redacted {
        assert_eq!(line["text"], "Write to [REDACTED:email], \"now\".", "{line}");
        let arguments: Value = match &line["arguments"] {
            Value::String(json) => serde_json::from_str(json).unwrap(),
            object => object.clone(),
        };
        assert_eq!(arguments, serde_json::json!({ "to": "[REDACTED:email]", "n": 2 }), "{line}");
    }
    let key = ["So: ", "sk-proj-a1B2c3D4", "e5F6g7H8i9J0", " is it", " and so on"];
    let blocked = Scenario { content: vec![Piece::Text(cut(&key))], ..Scenario::default() };
    world.mock.set("turn", blocked);
    let blocked = run("blocked");
    assert_eq!(blocked.len(), 3, "{blocked:#?}");
    for line in &blocked {
        let error = line["error"].as_str().unwrap();
        assert!(error.contains("the guardrail `secrets` blocked the answer"), "{blocked:#?}");
        assert!(!line.to_string().contains("sk-"), "{line}");
    }
}

#[test]
fn the_python_sdks_read_a_redacted_stream_and_raise_on_a_blocked_one() {
    let python = sdk_folder().join("venv/bin/python");
    sdks(&python, "python-is-installed", "guard.py");
}

#[test]
fn the_node_sdks_read_a_redacted_stream_and_raise_on_a_blocked_one() {
    sdks(std::path::Path::new("node"), "node-is-installed", "guard.mjs");
}
