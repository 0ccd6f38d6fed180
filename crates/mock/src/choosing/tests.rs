//! Built-in scenarios, and arguments made up from a schema.

use http::HeaderMap;
use serde_json::{Value, json};

use super::{BUILT_IN, Scenarios, arguments, built_in};
use crate::reading::{Ask, Target};
use crate::scenario::{Piece, Scenario};

fn made(schema: &Value, n: usize) -> Value {
    serde_json::from_str(&arguments::matching(schema, n)).unwrap()
}

#[test]
fn every_built_in_name_is_a_scenario_and_others_are_none() {
    let ask = Ask::default();
    for name in BUILT_IN {
        assert!(built_in(name, &ask).is_some(), "{name}");
    }
    assert_eq!(built_in("status-503", &ask), Some(Scenario::status(503)));
    for name in ["status-399", "status-600", "status-x", "", "nobody"] {
        assert_eq!(built_in(name, &ask), None, "{name}");
    }
}

#[test]
fn tools_without_any_from_the_caller_are_made_up() {
    let scenario = built_in("tools", &Ask::default()).unwrap();
    assert_eq!(scenario.content[0], Piece::tool("get_weather", r#"{"city":"Paris"}"#));
    assert_eq!(scenario.content.len(), 2);
}

#[test]
fn scripts_are_served_by_path_in_the_order_pushed() {
    let scenarios = Scenarios::default();
    for (prefix, text) in [("/a", "a1"), ("/b", "b"), ("/a", "a2")] {
        scenarios.push(prefix, Scenario::text(text));
    }
    let choose = |path| {
        let (target, ask) = (Target::read(path), Ask::default());
        let chosen = scenarios.choose(path, &target, &HeaderMap::new(), &ask).unwrap();
        (chosen.label == "script").then(|| chosen.scenario.content[0].clone())
    };
    assert_eq!(choose("/a/messages"), Some(Piece::text("a1")));
    assert_eq!(choose("/a/messages"), Some(Piece::text("a2")));
    assert_eq!(choose("/a/messages"), None);
    assert_eq!(scenarios.scripted(), 1);
    assert_eq!(choose("/b"), Some(Piece::text("b")));
}

#[test]
fn arguments_satisfy_the_schema() {
    let schema = json!({
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "unit": {"enum": ["C", "F"]},
            "days": {"type": "integer", "minimum": 3},
            "near": {"type": "array", "items": {"type": "boolean"}},
            "at": {"anyOf": [{"type": ["number", "null"]}, {"type": "string"}]},
            "kind": {"const": "k"},
            "deep": {"properties": {"x": {"type": "string"}}},
            "none": {"type": "null"},
        },
    });
    let expected = json!({
        "city": "Oslo", "unit": "F", "days": 3, "near": [true], "at": 1, "kind": "k",
        "deep": {"x": "Oslo"}, "none": null,
    });
    assert_eq!(made(&schema, 1), expected);
    assert_eq!(made(&schema, 0)["city"], "Paris");
    assert_eq!(made(&json!(null), 0), json!({}));
    assert_eq!(made(&json!({"type": "object"}), 0), json!({}));
}

#[test]
fn a_schema_is_followed_to_its_depth_limit() {
    let nested = |depth| {
        (0..depth).fold(
            json!({"type": "boolean"}),
            |inner, _| json!({"type": "object", "properties": {"in": inner}}),
        )
    };
    let path = |depth| "/in".repeat(depth);
    assert_eq!(made(&nested(8), 0).pointer(&path(8)), Some(&json!(true)));
    assert_eq!(made(&nested(9), 0).pointer(&path(9)), Some(&Value::Null));
}

#[test]
fn the_script_of_a_trace_comes_before_every_other_and_is_no_other_traces() {
    let scenarios = Scenarios::default();
    let trace_id = "0af7651916cd43dd8448eb211c80319c";
    for text in ["first", "second"] {
        scenarios.push_trace(trace_id, Scenario::text(text));
    }
    scenarios.push("/a", Scenario::text("script"));
    let choose = |trace_id: &str| {
        let (target, ask) = (Target::read("/a"), Ask::default());
        let value = format!("00-{trace_id}-00f067aa0ba902b7-01").parse().unwrap();
        let headers =
            HeaderMap::from_iter([(http::header::HeaderName::from_static("traceparent"), value)]);
        let chosen = scenarios.choose("/a", &target, &headers, &ask).unwrap();
        (chosen.label, chosen.scenario.content[0].clone())
    };
    let said = |label: &str, text: &str| (label.to_owned(), Piece::text(text));
    assert_eq!(choose(trace_id), said("trace", "first"));
    assert_eq!(choose(&"a".repeat(32)), said("script", "script"));
    assert_eq!(choose(trace_id), said("trace", "second"));
    assert_eq!(choose(trace_id).0, "default", "what was scripted has been served");
}
