//! Bodies for upstreams, written: what is beside the conversation.

use serde_json::{Map, Value, json};

use super::{asking, refused, written};
use crate::provider::{Capabilities, Dialect};
use crate::translate::messages::encode;
use crate::translate::request::{
    Content, Draft, Format, Message, Part, ReasoningBudget, Request, Role, Sampling, Tool,
    ToolCall, ToolChoice,
};
use crate::translate::{Target, translate_request};

fn hi() -> Request {
    asking(vec![Part::text("hi")])
}

fn function() -> Tool {
    Tool::Function {
        name: "f".into(),
        description: None,
        parameters: None,
        strict: None,
        cache: None,
    }
}

fn budget(tokens: u64) -> Option<ReasoningBudget> {
    Some(ReasoningBudget { tokens: Some(tokens), ..ReasoningBudget::default() })
}

fn effort(effort: &str) -> Option<ReasoningBudget> {
    Some(ReasoningBudget { effort: Some(effort.into()), ..ReasoningBudget::default() })
}

/// `max_tokens` and `thinking` of a request, and what was dropped.
fn thinking(
    model: &str,
    max_tokens: Option<u64>,
    reasoning: Option<ReasoningBudget>,
) -> (Value, Value, Vec<String>) {
    let sampling = Sampling { max_tokens, ..Sampling::default() };
    let (mut body, dropped) =
        written(Request { model: model.into(), sampling, reasoning, ..hi() }).unwrap();
    (
        body["max_tokens"].take(),
        body.get_mut("thinking").map(Value::take).unwrap_or_default(),
        dropped,
    )
}

#[test]
fn tools_have_a_schema_and_say_only_what_differs_from_the_default() {
    let cache = Some(json!({ "type": "ephemeral" }));
    let strict = Tool::Function {
        name: "g".into(),
        description: Some("d".into()),
        parameters: Some(json!({ "type": "object", "properties": {} })),
        strict: Some(true),
        cache: cache.clone(),
    };
    let (body, _) = written(Request { tools: vec![function(), strict], ..hi() }).unwrap();
    let schema = json!({ "type": "object", "properties": {} });
    assert_eq!(
        body["tools"],
        json!([
            { "name": "f", "input_schema": schema },
            { "name": "g", "description": "d", "input_schema": schema, "strict": true, "cache_control": cache },
        ])
    );
    assert_eq!(body.get("tool_choice"), None);
}

#[test]
fn the_choice_of_tools_carries_whether_several_may_be_called() {
    let choice = |tool_choice, parallel_tool_calls| {
        let request = Request { tools: vec![function()], tool_choice, parallel_tool_calls, ..hi() };
        written(request).unwrap().0.get("tool_choice").cloned().unwrap_or_default()
    };
    assert_eq!(choice(None, None), Value::Null);
    assert_eq!(choice(None, Some(true)), Value::Null);
    let one = json!({ "type": "auto", "disable_parallel_tool_use": true });
    assert_eq!(choice(None, Some(false)), one);
    let any = json!({ "type": "any", "disable_parallel_tool_use": true });
    assert_eq!(choice(Some(ToolChoice::Required), Some(false)), any);
    assert_eq!(choice(Some(ToolChoice::None), Some(false)), json!({ "type": "none" }));
    let named = json!({ "type": "tool", "name": "f" });
    assert_eq!(choice(Some(ToolChoice::Named("f".into())), Some(true)), named);
}

#[test]
fn tools_that_the_api_does_not_have_are_refused() {
    let custom = Tool::Custom { name: "c".into(), description: None, format: None };
    let hosted = Tool::Hosted { kind: "web_search".into(), raw: json!({}) };
    for tool in [custom, hosted] {
        assert_eq!(refused(Request { tools: vec![function(), tool], ..hi() }), "tools[1]");
    }
    let capabilities = Capabilities { tools: false, ..Capabilities::assumed(Dialect::Messages) };
    let mut draft = Draft::new(Request { tools: vec![function()], ..hi() });
    assert_eq!(encode(&mut draft, capabilities).unwrap_err().field, "tools");
}

#[test]
fn an_answer_has_a_limit_and_room_to_think_in() {
    assert_eq!(thinking("m", None, None), (json!(4096), Value::Null, vec![]));
    assert_eq!(thinking("m", Some(7), None), (json!(7), Value::Null, vec![]));
    let enabled = |tokens: u64| json!({ "type": "enabled", "budget_tokens": tokens });
    assert_eq!(thinking("m", None, budget(2000)), (json!(6096), enabled(2000), vec![]));
    assert_eq!(thinking("m", Some(8000), budget(2000)), (json!(8000), enabled(2000), vec![]));
    assert_eq!(thinking("m", Some(2000), budget(2000)), (json!(2000), enabled(1999), vec![]));
    assert_eq!(thinking("m", Some(2000), budget(3)), (json!(2000), enabled(1024), vec![]));
    assert_eq!(thinking("m", Some(1025), budget(3)), (json!(1025), enabled(1024), vec![]));
    let none = (json!(1024), Value::Null, vec!["reasoning".to_owned()]);
    assert_eq!(thinking("m", Some(1024), budget(3)), none);
    assert_eq!(thinking("m", Some(9), budget(0)).1, json!({ "type": "disabled" }));
    assert_eq!(thinking("m", None, effort("none")).1, json!({ "type": "disabled" }));
    assert_eq!(thinking("m", None, effort("medium")).1, enabled(8192));
}

#[test]
fn models_that_think_adaptively_get_an_effort_and_no_budget() {
    let model = "claude-opus-4-8";
    let reasoning =
        Some(ReasoningBudget { summary: Some("auto".into()), ..effort("minimal").unwrap() });
    let (body, dropped) = written(Request { model: model.into(), reasoning, ..hi() }).unwrap();
    assert_eq!(body["thinking"], json!({ "type": "adaptive", "display": "summarized" }));
    assert_eq!(body["output_config"], json!({ "effort": "low" }));
    assert_eq!(body["max_tokens"], 4096 + 1024);
    assert_eq!(dropped, [""; 0]);
    let (max, adaptive, dropped) = thinking(model, Some(50), budget(9000));
    assert_eq!((max, adaptive), (json!(50), json!({ "type": "adaptive" })));
    assert_eq!(dropped, ["reasoning.max_tokens"]);
    let by_itself = Some(ReasoningBudget { adaptive: true, ..ReasoningBudget::default() });
    assert_eq!(thinking("m", None, by_itself).1, json!({ "type": "adaptive" }));
}

#[test]
fn where_the_api_refuses_to_think_the_rest_goes_through() {
    let with = |request: Request| {
        let (body, dropped) = written(request).unwrap();
        (body.get("thinking").is_some(), dropped == ["reasoning"])
    };
    let reasoning = budget(2000);
    let forced = Request {
        tools: vec![function()],
        tool_choice: Some(ToolChoice::Required),
        reasoning: reasoning.clone(),
        ..hi()
    };
    assert_eq!(with(forced.clone()), (false, true));
    // Without tools there is nothing to force.
    assert_eq!(with(Request { tools: vec![], ..forced }), (true, false));
    let begun = Message { role: Role::Assistant, parts: vec![Part::text("{")] };
    let messages = vec![hi().messages.remove(0), begun];
    assert_eq!(with(Request { messages, reasoning: reasoning.clone(), ..hi() }), (false, true));
    let call = Part::new(Content::ToolCall(ToolCall { name: "f".into(), ..ToolCall::default() }));
    let called = Message { role: Role::Assistant, parts: vec![call] };
    let messages = vec![hi().messages.remove(0), called, hi().messages.remove(0)];
    let unsigned = Request { messages, reasoning, ..hi() };
    assert_eq!(with(unsigned.clone()), (false, true));
    assert!(with(Request { model: "claude-opus-4-6".into(), ..unsigned }).0);
}

#[test]
fn a_form_of_the_answer_needs_a_schema() {
    let schema = json!({ "type": "object", "additionalProperties": false });
    let format = Some(Format::JsonSchema {
        name: Some("n".into()),
        description: Some("what it is".into()),
        schema,
        strict: Some(true),
    });
    let (body, dropped) = written(Request { format: format.clone(), ..hi() }).unwrap();
    assert_eq!(
        body["output_config"],
        json!({ "format": { "type": "json_schema", "schema": {
            "type": "object", "additionalProperties": false, "description": "what it is" } } })
    );
    assert_eq!(dropped, [""; 0]);
    assert_eq!(refused(Request { format: Some(Format::JsonObject), ..hi() }), "response_format");
    let capabilities =
        Capabilities { json_schema: false, ..Capabilities::assumed(Dialect::Messages) };
    let mut draft = Draft::new(Request { format, ..hi() });
    assert_eq!(encode(&mut draft, capabilities).unwrap_err().field, "response_format");
}

#[test]
fn sampling_is_cut_to_what_the_model_takes() {
    let sampled = |model: &str, reasoning: Option<ReasoningBudget>, sampling: Sampling| {
        let (body, dropped) =
            written(Request { model: model.into(), reasoning, sampling, ..hi() }).unwrap();
        let named = ["temperature", "top_p", "top_k"];
        let kept: Map<_, _> = named
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), body.get(*name)?.clone())))
            .collect();
        (Value::Object(kept), dropped)
    };
    let sampling =
        |temperature, top_p, top_k| Sampling { temperature, top_p, top_k, ..Sampling::default() };
    let all = |temperature| sampling(Some(temperature), Some(0.9), Some(5));
    let told = sampled("m", None, all(0.5));
    assert_eq!(told, (json!({ "temperature": 0.5, "top_p": 0.9, "top_k": 5 }), vec![]));
    let told = sampled("m", None, sampling(Some(1.5), None, None));
    assert_eq!(told, (json!({ "temperature": 1.0 }), vec!["temperature".to_owned()]));
    let told = sampled("m", None, sampling(Some(1.0), None, None));
    assert_eq!(told, (json!({ "temperature": 1.0 }), vec![]));
    let told = sampled("claude-sonnet-4-5", None, all(0.5));
    assert_eq!(told, (json!({ "temperature": 0.5, "top_k": 5 }), vec!["top_p".to_owned()]));
    let (kept, dropped) = sampled("claude-opus-4-8", None, all(0.5));
    assert_eq!(
        (kept, dropped),
        (json!({}), ["temperature", "top_p", "top_k"].map(String::from).to_vec())
    );
    assert_eq!(
        sampled("claude-opus-4-8", None, sampling(Some(1.0), Some(1.0), None)),
        (json!({}), vec![])
    );
    let (kept, dropped) = sampled("m", budget(2000), all(0.5));
    assert_eq!(
        (kept, dropped),
        (json!({}), ["temperature", "top_p", "top_k"].map(String::from).to_vec())
    );
    let told = sampled("m", budget(2000), sampling(None, Some(0.95), None));
    assert_eq!(told, (json!({ "top_p": 0.95 }), vec![]));
}

#[test]
fn parameters_of_other_apis_are_dropped_by_name_and_several_answers_refused() {
    let sampling = Sampling {
        frequency_penalty: Some(0.5),
        presence_penalty: Some(0.0),
        seed: Some(1),
        stop: vec!["END".into()],
        n: Some(1),
        ..Sampling::default()
    };
    let mut request = Request { sampling, user: Some("u".into()), stream: true, ..hi() };
    for (name, value) in [
        ("logit_bias", json!({})),
        ("cache_control", json!({ "type": "ephemeral" })),
        ("service_tier", json!("default")),
    ] {
        request.extra.insert(name.into(), value);
    }
    let (body, dropped) = written(request).unwrap();
    assert_eq!(dropped, ["frequency_penalty", "seed", "logit_bias"]);
    assert_eq!(body["stop_sequences"], json!(["END"]));
    assert_eq!(body["metadata"], json!({ "user_id": "u" }));
    assert_eq!(body["cache_control"], json!({ "type": "ephemeral" }));
    assert_eq!((&body["service_tier"], &body["stream"]), (&json!("standard_only"), &json!(true)));
    let several = Sampling { n: Some(2), ..Sampling::default() };
    assert_eq!(refused(Request { sampling: several, ..hi() }), "n");
    let blank = Sampling { stop: vec!["\n".into()], ..Sampling::default() };
    assert_eq!(refused(Request { sampling: blank, ..hi() }), "stop");
    let mut request = hi();
    request.extra.insert("service_tier".into(), "flex".into());
    request.extra.insert("safety_identifier".into(), "s".into());
    let (body, dropped) = written(request).unwrap();
    assert_eq!(body["metadata"], json!({ "user_id": "s" }));
    assert_eq!((body.get("service_tier"), dropped), (None, vec!["service_tier".to_owned()]));
}

#[test]
fn a_user_longer_than_openai_takes_is_left_out() {
    for upstream in [Dialect::Chat, Dialect::Responses] {
        let user = |chars: usize| {
            let user = json!({ "user_id": "u".repeat(chars) });
            let asked = super::body(json!({ "max_tokens": 99, "metadata": user }));
            let capabilities = Capabilities::assumed(upstream);
            let target = Target { model: "m", capabilities, temperature: None, max_tokens: None };
            let asked = asked.to_string();
            let told =
                translate_request(Dialect::Messages, upstream, asked.as_bytes(), &target).unwrap();
            let body: Value = serde_json::from_slice(&told.body).unwrap();
            (body["user"].as_str().map(str::len), told.dropped)
        };
        assert_eq!(user(64), (Some(64), vec![]));
        assert_eq!(user(65), (None, vec!["user".to_owned()]));
    }
}
