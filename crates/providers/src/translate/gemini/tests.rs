//! Requests as Gemini takes them.

use serde_json::{Value, json};

use super::encode;
use super::generation::thinks_by_level;
use crate::event::Opaque;
use crate::provider::{Capabilities, Dialect};
use crate::translate::chat;
use crate::translate::request::{Draft, ReasoningBudget};

fn try_write(body: Value, model: &str) -> Result<(Value, Vec<String>), String> {
    let mut request = chat::decode(body).unwrap();
    request.model = model.to_owned();
    let mut draft = Draft::new(request);
    let value = encode(&mut draft, Capabilities::assumed(Dialect::Gemini));
    value.map(|value| (value, draft.into_dropped())).map_err(|refusal| refusal.field)
}

fn write(body: Value) -> Value {
    try_write(body, "gemini-2.5-flash").unwrap().0
}

fn conversation(details: &Value) -> Value {
    json!({ "messages": [
        { "role": "system", "content": "be brief" },
        { "role": "user", "content": [
            { "type": "text", "text": "look" },
            { "type": "image_url", "image_url": { "url": "data:image/png;base64,QUJD" } },
            { "type": "input_audio", "input_audio": { "data": "QUJD", "format": "wav" } }
        ] },
        { "role": "assistant", "content": "I will.", "reasoning_details": details, "tool_calls": [
            { "id": "c0", "type": "function", "function": { "name": "f", "arguments": "{\"a\":1}" } },
            { "id": "c1", "type": "function", "function": { "name": "g", "arguments": "" } }
        ] },
        { "role": "tool", "tool_call_id": "c0", "content": "one" },
        { "role": "tool", "tool_call_id": "c1", "content": "{\"two\":2}" },
        { "role": "user", "content": "and?" }
    ] })
}

#[test]
fn a_conversation_has_two_roles_and_results_name_their_function() {
    let body = write(conversation(&json!([])));
    assert_eq!(body["systemInstruction"], json!({ "parts": [{ "text": "be brief" }] }));
    assert_eq!(
        body["contents"],
        json!([
            { "role": "user", "parts": [
                { "text": "look" },
                { "inlineData": { "mimeType": "image/png", "data": "QUJD" } },
                { "inlineData": { "mimeType": "audio/wav", "data": "QUJD" } }
            ] },
            { "role": "model", "parts": [
                { "text": "I will." },
                { "functionCall": { "id": "c0", "name": "f", "args": { "a": 1 } } },
                { "functionCall": { "id": "c1", "name": "g", "args": {} } }
            ] },
            { "role": "user", "parts": [
                { "functionResponse": { "id": "c0", "name": "f", "response": { "output": "one" } } },
                { "functionResponse": { "id": "c1", "name": "g", "response": { "two": 2 } } },
                { "text": "and?" }
            ] }
        ])
    );
}

#[test]
fn a_signature_goes_back_on_the_part_that_follows_it() {
    let detail =
        json!([{ "type": "reasoning.encrypted", "format": Opaque::GEMINI, "data": "sig" }]);
    let body = write(conversation(&detail));
    assert_eq!(body["contents"][1]["parts"][0]["thoughtSignature"], "sig");
    let foreign =
        json!([{ "type": "reasoning.encrypted", "format": Opaque::ANTHROPIC, "data": "s" }]);
    let (body, dropped) = try_write(conversation(&foreign), "gemini-2.5-pro").unwrap();
    assert!(!body.to_string().contains("thoughtSignature"));
    assert_eq!(dropped, ["reasoning"]);
}

#[test]
fn a_turn_of_another_model_is_marked_as_such_where_signatures_are_wanted() {
    let (body, _) = try_write(conversation(&json!([])), "gemini-3-pro-preview").unwrap();
    let parts = &body["contents"][1]["parts"];
    assert_eq!(parts[1]["thoughtSignature"], "skip_thought_signature_validator");
    assert_eq!(parts[2].get("thoughtSignature"), None, "the first call of a turn alone");
}

#[test]
fn tools_choice_and_format_have_their_places() {
    let schema = json!({ "type": "object", "additionalProperties": false });
    let tool = json!({ "type": "function", "function": { "name": "f", "description": "d", "parameters": schema, "strict": true } });
    let body = |choice: Value| json!({ "messages": [], "tools": [tool], "tool_choice": choice, "parallel_tool_calls": false });
    let (named, dropped) =
        try_write(body(json!({ "type": "function", "function": { "name": "f" } })), "g").unwrap();
    assert_eq!(
        named["tools"],
        json!([{ "functionDeclarations": [{ "name": "f", "description": "d", "parametersJsonSchema": schema }] }])
    );
    assert_eq!(
        named["toolConfig"]["functionCallingConfig"],
        json!({ "mode": "ANY", "allowedFunctionNames": ["f"] })
    );
    assert_eq!(dropped, ["strict", "parallel_tool_calls"]);
    for (choice, mode) in [("auto", "AUTO"), ("none", "NONE"), ("required", "ANY")] {
        let written = write(body(json!(choice)));
        assert_eq!(written["toolConfig"]["functionCallingConfig"], json!({ "mode": mode }));
    }
    let format = json!({ "type": "json_schema", "json_schema": { "name": "n", "schema": schema } });
    let written = write(json!({ "messages": [], "response_format": format }));
    assert_eq!(
        written["generationConfig"],
        json!({ "responseMimeType": "application/json", "responseJsonSchema": schema })
    );
}

#[test]
fn sampling_goes_along_and_the_rest_is_named() {
    let (body, dropped) = try_write(
        json!({
            "messages": [], "max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "top_k": 4, "seed": 3,
            "frequency_penalty": 0.1, "presence_penalty": 0.2, "stop": "x", "user": "u", "logit_bias": {}
        }),
        "gemini-2.5-flash",
    )
    .unwrap();
    assert_eq!(
        body["generationConfig"],
        json!({
            "maxOutputTokens": 9, "temperature": 0.5, "topP": 0.9, "topK": 4, "frequencyPenalty": 0.1,
            "presencePenalty": 0.2, "seed": 3, "stopSequences": ["x"]
        })
    );
    assert_eq!(dropped, ["user", "logit_bias"]);
}

#[test]
fn thinking_is_asked_for_in_the_way_of_the_models_generation() {
    let thinking = |model: &str, budget: ReasoningBudget| {
        let mut request = chat::decode(json!({ "messages": [] })).unwrap();
        (request.model, request.reasoning) = (model.to_owned(), Some(budget));
        let body = encode(&mut Draft::new(request), Capabilities::assumed(Dialect::Gemini));
        body.unwrap()["generationConfig"]["thinkingConfig"].clone()
    };
    let effort =
        |effort: &str| ReasoningBudget { effort: Some(effort.into()), ..Default::default() };
    let older = thinking("gemini-2.5-flash", effort("low"));
    assert_eq!(older, json!({ "thinkingBudget": 1_024, "includeThoughts": true }));
    let newer = thinking("gemini-3.5-flash", effort("xhigh"));
    assert_eq!(newer, json!({ "thinkingLevel": "HIGH", "includeThoughts": true }));
    let off = thinking("gemini-2.5-flash", effort("none"));
    assert_eq!(off, json!({ "thinkingBudget": 0, "includeThoughts": false }));
    let adaptive = ReasoningBudget { adaptive: true, ..Default::default() };
    assert_eq!(thinking("gemini-2.5-pro", adaptive)["thinkingBudget"], -1);
    assert!(thinks_by_level("models/gemini-flash-latest") && !thinks_by_level("gemma-3"));
}

#[test]
fn thinking_as_little_as_the_model_can_is_told_where_it_is_more_than_asked_for() {
    let asked = |model: &str, effort: &str| {
        let body = json!({ "messages": [], "reasoning_effort": effort });
        let (body, dropped) = try_write(body, model).unwrap();
        (body["generationConfig"]["thinkingConfig"].clone(), dropped)
    };
    let told = vec!["reasoning_effort".to_owned()];
    for (model, effort, config, dropped) in [
        (
            "gemini-2.5-flash",
            "none",
            json!({ "thinkingBudget": 0, "includeThoughts": false }),
            vec![],
        ),
        (
            "gemini-2.5-pro",
            "none",
            json!({ "thinkingBudget": 128, "includeThoughts": false }),
            told.clone(),
        ),
        (
            "gemini-3.5-pro",
            "none",
            json!({ "thinkingLevel": "LOW", "includeThoughts": false }),
            told,
        ),
        (
            "gemini-3.5-pro",
            "minimal",
            json!({ "thinkingLevel": "LOW", "includeThoughts": true }),
            vec![],
        ),
        (
            "gemini-3.1-flash-lite",
            "minimal",
            json!({ "thinkingLevel": "MINIMAL", "includeThoughts": true }),
            vec![],
        ),
    ] {
        assert_eq!(asked(model, effort), (config, dropped), "{model} {effort}");
    }
}

#[test]
fn results_come_before_what_else_is_said_and_hold_pictures_where_they_may() {
    let call = |id: &str| json!({ "id": id, "type": "function", "function": { "name": "f", "arguments": "{}" } });
    let picture =
        json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,QUJD" } });
    let body = json!({ "messages": [
        { "role": "assistant", "tool_calls": [call("a"), call("b")] },
        { "role": "tool", "tool_call_id": "a", "content": [picture] },
        { "role": "tool", "tool_call_id": "b", "content": "two" }
    ] });
    let parts = |model: &str| {
        let (body, _) = try_write(body.clone(), model).unwrap();
        body["contents"][1]["parts"].clone()
    };
    let blob = json!({ "inlineData": { "mimeType": "image/png", "data": "QUJD" } });
    let older = parts("gemini-2.5-flash");
    assert_eq!(
        [&older[0]["functionResponse"]["id"], &older[1]["functionResponse"]["id"], &older[2]],
        [&json!("a"), &json!("b"), &blob]
    );
    let newer = parts("gemini-3.5-flash");
    assert_eq!(newer[0]["functionResponse"]["parts"], json!([blob]));
    assert_eq!(newer.as_array().unwrap().len(), 2);
}

#[test]
fn addresses_tell_their_media_type_where_they_can() {
    let part = |url: &str| {
        let image = json!({ "type": "image_url", "image_url": { "url": url } });
        let body = write(json!({ "messages": [{ "role": "user", "content": [image] }] }));
        body["contents"][0]["parts"][0]["fileData"].clone()
    };
    for (url, media_type) in [
        ("https://example.org/a.PNG?size=1", json!("image/png")),
        ("https://example.org/b.c/d.jpg#e.png", json!("image/jpeg")),
        ("https://example.org/a.png/b", Value::Null),
        ("https://example.org", Value::Null),
    ] {
        let file = part(url);
        assert_eq!((&file["fileUri"], &file["mimeType"]), (&json!(url), &media_type), "{url}");
    }
}

#[test]
fn a_seed_beyond_their_range_is_left_out_and_named() {
    for (seed, fits) in [(i64::from(i32::MAX), true), (i64::from(i32::MAX) + 1, false)] {
        let (body, dropped) = try_write(json!({ "messages": [], "seed": seed }), "g").unwrap();
        assert_eq!(body["generationConfig"]["seed"].as_i64(), fits.then_some(seed));
        assert_eq!(dropped.is_empty(), fits);
    }
}

#[test]
fn what_cannot_be_said_is_refused_by_name() {
    let call = |arguments: &str| json!({ "id": "c", "type": "function", "function": { "name": "f", "arguments": arguments } });
    for (body, field) in [
        (json!({ "messages": [], "n": 2 }), "n"),
        (json!({ "messages": [], "tools": [{ "type": "web_search" }] }), "tools[0]"),
        (
            json!({ "messages": [{ "role": "tool", "tool_call_id": "x", "content": "" }] }),
            "messages[0]",
        ),
        (
            json!({ "messages": [{ "role": "assistant", "tool_calls": [call("[1]")] }] }),
            "messages[0]",
        ),
        (
            json!({ "messages": [{ "role": "user", "content": [{ "type": "file", "file": { "file_id": "f" } }] }] }),
            "messages[0]",
        ),
    ] {
        assert_eq!(try_write(body.clone(), "g").unwrap_err(), field, "{body}");
    }
}

#[test]
fn texts_of_one_result_stay_apart() {
    let call =
        json!({ "id": "c", "type": "function", "function": { "name": "f", "arguments": "{}" } });
    let piece = |text: &str| json!({ "type": "text", "text": text });
    let body = write(json!({ "messages": [
        { "role": "assistant", "tool_calls": [call] },
        { "role": "tool", "tool_call_id": "c", "content": [piece("one"), piece("two")] }
    ] }));
    let result = &body["contents"][1]["parts"][0]["functionResponse"];
    assert_eq!(result["response"], json!({ "output": "one\ntwo" }));
}
