//! What holds for any span.

use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::Value as Json;

use super::super::{Profile, apply};
use super::calls;
use crate::span::{Key, Pipeline, SpanKind, Value};

/// Names that profiles know, and names that they write.
fn name() -> impl Strategy<Value = Key> {
    let mut known: Vec<String> = calls::all()
        .into_iter()
        .flat_map(|(_, genai)| calls::tree(genai))
        .fold(Vec::new(), |mut names, span| {
            for profile in Profile::ALL {
                let applied = apply(&[profile], &span);
                let attributes = applied.iter().flat_map(|span| &span.attributes);
                names.extend(attributes.map(|(name, _)| name.to_string()));
            }
            names
        });
    known.sort_unstable();
    known.dedup();
    prop_oneof![
        4 => prop::sample::select(known).prop_map(Key::from),
        1 => "[a-z]{1,4}(\\.[a-z]{1,4})?".prop_map(Key::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    // JSON that is nearly messages, and text that is nearly JSON.
    let json = prop::sample::select(vec![
        r#"[{"role":"user","content":[{"type":"text"}]}]"#,
        r#"[{"role":7,"content":{"type":"tool_use","input":[]}}]"#,
        r#"[{"message":{"message":{"content":"x"}}},{"type":"function_call"}]"#,
        r#"[{"type":"tool_result","content":null},{"content":[{"type":"image","source":{}}]}]"#,
        r#"[{"role":"assistant","tool_calls":[3,{"function":3}]}]"#,
        r#"{"function":{"name":{}}}"#,
        "[[[]]]",
        "[1,2]",
        "\"\\ud800\"",
        "",
    ]);
    prop_oneof![
        json.prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        prop::collection::vec(".{0,3}", 0..3).prop_map(Value::Strs),
    ]
}

/// Whether this is a list of messages as the schema of the conventions has it.
fn are_messages(text: &str) -> bool {
    let Ok(Json::Array(messages)) = serde_json::from_str(text) else { return false };
    messages.iter().all(|message| {
        let Json::Array(parts) = &message["parts"] else { return false };
        message["role"].is_string()
            && parts.iter().all(|part| match part["type"].as_str() {
                Some("text" | "reasoning") => part["content"].is_string(),
                Some("tool_call") => part["name"].is_string() && part.get("arguments").is_some(),
                Some("tool_call_response") => part.get("response").is_some(),
                kind => kind.is_some(),
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_profile_is_applied_to_any_span_and_writes_each_name_once(
        attributes in prop::collection::hash_map(name(), value(), 0..40),
        operation in prop::sample::select(vec!["chat", "embeddings", "execute_tool", "retrieval", ""]),
        kind in prop::sample::select(vec![SpanKind::Internal, SpanKind::Server, SpanKind::Client]),
        application in any::<bool>(),
        profiles in prop_oneof![
            prop::collection::vec(prop::sample::select(Profile::ALL.to_vec()), 0..5),
            Just(vec![Profile::SemconvPinned]),
        ],
    ) {
        let mut span = calls::genai_span(calls::failed());
        span.kind = kind;
        span.pipeline = if application { Pipeline::Application } else { Pipeline::GenAi };
        span.attributes = attributes.into_iter().collect();
        span.attributes.retain(|(name, _)| name != "gen_ai.operation.name");
        if !operation.is_empty() {
            span.attributes.push(("gen_ai.operation.name".into(), operation.into()));
        }
        let applied = apply(&profiles, &span);
        let takes = profiles.is_empty() || profiles.iter().any(|profile| profile.takes(&span));
        prop_assert_eq!(applied.is_some(), takes, "the queue and the exporter agree");
        let Some(applied) = applied else { return Ok(()) };
        let names: HashSet<_> = applied.attributes.iter().map(|(name, _)| name).collect();
        prop_assert_eq!(names.len(), applied.attributes.len(), "{:#?}", applied);
        prop_assert_eq!((applied.span_id, applied.start_ns, applied.end_ns), (span.span_id, span.start_ns, span.end_ns));
        if profiles == [Profile::SemconvPinned] {
            for name in ["gen_ai.input.messages", "gen_ai.output.messages"] {
                if let Some(text) = applied.attribute(name) {
                    prop_assert!(are_messages(&text.to_string()), "{name}: {text}");
                }
            }
        }
        if profiles.first() == Some(&Profile::To11) {
            prop_assert!(span.attributes.iter().all(|(name, _)| applied.attribute(name).is_some()));
        }
    }
}
