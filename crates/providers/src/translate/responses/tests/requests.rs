//! What callers ask, and what upstreams are asked.

use serde_json::{Value, json};

use super::{ALL, decode, encode, read, written};
use crate::event::Opaque;
use crate::provider::Capabilities;
use crate::translate::request::{
    Content, Draft, Format, Message, Part, Reasoning, Request, Role, Sampling, Source, Tool,
    ToolCall, ToolChoice,
};
use crate::translate::sealed::Sealed;

/// Everything that can be said in one request.
fn full() -> Value {
    json!({
        "model": "m",
        "store": false,
        "include": ["reasoning.encrypted_content"],
        "instructions": "be brief",
        "input": [
            { "type": "message", "role": "user", "content": [
                { "type": "input_text", "text": "look" },
                { "type": "input_image", "image_url": "data:image/png;base64,QUJD", "detail": "low" },
                { "type": "input_image", "file_id": "file_1", "detail": "auto" },
                { "type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD" },
                { "type": "input_file", "file_url": "https://example.org/a.pdf" },
                { "type": "input_file", "file_id": "file_2" },
                { "type": "input_audio", "input_audio": { "data": "QUJD", "format": "wav" } }
            ] },
            { "type": "reasoning", "id": "rs_1", "summary": [{ "type": "summary_text", "text": "hm" }], "encrypted_content": "gAAA" },
            { "type": "message", "role": "assistant", "id": "msg_2", "status": "completed", "content": [
                { "type": "output_text", "text": "I will.", "annotations": [] },
                { "type": "refusal", "refusal": "not that" }
            ] },
            { "type": "function_call", "call_id": "c0", "name": "f", "arguments": "{\"a\":1}" },
            { "type": "custom_tool_call", "call_id": "c1", "name": "g", "input": "free text" },
            { "type": "function_call_output", "call_id": "c0", "output": "one" },
            { "type": "custom_tool_call_output", "call_id": "c1", "output": [
                { "type": "input_text", "text": "two" },
                { "type": "input_image", "image_url": "https://example.org/a.png", "detail": "high" }
            ] },
            { "type": "message", "role": "system", "content": "now in French" },
            { "type": "message", "role": "user", "content": "go on" }
        ],
        "tools": [
            { "type": "function", "name": "f", "description": "does", "parameters": { "type": "object", "properties": { "z": {}, "a": {} } }, "strict": true },
            { "type": "custom", "name": "g", "description": "free", "format": { "type": "grammar", "syntax": "regex", "definition": "a+" } }
        ],
        "tool_choice": { "type": "custom", "name": "g" },
        "parallel_tool_calls": false,
        "text": {
            "format": { "type": "json_schema", "name": "n", "schema": { "type": "object" }, "description": "d", "strict": true },
            "verbosity": "low"
        },
        "reasoning": { "effort": "low", "summary": "auto" },
        "max_output_tokens": 99, "temperature": 0.5, "top_p": 0.9,
        "metadata": { "k": "v" }, "service_tier": "flex", "truncation": "auto",
        "user": "u",
        "stream": true
    })
}

#[test]
fn a_request_that_says_everything_comes_back_as_it_was() {
    let (back, dropped) = written(Request { model: "m".to_owned(), ..read(full()) });
    assert_eq!(back, full());
    assert_eq!(dropped, [""; 0]);
}

#[test]
fn what_the_model_said_in_a_row_is_one_turn_and_so_are_results() {
    let request = read(full());
    let roles: Vec<_> = request.messages.iter().map(|m| (m.role, m.parts.len())).collect();
    let expected = [
        (Role::System, 1),
        (Role::User, 7),
        (Role::Assistant, 5),
        (Role::User, 2),
        (Role::System, 1),
        (Role::User, 1),
    ];
    assert_eq!(roles, expected);
    let Content::Reasoning(thought) = &request.messages[2].parts[0].content else { panic!() };
    let sealed = thought.sealed.as_ref().unwrap();
    assert_eq!((thought.text.as_str(), sealed.id.as_str()), ("hm", "rs_1"));
    assert!(sealed.signs && sealed.is(Opaque::RESPONSES));
    assert_eq!(request.tool_choice, Some(ToolChoice::Named("g".to_owned())));
    assert!(matches!(request.format, Some(Format::JsonSchema { .. })));
    assert_eq!(request.extra["verbosity"], "low");
}

#[test]
fn short_forms_are_understood() {
    let request = read(json!({
        "model": "m", "input": "hi", "instructions": null, "store": false,
        "truncation": "disabled", "stream_options": { "include_obfuscation": false },
        "text": { "format": { "type": "text" } }, "background": false
    }));
    assert_eq!(request.messages, [Message { role: Role::User, parts: vec![Part::text("hi")] }]);
    assert_eq!((request.format, request.extra.len()), (None, 0));
    let request = read(json!({ "input": [
        { "role": "developer", "content": "d" },
        { "role": "assistant", "content": "a" },
        { "type": "reasoning", "id": "rs", "summary": [], "content": [{ "type": "reasoning_text", "text": "open" }] },
        { "role": "user", "content": [{ "type": "input_file", "file_data": "QUJD", "filename": "A.PDF" }] }
    ] }));
    assert_eq!(request.messages[0].role, Role::System);
    let thought = Reasoning { text: "open".into(), sealed: None };
    assert_eq!(request.messages[1].parts[1].content, Content::Reasoning(thought));
    let pdf = Source::Data { media_type: "application/pdf".into(), data: "QUJD".into() };
    assert!(
        matches!(&request.messages[2].parts[0].content, Content::File { source, .. } if *source == pdf)
    );
}

#[test]
fn what_would_change_the_meaning_is_refused_by_name() {
    let with = |name: &str, value: Value| json!({ "input": "hi", name: value });
    let item = |item: Value| json!({ "input": [{ "role": "user", "content": "hi" }, item] });
    for (body, field) in [
        (json!([]), "body"),
        (json!({ "input": 3 }), "input"),
        (with("instructions", json!([])), "instructions"),
        (with("previous_response_id", json!("resp_1")), "previous_response_id"),
        (with("conversation", json!({ "id": "conv_1" })), "conversation"),
        (with("prompt", json!({ "id": "pmpt_1" })), "prompt"),
        (with("background", json!(true)), "background"),
        (item(json!({ "type": "item_reference", "id": "msg_1" })), "input[1]"),
        (item(json!({ "type": "web_search_call", "id": "ws_1" })), "input[1]"),
        (item(json!({ "type": "function_call", "name": "f" })), "input[1]"),
        (item(json!({ "type": "function_call_output", "output": "x" })), "input[1]"),
        (item(json!({ "role": "robot", "content": "x" })), "input[1].role"),
        (
            item(json!({ "role": "user", "content": [{ "type": "input_video" }] })),
            "input[1].content[0]",
        ),
        (
            item(
                json!({ "type": "function_call_output", "call_id": "c", "output": [{ "type": "x" }] }),
            ),
            "input[1].output[0]",
        ),
        (with("tools", json!({})), "tools"),
        (with("tools", json!([{ "type": "function" }])), "tools[0]"),
        (with("tool_choice", json!({ "type": "file_search" })), "tool_choice"),
        (with("tool_choice", json!("any")), "tool_choice"),
        (with("text", json!({ "format": { "type": "grammar" } })), "text.format"),
    ] {
        assert_eq!(decode(body.clone()).unwrap_err().field, field, "{body}");
    }
}

#[test]
fn allowed_tools_are_the_only_ones_shown() {
    let body = |names: &[&str]| {
        let allowed: Vec<_> =
            names.iter().map(|name| json!({ "type": "function", "name": name })).collect();
        json!({
            "input": "hi",
            "tools": [{ "type": "function", "name": "f" }, { "type": "function", "name": "g" }],
            "tool_choice": { "type": "allowed_tools", "mode": "required", "tools": allowed }
        })
    };
    let request = read(body(&["g"]));
    assert!(matches!(request.tools.as_slice(), [Tool::Function { name, .. }] if name == "g"));
    assert_eq!(request.tool_choice, Some(ToolChoice::Required));
    assert_eq!(decode(body(&["h"])).unwrap_err().field, "tool_choice.tools");
}

#[test]
fn tools_run_by_the_provider_are_refused() {
    let request = read(json!({ "input": "hi", "tools": [{ "type": "web_search" }] }));
    assert!(matches!(&request.tools[0], Tool::Hosted { kind, .. } if kind == "web_search"));
    assert_eq!(encode(&mut Draft::new(request), ALL).unwrap_err().field, "tools[0]");
}

#[test]
fn members_that_nobody_takes_are_named_and_defaults_are_not() {
    let body = json!({
        "input": "hi", "include": ["message.output_text.logprobs"], "top_logprobs": 3,
        "max_tool_calls": 4, "max_output_tokens": "9", "reasoning": { "mode": "pro", "effort": null },
        "text": { "tone": "kind" }
    });
    let (back, mut dropped) = written(read(body));
    dropped.sort();
    let expected = [
        "include",
        "max_output_tokens",
        "max_tool_calls",
        "reasoning.mode",
        "text.tone",
        "top_logprobs",
    ];
    assert_eq!(dropped, expected);
    assert_eq!((&back["include"], &back["reasoning"]), (&Value::Null, &Value::Null));
}

#[test]
fn what_the_api_lacks_is_dropped_or_refused() {
    let sampling = Sampling {
        max_tokens: Some(15),
        top_k: Some(1),
        frequency_penalty: Some(0.1),
        presence_penalty: Some(0.1),
        seed: Some(1),
        n: Some(1),
        ..Sampling::default()
    };
    let (back, dropped) = written(Request { sampling: sampling.clone(), ..Request::default() });
    assert_eq!(back["max_output_tokens"], 16, "the least that the API takes");
    let expected = ["max_tokens", "top_k", "frequency_penalty", "presence_penalty", "seed"];
    assert_eq!(dropped, expected);
    let (back, dropped) = written(Request {
        sampling: Sampling { max_tokens: Some(16), ..Sampling::default() },
        ..Request::default()
    });
    assert_eq!((&back["max_output_tokens"], dropped.len()), (&json!(16), 0));
    for (sampling, field) in [
        (Sampling { stop: vec!["x".into()], ..sampling.clone() }, "stop"),
        (Sampling { n: Some(2), ..sampling }, "n"),
    ] {
        let mut draft = Draft::new(Request { sampling, ..Request::default() });
        assert_eq!(encode(&mut draft, ALL).unwrap_err().field, field);
    }
}

#[test]
fn one_text_of_the_assistant_has_the_short_form_and_none_is_no_item() {
    let call = ToolCall { id: "c".into(), name: "f".into(), ..ToolCall::default() };
    let parts = |text: &str| vec![Part::text(text), Part::new(Content::ToolCall(call.clone()))];
    let items = |text: &str| {
        let messages = vec![Message { role: Role::Assistant, parts: parts(text) }];
        written(Request { messages, ..Request::default() }).0["input"].clone()
    };
    let call = json!({ "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}" });
    assert_eq!(
        items("hm"),
        json!([{ "type": "message", "role": "assistant", "content": "hm" }, call])
    );
    assert_eq!(items(""), json!([call]));
}

#[test]
fn a_target_that_can_do_less_refuses() {
    let none = Capabilities { tools: false, json_schema: false, ..ALL };
    assert_eq!(encode(&mut Draft::new(read(full())), none).unwrap_err().field, "tools");
    let body = json!({ "input": "hi", "text": full()["text"] });
    assert_eq!(encode(&mut Draft::new(read(body)), none).unwrap_err().field, "response_format");
}

#[test]
fn schemas_of_functions_are_not_strict_unless_asked() {
    let request = read(json!({ "input": "hi", "tools": [{ "type": "function", "name": "f" }] }));
    let (back, _) = written(request);
    assert_eq!(back["tools"][0]["strict"], false);
    assert_eq!(back["tools"][0]["parameters"]["type"], "object");
}

#[test]
fn only_the_apis_own_reasoning_is_sent_back() {
    let sealed = |format: &str| Sealed {
        format: format.into(),
        signs: true,
        id: "rs_1".into(),
        data: "secret".into(),
    };
    let thought = |sealed| Part::new(Content::Reasoning(Reasoning { text: "hm".into(), sealed }));
    let request = |parts| Request {
        messages: vec![Message { role: Role::Assistant, parts }],
        ..Request::default()
    };
    let (back, dropped) = written(request(vec![thought(Some(sealed(Opaque::RESPONSES)))]));
    assert_eq!(back["input"][0]["encrypted_content"], "secret");
    assert_eq!((&back["input"][0]["id"], dropped.len()), (&json!("rs_1"), 0));
    assert_eq!(back["include"], json!(["reasoning.encrypted_content"]));
    let foreign = vec![thought(Some(sealed(Opaque::ANTHROPIC))), thought(None)];
    let (back, dropped) = written(request(foreign));
    assert_eq!((&back["input"], dropped), (&json!([]), vec!["reasoning".to_owned()]));
    assert_eq!(back["include"], Value::Null, "models that do not think refuse it");
}

#[test]
fn reasoning_of_another_provider_survives_a_caller_of_this_api() {
    let sealed = Sealed {
        format: Opaque::ANTHROPIC.into(),
        signs: true,
        id: String::new(),
        data: "s:i:g".into(),
    };
    let item = json!({
        "type": "reasoning", "id": "rs_x", "summary": [{ "type": "summary_text", "text": "hm" }],
        "encrypted_content": sealed.to_tagged()
    });
    let request = read(json!({ "input": [item] }));
    let thought = Reasoning { text: "hm".into(), sealed: Some(sealed) };
    assert_eq!(request.messages[0].parts[0].content, Content::Reasoning(thought));
}

#[test]
fn a_result_is_of_the_kind_that_its_call_was() {
    let mut request = read(full());
    for part in request.messages.iter_mut().flat_map(|message| &mut message.parts) {
        if let Content::ToolResult(result) = &mut part.content {
            result.custom = false;
        }
    }
    let (back, _) = written(request);
    assert_eq!(back["input"][6]["type"], "custom_tool_call_output");
    assert_eq!(back["input"][5]["type"], "function_call_output");
}

#[test]
fn cache_markers_and_failures_of_tools_are_reported() {
    let mut request = read(full());
    request.messages[1].parts[0].cache = Some(json!({ "type": "ephemeral" }));
    if let Content::ToolResult(result) = &mut request.messages[3].parts[0].content {
        result.is_error = true;
    }
    let (_, dropped) = written(request);
    assert_eq!(dropped, ["cache_control", "tool_result.is_error"]);
}
