//! Prompts and answers as attributes, where the operator asked for them.

use bytes::Bytes;
use serde_json::json;
use tollgate_filters::request::Facts;
use tollgate_providers::Transcript;
use tollgate_telemetry::genai::GenAi;

/// The most that one attribute holds of a request, in bytes.
const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// The prompt, the system prompt and the tools offered.
pub(super) fn capture_request(genai: &mut GenAi, facts: &Facts) {
    let content = genai.content.get_or_insert_default();
    let mut truncated = false;
    let mut text = |raw: &Option<Bytes>| {
        let text = String::from_utf8_lossy(raw.as_deref()?).into_owned();
        let kept = text.get(..text.floor_char_boundary(REQUEST_BYTES_MAX)).unwrap_or_default();
        truncated |= kept.len() < text.len();
        Some(kept.to_owned())
    };
    content.input_messages = text(&facts.messages);
    content.tool_definitions = text(&facts.tools);
    // A plain string is recorded as text, anything else as JSON.
    content.system_instructions =
        text(&facts.system).map(|raw| serde_json::from_str::<String>(&raw).unwrap_or(raw));
    content.truncated |= truncated;
}

/// The answer; nothing where the transcript kept nothing.
pub(super) fn capture_response(genai: &mut GenAi, transcript: &Transcript) {
    let calls = transcript.tool_calls().iter().any(|call| !call.arguments.is_empty());
    if transcript.texts().is_empty() && transcript.refusal().is_empty() && !calls {
        return;
    }
    let tool_calls: Vec<_> = transcript
        .tool_calls()
        .iter()
        .map(|call| json!({ "id": call.id, "name": call.name, "arguments": call.arguments }))
        .collect();
    let texts =
        if transcript.texts().is_empty() { &[String::new()][..] } else { transcript.texts() };
    let choices: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(at, text)| {
            let mut message = json!({ "role": "assistant", "content": text });
            if at == 0 {
                if !tool_calls.is_empty() {
                    message["tool_calls"] = json!(tool_calls);
                }
                if !transcript.reasoning().is_empty() {
                    message["reasoning"] = json!(transcript.reasoning());
                }
                if !transcript.refusal().is_empty() {
                    message["refusal"] = json!(transcript.refusal());
                }
            }
            message
        })
        .collect();
    let content = genai.content.get_or_insert_default();
    content.output_messages = Some(json!(choices).to_string());
    content.truncated |= transcript.is_truncated();
}
