//! What is kept, how much of it, and which headers become attributes.

use serde_json::{Value, json};
use tollgate_mock::Piece;
use tollgate_store::SpanRow;

use super::{ON, says};
use crate::client::post;
use crate::harness::{USUAL, World, attribute, trace_id, traceparent};

/// `MAX_ACCUMULATED_CONTENT_BYTES`.
const CONTENT_BYTES_MAX: usize = 64 * 1024;

fn call(world: &World, body: &str) -> SpanRow {
    let trace = trace_id();
    let answer = post(world.gateway, "/v1/chat/completions", &[&traceparent(&trace)], body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    world.genai(&trace)
}

fn parsed(span: &SpanRow, name: &str) -> Value {
    let text = attribute(span, name).unwrap_or_else(|| panic!("{name} of {span:#?}"));
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn request(stream: bool, prompt: &str) -> String {
    json!({ "model": "gpt-4o-mini", "stream": stream, "messages": [{ "role": "user", "content": prompt }] })
        .to_string()
}

#[test]
fn everything_that_was_said_is_kept_where_the_page_says() {
    let world = World::new(&format!("{USUAL}{ON}"));
    world.mock.push(
        "/v1/",
        says(vec![
            Piece::reasoning("Hm."),
            Piece::text("I will look."),
            Piece::tool("look", r#"{"at":"it"}"#),
        ]),
    );
    let body = r#"{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"system","content":"Be brief."},{"role":"developer","content":[{"type":"text","text":"Be kind."}]},{"role":"user","content":"look"}],"tools":[{"type":"function","function":{"name":"look"}}]}"#;
    let span = call(&world, body);
    let sent: Value = serde_json::from_str(body).unwrap();
    assert_eq!(parsed(&span, "gen_ai.input.messages"), sent["messages"]);
    assert_eq!(parsed(&span, "gen_ai.tool.definitions"), sent["tools"]);
    assert_eq!(attribute(&span, "gen_ai.system_instructions"), Some("Be brief.\n\nBe kind."));
    let output = parsed(&span, "gen_ai.output.messages");
    assert_eq!(output[0]["role"], "assistant");
    assert_eq!(output[0]["content"], "I will look.");
    assert_eq!(output[0]["reasoning"], "Hm.");
    assert_eq!(output[0]["tool_calls"][0]["name"], "look");
    assert_eq!(output[0]["tool_calls"][0]["arguments"], r#"{"at":"it"}"#);
    assert_eq!(attribute(&span, "gateway.content.truncated"), None);
}

#[test]
fn a_system_prompt_in_blocks_is_text() {
    let world = World::new(&format!("{USUAL}{ON}"));
    let trace = trace_id();
    let body = r#"{"model":"claude-sonnet-4-6","max_tokens":9,"system":[{"type":"text","text":"One."},{"type":"text","text":"Two.","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(post(world.gateway, "/v1/messages", &[&traceparent(&trace)], body).status, 200);
    let span = world.genai(&trace);
    assert_eq!(attribute(&span, "gen_ai.system_instructions"), Some("One.\n\nTwo."));
}

#[test]
fn a_stream_is_kept_to_its_limit_and_cut_between_characters() {
    let world = World::new(&format!("{USUAL}{ON}"));
    let fits = format!("{}é", "x".repeat(CONTENT_BYTES_MAX - 2));
    for (said, kept, cut) in [
        (fits.clone(), fits.clone(), None),
        (format!("x{fits}"), format!("x{}", "x".repeat(CONTENT_BYTES_MAX - 2)), Some("true")),
        (format!("{fits}y"), fits.clone(), Some("true")),
    ] {
        world.mock.push("/v1/", says(vec![Piece::text(&said)]));
        let span = call(&world, &request(true, "hi"));
        let output = parsed(&span, "gen_ai.output.messages");
        assert!(output[0]["content"] == kept.as_str(), "of {} bytes", said.len());
        assert_eq!(attribute(&span, "gateway.content.truncated"), cut, "of {} bytes", said.len());
    }
}

#[test]
fn a_plain_answer_is_kept_in_full() {
    let world = World::new(&format!("{USUAL}{ON}"));
    let said = "é".repeat(CONTENT_BYTES_MAX);
    world.mock.push("/v1/", says(vec![Piece::text(&said)]));
    let span = call(&world, &request(false, "hi"));
    assert!(parsed(&span, "gen_ai.output.messages")[0]["content"] == said.as_str());
    assert_eq!(attribute(&span, "gateway.content.truncated"), None);
}

#[test]
fn a_prompt_is_kept_to_its_limit_and_stays_json() {
    let world = World::new(&format!("{USUAL}{ON}"));
    let frame = r#"[{"role":"user","content":""}]"#.len();
    for (more, cut) in [(0, None), (1, Some("true"))] {
        let prompt = "p".repeat(CONTENT_BYTES_MAX - frame + more);
        let span = call(&world, &request(false, &prompt));
        let kept = attribute(&span, "gen_ai.input.messages").unwrap();
        assert_eq!(kept.len(), CONTENT_BYTES_MAX);
        let kept = &parsed(&span, "gen_ai.input.messages")[0];
        assert_eq!(kept["role"], "user");
        assert_eq!(kept["content"].as_str().unwrap().len(), prompt.len() - more);
        assert_eq!(attribute(&span, "gateway.content.truncated"), cut);
    }
}

#[test]
fn a_picture_in_the_prompt_is_named_and_not_kept() {
    let world = World::new(&format!("{USUAL}{ON}"));
    let data = format!("iVBORw0KGgo{}", "A".repeat(200_000 - 11));
    let body = json!({ "model": "gpt-4o-mini", "messages": [{ "role": "user", "content": [
        { "type": "text", "text": "What is it?" },
        { "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{data}") } },
    ] }] });
    let span = call(&world, &body.to_string());
    let kept = parsed(&span, "gen_ai.input.messages");
    assert_eq!(kept[0]["content"][0]["text"], "What is it?");
    assert_eq!(kept[0]["content"][1]["image_url"]["url"], "[image/png, 150000 bytes]");
    assert_eq!(attribute(&span, "gateway.content.truncated"), None);
}

#[test]
fn trap_35_listed_headers_are_on_both_spans_and_in_no_metric() {
    let world = World::new(&format!(
        "{USUAL}genai_telemetry: {{ header_attributes: {{ X-Team: app.team, x-long: app.long }} }}\n"
    ));
    let trace = trace_id();
    let long = "l".repeat(257);
    let headers = [
        &*traceparent(&trace),
        "x-team: canary-blue",
        &format!("x-long: {long}"),
        "x-other: canary-other",
        "x-to11-prompt-slug: greet",
    ];
    let body = request(false, "hi");
    assert_eq!(post(world.gateway, "/v1/chat/completions", &headers, &body).status, 200);
    let spans = world.spans(&trace);
    assert_eq!(spans.len(), 2);
    for span in &spans {
        assert_eq!(attribute(span, "app.team"), Some("canary-blue"), "{}", span.name);
        assert_eq!(attribute(span, "app.long"), Some(&long[..256]));
        assert_eq!(attribute(span, "gateway.prompt.slug"), Some("greet"));
        assert!(span.attributes.iter().all(|(_, value)| value != "canary-other"));
    }
    assert!(!world.running().metrics().contains("canary"), "headers never reach metrics");
    let refused = trace_id();
    let headers = [&*traceparent(&refused), "x-team: red"];
    let answer = post(
        world.gateway,
        "/v1/chat/completions",
        &headers,
        &body.replace("gpt-4o-mini", "nobody"),
    );
    assert_eq!(answer.status, 404);
    assert_eq!(attribute(&world.genai(&refused), "app.team"), Some("red"), "also when refused");
}
