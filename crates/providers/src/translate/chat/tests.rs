//! Chat completions read, written, and both in turn.

use serde_json::{Value, json};

use super::{EventWriter, decode, encode};
use crate::event::Opaque;
use crate::provider::{Capabilities, Dialect};
use crate::translate::Untranslatable;
use crate::translate::blocks::{Kind, Step};
use crate::translate::finish::Finish;
use crate::translate::request::{Content, Draft, Request, Role, Source, Tool, ToolChoice};
use crate::translate::sealed::Sealed;
use crate::translate::writer::Reply;

const ALL: Capabilities =
    Capabilities { reasoning_details: true, ..Capabilities::assumed(Dialect::Chat) };

fn read(body: Value) -> Request {
    decode(body).unwrap()
}

fn written(request: Request, capabilities: Capabilities) -> (Value, Vec<String>) {
    let mut draft = Draft::new(request);
    let value = encode(&mut draft, capabilities).unwrap();
    (value, draft.into_dropped())
}

fn refused(body: Value) -> Untranslatable {
    decode(body).unwrap_err()
}

/// Everything that can be said in one request.
fn full() -> Value {
    json!({
        "model": "m",
        "messages": [
            { "role": "system", "content": "be brief" },
            { "role": "user", "content": [
                { "type": "text", "text": "look" },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,QUJD", "detail": "low" } },
                { "type": "image_url", "image_url": { "url": "https://example.org/a.png" } },
                { "type": "file", "file": { "filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD" } },
                { "type": "input_audio", "input_audio": { "data": "QUJD", "format": "wav" } }
            ] },
            { "role": "assistant", "content": "I will.", "tool_calls": [
                { "id": "c0", "type": "function", "function": { "name": "f", "arguments": "{\"a\":1}" } },
                { "id": "c1", "type": "custom", "custom": { "name": "g", "input": "free text" } }
            ], "reasoning_details": [
                { "index": 0, "format": Opaque::ANTHROPIC, "type": "reasoning.text", "text": "hm", "signature": "s" }
            ] },
            { "role": "tool", "tool_call_id": "c0", "content": "one" },
            { "role": "tool", "tool_call_id": "c1", "content": "two" }
        ],
        "tools": [
            { "type": "function", "function": { "name": "f", "description": "does", "parameters": { "type": "object", "properties": { "z": {}, "a": {} } }, "strict": true } },
            { "type": "custom", "custom": { "name": "g", "description": "free", "format": { "type": "text" } } }
        ],
        "tool_choice": { "type": "function", "function": { "name": "f" } },
        "parallel_tool_calls": false,
        "response_format": { "type": "json_schema", "json_schema": { "name": "n", "schema": { "type": "object" }, "description": "d", "strict": true } },
        "max_tokens": 9, "temperature": 0.5, "top_p": 0.9,
        "frequency_penalty": 0.1, "presence_penalty": 0.2, "seed": 3, "n": 2, "stop": ["x"],
        "reasoning_effort": "low",
        "metadata": { "k": "v" },
        "user": "u",
        "stream": true, "stream_options": { "include_usage": true }
    })
}

#[test]
fn a_request_that_says_everything_comes_back_as_it_was() {
    let (back, dropped) = written(Request { model: "m".to_owned(), ..read(full()) }, ALL);
    assert_eq!(back, full());
    assert_eq!(dropped, [""; 0]);
}

#[test]
fn parts_are_read_for_what_they_are() {
    let request = read(full());
    assert_eq!(request.messages[0].role, Role::System);
    let contents: Vec<_> = request.messages[1].parts.iter().map(|part| &part.content).collect();
    let data =
        |media_type: &str| Source::Data { media_type: media_type.into(), data: "QUJD".into() };
    assert!(matches!(contents[1], Content::Image { source, .. } if *source == data("image/png")));
    assert!(matches!(contents[2], Content::Image { source: Source::Url(_), .. }));
    assert!(
        matches!(contents[3], Content::File { source, .. } if *source == data("application/pdf"))
    );
    assert!(
        matches!(&request.messages[2].parts[0].content, Content::Reasoning(r) if r.sealed.is_some())
    );
    assert_eq!(request.tool_choice, Some(ToolChoice::Named("f".to_owned())));
    assert!(matches!(request.tools[1], Tool::Custom { .. }));
}

#[test]
fn older_spellings_are_understood() {
    let request = read(json!({
        "messages": [
            { "role": "developer", "content": "d" },
            { "role": "assistant", "content": null, "function_call": { "name": "f", "arguments": "{}" } },
            { "role": "function", "name": "f", "content": "done" }
        ],
        "functions": [{ "name": "f", "parameters": { "type": "object" } }],
        "function_call": "auto",
        "max_tokens": 1, "max_completion_tokens": 2, "stop": "x",
        "response_format": { "type": "text" }
    }));
    assert_eq!(request.sampling.max_tokens, Some(2), "the newer name wins");
    assert_eq!(request.sampling.stop, ["x"]);
    assert_eq!((request.format, request.tool_choice), (None, Some(ToolChoice::Auto)));
    let Content::ToolCall(call) = &request.messages[1].parts[0].content else { panic!() };
    let Content::ToolResult(result) = &request.messages[2].parts[0].content else { panic!() };
    assert_eq!(call.id, result.id, "a result finds its call by the function's name");
}

#[test]
fn what_would_change_the_meaning_is_refused_by_name() {
    let user = |content: Value| json!({ "messages": [{ "role": "user", "content": content }] });
    for (body, field) in [
        (user(json!([{ "type": "video_url" }])), "messages[0].content[0]"),
        (user(json!(3)), "messages[0].content"),
        (json!({ "messages": [{ "role": "robot" }] }), "messages[0].role"),
        (json!({ "messages": "hi" }), "messages"),
        (json!({ "messages": [], "modalities": ["text", "audio"] }), "modalities"),
        (json!({ "messages": [], "web_search_options": {} }), "web_search_options"),
        (json!({ "messages": [], "tools": [{ "type": "function" }] }), "tools[0]"),
        (json!({ "messages": [], "stop": 3 }), "stop"),
        (json!({ "messages": [], "response_format": { "type": "grammar" } }), "response_format"),
        (json!({ "messages": [], "tool_choice": { "type": "allowed_tools" } }), "tool_choice"),
        (
            json!({ "messages": [{ "role": "assistant", "audio": { "id": "a" } }] }),
            "messages[0].audio",
        ),
        (json!([]), "body"),
    ] {
        assert_eq!(refused(body.clone()).field, field, "{body}");
    }
}

#[test]
fn a_target_that_can_do_less_refuses_or_drops() {
    let none = Capabilities { tools: false, json_schema: false, reasoning_details: false, ..ALL };
    let mut draft = Draft::new(read(full()));
    assert_eq!(encode(&mut draft, none).unwrap_err().field, "tools");
    let format = json!({ "messages": [], "response_format": full()["response_format"] });
    let mut draft = Draft::new(read(format));
    assert_eq!(encode(&mut draft, none).unwrap_err().field, "response_format");
    let hosted = json!({ "messages": [], "tools": [{ "type": "web_search" }] });
    assert_eq!(encode(&mut Draft::new(read(hosted)), ALL).unwrap_err().field, "tools[0]");
    let less = Capabilities { reasoning_details: false, max_completion_tokens: true, ..ALL };
    let mut body = full();
    body["top_k"] = 4.into();
    body["unheard_of"] = 1.into();
    body["messages"][1]["content"][0]["cache_control"] = json!({ "type": "ephemeral" });
    let (back, dropped) = written(read(body), less);
    assert_eq!(dropped, ["cache_control", "reasoning", "top_k", "unheard_of"]);
    assert_eq!((&back["max_completion_tokens"], &back["max_tokens"]), (&json!(9), &Value::Null));
}

#[test]
fn pictures_that_a_tool_gave_follow_its_result() {
    let image = json!({ "type": "image_url", "image_url": { "url": "https://example.org/a.png" } });
    let request = read(json!({ "messages": [
        { "role": "tool", "tool_call_id": "c", "content": [{ "type": "text", "text": "see" }, image] }
    ] }));
    let (back, _) = written(request, ALL);
    assert_eq!(
        back["messages"],
        json!([
            { "role": "tool", "tool_call_id": "c", "content": "see" },
            { "role": "user", "content": [image] }
        ])
    );
}

#[test]
fn names_of_dropped_parameters_are_fit_for_a_header() {
    let mut body = json!({ "messages": [] });
    for n in 0..40 {
        body[format!("p{n:02}")] = 1.into();
    }
    body["new\r\nline"] = 1.into();
    let (_, dropped) = written(read(body), ALL);
    assert_eq!(dropped.len(), 32);
    assert!(dropped.iter().all(|name| name.starts_with('p')));
}

#[test]
fn a_stream_has_a_role_deltas_a_reason_and_usage_if_asked() {
    let reply =
        Reply { request_id: "req".into(), model: "asked".into(), created: 7, include_usage: true };
    let mut writer = EventWriter::new(reply);
    let mut out = Vec::new();
    let call = Kind::ToolCall { id: "c".into(), name: "f".into() };
    let sealed = Sealed { format: "x".into(), signs: true, id: String::new(), data: "sig".into() };
    for step in [
        Step::Begin { id: "a", model: "", usage: None },
        Step::Open { index: 0, kind: &Kind::Reasoning },
        Step::Delta { index: 0, kind: &Kind::Reasoning, text: "hm" },
        Step::Sealed { index: 0, sealed: &sealed },
        Step::Close { index: 0, kind: &Kind::Reasoning },
        Step::Open { index: 1, kind: &call },
        Step::Close { index: 1, kind: &call },
        Step::End { finish: Finish::ToolCalls, usage: None },
    ] {
        writer.write(&step, &mut out);
    }
    let text = String::from_utf8(out).unwrap();
    let chunks: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert!(text.ends_with("data: [DONE]\n\n"));
    assert!(chunks.iter().all(|c| c["id"] == "a" && c["model"] == "asked" && c["created"] == 7));
    let deltas: Vec<_> = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]).collect();
    assert_eq!(deltas[0]["role"], "assistant");
    assert_eq!(deltas[1]["reasoning_content"], "hm");
    assert_eq!(deltas[2]["reasoning_details"][0]["signature"], "sig");
    assert_eq!(deltas[3]["tool_calls"][0]["function"]["name"], "f");
    assert_eq!(deltas[4]["tool_calls"][0]["function"]["arguments"], "{}");
    assert_eq!(chunks[5]["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!((&chunks[6]["choices"], &chunks[6]["usage"]), (&json!([]), &Value::Null));
}

#[test]
fn a_turn_of_which_nothing_is_left_is_no_turn() {
    let thought = json!({ "role": "assistant", "content": null, "reasoning_content": "hm" });
    let body = json!({ "model": "m", "messages": [
        { "role": "user", "content": "a" }, thought,
        { "role": "assistant", "content": "" },
        { "role": "user", "content": "b" }
    ] });
    let (value, dropped) = written(read(body), ALL);
    let turns: Vec<&Value> = value["messages"].as_array().unwrap().iter().collect();
    assert_eq!(turns.len(), 3, "{turns:?}");
    assert_eq!(turns[1]["content"], "", "what the caller said is said");
    assert_eq!(dropped, ["reasoning"]);
}
