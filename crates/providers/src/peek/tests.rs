//! What a body says, and why one is refused.

use proptest::prelude::*;

use super::{
    DEPTH_MAX, Peek, PeekError, ROUTING_FIELDS, TOOL_RESULT_ID_BYTES_MAX, TOOL_RESULTS_MAX, members,
};

fn refused(body: &str) -> PeekError {
    Peek::of(body.as_bytes()).unwrap_err()
}

#[test]
fn a_chat_request_is_read_in_one_look() {
    let body = r#" { "model" : "gpt-4o", "messages": [{"role":"user","content":"hi"}], "stream":true,
        "stream_options": {"include_usage": true}, "user":"u\u0031", "temperature":0.5,
        "max_completion_tokens":100, "top_p":1, "frequency_penalty":-0.5, "presence_penalty":2e-1,
        "seed":-7, "top_k":40, "n":2, "stop":"END", "tools":[{"type":"function"}], "unknown":{"a":[1]} } "#;
    let peek = Peek::of(body.as_bytes()).unwrap();
    assert_eq!((&*peek.model, peek.stream, peek.include_usage), ("gpt-4o", true, true));
    assert_eq!(peek.user.as_deref(), Some("u1"));
    assert_eq!(peek.messages, Some(r#"[{"role":"user","content":"hi"}]"#));
    assert_eq!(peek.tools, Some(r#"[{"type":"function"}]"#));
    let params = &peek.params;
    assert_eq!((params.temperature, params.top_p), (Some(0.5), Some(1.0)));
    assert_eq!((params.frequency_penalty, params.presence_penalty), (Some(-0.5), Some(0.2)));
    assert_eq!((params.max_tokens, params.seed, params.top_k), (Some(100), Some(-7), Some(40)));
    assert_eq!((params.n, params.stop_sequences.as_deref()), (Some(2), Some(r#"["END"]"#)));
}

#[test]
fn every_dialect_has_its_names() {
    let messages = r#"{"model":"c","system":"be brief","max_tokens":5,"stop_sequences":["a","b"],"messages":[]}"#;
    let peek = Peek::of(messages.as_bytes()).unwrap();
    assert_eq!((peek.system, peek.params.max_tokens), (Some("\"be brief\""), Some(5)));
    assert_eq!(peek.params.stop_sequences.as_deref(), Some(r#"["a","b"]"#));
    let responses = r#"{"model":"c","instructions":"x","max_output_tokens":6,"input":"hi"}"#;
    let peek = Peek::of(responses.as_bytes()).unwrap();
    assert_eq!(
        (peek.system, peek.messages, peek.params.max_tokens),
        (Some("\"x\""), Some("\"hi\""), Some(6))
    );
}

#[test]
fn fields_that_are_null_are_not_given() {
    let body = r#"{"model":"m","stream":null,"user":null,"temperature":null,"system":null,"tools":null,"stop":null,"stream_options":null}"#;
    let peek = Peek::of(body.as_bytes()).unwrap();
    assert_eq!((peek.stream, peek.include_usage, peek.user), (false, false, None));
    assert_eq!((peek.system, peek.tools, peek.params), (None, None, super::Params::default()));
}

#[test]
fn an_image_is_seen_in_every_dialect_and_only_as_a_block() {
    let has_image = |field: &str, value: &str| {
        let body = format!(r#"{{"model":"m","{field}":{value}}}"#);
        Peek::of(body.as_bytes()).unwrap().has_image
    };
    assert!(has_image(
        "messages",
        r#"[{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","image_url":{}}]}]"#
    ));
    assert!(has_image("messages", r#"[{"content":[{"source":{},"type":"image"}]}]"#));
    assert!(has_image(
        "input",
        r#"[{"role":"user","content":[{"type":"input_image","image_url":"x"}]}]"#
    ));
    assert!(!has_image("messages", r#"[{"content":"an image_url, {\"type\":\"image\"}"}]"#));
    assert!(!has_image("messages", r#"[{"content":[{"type":"text","text":"image"}]}]"#));
    assert!(!has_image("input", r#""image""#));
}

#[test]
fn what_is_no_json_object_is_refused_without_quoting_it() {
    for body in [
        "",
        " ",
        "[]",
        "\"sk-secret\"",
        "1",
        "null",
        "{",
        "{\"model\":\"sk-secret\"",
        "{'model':1}",
        "{\"model\":\"m\"} x",
        "{\"model\":\"m\",}",
        "{\"model\":\"m\" \"a\":1}",
        "\u{feff}{\"model\":\"m\"}",
        "{\"model\":\"m\",\"x\":01}",
        "{\"model\":\"m\",\"x\":\"\u{1}\"}",
        "{\"model\":\"m\",\"x\":[1}}",
    ] {
        let error = refused(body);
        assert!(matches!(error, PeekError::NotJson(_)), "{body}: {error:?}");
        assert!(!error.to_string().contains("secret"));
        assert_eq!(error.field(), None);
    }
    assert!(matches!(Peek::of(b"{\"model\":\"\xFF\"}"), Err(PeekError::NotJson(_))));
}

#[test]
fn the_place_of_a_syntax_error_is_told() {
    assert_eq!(
        refused("{\n  \"model\": \"m\",\n  x }").to_string(),
        "syntax error at line 3 column 3"
    );
}

#[test]
fn a_routing_field_given_twice_is_refused_by_name_however_it_is_spelt() {
    for field in ROUTING_FIELDS {
        let value = if field == "stream" { "true" } else { "\"x\"" };
        let escaped = format!("\\u{:04x}{}", u32::from(field.as_bytes()[0]), &field[1..]);
        for second in [field, &escaped] {
            let body = format!(r#"{{"model":"m","{field}":{value},"{second}":{value}}}"#);
            let body =
                if field == "model" { body.replacen(r#""model":"m","#, "", 1) } else { body };
            let position = body.rfind(value).unwrap();
            assert_eq!(refused(&body), PeekError::Twice { field, position }, "{body}");
            assert_eq!(refused(&body).field(), Some(field));
        }
    }
    let twice = r#"{"model":"m","metadata":{"model":"x","model":"y"},"x":1,"x":2}"#;
    assert!(Peek::of(twice.as_bytes()).is_ok());
}

#[test]
fn a_model_is_a_string_that_is_there() {
    assert_eq!(refused("{}"), PeekError::NoModel);
    assert_eq!(refused(r#"{"model":""}"#), PeekError::NoModel);
    for value in ["5", "null", "[]", "{}", "true"] {
        let body = format!(r#"{{"model":{value}}}"#);
        assert_eq!(refused(&body).field(), Some("model"), "{body}");
    }
    let stream = refused(r#"{"model":"m","stream":"yes"}"#);
    assert_eq!(stream.field(), Some("stream"));
    assert_eq!(stream.to_string(), "`stream` must be a boolean (at byte 22)");
    assert_eq!(Peek::of(br#"{"model":"a\/b"}"#).unwrap().model, "a/b");
}

#[test]
fn nesting_ends_at_the_limit_and_brackets_in_strings_do_not_count() {
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
        format!(r#"{{"model":"m","x":{open}{close}}}"#)
    };
    assert!(Peek::of(nested(DEPTH_MAX).as_bytes()).is_ok());
    let position = r#"{"model":"m","x":"#.len() + DEPTH_MAX - 1;
    assert_eq!(refused(&nested(DEPTH_MAX + 1)), PeekError::TooDeep { position });
    let quoted = format!(r#"{{"model":"m","x":"\"{}\\"}}"#, "[".repeat(500));
    assert!(Peek::of(quoted.as_bytes()).is_ok());
    assert_eq!(refused(&"[".repeat(100_000)), PeekError::TooDeep { position: DEPTH_MAX });
}

#[test]
fn parameters_of_an_odd_type_are_left_out() {
    let body = r#"{"model":"m","temperature":"hot","max_tokens":1e999,"top_p":1e999,"seed":1.5,"stop":5,"n":[]}"#;
    assert_eq!(Peek::of(body.as_bytes()).unwrap().params, super::Params::default());
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        prop_assert!(Peek::of(&bytes).is_err());
        let _looked = Peek::of(&[b"{\"model\":\"m\",", &bytes[..]].concat());
    }

    #[test]
    fn what_serde_takes_as_an_object_is_taken(extra in "[ -~]{0,20}", n in any::<f64>()) {
        let value = serde_json::json!({ "model": "m", "a": extra, "b": { "c": [n, null] } });
        let text = value.to_string();
        prop_assert_eq!(&*Peek::of(text.as_bytes()).unwrap().model, "m");
        for cut in 1..text.len() {
            prop_assert!(Peek::of(&text.as_bytes()[..cut]).is_err());
        }
    }
}

#[test]
fn a_prompt_is_told_where_there_is_no_conversation() {
    for (body, told) in [
        (r#"{"model":"m","prompt":"a cat"}"#, Some("\"a cat\"")),
        (r#"{"model":"m","prompt":["a","b"]}"#, Some(r#"["a","b"]"#)),
        (r#"{"model":"m","prompt":null}"#, None),
        (r#"{"model":"m","prompt":{"id":"pmpt_1"}}"#, None),
        (r#"{"model":"m","prompt":"x","messages":[]}"#, Some("[]")),
        (r#"{"model":"m","messages":[],"prompt":"x"}"#, Some("[]")),
        (r#"{"model":"m","prompt":{"id":"pmpt_1"},"input":"hi"}"#, Some("\"hi\"")),
    ] {
        assert_eq!(Peek::of(body.as_bytes()).unwrap().messages, told, "{body}");
    }
    for (format, wanted) in [("\"sse\"", true), ("\"audio\"", false), ("null", false)] {
        let body = format!(r#"{{"model":"m","stream_format":{format}}}"#);
        let peek = Peek::of(body.as_bytes()).unwrap();
        assert_eq!((peek.events_wanted, peek.stream), (wanted, false));
    }
}

fn results(body: &str) -> Vec<String> {
    let peek = Peek::of(body.as_bytes()).unwrap();
    peek.tool_results.into_iter().map(std::borrow::Cow::into_owned).collect()
}

#[test]
fn tool_results_are_noted_in_every_dialect() {
    for (field, conversation) in [
        (
            "messages",
            r#"[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"c\u0031"},{"id":"c2"}]},
                {"role":"tool","tool_call_id":"c\u0031","content":"a"},{"role":"tool","content":[],"tool_call_id":"c2"}]"#,
        ),
        (
            "messages",
            r#"[{"role":"assistant","content":[{"type":"tool_use","id":"c1"},{"type":"tool_use","id":"c2"}]},{"content":[
                {"type":"tool_result","tool_use_id":"c1","content":[{"type":"text","text":"x"}]},{"tool_use_id":"c2","type":"tool_result"}],"role":"user"}]"#,
        ),
        (
            "input",
            r#"[{"role":"user","content":"x"},{"type":"reasoning"},{"type":"function_call","call_id":"c1"},{"type":"function_call_output","call_id":"c1","output":"x"},
                {"type":"custom_tool_call","call_id":"c2"},{"call_id":"c2","type":"custom_tool_call_output","output":"x"}]"#,
        ),
    ] {
        let body = format!(r#"{{"model":"m","{field}":{conversation}}}"#);
        assert_eq!(results(&body), ["c1", "c2"], "{body}");
    }
}

#[test]
fn tool_results_before_the_models_last_turn_were_brought_before() {
    let body = r#"{"model":"m","messages":[{"role":"tool","tool_call_id":"old"},{"role":"assistant","content":"x"},{"role":"user","content":"tool_call_id"}]}"#;
    assert!(results(body).is_empty());
    let body = r#"{"model":"m","input":[{"type":"function_call_output","call_id":"old"},{"type":"reasoning"},{"type":"function_call","call_id":"c1"},{"type":"function_call_output","call_id":"c1"}]}"#;
    assert_eq!(results(body), ["c1"]);
    assert!(results(r#"{"model":"m","messages":"tool_call_id"}"#).is_empty());
    assert!(results(r#"{"model":"m","messages":[{"role":"tool","tool_call_id":5}]}"#).is_empty());
}

#[test]
fn so_many_tool_results_are_noted_and_no_longer_ids() {
    let body = |count: usize| {
        let results: Vec<_> =
            (0..count).map(|at| format!(r#"{{"role":"tool","tool_call_id":"c{at}"}}"#)).collect();
        format!(r#"{{"model":"m","messages":[{}]}}"#, results.join(","))
    };
    assert_eq!(results(&body(TOOL_RESULTS_MAX)).len(), TOOL_RESULTS_MAX);
    assert_eq!(results(&body(TOOL_RESULTS_MAX + 1)).len(), TOOL_RESULTS_MAX);
    let one = |bytes: usize| {
        let id = "x".repeat(bytes);
        format!(r#"{{"model":"m","messages":[{{"role":"tool","tool_call_id":"{id}"}}]}}"#)
    };
    assert_eq!(results(&one(TOOL_RESULT_ID_BYTES_MAX)).len(), 1);
    assert!(results(&one(TOOL_RESULT_ID_BYTES_MAX + 1)).is_empty());
}

/// JSON as people and programs write it, and what is nearly that.
fn nearly_json() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "null",
        "true",
        "0",
        "-1.5e+3",
        "01",
        "1.",
        "-",
        "\"a\"",
        "\"im\\u0061ge\"",
        "\"image\"",
        "\"call_id\"",
        "\"\\ud800\"",
        "\"\\x\"",
        "\"a\tb\"",
        "\"é and more than three words of it\"",
        "\"twenty-five plain bytes and \\\" then\u{1}\"",
        "\"half",
        "[]",
        "{}",
        "tru",
        "[,]",
    ]);
    let leaf = word.prop_map(str::to_owned);
    let value = leaf.prop_recursive(4, 24, 4, |inner| {
        let blank = prop::sample::select(vec!["", " ", "\n\t", "\r "]);
        let comma = prop::sample::select(vec![",", ",", ",", ", ", ""]);
        let list = (prop::collection::vec(inner.clone(), 0..4), comma, blank.clone());
        let list =
            list.prop_map(|(all, comma, blank)| format!("[{blank}{}{blank}]", all.join(comma)));
        let key = prop::sample::select(vec![
            "\"a\"",
            "\"model\"",
            "\"m\\u006fdel\"",
            "\"messages\"",
            "a",
        ]);
        let member = (key, blank.clone(), inner);
        let member = member.prop_map(|(key, blank, value)| format!("{key}{blank}:{blank}{value}"));
        let object = (prop::collection::vec(member, 0..4), blank);
        let object = object.prop_map(|(all, blank)| format!("{{{blank}{}{blank}}}", all.join(",")));
        prop_oneof![list, object]
    });
    (value, prop::sample::select(vec!["", " ", "x", "}"])).prop_map(|(value, end)| value + end)
}

proptest! {
    #[test]
    fn one_pass_takes_nothing_that_serde_refuses_and_finds_the_same(
        body in nearly_json(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut broken = body.clone().into_bytes();
        if let Some(at) = broken.get_mut(place.index(body.len().max(1))) {
            *at = byte;
        }
        for body in [body.as_bytes(), &broken] {
            let Some(found) = members::found(body) else { continue };
            prop_assert!(super::too_deep(body).is_none());
            prop_assert_eq!(found.members, members::judged(body).unwrap().members);
        }
    }

    #[test]
    fn one_pass_takes_all_that_is_plainly_good(
        depth in 1..=2 * DEPTH_MAX,
        text in "[ -~é]{0,60}",
        number in any::<f64>(),
    ) {
        let text = serde_json::Value::from(text);
        let nested = "[".repeat(depth - 1) + &"]".repeat(depth - 1);
        let nested = if depth == 1 { "1".to_owned() } else { nested };
        let number = serde_json::Value::from(number);
        let body = format!(r#"{{"a":{text},"b":[{{"c":{text}}},{number}],"d":{nested}}}"#);
        let found = members::found(body.as_bytes());
        prop_assert_eq!(found.is_some(), depth <= DEPTH_MAX);
        prop_assert!(found.is_none_or(|found| found.members.len() == 3));
    }
}

#[test]
fn images_and_results_are_looked_for_where_their_words_are_strings_of_their_own() {
    let found = |body: &'static str| {
        let found = members::found(body.as_bytes()).unwrap();
        (found.names_image, found.names_result)
    };
    assert_eq!(
        found(r#"{"model":"image_model","messages":"an image, a call_id"}"#),
        (false, false)
    );
    for word in ["image", "image_url", "input_image"] {
        let body = format!(r#"{{"messages":[{{"content":[{{"type":"{word}"}}]}}]}}"#);
        assert!(members::found(body.as_bytes()).unwrap().names_image, "{word}");
    }
    for word in ["call_id", "tool_call_id", "tool_use_id"] {
        let body = format!(r#"{{"messages":[{{"{word}":"x"}}]}}"#);
        assert!(members::found(body.as_bytes()).unwrap().names_result, "{word}");
    }
}
