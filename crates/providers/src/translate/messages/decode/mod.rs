//! A caller's request, read.

mod content;
mod settings;
mod tools;

use serde_json::{Map, Value};

use crate::translate::Untranslatable;
use crate::translate::request::{Message, Request, Role};
use content::{Lost, decode_turn};

/// Parameters whose loss would change what is answered, or where.
const REFUSED: [(&str, &str); 5] = [
    ("mcp_servers", "MCP servers are called by the provider itself and cannot be given to another"),
    ("container", "a container is kept by the provider that made it"),
    ("thread", "the conversation is kept by the provider that began it"),
    ("compaction", "a summary for this API's own use cannot be asked of another"),
    ("inference_geo", "the target cannot be told where to compute"),
];

/// Reads the body.
pub(in crate::translate) fn decode(body: Value) -> Result<Request, Untranslatable> {
    let Value::Object(mut body) = body else {
        return Err(Untranslatable::new("body", "must be an object"));
    };
    body.retain(|_, value| !value.is_null());
    for (field, reason) in REFUSED {
        let given = |value: Value| value.as_array().is_none_or(|all| !all.is_empty());
        if body.remove(field).is_some_and(given) {
            return Err(Untranslatable::new(field, reason));
        }
    }
    let mut lost = Lost::default();
    let mut request = Request {
        messages: messages(&mut body, &mut lost)?,
        tools: tools::tools(&mut body, &mut lost)?,
        stream: body.remove("stream").and_then(|value| value.as_bool()).unwrap_or_default(),
        sampling: settings::sampling(&mut body)?,
        user: settings::user(&mut body),
        ..Request::default()
    };
    (request.tool_choice, request.parallel_tool_calls) = tools::choice(&mut body)?;
    settings::output(&mut body, &mut request)?;
    settings::service_tier(&mut body);
    body.remove("model");
    for name in lost.names {
        body.entry(name).or_insert(Value::Bool(true));
    }
    request.extra = body;
    Ok(request)
}

/// `system` and `messages`, in one list.
fn messages(
    body: &mut Map<String, Value>,
    lost: &mut Lost,
) -> Result<Vec<Message>, Untranslatable> {
    let mut messages = Vec::new();
    if let Some(system) = body.remove("system") {
        let parts = decode_turn("system", Role::System, system, lost)?;
        messages.push(Message { role: Role::System, parts });
    }
    let Some(Value::Array(turns)) = body.remove("messages") else {
        return Err(Untranslatable::new("messages", "must be a list"));
    };
    for (at, mut turn) in turns.into_iter().enumerate() {
        let place = format!("messages[{at}]");
        let role = match turn.get("role").and_then(Value::as_str) {
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            Some("system") => Role::System,
            _ => {
                return Err(Untranslatable::new(format!("{place}.role"), "is no role of this API"));
            }
        };
        let content = turn.get_mut("content").map(Value::take).unwrap_or_default();
        let parts = decode_turn(&format!("{place}.content"), role, content, lost)?;
        messages.push(Message { role, parts });
    }
    Ok(messages)
}
