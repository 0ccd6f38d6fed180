//! Whatever conversation a caller has, Gemini and Cohere are told all of it, in a form that they take.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_providers::translate::{Target, translate_request};
use tollgate_providers::{Capabilities, Dialect};

/// A turn of the assistant's: text, calls with their results, and what the user says to that.
#[derive(Clone, Debug)]
struct Turn {
    said: Option<String>,
    calls: Vec<(String, Value, String)>,
    reply: Option<String>,
}

fn text() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 \"\\\\äß\n]{1,9}"
}

fn turn() -> impl Strategy<Value = Turn> {
    let arguments = option::of((text(), any::<i32>())).prop_map(|member| {
        member.map_or_else(|| json!({}), |(text, number)| json!({ "t": text, "n": [number] }))
    });
    let result = prop_oneof![text(), (0..9).prop_map(|n| format!("{{\"n\":{n}}}"))];
    (option::of(text()), vec(("[a-c]", arguments, result), 0..4), option::of(text()))
        .prop_map(|(said, calls, reply)| Turn { said, calls, reply })
}

/// The conversation of a caller of chat completions.
fn body(system: Option<&str>, first: &str, turns: &[Turn]) -> Value {
    let mut messages = Vec::new();
    messages.extend(system.map(|text| json!({ "role": "system", "content": text })));
    messages.push(json!({ "role": "user", "content": first }));
    for (at, turn) in turns.iter().enumerate() {
        let id = |call: usize| format!("c{at}-{call}");
        let calls: Vec<Value> = turn
            .calls
            .iter()
            .enumerate()
            .map(|(n, (name, arguments, _))| {
                let function = json!({ "name": name, "arguments": arguments.to_string() });
                json!({ "id": id(n), "type": "function", "function": function })
            })
            .collect();
        let mut message = json!({ "role": "assistant", "content": turn.said });
        if !calls.is_empty() {
            message["tool_calls"] = calls.into();
        }
        if turn.said.is_some() || !turn.calls.is_empty() {
            messages.push(message);
        }
        for (n, (.., result)) in turn.calls.iter().enumerate() {
            messages.push(json!({ "role": "tool", "tool_call_id": id(n), "content": result }));
        }
        messages.extend(turn.reply.iter().map(|text| json!({ "role": "user", "content": text })));
    }
    json!({ "model": "m", "messages": messages })
}

fn translated(upstream: Dialect, body: &Value, model: &str) -> Value {
    let target = Target {
        model,
        capabilities: Capabilities::assumed(upstream),
        temperature: None,
        max_tokens: None,
    };
    let bytes = body.to_string();
    let request = translate_request(Dialect::Chat, upstream, bytes.as_bytes(), &target).unwrap();
    assert!(request.dropped.is_empty(), "{:?}", request.dropped);
    serde_json::from_slice(&request.body).unwrap()
}

/// What was said, called and answered, in order.
fn facts(turns: &[Turn], first: &str) -> Vec<Value> {
    let mut facts = vec![json!(first)];
    for turn in turns {
        facts.extend(turn.said.iter().map(|text| json!(text)));
        facts.extend(turn.calls.iter().map(|(name, arguments, _)| json!([name, arguments])));
        facts
            .extend(turn.calls.iter().map(|(name, _, result)| json!({ "of": name, "is": result })));
        facts.extend(turn.reply.iter().map(|text| json!(text)));
    }
    facts
}

/// The same, out of what Gemini is told; what it refuses is refused here.
fn facts_of_gemini(body: &Value, signed: bool) -> Vec<Value> {
    let (mut facts, mut last, mut open) = (Vec::new(), "", Vec::new());
    for turn in body["contents"].as_array().unwrap() {
        let role = turn["role"].as_str().unwrap();
        assert_ne!(role, last, "turns alternate");
        last = role;
        let parts = turn["parts"].as_array().unwrap();
        let calls: Vec<&Value> = parts.iter().filter(|p| p.get("functionCall").is_some()).collect();
        let results = parts.iter().take_while(|part| part.get("functionResponse").is_some());
        assert_eq!(results.count(), open.len(), "results come first, as many as there were calls");
        if let Some(first) = calls.first() {
            assert_eq!(first.get("thoughtSignature").is_some(), signed);
        }
        let mut ids = Vec::new();
        for part in parts {
            if let Some(call) = part.get("functionCall") {
                ids.push((call["id"].clone(), call["name"].clone()));
                facts.push(json!([call["name"], call["args"]]));
            } else if let Some(result) = part.get("functionResponse") {
                assert_eq!(open.remove(0), (result["id"].clone(), result["name"].clone()));
                let said = &result["response"];
                let text = said["output"].as_str().map_or_else(|| said.to_string(), str::to_owned);
                facts.push(json!({ "of": result["name"], "is": text }));
            } else {
                facts.push(part["text"].clone());
            }
        }
        open = ids;
    }
    facts
}

fn facts_of_cohere(body: &Value) -> Vec<Value> {
    let (mut facts, mut names) = (Vec::new(), std::collections::HashMap::new());
    for turn in body["messages"].as_array().unwrap() {
        let texts = match &turn["content"] {
            Value::Array(pieces) => pieces.iter().map(|piece| piece["text"].clone()).collect(),
            Value::Null => Vec::new(),
            text => vec![text.clone()],
        };
        match turn["role"].as_str().unwrap() {
            "system" => {}
            "tool" => {
                let name = &names[turn["tool_call_id"].as_str().unwrap()];
                facts.push(json!({ "of": name, "is": texts[0] }));
            }
            _ => facts.extend(texts),
        }
        for call in turn["tool_calls"].as_array().into_iter().flatten() {
            let function = &call["function"];
            names.insert(call["id"].as_str().unwrap().to_owned(), function["name"].clone());
            let text = function["arguments"].as_str().unwrap();
            let arguments: Value = serde_json::from_str(text).unwrap();
            facts.push(json!([function["name"], arguments]));
        }
    }
    facts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_conversation_arrives_whole_and_in_order(
        system in option::of(text()),
        first in text(),
        turns in vec(turn(), 0..5),
    ) {
        let body = body(system.as_deref(), &first, &turns);
        let expected = facts(&turns, &first);
        for (model, signed) in [("gemini-2.5-flash", false), ("gemini-3.5-flash", true)] {
            let written = translated(Dialect::Gemini, &body, model);
            prop_assert_eq!(&facts_of_gemini(&written, signed), &expected);
            let told = written["systemInstruction"]["parts"][0]["text"].as_str();
            prop_assert_eq!(told, system.as_deref());
        }
        let written = translated(Dialect::Cohere, &body, "command");
        prop_assert_eq!(facts_of_cohere(&written), expected);
        let first = &written["messages"][0];
        prop_assert_eq!(first["role"] == "system", system.is_some());
    }
}
