//! Requests as Cohere takes them.

use serde_json::{Value, json};

use super::encode;
use crate::provider::{Capabilities, Dialect};
use crate::translate::chat;
use crate::translate::request::Draft;

fn try_write(body: Value) -> Result<(Value, Vec<String>), String> {
    let mut request = chat::decode(body).unwrap();
    request.model = "m".to_owned();
    let mut draft = Draft::new(request);
    let value = encode(&mut draft, Capabilities::assumed(Dialect::Cohere));
    value.map(|value| (value, draft.into_dropped())).map_err(|refusal| refusal.field)
}

fn write(body: Value) -> Value {
    try_write(body).unwrap().0
}

#[test]
fn a_conversation_keeps_its_roles() {
    let call = json!({ "id": "c0", "type": "function", "function": { "name": "f", "arguments": "{\"a\":1}" } });
    let image = json!({ "type": "image_url", "image_url": { "url": "https://example.org/a.png" } });
    let body = write(json!({ "messages": [
        { "role": "system", "content": "be brief" },
        { "role": "user", "content": [{ "type": "text", "text": "look" }, image] },
        { "role": "assistant", "content": "I will.", "reasoning_content": "hm", "tool_calls": [call] },
        { "role": "tool", "tool_call_id": "c0", "content": "one" }
    ] }));
    assert_eq!(
        body["messages"],
        json!([
            { "role": "system", "content": "be brief" },
            { "role": "user", "content": [{ "type": "text", "text": "look" }, image] },
            { "role": "assistant", "content": [
                { "type": "thinking", "thinking": "hm" }, { "type": "text", "text": "I will." }
            ], "tool_calls": [call] },
            { "role": "tool", "tool_call_id": "c0", "content": "one" }
        ])
    );
}

#[test]
fn parameters_have_their_own_names() {
    let (body, dropped) = try_write(json!({
        "messages": [], "max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "top_k": 4, "seed": 3,
        "stop": "x", "stream": true, "reasoning_effort": "low", "user": "u", "parallel_tool_calls": false,
        "response_format": { "type": "json_schema", "json_schema": { "name": "n", "schema": { "type": "object" } } },
        "tools": [{ "type": "function", "function": { "name": "f", "strict": true } }]
    }))
    .unwrap();
    for (name, value) in [
        ("max_tokens", json!(9)),
        ("p", json!(0.9)),
        ("k", json!(4)),
        ("stop_sequences", json!(["x"])),
        ("stream", json!(true)),
        ("strict_tools", json!(true)),
        ("thinking", json!({ "type": "enabled", "token_budget": 1_024 })),
        ("response_format", json!({ "type": "json_object", "json_schema": { "type": "object" } })),
    ] {
        assert_eq!(body[name], value, "{name}");
    }
    assert_eq!(dropped, ["parallel_tool_calls", "user"]);
}

#[test]
fn p_stays_within_its_bounds_and_what_cohere_alone_has_goes_along() {
    for (top_p, p) in [(1.0, 0.99), (0.99, 0.99), (0.5, 0.5), (0.01, 0.01), (0.0, 0.01)] {
        assert_eq!(write(json!({ "messages": [], "top_p": top_p }))["p"], p, "{top_p}");
    }
    let (body, dropped) =
        try_write(json!({ "messages": [], "safety_mode": "STRICT", "logit_bias": {} })).unwrap();
    assert_eq!((&body["safety_mode"], dropped), (&json!("STRICT"), vec!["logit_bias".to_owned()]));
}

#[test]
fn the_one_tool_to_call_is_the_only_one_offered() {
    let tool = |name: &str| json!({ "type": "function", "function": { "name": name } });
    let body = |choice: Value| json!({ "messages": [], "tools": [tool("f"), tool("g")], "tool_choice": choice });
    let named = write(body(json!({ "type": "function", "function": { "name": "g" } })));
    assert_eq!(named["tools"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&named["tools"][0]["function"]["name"], &named["tool_choice"]),
        (&json!("g"), &json!("REQUIRED"))
    );
    assert_eq!(write(body(json!("none")))["tool_choice"], "NONE");
    assert_eq!(write(body(json!("auto"))).get("tool_choice"), None);
}

#[test]
fn what_cannot_be_said_is_refused_by_name() {
    let user = |piece: Value| json!({ "messages": [{ "role": "user", "content": [piece] }] });
    for (body, field) in [
        (json!({ "messages": [], "n": 2 }), "n"),
        (
            json!({ "messages": [], "tools": [{ "type": "custom", "custom": { "name": "g" } }] }),
            "tools[0]",
        ),
        (
            user(json!({ "type": "file", "file": { "file_data": "data:a/b;base64,QQ==" } })),
            "messages[0]",
        ),
        (
            user(json!({ "type": "input_audio", "input_audio": { "data": "", "format": "wav" } })),
            "messages[0]",
        ),
    ] {
        assert_eq!(try_write(body.clone()).unwrap_err(), field, "{body}");
    }
}

#[test]
fn a_turn_of_which_nothing_is_left_is_no_turn() {
    let sealed =
        json!({ "type": "reasoning.encrypted", "format": "openai-responses-v1", "data": "x" });
    let (body, dropped) = try_write(json!({ "messages": [
        { "role": "user", "content": "a" },
        { "role": "assistant", "content": null, "reasoning_details": [sealed] },
        { "role": "user", "content": "b" }
    ] }))
    .unwrap();
    let user = |text: &str| json!({ "role": "user", "content": text });
    assert_eq!(body["messages"], json!([user("a"), user("b")]));
    assert_eq!(dropped, ["reasoning"]);
}
