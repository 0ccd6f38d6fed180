//! What a good answer looks like, byte by byte where it matters.

use serde_json::{Value, json};
use tollgate_mock::{Piece, Scenario, Tokens, UsagePlace};

use crate::client::{chat, exchange, start};

const HEAD: &str = r#"{"id":"chatcmpl-mock0000000000000000","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o","service_tier":"default","system_fingerprint":"fp_mock","choices":["#;

#[tokio::test]
async fn a_chat_stream_is_sent_as_openai_sends_it() {
    let mock = start().await;
    mock.push("", Scenario::text("Hi there"));
    let body = r#"{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true}}"#;
    let raw = chat(&mock, body).await;
    assert_eq!(raw.status(), 200);
    assert!(raw.head.contains("content-type: text/event-stream; charset=utf-8\r\n"));
    let delta = |delta: &str, finish: &str| {
        format!(
            "data: {HEAD}{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\
             \"finish_reason\":{finish}}}],\"usage\":null}}\n\n"
        )
    };
    let usage = r#"],"usage":{"prompt_tokens":12,"completion_tokens":2,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}"#;
    let expected = [
        delta(r#"{"role":"assistant","content":"","refusal":null}"#, "null"),
        delta(r#"{"content":"Hi"}"#, "null"),
        delta(r#"{"content":" there"}"#, "null"),
        delta("{}", "\"stop\""),
        format!("data: {HEAD}{usage}\n\n"),
        "data: [DONE]\n\n".to_owned(),
    ];
    let chunks: Vec<String> =
        raw.chunks.into_iter().map(|chunk| String::from_utf8(chunk).unwrap()).collect();
    assert_eq!(chunks, expected, "one HTTP chunk for each event");
}

#[tokio::test]
async fn usage_that_was_not_asked_for_is_not_sent() {
    let mock = start().await;
    let raw = chat(&mock, r#"{"model":"m","stream":true}"#).await;
    assert!(!raw.text().contains("usage"), "{}", raw.text());
    assert!(raw.text().ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn a_messages_stream_is_sent_as_anthropic_sends_it() {
    let mock = start().await;
    let tokens = Tokens { input: 100, cached: 60, output: Some(7), ..Tokens::default() };
    mock.push("", Scenario { usage: Some(tokens), ..Scenario::text("Hi there") });
    let raw = exchange(&mock, "/v1/messages", "", r#"{"model":"c","stream":true}"#).await;
    let expected = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"c\",",
        "\"id\":\"msg_mock0000000000000000\",\"type\":\"message\",\"role\":\"assistant\",",
        "\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":40,",
        "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":60,\"output_tokens\":1,",
        "\"cache_creation\":{\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0},",
        "\"service_tier\":\"standard\"}}}\n\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,",
        "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
        "event: ping\ndata: {\"type\": \"ping\"}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,",
        "\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,",
        "\"delta\":{\"type\":\"text_delta\",\"text\":\" there\"}}\n\n",
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":",
        "\"end_turn\",\"stop_sequence\":null},\"usage\":{\"input_tokens\":40,",
        "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":60,\"output_tokens\":7}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );
    assert_eq!(raw.text(), expected);
    assert_eq!(raw.chunks.len(), 8);
}

#[tokio::test]
async fn two_parallel_calls_are_streamed_in_pieces_in_both_dialects() {
    let mock = start().await;
    let scenario = Scenario::tools(&[("a", r#"{"city": "Paris"}"#), ("b", r#"{"zone": "CET"}"#)]);
    mock.push("", scenario.clone());
    mock.push("", scenario);
    let raw = chat(&mock, r#"{"model":"m","stream":true}"#).await;
    let (mut ids, mut arguments) = (Vec::new(), vec![String::new(); 2]);
    for chunk in raw.data() {
        let delta = &chunk["choices"][0]["delta"];
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            ids.extend(call["id"].as_str().map(str::to_owned));
            let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            arguments[index] += call["function"]["arguments"].as_str().unwrap();
        }
    }
    assert_eq!(ids, ["call_mock0000000000000000", "call_mock0000000000000001"]);
    assert_eq!(arguments, [r#"{"city": "Paris"}"#, r#"{"zone": "CET"}"#]);
    assert_eq!(raw.data()[0]["choices"][0]["delta"]["content"], Value::Null);

    let raw = exchange(&mock, "/v1/messages", "", r#"{"model":"m","stream":true}"#).await;
    let starts: Vec<Value> =
        raw.data().into_iter().filter(|e| e["type"] == "content_block_start").collect();
    assert_eq!(starts[1]["content_block"]["name"], "b");
    assert_eq!(starts[1]["content_block"]["input"], json!({}));
    let json: String = raw
        .data()
        .iter()
        .filter(|event| event["index"] == 0)
        .filter_map(|event| event["delta"]["partial_json"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(json, r#"{"city": "Paris"}"#);
    assert!(raw.text().contains("\"stop_reason\":\"tool_use\""));
}

#[tokio::test]
async fn calls_interleave_when_told_to() {
    let mock = start().await;
    let scenario = Scenario::tools(&[("a", "{ } "), ("b", "{ } ")]);
    mock.push("", Scenario { interleave_tool_calls: true, ..scenario });
    let raw = chat(&mock, r#"{"model":"m","stream":true}"#).await;
    let data = raw.data();
    let index = |chunk: &Value| chunk["choices"][0]["delta"]["tool_calls"][0]["index"].as_u64();
    let order: Vec<u64> = data.iter().filter_map(index).collect();
    assert_eq!(order, [0, 1, 0, 1, 0, 1, 0, 1]);
}

#[tokio::test]
async fn plain_answers_hold_the_same_as_streams() {
    let mock = start().await;
    let content =
        vec![Piece::reasoning("Hm, well."), Piece::text("So."), Piece::tool("f", r#"{"a":1}"#)];
    mock.set("all", Scenario { content, ..Scenario::default() });
    let body = r#"{"model":"m"}"#;
    let chat = exchange(&mock, "/@all/v1/chat/completions", "", body).await;
    let message = &chat.json()["choices"][0]["message"];
    assert_eq!(message["content"], "So.");
    assert_eq!(message["reasoning_content"], "Hm, well.");
    assert_eq!(message["tool_calls"][0]["function"]["arguments"], r#"{"a":1}"#);
    assert_eq!(chat.json()["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(chat.json()["usage"]["completion_tokens_details"]["reasoning_tokens"], 2);

    let messages = exchange(&mock, "/@all/v1/messages", "", body).await.json();
    let kinds: Vec<&Value> =
        messages["content"].as_array().unwrap().iter().map(|block| &block["type"]).collect();
    assert_eq!(kinds, ["thinking", "text", "tool_use"]);
    assert_eq!(messages["content"][2]["input"], json!({"a": 1}));

    let responses = exchange(&mock, "/@all/v1/responses", "", body).await.json();
    assert_eq!(responses["status"], "completed");
    assert_eq!(responses["output"][2]["type"], "function_call");
    let stream = r#"{"model":"m","stream":true}"#;
    let raw = exchange(&mock, "/@all/v1/responses", "", stream).await;
    let last = raw.data().pop().unwrap();
    assert_eq!(last["response"], responses, "the terminal event repeats the whole response");
    let numbers: Vec<u64> =
        raw.data().iter().filter_map(|event| event["sequence_number"].as_u64()).collect();
    assert!(numbers.iter().copied().eq(0..numbers.len() as u64), "{numbers:?}");
}

#[tokio::test]
async fn the_same_request_gets_the_same_bytes_unless_told_otherwise() {
    let mock = start().await;
    for path in ["/v1/chat/completions", "/v1/messages", "/v1/responses"] {
        for body in [r#"{"model":"m","stream":true}"#, r#"{"model":"m"}"#] {
            let first = exchange(&mock, path, "", body).await;
            assert_eq!(first.body(), exchange(&mock, path, "", body).await.body(), "{path}");
            assert!(first.complete);
        }
    }
    mock.set("own", Scenario { unique: true, ..Scenario::default() });
    let body = r#"{"model":"m"}"#;
    let first = exchange(&mock, "/@own/v1/messages", "", body).await.json();
    let second = exchange(&mock, "/@own/v1/messages", "", body).await.json();
    assert_ne!(first["id"], second["id"]);
}

#[tokio::test]
async fn embeddings_agree_in_both_encodings_and_models_are_listed() {
    use base64::Engine as _;
    let mock = start().await;
    let path = "/v1/embeddings";
    let body = r#"{"model":"e","input":["one two","three"],"dimensions":3}"#;
    let numbers = exchange(&mock, path, "", body).await.json();
    assert_eq!(numbers["data"][1]["embedding"].as_array().unwrap().len(), 3);
    assert_eq!(numbers["usage"]["prompt_tokens"], 3);
    let body = r#"{"model":"e","input":"three","dimensions":3,"encoding_format":"base64"}"#;
    let encoded = exchange(&mock, path, "", body).await.json();
    let text = encoded["data"][0]["embedding"].as_str().unwrap();
    let bytes = base64::prelude::BASE64_STANDARD.decode(text).unwrap();
    let floats: Vec<f64> =
        bytes.chunks(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect();
    assert_eq!(json!(floats), numbers["data"][1]["embedding"]);
}

#[tokio::test]
async fn a_refusal_is_said_where_the_dialect_has_a_place_for_it() {
    let mock = start().await;
    let refusal = Piece::Refusal("I will not".into());
    mock.set("no", Scenario { content: vec![refusal], ..Scenario::default() });
    let ask = |path: &'static str, body: &'static str| exchange(&mock, path, "", body);
    let chat = ask("/@no/v1/chat/completions", r#"{"model":"m"}"#).await.json();
    let message = &chat["choices"][0]["message"];
    assert_eq!((&message["refusal"], &message["content"]), (&json!("I will not"), &Value::Null));
    let responses = ask("/@no/v1/responses", r#"{"model":"m"}"#).await.json();
    let part = json!({ "type": "refusal", "refusal": "I will not" });
    assert_eq!(responses["output"][0]["content"], json!([part]));
    let messages = ask("/@no/v1/messages", r#"{"model":"m"}"#).await.json();
    assert_eq!(messages["content"], json!([{ "type": "text", "text": "I will not" }]));
    for (path, piece) in [
        ("/@no/v1/chat/completions", r#""delta":{"refusal":" not"}"#),
        ("/@no/v1/responses", r#"{"type":"response.refusal.delta""#),
    ] {
        let stream = ask(path, r#"{"model":"m","stream":true}"#).await.text();
        assert!(stream.contains(piece), "{path}: {stream}");
    }
}

#[tokio::test]
async fn counts_stand_where_the_scenario_wants_them() {
    let mock = start().await;
    let tokens = Tokens { input: 40, output: Some(7), ..Tokens::default() };
    for (usage_place, outputs) in
        [(UsagePlace::Finish, vec![7]), (UsagePlace::Every, vec![1, 1, 1, 7])]
    {
        let usage = Some(tokens);
        mock.push("", Scenario { usage_place, usage, ..Scenario::text("Hi there") });
        let stream = chat(&mock, r#"{"model":"m","stream":true}"#).await.text();
        let events = stream.lines().filter_map(|line| line.strip_prefix("data: {"));
        let said = events.filter_map(|rest| {
            let chunk: Value = serde_json::from_str(&format!("{{{rest}")).unwrap();
            chunk["usage"]["completion_tokens"].as_u64()
        });
        assert_eq!(said.collect::<Vec<_>>(), outputs, "{usage_place:?}");
    }
}
