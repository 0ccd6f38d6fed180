//! Plain answers and error bodies.

use super::{BodyError, read_body};
use crate::fixtures::written;
use crate::provider::Dialect;

fn read(dialect: Dialect, body: &str) -> Result<Vec<String>, BodyError> {
    let mut said = Vec::new();
    read_body(dialect, body.as_bytes(), &mut |event| said.push(written(&event)))?;
    Ok(said)
}

#[test]
fn a_chat_answer_says_what_its_stream_would() {
    let body = r#"{"id":"c","object":"chat.completion","model":"m","choices":[
        {"index":0,"message":{"role":"assistant","content":null,"reasoning_content":"r","tool_calls":[
            {"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},
            {"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}]},
         "finish_reason":"tool_calls"}],
        "usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;
    let said = read(Dialect::Chat, body).unwrap();
    assert_eq!(
        said[..10],
        [
            "id c",
            "model m",
            "reasoning 0 r",
            "start 0 a f",
            "arguments 0 {}",
            "end 0",
            "start 1 b g",
            "arguments 1 {}",
            "end 1",
            "finish 0 tool_calls"
        ]
    );
    assert!(said[10].starts_with("usage"));
}

#[test]
fn a_message_says_what_its_stream_would() {
    let body = r#"{"id":"m","type":"message","model":"c","content":[{"type":"thinking","thinking":"h"},
        {"type":"text","text":"t"},{"type":"tool_use","id":"x","name":"f","input":{"a":1}}],
        "stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":2}}"#;
    let said = read(Dialect::Messages, body).unwrap();
    assert_eq!(
        said[..7],
        [
            "id m",
            "model c",
            "reasoning 0 h",
            "text 0 t",
            "start 0 x f",
            r#"input 0 {"a":1}"#,
            "end 0"
        ]
    );
    assert_eq!(said.last().unwrap(), "finish 0 tool_use");
}

#[test]
fn a_response_says_what_its_stream_would() {
    let body = r#"{"id":"r","model":"m","status":"completed","output":[
        {"type":"reasoning","summary":[{"type":"summary_text","text":"h"}]},
        {"type":"web_search_call","id":"w"},
        {"type":"message","content":[{"type":"output_text","text":"t"},{"type":"refusal","refusal":"n"}]},
        {"type":"function_call","id":"i","call_id":"x","name":"f","arguments":"{}"}],
        "usage":{"input_tokens":1,"output_tokens":2}}"#;
    let said = read(Dialect::Responses, body).unwrap();
    assert_eq!(
        said[..8],
        [
            "id r",
            "model m",
            "reasoning 0 h",
            "text 0 t",
            "refusal 0 n",
            "start 0 x f",
            "arguments 0 {}",
            "end 0"
        ]
    );
    assert_eq!(said.last().unwrap(), "finish 0 completed");
}

#[test]
fn an_error_body_is_an_error_in_every_dialect() {
    let openai =
        r#"{"error":{"message":"no","type":"invalid_request_error","param":null,"code":"x"}}"#;
    let expected = [r#"error Some("x") Some("no")"#];
    assert_eq!(read(Dialect::Chat, openai).unwrap(), expected);
    assert_eq!(read(Dialect::Responses, openai).unwrap(), expected);
    let anthropic = r#"{"type":"error","error":{"type":"invalid_request_error","message":"no"}}"#;
    let expected = [r#"error Some("invalid_request_error") Some("no")"#];
    assert_eq!(read(Dialect::Messages, anthropic).unwrap(), expected);
}

#[test]
fn embeddings_have_usage_like_chat() {
    let body = r#"{"object":"list","data":[{"embedding":[0.1,-2e-3]}],"model":"e","usage":{"prompt_tokens":5,"total_tokens":5}}"#;
    let said = read(Dialect::Chat, body).unwrap();
    assert!(said[0] == "model e" && said[1].contains("input: Some(5)"), "{said:?}");
}

#[test]
fn what_is_no_json_is_refused() {
    for dialect in [Dialect::Chat, Dialect::Messages, Dialect::Responses] {
        for body in ["", "<html>", "{\"id\":", "{\"id\" 1}"] {
            assert_eq!(read(dialect, body), Err(BodyError), "{body}");
        }
    }
}
