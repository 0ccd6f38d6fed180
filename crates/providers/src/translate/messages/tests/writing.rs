//! Bodies for upstreams, written: the conversation.

use serde_json::{Value, json};

use super::{asking, refused, written};
use crate::event::Opaque;
use crate::translate::request::{
    Content, Message, Part, Reasoning, Request, Role, Source, ToolCall, ToolResult,
};
use crate::translate::sealed::Sealed;

fn said(messages: Vec<(Role, Vec<Part>)>) -> Request {
    let messages = messages.into_iter().map(|(role, parts)| Message { role, parts }).collect();
    Request { messages, ..asking(Vec::new()) }
}

fn messages(request: Request) -> Value {
    written(request).unwrap().0["messages"].take()
}

/// The blocks of one turn of the user's.
fn user(parts: Vec<Part>) -> Value {
    messages(asking(parts))[0]["content"].take()
}

fn call(id: &str, arguments: &str) -> Part {
    let arguments = arguments.to_owned();
    Part::new(Content::ToolCall(ToolCall {
        id: id.into(),
        name: "f".into(),
        arguments,
        custom: false,
    }))
}

fn result(id: &str, parts: Vec<Part>) -> Part {
    Part::new(Content::ToolResult(ToolResult { id: id.into(), parts, ..ToolResult::default() }))
}

fn thought(text: &str, format: &str, signs: bool) -> Part {
    let sealed = Sealed { format: format.into(), signs, id: String::new(), data: "sig".into() };
    Part::new(Content::Reasoning(Reasoning { text: text.into(), sealed: Some(sealed) }))
}

fn file(media_type: &str, data: &str) -> Part {
    let source = Source::Data { media_type: media_type.into(), data: data.into() };
    Part::new(Content::File { source, name: Some("n".into()) })
}

#[test]
fn system_prompts_gather_in_one_place_in_order() {
    let request = said(vec![
        (Role::System, vec![Part::text("a")]),
        (Role::User, vec![Part::text("hi")]),
        (Role::System, vec![Part::text("b"), Part::text(" ")]),
    ]);
    let (body, dropped) = written(request).unwrap();
    let texts = json!([{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }]);
    assert_eq!(body["system"], texts);
    assert_eq!(body["messages"], json!([{ "role": "user", "content": "hi" }]));
    assert_eq!(dropped, [""; 0]);
    let image = Content::Image { source: Source::Url("https://x".into()), detail: None };
    let request = said(vec![(Role::System, vec![Part::new(image)])]);
    assert_eq!(refused(request), "messages[0].content[0]");
}

#[test]
fn turns_of_one_speaker_become_one_with_results_of_tools_first() {
    let request = said(vec![
        (Role::User, vec![Part::text("go")]),
        (Role::Assistant, vec![Part::text("so"), call("a", r#"{"x":1}"#)]),
        (Role::Assistant, vec![call("b", " ")]),
        (Role::User, vec![result("a", vec![Part::text("one")])]),
        (Role::User, vec![Part::text("and"), result("b", vec![Part::text(""), Part::text("  ")])]),
    ]);
    assert_eq!(
        messages(request),
        json!([
            { "role": "user", "content": "go" },
            { "role": "assistant", "content": [
                { "type": "text", "text": "so" },
                { "type": "tool_use", "id": "a", "name": "f", "input": { "x": 1 } },
                { "type": "tool_use", "id": "b", "name": "f", "input": {} },
            ] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "a", "content": "one" },
                { "type": "tool_result", "tool_use_id": "b" },
                { "type": "text", "text": "and" },
            ] },
        ])
    );
}

#[test]
fn a_result_may_hold_images_and_an_error() {
    let image = Part::new(Content::Image { source: Source::Url("https://x".into()), detail: None });
    let failed = ToolResult {
        id: "a".into(),
        parts: vec![Part::text("no"), image],
        is_error: true,
        custom: false,
    };
    let told = user(vec![Part::new(Content::ToolResult(failed))]);
    assert_eq!(
        told,
        json!([{ "type": "tool_result", "tool_use_id": "a", "is_error": true, "content": [
            { "type": "text", "text": "no" },
            { "type": "image", "source": { "type": "url", "url": "https://x" } },
        ] }])
    );
}

#[test]
fn arguments_that_are_no_object_are_refused() {
    for arguments in ["{\"cut", "[1]", "null", "7"] {
        let turns = vec![
            (Role::User, vec![Part::text("x")]),
            (Role::Assistant, vec![call("a", arguments)]),
        ];
        assert_eq!(refused(said(turns)), "messages[1].content[0]", "{arguments}");
    }
}

#[test]
fn ids_of_calls_keep_to_the_letters_that_the_api_takes() {
    let turns = said(vec![
        (Role::Assistant, vec![call("functions.f:0", "{}")]),
        (Role::User, vec![result("functions.f:0", vec![])]),
    ]);
    let told = messages(turns);
    assert_eq!(told[0]["content"][0]["id"], "functions-2ef-3a0");
    assert_eq!(told[1]["content"][0]["tool_use_id"], "functions-2ef-3a0");
}

#[test]
fn a_thought_comes_back_first_and_only_to_who_can_read_it() {
    let turns = said(vec![
        (Role::User, vec![Part::text("x")]),
        (
            Role::Assistant,
            vec![
                Part::text("so"),
                thought("hm", Opaque::ANTHROPIC, true),
                thought("", Opaque::ANTHROPIC, false),
                call("a", "{}"),
            ],
        ),
        (Role::User, vec![result("a", vec![])]),
    ]);
    let (body, dropped) = written(turns).unwrap();
    assert_eq!(
        body["messages"][1]["content"],
        json!([
            { "type": "thinking", "thinking": "hm", "signature": "sig" },
            { "type": "redacted_thinking", "data": "sig" },
            { "type": "text", "text": "so" },
            { "type": "tool_use", "id": "a", "name": "f", "input": {} },
        ])
    );
    assert_eq!(dropped, [""; 0]);
    let foreign = thought("hm", Opaque::GEMINI, true);
    let bare = Part::new(Content::Reasoning(Reasoning { text: "b".into(), sealed: None }));
    let turns = vec![
        (Role::Assistant, vec![foreign, bare, Part::text("ok")]),
        (Role::User, vec![Part::text("x")]),
    ];
    let (body, dropped) = written(said(turns)).unwrap();
    assert_eq!(body["messages"][0], json!({ "role": "assistant", "content": "ok" }));
    assert_eq!(dropped, ["reasoning"]);
}

#[test]
fn files_and_images_take_the_form_that_their_source_asks_for() {
    let document = |source: Value| json!({ "type": "document", "source": source, "title": "n" });
    let web = Part::new(Content::File { source: Source::Url("https://x/a".into()), name: None });
    let text =
        Part::new(Content::File { source: Source::Text("plain".into()), name: Some("n".into()) });
    let source = Source::Data { media_type: "image/png".into(), data: "QQ==".into() };
    let image = Part::new(Content::Image { source, detail: Some("high".into()) });
    let told = user(vec![
        file("application/pdf", "QQ=="),
        file("image/gif", "QQ=="),
        file("text/markdown", "w6QhPz4="),
        web,
        text,
        image,
    ]);
    let data =
        |media_type: &str| json!({ "type": "base64", "media_type": media_type, "data": "QQ==" });
    let plain = |text: &str| json!({ "type": "text", "media_type": "text/plain", "data": text });
    assert_eq!(
        told,
        json!([
            document(data("application/pdf")),
            { "type": "image", "source": data("image/gif") },
            document(plain("ä!?>")),
            { "type": "document", "source": { "type": "url", "url": "https://x/a" } },
            document(plain("plain")),
            { "type": "image", "source": data("image/png") },
        ])
    );
    let source = Source::Data { media_type: "image/png".into(), data: "QQ==".into() };
    let image = Part::new(Content::Image { source, detail: Some("high".into()) });
    assert_eq!(written(asking(vec![image])).unwrap().1, ["detail"]);
}

#[test]
fn what_the_api_cannot_look_at_is_refused() {
    let id = || Source::Id("file-1".into());
    let parts = [
        Part::new(Content::Audio { data: "QQ==".into(), format: "wav".into() }),
        Part::new(Content::File { source: id(), name: None }),
        Part::new(Content::Image { source: id(), detail: None }),
        Part::new(Content::File { source: Source::Url("QQ==".into()), name: None }),
        file("application/zip", "QQ=="),
        file("text/plain", "Q"),
        file("text/plain", "_-"),
        file("text/plain", "/w=="),
        call("a", "{}"),
        thought("x", Opaque::ANTHROPIC, true),
    ];
    for part in parts {
        let told = format!("{part:?}");
        assert_eq!(
            refused(asking(vec![Part::text("x"), part])),
            "messages[0].content[1]",
            "{told}"
        );
    }
    let image = Part::new(Content::Image { source: Source::Url("https://x".into()), detail: None });
    assert_eq!(refused(said(vec![(Role::Assistant, vec![image])])), "messages[0].content[0]");
    let custom = ToolCall { custom: true, ..ToolCall::default() };
    let custom = Part::new(Content::ToolCall(custom));
    assert_eq!(refused(said(vec![(Role::Assistant, vec![custom])])), "messages[0].content[0]");
}

#[test]
fn a_conversation_of_nothing_is_refused() {
    assert_eq!(refused(asking(vec![])), "messages");
    assert_eq!(refused(asking(vec![Part::text("\n")])), "messages");
    assert_eq!(refused(said(vec![(Role::System, vec![Part::text("a")])])), "messages");
}

#[test]
fn cache_markers_stay_and_those_without_a_place_are_told() {
    let cache = || Some(json!({ "type": "ephemeral" }));
    let part = |text: &str| Part { cache: cache(), ..Part::text(text) };
    let (body, dropped) = written(asking(vec![part("a"), part("")])).unwrap();
    let block = json!({ "type": "text", "text": "a", "cache_control": { "type": "ephemeral" } });
    assert_eq!(body["messages"][0]["content"], json!([block.clone()]));
    assert_eq!(dropped, ["cache_control"]);
    let inside = result("t", vec![part("a"), part(" ")]);
    let (body, dropped) = written(asking(vec![inside])).unwrap();
    assert_eq!(body["messages"][0]["content"][0]["content"], json!([block]));
    assert_eq!(dropped, ["cache_control"]);
}

#[test]
fn an_answer_that_is_begun_ends_without_white_space() {
    let turns = said(vec![
        (Role::User, vec![Part::text("a ")]),
        (Role::Assistant, vec![Part::text("{ \n")]),
    ]);
    let told = messages(turns);
    assert_eq!(told[0]["content"], "a ");
    assert_eq!(told[1], json!({ "role": "assistant", "content": "{" }));
}

#[test]
fn a_refusal_goes_on_as_text() {
    let turns = said(vec![
        (Role::Assistant, vec![Part::new(Content::Refusal("no".into()))]),
        (Role::User, vec![Part::text("x")]),
    ]);
    assert_eq!(messages(turns)[0]["content"], "no");
}
