//! Bodies that ask the same are one text, others are not.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Unrepeatable, canonical};
use crate::endpoint::Endpoint;

fn chat(body: &str) -> String {
    of(&Endpoint::ChatCompletions, body)
}

fn of(endpoint: &Endpoint, body: &str) -> String {
    String::from_utf8(canonical(endpoint, body.as_bytes(), true).unwrap()).unwrap()
}

fn refused(endpoint: &Endpoint, body: &str) -> Option<Unrepeatable> {
    canonical(endpoint, body.as_bytes(), false).err()
}

#[test]
fn white_space_the_order_of_members_and_the_spelling_of_values_make_no_difference() {
    let base = chat(r#"{"model":"m","temperature":0,"x":{"a":"é\n","b":[1,2.5]}}"#);
    for same in [
        r#" { "x" : { "b":[ 1 , 2.5 ], "a":"é\n" }, "temperature":0, "model":"m" } "#,
        r#"{"temperature":0.0,"model":"m","x":{"a":"\u00e9\u000a","b":[1e0,25e-1]}}"#,
        r#"{"\u006dodel":"m","temperature":-0,"x":{"a":"é\n","b":[1.0,2.50]}}"#,
    ] {
        assert_eq!(chat(same), base, "{same}");
    }
}

#[test]
fn whatever_may_change_the_answer_makes_a_difference() {
    let base = r#"{"model":"m","seed":1,"stop":["a","b"],"x":"1"}"#;
    for other in [
        r#"{"model":"n","seed":1,"stop":["a","b"],"x":"1"}"#,
        r#"{"model":"m","seed":2,"stop":["a","b"],"x":"1"}"#,
        r#"{"model":"m","seed":1,"stop":["b","a"],"x":"1"}"#,
        r#"{"model":"m","seed":1,"stop":["a","b"],"x":1}"#,
        r#"{"model":"m","seed":1,"stop":["a","b"]}"#,
        r#"{"model":"m","seed":1,"stop":["a","b"],"x":"1","x":"1"}"#,
        r#"{"model":"m","seed":1,"stop":["a",["b"]],"x":"1"}"#,
        r#"{"model":"m","seed":1,"stop":["a\",\"b"],"x":"1"}"#,
    ] {
        assert_ne!(chat(other), chat(base), "{other}");
    }
    let twice = |first, second| chat(&format!(r#"{{"a":{first},"a":{second}}}"#));
    assert_ne!(twice(1, 2), twice(2, 1), "which of two counts is for the provider to say");
}

#[test]
fn numbers_that_floating_point_cannot_tell_apart_are_told_apart() {
    let of = |number: &str| chat(&format!(r#"{{"seed":{number}}}"#));
    for (one, other) in [
        ("9007199254740992", "9007199254740993"),
        ("9007199254740992.0", "9007199254740993.0"),
        ("0.1", "0.10000000000000000001"),
        ("1e400", "1e401"),
        ("18446744073709551617", "18446744073709551616"),
    ] {
        assert_ne!(of(one), of(other), "{one} and {other}");
    }
}

#[test]
fn half_a_surrogate_pair_is_told_from_another_half_and_from_the_replacement_character() {
    let texts = [r"\ud800", r"\ud801", r"\ufffd", "\u{fffd}\\n"];
    let forms: Vec<_> = texts.iter().map(|text| chat(&format!(r#"{{"a":"{text}"}}"#))).collect();
    for (at, form) in forms.iter().enumerate() {
        assert!(!forms[..at].contains(form), "{}", texts[at]);
    }
}

#[test]
fn what_says_nothing_of_the_answer_is_left_out_where_the_api_does_not_repeat_it() {
    let of = |endpoint: &Endpoint, field: &str| {
        of(endpoint, r#"{"model":"m"}"#) == of(endpoint, &format!(r#"{{{field},"model":"m"}}"#))
    };
    let (chat, responses, messages) =
        (Endpoint::ChatCompletions, Endpoint::Responses, Endpoint::Messages);
    for endpoint in [&chat, &responses, &messages, &Endpoint::Embeddings] {
        assert!(of(endpoint, r#""stream":true"#), "{endpoint:?}");
        assert!(!of(endpoint, r#""temperature":0"#), "{endpoint:?}");
    }
    for (field, in_chat, in_messages) in [
        (r#""user":"u""#, true, false),
        (r#""metadata":{"a":"b"}"#, true, true),
        (r#""store":true"#, true, false),
        (r#""safety_identifier":"s""#, true, false),
        (r#""prompt_cache_key":"k""#, true, false),
    ] {
        assert_eq!(of(&chat, field), in_chat, "{field}");
        assert_eq!(of(&messages, field), in_messages, "{field}");
        assert!(!of(&responses, field), "its answer repeats {field}");
    }
    assert!(of(&Endpoint::Embeddings, r#""user":"u""#));
    assert!(!of(&chat, r#""nested":{"user":"u"}"#));
    let nested = |user: &str| super::tests::chat(&format!(r#"{{"a":{{"user":"{user}"}}}}"#));
    assert_ne!(nested("u"), nested("v"), "only at the top");
}

#[test]
fn stream_options_count_for_a_stream_alone() {
    let with = br#"{"model":"m","stream_options":{"include_usage":true}}"#;
    let form = |body: &[u8], stream| canonical(&Endpoint::ChatCompletions, body, stream).unwrap();
    assert_eq!(form(with, false), form(br#"{"model":"m"}"#, false));
    assert_ne!(form(with, true), form(br#"{"model":"m"}"#, true));
}

#[test]
fn a_call_that_is_more_than_a_question_has_no_form() {
    let responses = Endpoint::Responses;
    for (field, value) in [
        ("conversation", r#""conv_1""#),
        ("background", "true"),
        ("container", r#""c""#),
        ("mcp_servers", r#"[{"url":"u"}]"#),
        ("web_search_options", r#"{"a":1}"#),
    ] {
        let body = format!(r#"{{"model":"m","{field}":{value}}}"#);
        assert_eq!(refused(&responses, &body), Some(Unrepeatable::Stateful(field)));
    }
    for harmless in [r#""background":false"#, r#""conversation":null"#, r#""mcp_servers":[]"#] {
        assert_eq!(refused(&responses, &format!(r#"{{{harmless}}}"#)), None, "{harmless}");
    }
    let tools = |tool: &str| refused(&responses, &format!(r#"{{"tools":[{tool}]}}"#));
    for own in [r#"{"type":"function","name":"f"}"#, r#"{"name":"f"}"#, r#"{"type":"custom"}"#] {
        assert_eq!(tools(own), None, "{own}");
    }
    for hosted in [r#"{"type":"web_search"}"#, r#"{"type":"mcp"}"#, r#""code""#, r#"{"type":1}"#] {
        assert_eq!(tools(hosted), Some(Unrepeatable::HostedTool), "{hosted}");
    }
}

#[test]
fn what_is_no_object_or_too_deep_has_no_form() {
    for body in ["", "[]", "1", "{", r#"{"a":}"#] {
        assert!(refused(&Endpoint::ChatCompletions, body).is_some(), "{body}");
    }
    let deep = |levels: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    assert_eq!(refused(&Endpoint::Embeddings, &deep(127)), None);
    assert_eq!(refused(&Endpoint::Embeddings, &deep(129)), Some(Unrepeatable::Unreadable));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e6..1e6f64).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-d\"\\\\é]{0,3}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The same value with its members turned around.
fn turned(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(turned).collect(),
        Value::Object(members) => {
            let members = members.iter().rev().map(|(key, value)| (key.clone(), turned(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn equal_values_have_one_form_and_unequal_ones_two(a in any_json(), b in any_json()) {
        let form = |value: &Value| of(&Endpoint::Embeddings, &value.to_string());
        let (a, b) = (json!({ "a": a }), json!({ "a": b }));
        let pretty = serde_json::to_string_pretty(&turned(&a)).unwrap();
        prop_assert_eq!(of(&Endpoint::Embeddings, &pretty), form(&a));
        // `Value` compares `1` and `1.0` as two; there are none of the latter here.
        prop_assert_eq!(form(&a) == form(&b), a == b);
    }
}
