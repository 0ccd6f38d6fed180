//! Bodies of callers, read.

use serde_json::{Value, json};

use super::{read, unreadable};
use crate::event::Opaque;
use crate::translate::request::{
    Content, Format, Message, Part, Reasoning, Role, Source, Tool, ToolCall, ToolChoice, ToolResult,
};
use crate::translate::sealed::Sealed;

fn parts(role: &str, content: &Value) -> Vec<Part> {
    let mut messages = read(json!({ "messages": [{ "role": role, "content": content }] })).messages;
    assert_eq!(messages.len(), 1);
    messages.remove(0).parts
}

fn contents(role: &str, content: &Value) -> Vec<Content> {
    parts(role, content).into_iter().map(|part| part.content).collect()
}

#[test]
fn system_prompts_come_first_and_may_come_again() {
    let request = read(json!({
        "system": [{ "type": "text", "text": "a", "cache_control": { "type": "ephemeral" } }],
        "messages": [
            { "role": "user", "content": "b" },
            { "role": "system", "content": "c" },
            { "role": "assistant", "content": [{ "type": "text", "text": "d" }] },
        ],
    }));
    let told: Vec<_> = request.messages.iter().map(|m| (m.role, m.parts[0].clone())).collect();
    let cached = Part { cache: Some(json!({ "type": "ephemeral" })), ..Part::text("a") };
    assert_eq!(
        told,
        [
            (Role::System, cached),
            (Role::User, Part::text("b")),
            (Role::System, Part::text("c")),
            (Role::Assistant, Part::text("d")),
        ]
    );
    let plain = read(json!({ "system": "a" }));
    assert_eq!(plain.messages[0], Message { role: Role::System, parts: vec![Part::text("a")] });
}

#[test]
fn images_and_documents_are_read_from_every_source_but_an_id() {
    let image = |source| Content::Image { source, detail: None };
    let file = |source, name: Option<&str>| Content::File { source, name: name.map(Into::into) };
    let data =
        |media_type: &str| Source::Data { media_type: media_type.into(), data: "QQ==".into() };
    let told = contents(
        "user",
        &json!([
            { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "QQ==" } },
            { "type": "image", "source": { "type": "url", "url": "https://x/a.png" } },
            { "type": "document", "title": "t", "context": "about",
              "source": { "type": "base64", "media_type": "application/pdf", "data": "QQ==" } },
            { "type": "document", "source": { "type": "url", "url": "https://x/a.pdf" } },
            { "type": "document", "source": { "type": "text", "media_type": "text/plain", "data": "txt" } },
            { "type": "document", "source": { "type": "content", "content": [
                { "type": "text", "text": "one" }, { "type": "text", "text": "two" } ] } },
            { "type": "document", "source": { "type": "content", "content": "three" } },
            { "type": "search_result", "source": "https://x", "title": "found",
              "content": [{ "type": "text", "text": "four" }] },
        ]),
    );
    let texts = |text: &str| Source::Text(text.to_owned());
    assert_eq!(
        told,
        [
            image(data("image/png")),
            image(Source::Url("https://x/a.png".into())),
            Content::Text("about".into()),
            file(data("application/pdf"), Some("t")),
            file(Source::Url("https://x/a.pdf".into()), None),
            file(texts("txt"), None),
            file(texts("one\n\ntwo"), None),
            file(texts("three"), None),
            file(texts("https://x\n\nfour"), Some("found")),
        ]
    );
    for kind in ["image", "document"] {
        let block = json!({ "type": kind, "source": { "type": "file", "file_id": "f" } });
        let messages = json!([{ "role": "user", "content": [block] }]);
        assert_eq!(unreadable(json!({ "messages": messages })), "messages[0].content[0].source");
    }
}

#[test]
fn a_cache_marker_stays_with_the_end_of_its_block() {
    let marker = json!({ "type": "ephemeral", "ttl": "1h" });
    let told = parts(
        "user",
        &json!([
            { "type": "document", "context": "c", "cache_control": marker,
              "source": { "type": "text", "media_type": "text/plain", "data": "d" } },
            { "type": "tool_result", "tool_use_id": "t", "cache_control": marker },
            { "type": "text", "text": "x", "cache_control": null },
        ]),
    );
    let caches: Vec<_> = told.iter().map(|part| part.cache.clone()).collect();
    assert_eq!(caches, [None, Some(marker.clone()), Some(marker), None]);
}

#[test]
fn calls_and_results_keep_their_ids_and_errors() {
    let call = contents(
        "assistant",
        &json!([
            { "type": "tool_use", "id": "a", "name": "f", "input": { "z": 1, "b": [2] } },
            { "type": "tool_use", "id": "b", "name": "g", "input": {} },
            { "type": "tool_use", "id": "c", "name": "h", "input": "{\"cut" },
        ]),
    );
    let made = |id: &str, name: &str, arguments: &str| {
        Content::ToolCall(ToolCall {
            id: id.into(),
            name: name.into(),
            arguments: arguments.into(),
            custom: false,
        })
    };
    let calls =
        [made("a", "f", r#"{"z":1,"b":[2]}"#), made("b", "g", "{}"), made("c", "h", "{\"cut")];
    assert_eq!(call, calls);
    let results = contents(
        "user",
        &json!([
            { "type": "tool_result", "tool_use_id": "a", "content": "fine" },
            { "type": "tool_result", "tool_use_id": "b", "is_error": true, "content": [
                { "type": "text", "text": "x" },
                { "type": "image", "source": { "type": "url", "url": "https://x" } } ] },
            { "type": "tool_result", "tool_use_id": "c" },
        ]),
    );
    let image = Content::Image { source: Source::Url("https://x".into()), detail: None };
    let result = |id: &str, parts, is_error| {
        Content::ToolResult(ToolResult { id: id.into(), parts, is_error, custom: false })
    };
    assert_eq!(
        results,
        [
            result("a", vec![Part::text("fine")], false),
            result("b", vec![Part::text("x"), Part::new(image)], true),
            result("c", vec![], false),
        ]
    );
}

#[test]
fn sealed_thoughts_are_anthropics_unless_a_tag_says_otherwise() {
    let sealed = |format: &str, signs, data: &str| Sealed {
        format: format.into(),
        signs,
        id: String::new(),
        data: data.into(),
    };
    let foreign = sealed(Opaque::RESPONSES, false, "enc");
    let told = contents(
        "assistant",
        &json!([
            { "type": "thinking", "thinking": "hm", "signature": "sig" },
            { "type": "thinking", "thinking": "bare", "signature": "" },
            { "type": "redacted_thinking", "data": "dark" },
            { "type": "redacted_thinking", "data": foreign.to_tagged() },
        ]),
    );
    let thought = |text: &str, sealed| Content::Reasoning(Reasoning { text: text.into(), sealed });
    assert_eq!(
        told,
        [
            thought("hm", Some(sealed(Opaque::ANTHROPIC, true, "sig"))),
            thought("bare", None),
            thought("", Some(sealed(Opaque::ANTHROPIC, false, "dark"))),
            thought("", Some(foreign)),
        ]
    );
}

#[test]
fn blocks_out_of_place_and_blocks_of_the_providers_own_tools_are_refused() {
    let blocks = [
        ("user", json!({ "type": "thinking", "thinking": "x", "signature": "s" })),
        ("user", json!({ "type": "tool_use", "id": "a", "name": "f", "input": {} })),
        ("user", json!({ "type": "container_upload", "file_id": "f" })),
        ("user", json!({ "type": "text" })),
        ("user", json!({ "text": "x" })),
        ("user", json!(7)),
        ("assistant", json!({ "type": "tool_result", "tool_use_id": "a" })),
        ("assistant", json!({ "type": "image", "source": { "type": "url", "url": "u" } })),
        (
            "assistant",
            json!({ "type": "server_tool_use", "id": "s", "name": "web_search", "input": {} }),
        ),
        (
            "assistant",
            json!({ "type": "web_search_tool_result", "tool_use_id": "s", "content": [] }),
        ),
        ("system", json!({ "type": "image", "source": { "type": "url", "url": "u" } })),
    ];
    for (role, block) in blocks {
        let content = json!([{ "type": "text", "text": "x" }, block]);
        let messages =
            json!([{ "role": "user", "content": "a" }, { "role": role, "content": content }]);
        let field = unreadable(json!({ "messages": messages }));
        assert_eq!(field, "messages[1].content[1]", "{block}");
    }
    let nested = json!([{ "type": "tool_result", "tool_use_id": "a", "content": [
        { "type": "tool_reference", "tool_name": "f" }] }]);
    let messages = json!([{ "role": "user", "content": nested }]);
    assert_eq!(unreadable(json!({ "messages": messages })), "messages[0].content[0].content[0]");
    let messages = json!([{ "role": "tool", "content": "x" }]);
    assert_eq!(unreadable(json!({ "messages": messages })), "messages[0].role");
}

#[test]
fn tools_and_the_choice_of_them_are_read() {
    let schema = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    let request = read(json!({
        "tools": [
            { "name": "f", "description": "d", "input_schema": schema, "strict": true,
              "cache_control": { "type": "ephemeral" }, "defer_loading": false },
            { "type": "custom", "name": "g", "input_schema": {}, "input_examples": [{}] },
            { "type": "web_search_20250305", "name": "web_search" },
        ],
        "tool_choice": { "type": "any", "disable_parallel_tool_use": true },
    }));
    let function =
        |name: &str, description: Option<&str>, parameters, strict, cache| Tool::Function {
            name: name.into(),
            description: description.map(Into::into),
            parameters: Some(parameters),
            strict,
            cache,
        };
    let cache = Some(json!({ "type": "ephemeral" }));
    let raw = json!({ "type": "web_search_20250305", "name": "web_search" });
    let hosted = Tool::Hosted { kind: "web_search_20250305".into(), raw };
    let tools = [
        function("f", Some("d"), schema, Some(true), cache),
        function("g", None, json!({}), None, None),
        hosted,
    ];
    assert_eq!(request.tools, tools);
    assert_eq!(request.tool_choice, Some(ToolChoice::Required));
    assert_eq!(request.parallel_tool_calls, Some(false));
    assert_eq!(request.extra.keys().collect::<Vec<_>>(), ["input_examples"]);
    for (choice, said) in [
        (json!({ "type": "auto" }), ToolChoice::Auto),
        (json!({ "type": "none" }), ToolChoice::None),
        (json!({ "type": "tool", "name": "f" }), ToolChoice::Named("f".into())),
    ] {
        let request = read(json!({ "tool_choice": choice }));
        assert_eq!((request.tool_choice, request.parallel_tool_calls), (Some(said), None));
    }
    assert_eq!(unreadable(json!({ "tool_choice": { "type": "tool" } })), "tool_choice");
    assert_eq!(unreadable(json!({ "tools": [{ "name": "f" }] })), "tools[0]");
}

#[test]
fn thinking_and_effort_become_one_budget() {
    let budget = |members| read(members).reasoning.unwrap_or_default();
    let enabled = budget(json!({ "thinking": { "type": "enabled", "budget_tokens": 2000 } }));
    assert_eq!((enabled.tokens, enabled.summary.as_deref()), (Some(2000), Some("auto")));
    let quiet = json!({ "type": "enabled", "budget_tokens": 2000, "display": "omitted" });
    assert_eq!(budget(json!({ "thinking": quiet })).summary, None);
    let off =
        read(json!({ "thinking": { "type": "disabled" }, "output_config": { "effort": "low" } }));
    assert!(off.reasoning.unwrap().is_off());
    assert_eq!(off.extra.keys().collect::<Vec<_>>(), ["output_config.effort"]);
    let adaptive = json!({ "thinking": { "type": "adaptive", "display": "summarized" },
                           "output_config": { "effort": "max" } });
    let adaptive = budget(adaptive);
    assert!(adaptive.adaptive && !adaptive.is_off());
    assert_eq!(adaptive.effort.as_deref(), Some("xhigh"));
    assert_eq!(adaptive.summary.as_deref(), Some("auto"));
    assert_eq!(read(json!({})).reasoning, None);
    assert_eq!(unreadable(json!({ "thinking": { "type": "enabled" } })), "thinking");
    assert_eq!(unreadable(json!({ "thinking": { "type": "new" } })), "thinking");
}

#[test]
fn the_answers_form_is_read_in_its_present_and_its_older_place() {
    let format = json!({ "type": "json_schema", "schema": { "type": "object" } });
    let said = Some(Format::JsonSchema {
        name: None,
        description: None,
        schema: json!({ "type": "object" }),
        strict: Some(true),
    });
    assert_eq!(read(json!({ "output_config": { "format": format } })).format, said);
    assert_eq!(read(json!({ "output_format": format })).format, said);
    let wrong = json!({ "output_config": { "format": { "type": "regex" } } });
    assert_eq!(unreadable(wrong), "output_config.format");
}

#[test]
fn sampling_user_and_tier_are_read_and_the_rest_is_kept_by_name() {
    let request = read(json!({
        "max_tokens": 7, "temperature": 0.5, "top_p": 0.9, "top_k": 3, "stop_sequences": ["x"],
        "metadata": { "user_id": "u" }, "service_tier": "standard_only", "stream": true,
        "speed": "fast", "context_management": { "edits": [] }, "container": null, "mcp_servers": [],
    }));
    let sampling = &request.sampling;
    assert_eq!((sampling.max_tokens, sampling.top_k), (Some(7), Some(3)));
    assert_eq!((sampling.temperature, sampling.top_p), (Some(0.5), Some(0.9)));
    assert_eq!(sampling.stop, ["x"]);
    assert!(request.stream);
    assert_eq!(request.user.as_deref(), Some("u"));
    assert_eq!(request.extra["service_tier"], "default");
    let mut names: Vec<_> = request.extra.keys().collect();
    names.sort();
    assert_eq!(names, ["context_management", "service_tier", "speed"]);
}

#[test]
fn what_the_provider_keeps_or_runs_is_refused_by_name() {
    for (name, value) in [
        ("container", json!("c")),
        ("container", json!({ "skills": [] })),
        ("mcp_servers", json!([{ "type": "url", "url": "https://x", "name": "x" }])),
        ("inference_geo", json!("eu")),
        ("thread", json!({ "type": "create" })),
        ("max_tokens", json!(0)),
        ("stop_sequences", json!("x")),
        ("messages", json!("x")),
    ] {
        assert_eq!(unreadable(json!({ name: value })), name, "{value}");
    }
}

#[test]
fn a_wish_for_citations_is_noted_as_lost() {
    let block = json!({ "type": "document", "citations": { "enabled": true },
                        "source": { "type": "text", "media_type": "text/plain", "data": "d" } });
    let request = read(json!({ "messages": [{ "role": "user", "content": [block] }] }));
    assert_eq!(request.extra.keys().collect::<Vec<_>>(), ["citations"]);
}
