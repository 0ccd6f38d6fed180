//! The turns of a conversation: `systemInstruction` and `contents`.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::generation::thinks_by_level;
use crate::event::Opaque;
use crate::translate::Untranslatable;
use crate::translate::request::{
    Content, Draft, Message, Part, Reasoning, Role, Source, ToolCall, ToolResult,
};
use crate::translate::set;

/// What Google documents for a call whose signature is not there, because another model made it.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// Writes one conversation.
struct Writer {
    /// Names of the functions called so far, by the call's id: a result has to name its function.
    names: HashMap<String, String>,
    /// Whether the first call of a turn must have a signature.
    wants_signatures: bool,
}

/// The system prompts as one instruction, and the turns. System prompts in mid-conversation have no
/// place of their own and join the others.
pub(super) fn write(draft: &mut Draft) -> Result<(Vec<Value>, Vec<Value>), Untranslatable> {
    let messages = std::mem::take(&mut draft.request.messages);
    let wants_signatures = thinks_by_level(&draft.request.model);
    let mut writer = Writer { names: HashMap::new(), wants_signatures };
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
        .map(|(role, parts)| json!({ "role": role, "parts": parts }));
    Ok((system, turns.collect()))
}

impl Writer {
    /// What a user says. Results of tools come first: they answer the turn before.
    fn user(
        &self,
        draft: &mut Draft,
        place: &str,
        parts: Vec<Part>,
    ) -> Result<Vec<Value>, Untranslatable> {
        let (mut results, mut said) = (Vec::new(), Vec::new());
        for part in parts {
            match part.content {
                Content::ToolResult(result) => {
                    let (result, others) = self.result(place, result)?;
                    results.push(result);
                    for other in others {
                        said.extend(content(draft, place, other.content)?);
                    }
                }
                other => said.extend(content(draft, place, other)?),
            }
        }
        results.append(&mut said);
        Ok(results)
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
                    if std::mem::take(&mut first_call) && self.wants_signatures {
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
                set(&mut value, "thoughtSignature", signature);
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

    /// The result, and what of it is no text: that follows as the user's.
    fn result(
        &self,
        place: &str,
        result: ToolResult,
    ) -> Result<(Value, Vec<Part>), Untranslatable> {
        let ToolResult { id, parts, is_error, .. } = result;
        let name = self.names.get(&id).ok_or_else(|| {
            Untranslatable::new(place, "answers a call that is not in the conversation")
        })?;
        let (mut text, mut others) = (String::new(), Vec::new());
        for part in parts {
            match part.content {
                Content::Text(more) => text.push_str(&more),
                _ => others.push(part),
            }
        }
        // An object is taken as it is; anything else under the names that Google suggests.
        let response = match serde_json::from_str(&text) {
            Ok(Value::Object(object)) if !is_error => Value::Object(object),
            _ if is_error => json!({ "error": text }),
            _ => json!({ "result": text }),
        };
        Ok((
            json!({ "functionResponse": { "id": id, "name": name, "response": response } }),
            others,
        ))
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
        Source::Url(url) => json!({ "fileData": { "fileUri": url } }),
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
