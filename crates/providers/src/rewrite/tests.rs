//! Only what a target needs changes; every other byte stays.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Rewrite, rewrite};
use crate::peek::Peek;

fn rewritten(body: &str, change: Rewrite<'_>) -> String {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let out = rewrite(&body, &Peek::of(&body).unwrap(), change);
    String::from_utf8(out.to_vec()).unwrap()
}

fn model(model: &str) -> Rewrite<'_> {
    Rewrite { model: Some(model), ..Rewrite::default() }
}

const USAGE: Rewrite<'static> = Rewrite {
    model: None,
    include_usage: true,
    temperature: None,
    max_tokens: None,
    newer_limit: false,
};

#[test]
fn nothing_to_change_is_no_copy() {
    let body = Bytes::from_static(
        br#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
    );
    let peek = Peek::of(&body).unwrap();
    for change in [Rewrite::default(), USAGE] {
        assert_eq!(rewrite(&body, &peek, change).as_ptr(), body.as_ptr());
    }
}

#[test]
fn the_model_is_replaced_where_it_stands() {
    let body = "{ \"n\": 1.0e0,\n\t\"model\" :  \"a\\/b\" , \"seed\": 12345678901234567890123 }";
    let expected =
        "{ \"n\": 1.0e0,\n\t\"model\" :  \"x\\\"y\" , \"seed\": 12345678901234567890123 }";
    assert_eq!(rewritten(body, model("x\"y")), expected);
}

#[test]
fn usage_is_asked_for_in_every_state_that_the_options_are_in() {
    for (before, after) in [
        (r#"{"stream":true}"#, r#"{"stream":true,"stream_options":{"include_usage":true}}"#),
        (
            r#"{"stream":true,"stream_options":null}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"stream_options":{ },"stream":true}"#,
            r#"{"stream_options":{"include_usage":true },"stream":true}"#,
        ),
        (
            r#"{"stream_options": { "x":1},"stream":true}"#,
            r#"{"stream_options": {"include_usage":true, "x":1},"stream":true}"#,
        ),
        (
            r#"{"stream":true,"stream_options":{"include_usage" : false}}"#,
            r#"{"stream":true,"stream_options":{"include_usage" : true}}"#,
        ),
        (
            r#"{"stream":true,"stream_options":{"include_usage":null,"x":{}}}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true,"x":{}}}"#,
        ),
    ] {
        let with_model = |body: &str| body.replacen('{', r#"{"model":"m","#, 1);
        assert_eq!(rewritten(&with_model(before), USAGE), with_model(after));
    }
}

#[test]
fn a_parameter_of_the_caller_beats_the_variants() {
    let change = Rewrite { temperature: Some(0.25), max_tokens: Some(50), ..model("n") };
    assert_eq!(
        rewritten(r#"{"model":"m","messages":[]}"#, change),
        r#"{"model":"n","temperature":0.25,"max_tokens":50,"messages":[]}"#
    );
    let given = r#"{"model":"m","temperature":1,"max_completion_tokens":5}"#;
    assert_eq!(
        rewritten(given, change),
        r#"{"model":"n","temperature":1,"max_completion_tokens":5}"#
    );
    assert_eq!(
        rewritten(r#"{"model":"m","input":"hi"}"#, change),
        r#"{"model":"n","temperature":0.25,"max_output_tokens":50,"input":"hi"}"#
    );
    let absurd = Rewrite { temperature: Some(f64::NAN), ..Rewrite::default() };
    assert_eq!(rewritten(r#"{"model":"m"}"#, absurd), r#"{"model":"m"}"#);
}

#[test]
fn a_parameter_without_a_value_is_filled_where_it_stands_and_never_given_twice() {
    let change = Rewrite { temperature: Some(0.25), max_tokens: Some(50), ..Rewrite::default() };
    for (before, after) in [
        (
            r#"{"model":"m","temperature":null,"max_completion_tokens":null}"#,
            r#"{"model":"m","temperature":0.25,"max_completion_tokens":50}"#,
        ),
        (
            r#"{"temperature" : null,"max_tokens":null,"model":"m","max_completion_tokens":7}"#,
            r#"{"temperature" : 0.25,"max_tokens":null,"model":"m","max_completion_tokens":7}"#,
        ),
        (
            r#"{"model":"m","max_completion_tokens":7,"max_tokens":null,"temperature":0}"#,
            r#"{"model":"m","max_completion_tokens":7,"max_tokens":null,"temperature":0}"#,
        ),
        (
            r#"{"model":"m","temperature":"warm","max_tokens":1e999}"#,
            r#"{"model":"m","temperature":"warm","max_tokens":1e999}"#,
        ),
    ] {
        assert_eq!(rewritten(before, change), after);
    }
}

#[test]
fn a_limit_goes_by_the_name_that_the_api_knows() {
    let change = Rewrite { max_tokens: Some(50), newer_limit: true, ..Rewrite::default() };
    assert_eq!(
        rewritten(r#"{"model":"m"}"#, change),
        r#"{"model":"m","max_completion_tokens":50}"#
    );
    assert_eq!(
        rewritten(r#"{"model":"m","input":"hi"}"#, change),
        r#"{"model":"m","max_output_tokens":50,"input":"hi"}"#
    );
}

#[test]
fn all_changes_at_once_keep_to_their_places() {
    let body = r#"{"stream":true,"model":"m","stream_options":{},"messages":[{"content":"\"model\":\"m\""}]}"#;
    let change = Rewrite { include_usage: true, temperature: Some(1.0), ..model("n") };
    assert_eq!(
        rewritten(body, change),
        r#"{"stream":true,"model":"n","temperature":1,"stream_options":{"include_usage":true},"messages":[{"content":"\"model\":\"m\""}]}"#
    );
}

/// A body with its members in any order and any spacing.
fn body() -> impl Strategy<Value = String> {
    let members = Just(vec![
        ("model", json!("m").to_string()),
        ("stream", "true".to_owned()),
        ("messages", json!([{ "role": "user", "content": "model \"\\ é" }]).to_string()),
        ("seed", "1e2".to_owned()),
        ("\\u006dodels", "[ ]".to_owned()),
    ]);
    let options = prop_oneof![
        Just(None),
        Just(Some("null")),
        Just(Some("{}")),
        Just(Some("{\"include_usage\":false, \"x\":[1]}")),
    ];
    (members.prop_shuffle(), options, 0..6usize, "[ \n\t]{0,3}").prop_map(
        |(members, options, at, space)| {
            let mut members: Vec<_> = members
                .into_iter()
                .map(|(key, value)| format!("\"{key}\"{space}:{value}"))
                .collect();
            if let Some(options) = options {
                members
                    .insert(at.min(members.len()), format!("\"stream_options\":{space}{options}"));
            }
            format!("{space}{{{space}{}{space}}}", members.join(&format!("{space},{space}")))
        },
    )
}

proptest! {
    #[test]
    fn the_rest_of_any_body_is_left_alone(body in body(), name in ".{0,8}", include_usage: bool) {
        let out = rewritten(&body, Rewrite { include_usage, ..model(&name) });
        let (mut expected, found): (Value, Value) =
            (serde_json::from_str(&body).unwrap(), serde_json::from_str(&out).unwrap());
        expected["model"] = json!(name);
        if include_usage {
            if !expected["stream_options"].is_object() {
                expected["stream_options"] = json!({});
            }
            expected["stream_options"]["include_usage"] = json!(true);
        }
        prop_assert_eq!(&found, &expected);
        if !include_usage {
            let (before, after) = body.split_once("\"m\"").unwrap();
            prop_assert_eq!(out, format!("{before}{}{after}", json!(name)));
        }
    }
}
