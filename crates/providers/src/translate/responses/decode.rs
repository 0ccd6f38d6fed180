//! A caller's request, read.

use serde_json::{Map, Value};

use super::input::decode_input;
use super::tools::decode_tools;
use crate::translate::Untranslatable;
use crate::translate::request::{Format, ReasoningBudget, Request, Sampling};

/// Parameters that name what the caller's own provider keeps.
const KEPT_BY_PROVIDER: [&str; 3] = ["previous_response_id", "conversation", "prompt"];
/// What may be asked for beside the answer and is in it anyway.
const INCLUDED: &str = "reasoning.encrypted_content";

/// Reads the body.
pub(in crate::translate) fn decode(body: Value) -> Result<Request, Untranslatable> {
    let Value::Object(mut body) = body else {
        return Err(Untranslatable::new("body", "must be an object"));
    };
    body.retain(|_, value| !value.is_null());
    for field in KEPT_BY_PROVIDER {
        if body.contains_key(field) {
            let reason = "refers to what the caller's own provider keeps";
            return Err(Untranslatable::new(field, reason));
        }
    }
    if body.remove("background") == Some(Value::Bool(true)) {
        let reason = "an answer cannot be fetched later";
        return Err(Untranslatable::new("background", reason));
    }
    let messages = decode_input(body.remove("instructions"), body.remove("input"))?;
    let mut request = Request { messages, ..Request::default() };
    decode_tools(&mut body, &mut request)?;
    request.format = text(&mut body)?;
    request.reasoning = reasoning(&mut body);
    request.sampling = sampling(&mut body);
    request.parallel_tool_calls = take(&mut body, "parallel_tool_calls", Value::as_bool);
    request.stream = take(&mut body, "stream", Value::as_bool).unwrap_or_default();
    request.user = take(&mut body, "user", |value| value.as_str().map(str::to_owned));
    defaults(&mut body);
    body.remove("model");
    request.extra = body;
    Ok(request)
}

/// Removes what is said by default, and what has no effect on the answer.
fn defaults(body: &mut Map<String, Value>) {
    // Only padding can be asked for here.
    body.remove("stream_options");
    for (name, default) in [("store", Value::Bool(false)), ("truncation", "disabled".into())] {
        if body.get(name) == Some(&default) {
            body.remove(name);
        }
    }
    let known = |value: &Value| value.as_str() == Some(INCLUDED);
    if body.get("include").and_then(Value::as_array).is_some_and(|all| all.iter().all(known)) {
        body.remove("include");
    }
}

/// `text`: the answer's form and length.
fn text(body: &mut Map<String, Value>) -> Result<Option<Format>, Untranslatable> {
    let mut format = None;
    for (name, value) in members(body, "text") {
        match name.as_str() {
            "format" => format = self::format(&value)?,
            "verbosity" => {
                body.insert(name, value);
            }
            _ => {
                body.insert(format!("text.{name}"), value);
            }
        }
    }
    Ok(format)
}

fn format(value: &Value) -> Result<Option<Format>, Untranslatable> {
    let said = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    match said("type").as_deref() {
        Some("text") => Ok(None),
        Some("json_object") => Ok(Some(Format::JsonObject)),
        Some("json_schema") => Ok(Some(Format::JsonSchema {
            name: said("name"),
            description: said("description"),
            schema: value
                .get("schema")
                .cloned()
                .ok_or_else(|| Untranslatable::new("text.format", "lacks `schema`"))?,
            strict: value.get("strict").and_then(Value::as_bool),
        })),
        _ => {
            let reason = "the target knows `text`, `json_object` and `json_schema`";
            Err(Untranslatable::new("text.format", reason))
        }
    }
}

fn reasoning(body: &mut Map<String, Value>) -> Option<ReasoningBudget> {
    let mut budget = ReasoningBudget::default();
    for (name, value) in members(body, "reasoning") {
        match (name.as_str(), value) {
            ("effort", Value::String(effort)) => budget.effort = Some(effort),
            ("summary", Value::String(summary)) => budget.summary = Some(summary),
            // The older name.
            ("generate_summary", Value::String(summary)) => {
                budget.summary.get_or_insert(summary);
            }
            (_, value) => {
                body.insert(format!("reasoning.{name}"), value);
            }
        }
    }
    (budget != ReasoningBudget::default()).then_some(budget)
}

/// The members of an object that say something.
fn members(body: &mut Map<String, Value>, name: &str) -> Vec<(String, Value)> {
    match body.remove(name) {
        Some(Value::Object(object)) => {
            object.into_iter().filter(|(_, value)| !value.is_null()).collect()
        }
        _ => Vec::new(),
    }
}

fn sampling(body: &mut Map<String, Value>) -> Sampling {
    Sampling {
        max_tokens: take(body, "max_output_tokens", Value::as_u64),
        temperature: take(body, "temperature", Value::as_f64),
        top_p: take(body, "top_p", Value::as_f64),
        ..Sampling::default()
    }
}

/// A member, if it is of the right type; one that is not stays where what nobody takes is named.
fn take<T>(
    body: &mut Map<String, Value>,
    name: &str,
    read: impl Fn(&Value) -> Option<T>,
) -> Option<T> {
    let value = read(body.get(name)?)?;
    body.remove(name);
    Some(value)
}
