//! Prompts and answers as attributes, where the operator asked for them. Runs when the response has
//! ended, so that nobody waits for it.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_filters::capture::{self, Captured};
use tollgate_filters::detect::Detectors;
use tollgate_filters::request::Facts;
use tollgate_providers::Transcript;
use tollgate_telemetry::genai::{Content, GenAi};

/// The most that one attribute holds of a request, in bytes.
const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// Who speaks to the model before the conversation.
const SYSTEM_ROLES: [&str; 2] = ["system", "developer"];
/// What stands between texts that become one.
const BETWEEN: &str = "\n\n";

/// The prompt, the system prompt and the tools offered, without what the detectors find.
pub(super) fn capture_request(genai: &mut GenAi, facts: &Facts, detectors: &Detectors) {
    let mut truncated = false;
    let mut kept = |captured: Captured| {
        truncated |= captured.truncated;
        captured.text
    };
    let mut json = |raw: &Option<Bytes>| {
        let raw = String::from_utf8_lossy(raw.as_deref()?);
        Some(kept(capture::redacted_json(&raw, REQUEST_BYTES_MAX, detectors)))
    };
    let (input_messages, tool_definitions) = (json(&facts.messages), json(&facts.tools));
    let given = facts.system.as_deref().map(|raw| {
        let raw = String::from_utf8_lossy(raw);
        let text = serde_json::from_str(&raw).ok().and_then(|value: Value| text_of(&value));
        text.unwrap_or_else(|| raw.into_owned())
    });
    let system_instructions = match (given, &input_messages) {
        (Some(text), _) => Some(kept(capture::redacted_text(&text, REQUEST_BYTES_MAX, detectors))),
        // Of what is kept: nothing has to be taken out again.
        (None, Some(messages)) => system_of(messages),
        (None, None) => None,
    };
    let content = genai.content.get_or_insert_default();
    *content = Content {
        input_messages,
        system_instructions,
        tool_definitions,
        truncated: content.truncated | truncated,
        ..std::mem::take(content)
    };
}

/// The text of a content: itself, or the texts of its parts; `None` where there is none.
fn text_of(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts: Vec<&str> =
                parts.iter().filter_map(|part| part.get("text")?.as_str()).collect();
            (!texts.is_empty()).then(|| texts.join(BETWEEN))
        }
        _ => None,
    }
}

/// What stands in a conversation as the system's word.
fn system_of(messages: &str) -> Option<String> {
    let Ok(Value::Array(messages)) = serde_json::from_str(messages) else { return None };
    let texts: Vec<String> = messages
        .iter()
        .filter(|message| {
            let role = message.get("role").and_then(Value::as_str);
            role.is_some_and(|role| SYSTEM_ROLES.contains(&role))
        })
        .filter_map(|message| text_of(message.get("content")?))
        .collect();
    (!texts.is_empty()).then(|| texts.join(BETWEEN))
}

/// The answer; nothing where the transcript kept nothing.
pub(super) fn capture_response(genai: &mut GenAi, transcript: &Transcript) {
    let calls = transcript.tool_calls().iter().any(|call| !call.arguments.is_empty());
    let said = [transcript.refusal(), transcript.reasoning()].iter().any(|text| !text.is_empty());
    if transcript.texts().is_empty() && !said && !calls {
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

/// Takes what the detectors find out of the answer and of the arguments of its calls. Where the
/// answer was cut, what could be half a finding at the end of a text goes with it. Before
/// [`capture_request`], which may say of the prompt that it was cut.
pub(super) fn redact_response(genai: &mut GenAi, detectors: &Detectors) {
    if detectors.is_empty() {
        return;
    }
    let truncated = genai.content.as_ref().is_some_and(|content| content.truncated);
    let margin_bytes = if truncated { detectors.decided_bytes_max() } else { 0 };
    let clean = |text: &str| {
        let clean = detectors.redact(text);
        let end = clean.floor_char_boundary(clean.len().saturating_sub(margin_bytes));
        clean.get(..end).unwrap_or_default().to_owned()
    };
    for call in &mut genai.tool_calls {
        call.arguments = call.arguments.take().map(|arguments| clean(&arguments));
    }
    let Some(output) = genai.content.as_mut().and_then(|it| it.output_messages.as_mut()) else {
        return;
    };
    let Ok(mut choices) = serde_json::from_str::<Value>(output) else { return };
    for choice in choices.as_array_mut().into_iter().flatten() {
        redact_message(choice, &clean);
    }
    *output = choices.to_string();
}

/// Every text of a message as [`capture_response`] writes it.
fn redact_message(message: &mut Value, clean: &impl Fn(&str) -> String) {
    for name in ["content", "reasoning", "refusal", "arguments"] {
        if let Some(text) = message.get_mut(name)
            && let Some(said) = text.as_str()
        {
            *text = clean(said).into();
        }
    }
    for call in message.get_mut("tool_calls").and_then(Value::as_array_mut).into_iter().flatten() {
        redact_message(call, clean);
    }
}
