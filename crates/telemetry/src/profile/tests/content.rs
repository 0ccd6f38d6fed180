//! Messages of every dialect in the forms of the vocabularies.

use serde_json::{Value as Json, json};

use super::super::{CONTENT_LEFT_OUT, Profile, apply};
use super::calls;
use crate::genai::{Content, GenAi, Outcome};
use crate::span::{Span, Value};

fn with(content: Content) -> Span {
    calls::genai_span(GenAi { content: Some(content), ..calls::full() })
}

fn input(json: &str) -> Span {
    with(Content { input_messages: Some(json.to_owned()), ..Content::default() })
}

/// The messages in the semantic conventions.
fn parts(json: &str) -> Json {
    let span = input(json);
    let applied = apply(&[Profile::SemconvPinned], &span).unwrap();
    let Some(Value::Str(text)) = applied.attribute("gen_ai.input.messages") else {
        panic!("{json}: {applied:#?}")
    };
    serde_json::from_str(text).unwrap()
}

/// The messages in OpenInference, without what stands before their number.
fn flat(span: &Span, list: &str) -> Vec<(String, String)> {
    let applied = apply(&[Profile::OpenInference], span).unwrap();
    let leaf = |name: &str| Some(name.strip_prefix(list)?.strip_prefix('.')?.to_owned());
    let leaves = applied.attributes.iter();
    leaves.filter_map(|(name, value)| Some((leaf(name)?, value.to_string()))).collect()
}

#[test]
fn the_same_talk_reads_the_same_in_every_dialect() {
    let chat = r#"[{"role":"user","content":"Weather?"},
        {"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"look","arguments":"{\"at\":\"Rome\"}"}}]},
        {"role":"tool","tool_call_id":"c1","content":"rain"}]"#;
    let messages = r#"[{"role":"user","content":"Weather?"},
        {"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"look","input":{"at":"Rome"}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"rain"}]}]"#;
    let responses = r#"[{"role":"user","content":[{"type":"input_text","text":"Weather?"}]},
        {"type":"function_call","call_id":"c1","id":"fc_9","name":"look","arguments":"{\"at\":\"Rome\"}"},
        {"type":"function_call_output","call_id":"c1","output":"rain"}]"#;
    let expected = json!([
        { "role": "user", "parts": [{ "type": "text", "content": "Weather?" }] },
        { "role": "assistant", "parts": [{ "type": "tool_call", "id": "c1", "name": "look", "arguments": { "at": "Rome" } }] },
        { "role": "tool", "parts": [{ "type": "tool_call_response", "id": "c1", "response": "rain" }] },
    ]);
    let leaves = [
        ("0.message.role", "user"),
        ("0.message.content", "Weather?"),
        ("1.message.role", "assistant"),
        ("1.message.tool_calls.0.tool_call.id", "c1"),
        ("1.message.tool_calls.0.tool_call.function.name", "look"),
        ("1.message.tool_calls.0.tool_call.function.arguments", r#"{"at":"Rome"}"#),
        ("2.message.role", "tool"),
        ("2.message.tool_call_id", "c1"),
        ("2.message.content", "rain"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    for dialect in [chat, messages, responses] {
        assert_eq!(parts(dialect), expected, "{dialect}");
        assert_eq!(flat(&input(dialect), "llm.input_messages"), leaves, "{dialect}");
    }
}

#[test]
fn results_among_a_users_words_are_messages_of_their_own() {
    let json = r#"[{"role":"user","content":[
        {"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"1"}]},
        {"type":"tool_result","tool_use_id":"b","content":"2"},
        {"type":"text","text":"Go on."},{"type":"text","text":"Quickly."}]}]"#;
    let parts = parts(json);
    let roles: Vec<_> =
        parts.as_array().unwrap().iter().map(|it| it["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["tool", "tool", "user"]);
    assert_eq!(parts[0]["parts"][0]["response"], json!([{ "type": "text", "text": "1" }]));
    assert_eq!(parts[2]["parts"].as_array().unwrap().len(), 2);
}

#[test]
fn media_are_where_they_are() {
    let png =
        json!({ "type": "blob", "modality": "image", "content": "QUJD", "mime_type": "image/png" });
    let uri = json!({ "type": "uri", "modality": "image", "uri": "https://i.test/a" });
    let file = json!({ "type": "file", "modality": "document", "file_id": "f1" });
    let wav =
        json!({ "type": "blob", "modality": "audio", "content": "QUJD", "mime_type": "audio/wav" });
    for (block, expected) in [
        (r#"{"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD"}}"#, &png),
        (
            r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"QUJD"}}"#,
            &png,
        ),
        (r#"{"type":"input_image","image_url":"https://i.test/a"}"#, &uri),
        (r#"{"type":"image","source":{"type":"url","url":"https://i.test/a"}}"#, &uri),
        (r#"{"type":"input_file","file_id":"f1"}"#, &file),
        (r#"{"type":"document","source":{"type":"file","file_id":"f1"}}"#, &file),
        (r#"{"type":"file","file":{"file_id":"f1"}}"#, &file),
        (r#"{"type":"input_audio","input_audio":{"format":"wav","data":"QUJD"}}"#, &wav),
    ] {
        let json = format!(r#"[{{"role":"user","content":[{block}]}}]"#);
        assert_eq!(&parts(&json)[0]["parts"][0], expected, "{block}");
    }
    let image = input(
        r#"[{"role":"user","content":[{"type":"text","text":"See"},{"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD"}}]}]"#,
    );
    let leaves = flat(&image, "llm.input_messages.0.message.contents");
    let url = "1.message_content.image.image.url".to_owned();
    assert!(leaves.contains(&(url, "data:image/png;base64,QUJD".to_owned())), "{leaves:?}");
}

#[test]
fn thoughts_unknown_blocks_and_plain_prompts_are_kept() {
    for (json, part) in [
        (r#""Paint a cat""#, json!({ "type": "text", "content": "Paint a cat" })),
        (r#"["Paint a cat"]"#, json!({ "type": "text", "content": "Paint a cat" })),
        (
            r#"[{"role":"assistant","content":[{"type":"thinking","thinking":"Hm","signature":"s"}]}]"#,
            json!({ "type": "reasoning", "content": "Hm" }),
        ),
        (
            r#"[{"type":"reasoning","summary":[{"type":"summary_text","text":"A"},{"type":"summary_text","text":"B"}]}]"#,
            json!({ "type": "reasoning", "content": "A\nB" }),
        ),
        (
            r#"[{"role":"user","content":[{"type":"hologram","beam":3}]}]"#,
            json!({ "type": "hologram", "beam": 3 }),
        ),
        (
            r#"[{"role":"user","content":[{"type":"text","txt":"?"}]}]"#,
            json!({ "type": "generic", "content": { "type": "text", "txt": "?" } }),
        ),
        (r#"[{"role":"user","content":[7]}]"#, json!({ "type": "generic", "content": 7 })),
        (
            r#"[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":"no json"}]}]"#,
            json!({ "type": "tool_call", "name": "f", "arguments": "no json", "id": "a" }),
        ),
    ] {
        assert_eq!(parts(json)[0]["parts"][0], part, "{json}");
    }
}

#[test]
fn what_was_cut_off_is_left_out_and_that_is_said() {
    let whole = r#"[{"role":"user","content":"long"}]"#;
    for bytes in 1..whole.len() {
        let span = input(&whole[..bytes]);
        for (profile, name) in [
            (Profile::SemconvPinned, "gen_ai.input.messages"),
            (Profile::SemconvLatest, "gen_ai.input.messages"),
            (Profile::OpenInference, "llm.input_messages"),
        ] {
            let applied = apply(&[profile], &span).unwrap();
            assert_eq!(applied.attribute(name), None);
            let marked = Some(&Value::Strs(vec![name.to_owned()]));
            assert_eq!(applied.attribute(CONTENT_LEFT_OUT), marked, "{profile:?} {bytes}");
        }
        let both = apply(&[Profile::SemconvPinned, Profile::To11], &span).unwrap();
        let native = both.attribute("gen_ai.input.messages").map(ToString::to_string);
        assert_eq!(native.as_deref(), Some(&whole[..bytes]), "the other vocabulary has it");
        assert_eq!(both.attribute(CONTENT_LEFT_OUT), None);
        let raw = apply(&[Profile::OpenInference], &span).unwrap();
        assert_eq!(raw.attribute("input.mime_type"), Some(&Value::from("text/plain")));
    }
    let applied = apply(&[Profile::OpenInference], &input(whole)).unwrap().into_owned();
    assert_eq!(applied.attribute("input.mime_type"), Some(&Value::from("application/json")));
    assert_eq!(applied.attribute(CONTENT_LEFT_OUT), None);
}

#[test]
fn a_system_prompt_is_text_or_blocks_and_blocks_that_were_cut_off_are_left_out() {
    let blocks = r#"[{"type":"text","text":"Be brief."}]"#;
    let text = |text: &str| json!([{ "type": "text", "content": text }]);
    for (system, truncated, expected) in [
        ("Be brief.", false, Some(text("Be brief."))),
        (blocks, false, Some(text("Be brief."))),
        (r#"["a", "b"]"#, false, Some(text(r#"["a", "b"]"#))),
        ("[Rules] Be brief.", false, Some(text("[Rules] Be brief."))),
        ("Be bri", true, Some(text("Be bri"))),
        (&blocks[..20], true, None),
    ] {
        let system_instructions = Some(system.to_owned());
        let span = with(Content { system_instructions, truncated, ..Content::default() });
        let applied = apply(&[Profile::SemconvPinned], &span).unwrap();
        let written = applied.attribute("gen_ai.system_instructions").map(ToString::to_string);
        let written = written.map(|text| serde_json::from_str::<Json>(&text).unwrap());
        assert_eq!(written, expected, "{system}");
        let marked = applied.attribute(CONTENT_LEFT_OUT).is_some();
        assert_eq!(marked, expected.is_none(), "{system}");
        let flat = flat(&span, "llm.input_messages");
        assert_eq!(flat.is_empty(), expected.is_none(), "{system}: {flat:?}");
    }
}

#[test]
fn an_answer_says_why_it_ended_in_the_conventions_words_only_where_they_ask() {
    let answer = |outcome, reasons: &[&str], profile| {
        let content = Content {
            output_messages: Some(r#"[{"role":"assistant","content":"Hi"}]"#.to_owned()),
            ..Content::default()
        };
        let mut genai = GenAi { content: Some(content), outcome, ..calls::full() };
        genai.response.finish_reasons = reasons.iter().map(|&reason| reason.to_owned()).collect();
        let span = calls::genai_span(genai);
        let applied = apply(&[profile], &span).unwrap().into_owned();
        let text = applied.attribute("gen_ai.output.messages").unwrap().to_string();
        serde_json::from_str::<Json>(&text).unwrap()[0]["finish_reason"].clone()
    };
    for (reason, word) in [
        ("tool_calls", "tool_call"),
        ("tool_use", "tool_call"),
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("refusal", "content_filter"),
        ("error", "error"),
        ("a_new_one", "a_new_one"),
    ] {
        assert_eq!(answer(Outcome::Complete, &[reason], Profile::SemconvPinned), word);
        assert_eq!(answer(Outcome::Complete, &[reason], Profile::SemconvLatest), Json::Null);
    }
    assert_eq!(answer(Outcome::Cancelled, &[], Profile::SemconvPinned), "cancelled");
    assert_eq!(answer(Outcome::Complete, &[], Profile::SemconvPinned), "unknown");
}

#[test]
fn without_captured_content_there_is_none() {
    let span = calls::genai_span(GenAi { content: None, ..calls::full() });
    for profile in Profile::ALL {
        let applied = apply(&[profile], &span).unwrap();
        let content = ["messages", "input.value", "output.value", "llm.tools", "instructions"];
        for (name, _) in &applied.attributes {
            assert!(!content.iter().any(|part| name.contains(part)), "{profile:?}: {name}");
        }
    }
}
