//! A caller's chat completion request, read.

use serde_json::{Map, Value};

use super::messages::decode_messages;
use crate::translate::request::{Format, ReasoningBudget, Request, Sampling, Tool, ToolChoice};
use crate::translate::{Untranslatable, take};

/// Parameters whose loss would change what is answered.
const REFUSED: [(&str, &str); 2] = [
    ("web_search_options", "web search is the provider's own and cannot be asked of another"),
    ("audio", "answers in audio cannot be asked of the target"),
];

/// Reads the body.
pub(in crate::translate) fn decode(body: Value) -> Result<Request, Untranslatable> {
    let Value::Object(mut body) = body else {
        return Err(Untranslatable::new("body", "must be an object"));
    };
    for (field, reason) in REFUSED {
        if body.iter().any(|(name, value)| name == field && !value.is_null()) {
            return Err(Untranslatable::new(field, reason));
        }
    }
    let audio = |value: &Value| value.as_array().is_some_and(|all| all.contains(&"audio".into()));
    if take(&mut body, "modalities").is_some_and(|value| audio(&value)) {
        return Err(Untranslatable::new("modalities", "the target answers in text"));
    }
    let messages = decode_messages(take(&mut body, "messages").unwrap_or_default())?;
    let mut request = Request {
        messages,
        tools: tools(&mut body)?,
        tool_choice: tool_choice(&mut body)?,
        parallel_tool_calls: take(&mut body, "parallel_tool_calls")
            .and_then(|value| value.as_bool()),
        format: format(take(&mut body, "response_format"))?,
        sampling: sampling(&mut body)?,
        reasoning: reasoning(&mut body),
        stream: take(&mut body, "stream").and_then(|value| value.as_bool()).unwrap_or_default(),
        user: text(&mut body, "user"),
        ..Request::default()
    };
    let options = take(&mut body, "stream_options").unwrap_or_default();
    request.include_usage = options.get("include_usage").and_then(Value::as_bool) == Some(true);
    take(&mut body, "model");
    body.retain(|_, value| !value.is_null());
    request.extra = body;
    Ok(request)
}

fn text(body: &mut Map<String, Value>, name: &str) -> Option<String> {
    match take(body, name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

fn sampling(body: &mut Map<String, Value>) -> Result<Sampling, Untranslatable> {
    let mut number = |name: &str| take(body, name).and_then(|value| value.as_f64());
    let temperature = number("temperature");
    let top_p = number("top_p");
    let frequency_penalty = number("frequency_penalty");
    let presence_penalty = number("presence_penalty");
    let mut count = |name: &str| take(body, name).and_then(|value| value.as_u64());
    // Both names may be given; the newer one wins.
    let (older, newer) = (count("max_tokens"), count("max_completion_tokens"));
    let (top_k, n) = (count("top_k"), count("n"));
    let stop = match take(body, "stop") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(one)) => vec![one],
        Some(several) => serde_json::from_value(several)
            .map_err(|_| Untranslatable::new("stop", "must be a string or a list of strings"))?,
    };
    Ok(Sampling {
        max_tokens: newer.or(older),
        temperature,
        top_p,
        top_k,
        frequency_penalty,
        presence_penalty,
        seed: take(body, "seed").and_then(|value| value.as_i64()),
        stop,
        n,
    })
}

/// `reasoning_effort`, and `reasoning` as OpenRouter has it.
fn reasoning(body: &mut Map<String, Value>) -> Option<ReasoningBudget> {
    let effort = text(body, "reasoning_effort");
    let object = take(body, "reasoning").unwrap_or_default();
    let inner = object.get("effort").and_then(Value::as_str).map(str::to_owned);
    let tokens = object.get("max_tokens").and_then(Value::as_u64);
    let budget = ReasoningBudget { effort: effort.or(inner), tokens, ..Default::default() };
    (budget != ReasoningBudget::default()).then_some(budget)
}

/// `tools`, or the legacy `functions`.
fn tools(body: &mut Map<String, Value>) -> Result<Vec<Tool>, Untranslatable> {
    let wrong = |at: usize| Untranslatable::new(format!("tools[{at}]"), "is no tool of this API");
    let (listed, legacy) = (take(body, "tools"), take(body, "functions"));
    let mut tools = Vec::new();
    for (at, tool) in elements(listed, "tools")?.into_iter().enumerate() {
        let cache = tool.get("cache_control").filter(|cache| !cache.is_null()).cloned();
        let kind = tool.get("type").and_then(Value::as_str).unwrap_or("function").to_owned();
        tools.push(
            match kind.as_str() {
                "function" => function(tool.get("function").unwrap_or(&tool), cache),
                "custom" => custom(tool.get("custom").unwrap_or(&tool)),
                _ => Some(Tool::Hosted { kind, raw: tool }),
            }
            .ok_or_else(|| wrong(at))?,
        );
    }
    for (at, tool) in elements(legacy, "functions")?.iter().enumerate() {
        tools.push(function(tool, None).ok_or_else(|| wrong(at))?);
    }
    Ok(tools)
}

fn elements(value: Option<Value>, field: &str) -> Result<Vec<Value>, Untranslatable> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(elements)) => Ok(elements),
        Some(_) => Err(Untranslatable::new(field, "must be a list")),
    }
}

fn function(tool: &Value, cache: Option<Value>) -> Option<Tool> {
    Some(Tool::Function {
        name: tool.get("name")?.as_str()?.to_owned(),
        description: tool.get("description").and_then(Value::as_str).map(str::to_owned),
        parameters: tool.get("parameters").filter(|value| value.is_object()).cloned(),
        strict: tool.get("strict").and_then(Value::as_bool),
        cache,
    })
}

fn custom(tool: &Value) -> Option<Tool> {
    Some(Tool::Custom {
        name: tool.get("name")?.as_str()?.to_owned(),
        description: tool.get("description").and_then(Value::as_str).map(str::to_owned),
        format: tool.get("format").cloned(),
    })
}

fn tool_choice(body: &mut Map<String, Value>) -> Result<Option<ToolChoice>, Untranslatable> {
    let (current, legacy) = (take(body, "tool_choice"), take(body, "function_call"));
    let choice = current.or(legacy).unwrap_or_default();
    let name = ["function", "custom"].iter().find_map(|kind| choice.get(kind)?.get("name"));
    let name = name.or_else(|| choice.get("name")).and_then(Value::as_str);
    Ok(match (choice.as_str(), name) {
        (_, Some(name)) => Some(ToolChoice::Named(name.to_owned())),
        (Some("none"), _) => Some(ToolChoice::None),
        (Some("auto"), _) => Some(ToolChoice::Auto),
        (Some("required"), _) => Some(ToolChoice::Required),
        _ if choice.is_null() => None,
        _ => {
            let reason = "the target knows `auto`, `none`, `required` and one named tool";
            return Err(Untranslatable::new("tool_choice", reason));
        }
    })
}

fn format(value: Option<Value>) -> Result<Option<Format>, Untranslatable> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(None) };
    let wrong = |reason: &str| Untranslatable::new("response_format", reason);
    match value.get("type").and_then(Value::as_str) {
        Some("text") => Ok(None),
        Some("json_object") => Ok(Some(Format::JsonObject)),
        Some("json_schema") => {
            let inner = value.get("json_schema").ok_or_else(|| wrong("lacks `json_schema`"))?;
            let said = |name: &str| inner.get(name).and_then(Value::as_str).map(str::to_owned);
            Ok(Some(Format::JsonSchema {
                name: said("name"),
                description: said("description"),
                schema: inner.get("schema").cloned().ok_or_else(|| wrong("lacks `schema`"))?,
                strict: inner.get("strict").and_then(Value::as_bool),
            }))
        }
        _ => Err(wrong("the target knows `text`, `json_object` and `json_schema`")),
    }
}
