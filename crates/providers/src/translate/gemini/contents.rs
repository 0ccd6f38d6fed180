//! The turns of a conversation: `systemInstruction` and `contents`.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::generation::thinks_by_level;
use crate::event::Opaque;
use crate::translate::Untranslatable;
use crate::translate::request::{
    Content, Draft, Message, Part, Reasoning, Role, Source, ToolCall, ToolResult,
};

/// What Google documents for a call whose signature is not there, because another model made it.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// Writes one conversation.
struct Writer {
    /// Names of the functions called so far, by the call's id: a result has to name its function.
    names: HashMap<String, String>,
    /// Whether the first call of a turn must have a signature, and results may hold pictures.
    is_signed: bool,
}

/// Media types by what an address ends in.
const TYPES_BY_ENDING: [(&str, &str); 9] = [
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("webp", "image/webp"),
    ("gif", "image/gif"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
];

/// The system prompts as one instruction, and the turns. System prompts in mid-conversation have no
/// place of their own and join the others.
pub(super) fn write(draft: &mut Draft) -> Result<(Vec<Value>, Vec<Value>), Untranslatable> {
    let messages = std::mem::take(&mut draft.request.messages);
    let is_signed = thinks_by_level(&draft.request.model);
    let mut writer = Writer { names: HashMap::new(), is_signed };
    let (mut system, mut turns) = (Vec::new(), Vec::<(&str, Vec<Value>)>::new());
    for (at, message) in messages.into_iter().enumerate() {
        let Message { role, parts } = message;
        draft.drop_if(parts.iter().any(|part| part.cache.is_some()), "cache_control");
        let place = format!("messages[{at}]");
        let (name, parts) = match role {
            Role::System => {
                system.extend(writer.user(draft, &place, parts)?);
                continue;
            }
            Role::User => ("user", writer.user(draft, &place, parts)?),
            Role::Assistant => ("model", writer.model(draft, &place, parts)?),
        };
        match turns.last_mut().filter(|(last, _)| *last == name) {
            Some((_, last)) => last.extend(parts),
            None => turns.push((name, parts)),
        }
    }
    let turns = turns
        .into_iter()
        .filter(|(_, parts)| !parts.is_empty())
        .map(|(role, parts)| json!({ "role": role, "parts": results_first(parts) }));
    Ok((system, turns.collect()))
}

/// Results of tools answer the turn before, all of them before anything else is said; callers may
/// have sent them in several messages.
fn results_first(parts: Vec<Value>) -> Vec<Value> {
    let (mut results, mut others): (Vec<_>, Vec<_>) =
        parts.into_iter().partition(|part| part.get("functionResponse").is_some());
    results.append(&mut others);
    results
}

fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

impl Writer {
    /// What a user says.
    fn user(
        &self,
        draft: &mut Draft,
        place: &str,
        parts: Vec<Part>,
    ) -> Result<Vec<Value>, Untranslatable> {
        let mut written = Vec::new();
        for part in parts {
            match part.content {
                Content::ToolResult(result) => {
                    let (result, others) = self.result(place, result)?;
                    written.push(result);
                    for other in others {
                        written.extend(content(draft, place, other.content)?);
                    }
                }
                other => written.extend(content(draft, place, other)?),
            }
        }
        Ok(written)
    }

    /// What the model said. A signature goes back on the part that it came with.
    fn model(
        &mut self,
        draft: &mut Draft,
        place: &str,
        parts: Vec<Part>,
    ) -> Result<Vec<Value>, Untranslatable> {
        let (mut written, mut signature) = (Vec::new(), None);
        let mut first_call = true;
        for part in parts {
            let mut value = match part.content {
                Content::Reasoning(Reasoning { sealed: Some(sealed), .. })
                    if sealed.is(Opaque::GEMINI) =>
                {
                    signature = Some(sealed.data);
                    continue;
                }
                Content::Reasoning(_) => {
                    draft.drop("reasoning");
                    continue;
                }
                Content::ToolCall(call) => {
                    if std::mem::take(&mut first_call) && self.is_signed {
                        signature.get_or_insert_with(|| NO_SIGNATURE.to_owned());
                    }
                    self.call(place, &call)?
                }
                other => match content(draft, place, other)? {
                    Some(value) => value,
                    None => continue,
                },
            };
            if let Some(signature) = signature.take() {
                put(&mut value, "thoughtSignature", signature.into());
            }
            written.push(value);
        }
        // A signature at the end came with an empty text.
        if let Some(signature) = signature {
            written.push(json!({ "text": "", "thoughtSignature": signature }));
        }
        Ok(written)
    }

    fn call(&mut self, place: &str, call: &ToolCall) -> Result<Value, Untranslatable> {
        let ToolCall { id, name, arguments, custom } = call;
        if *custom {
            return Err(Untranslatable::new(place, "the target has no tools that take free text"));
        }
        let text = if arguments.trim().is_empty() { "{}" } else { arguments };
        let arguments: Map<String, Value> = serde_json::from_str(text).map_err(|_| {
            Untranslatable::new(place, "holds a call whose arguments are no JSON object")
        })?;
        self.names.insert(id.clone(), name.clone());
        Ok(json!({ "functionCall": { "id": id, "name": name, "args": arguments } }))
    }

    /// The result, and what of it has no place there: that follows as the user's.
    fn result(
        &self,
        place: &str,
        result: ToolResult,
    ) -> Result<(Value, Vec<Part>), Untranslatable> {
        let ToolResult { id, parts, is_error, .. } = result;
        let name = self.names.get(&id).ok_or_else(|| {
            Untranslatable::new(place, "answers a call that is not in the conversation")
        })?;
        let (mut text, mut inside, mut others) = (String::new(), Vec::new(), Vec::new());
        for part in parts {
            match part.content {
                Content::Text(more) => {
                    if !text.is_empty() {
                        text.push('\n');
                    }
                    text.push_str(&more);
                }
                // Pictures belong into a result since the third generation.
                Content::Image { source: Source::Data { media_type, data }, .. }
                    if self.is_signed =>
                {
                    inside.push(json!({ "inlineData": { "mimeType": media_type, "data": data } }));
                }
                _ => others.push(part),
            }
        }
        // An object is taken as it is; anything else under the names that Google gives it.
        let response = match serde_json::from_str(&text) {
            Ok(Value::Object(object)) if !is_error => Value::Object(object),
            _ if is_error => json!({ "error": text }),
            _ => json!({ "output": text }),
        };
        let mut result = json!({ "id": id, "name": name, "response": response });
        if !inside.is_empty() {
            put(&mut result, "parts", inside.into());
        }
        Ok((json!({ "functionResponse": result }), others))
    }
}

fn content(
    draft: &mut Draft,
    place: &str,
    content: Content,
) -> Result<Option<Value>, Untranslatable> {
    Ok(Some(match content {
        Content::Text(text) | Content::Refusal(text) if text.is_empty() => return Ok(None),
        Content::Text(text) | Content::Refusal(text) => json!({ "text": text }),
        Content::Image { source, detail } => {
            draft.drop_if(detail.is_some(), "detail");
            file(place, source, None)?
        }
        Content::File { source, name } => file(place, source, name)?,
        Content::Audio { data, format } => {
            json!({ "inlineData": { "mimeType": format!("audio/{format}"), "data": data } })
        }
        Content::Reasoning(_) | Content::ToolCall(_) | Content::ToolResult(_) => {
            return Err(Untranslatable::new(place, "holds a part that its role cannot have"));
        }
    }))
}

fn file(place: &str, source: Source, name: Option<String>) -> Result<Value, Untranslatable> {
    Ok(match source {
        Source::Url(url) => {
            let mut file = json!({ "fileUri": url });
            if let Some(media_type) = type_of_address(&url) {
                put(&mut file, "mimeType", media_type.into());
            }
            json!({ "fileData": file })
        }
        Source::Data { media_type, data } => {
            json!({ "inlineData": { "mimeType": media_type, "data": data } })
        }
        Source::Text(text) => {
            let title = name.map(|name| format!("{name}\n\n")).unwrap_or_default();
            json!({ "text": title + &text })
        }
        Source::Id(_) => {
            return Err(Untranslatable::new(place, "names a file that another provider keeps"));
        }
    })
}

/// The media type that Vertex insists on, where the address tells.
fn type_of_address(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next()?;
    let (_, ending) = path.rsplit('/').next()?.rsplit_once('.')?;
    let known = TYPES_BY_ENDING.iter().find(|(known, _)| known.eq_ignore_ascii_case(ending))?;
    Some(known.1)
}
