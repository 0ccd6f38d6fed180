//! What a request asks for: the API from its path, the rest from its body, read no further than
//! the answer needs.

use bytes::Bytes;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

mod form;
#[cfg(test)]
mod tests;

pub(crate) use form::{Field, fields};

/// The API that a path belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    Chat,
    Messages,
    Responses,
    Cohere,
    Gemini,
    Embeddings,
    Models,
    CountTokens,
    Rerank,
    Images,
    Speech,
    Transcriptions,
    Files,
    File,
    FileContent,
    Unknown,
}

/// A request's path, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The scenario named by `/@name/...`.
    pub(crate) name: Option<String>,
    pub(crate) api: Api,
    /// The model of `/models/{id}`, the file of `/files/{id}` and `/files/{id}/content`.
    pub(crate) id: Option<String>,
    /// The path asks for a stream (Gemini).
    pub(crate) stream: bool,
}

/// What a body asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) model: Option<String>,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    /// The caller's tools by name, with the schema of their arguments.
    pub(crate) tools: Vec<(String, Value)>,
    /// The text of the last message, if the caller's user said it.
    pub(crate) user_text: Option<String>,
    /// The inputs of an embeddings request.
    pub(crate) inputs: Vec<String>,
    /// Whether embeddings are wanted in base64.
    pub(crate) base64: bool,
    pub(crate) dimensions: Option<usize>,
    /// How many documents are to be ranked.
    pub(crate) documents: usize,
    /// `response_format` of a transcription.
    pub(crate) response_format: Option<String>,
}

#[derive(Deserialize)]
struct Body<'a> {
    model: Option<String>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    tools: Option<Vec<Value>>,
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    contents: Option<&'a RawValue>,
    encoding_format: Option<String>,
    dimensions: Option<usize>,
    documents: Option<Vec<Value>>,
    stream_format: Option<String>,
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

// === impl Target ===

impl Target {
    pub(crate) fn read(path: &str) -> Self {
        let (name, path) = split_name(path);
        let path = path.trim_end_matches('/');
        let (api, id) = match (path.rsplit_once("/models/"), path.rsplit_once("/files/")) {
            (Some((_, id)), _) if !id.is_empty() => match id.rsplit_once(':') {
                Some((id, "generateContent" | "streamGenerateContent")) => (Api::Gemini, Some(id)),
                _ => (Api::Models, Some(id)),
            },
            (_, Some((_, id))) => match id.strip_suffix("/content") {
                Some(id) => (Api::FileContent, Some(id)),
                None => (Api::File, Some(id)),
            },
            _ => (Api::of(path), None),
        };
        let stream = path.ends_with(":streamGenerateContent");
        Self { name, api, id: id.map(str::to_owned), stream }
    }
}

fn split_name(path: &str) -> (Option<String>, &str) {
    let Some(rest) = path.strip_prefix("/@") else { return (None, path) };
    let at = rest.find('/').unwrap_or(rest.len());
    let (name, path) = rest.split_at(at);
    (Some(name.to_owned()), path)
}

// === impl Api ===

impl Api {
    fn of(path: &str) -> Self {
        match path.rsplit_once('/') {
            Some((before, "completions")) if before.ends_with("/chat") => Self::Chat,
            Some((_, "messages")) => Self::Messages,
            Some((_, "chat")) => Self::Cohere,
            Some((_, "responses")) => Self::Responses,
            Some((_, "embeddings")) => Self::Embeddings,
            Some((_, "models")) => Self::Models,
            Some((_, "count_tokens")) => Self::CountTokens,
            Some((_, "rerank")) => Self::Rerank,
            Some((before, "generations")) if before.ends_with("/images") => Self::Images,
            Some((_, "speech")) => Self::Speech,
            Some((_, "transcriptions")) => Self::Transcriptions,
            Some((_, "files")) => Self::Files,
            _ => Self::Unknown,
        }
    }

    /// The methods that the API takes, as `Allow` has them.
    pub(crate) const fn allow(self) -> &'static str {
        match self {
            Self::Models | Self::FileContent => "GET",
            Self::Files => "GET, POST",
            Self::File => "GET, DELETE",
            _ => "POST",
        }
    }

    /// Whether a request names a model.
    pub(crate) const fn names_model(self) -> bool {
        !matches!(self, Self::Models | Self::Files | Self::File | Self::FileContent)
    }
}

// === impl Ask ===

impl Ask {
    /// Reads a body as its API has it; the error is the provider's words for it.
    pub(crate) fn of(target: &Target, headers: &HeaderMap, body: &Bytes) -> Result<Self, String> {
        match target.api {
            Api::Transcriptions => Self::read_form(headers, body),
            Api::Gemini => {
                let (model, stream) = (target.id.clone(), target.stream);
                Ok(Self { model, stream, ..Self::read(body)? })
            }
            _ => Self::read(body),
        }
    }

    fn read_form(headers: &HeaderMap, body: &Bytes) -> Result<Self, String> {
        let fields = fields(headers, body).ok_or("We could not parse your multipart form")?;
        let text = |name: &str| {
            let field = fields.iter().find(|field| field.name == name && field.file_name.is_none());
            field.map(|field| String::from_utf8_lossy(field.content).into_owned())
        };
        if !fields.iter().any(|field| field.name == "file" && field.file_name.is_some()) {
            return Err("you must provide a file".to_owned());
        }
        Ok(Self {
            model: text("model"),
            stream: text("stream").as_deref() == Some("true"),
            response_format: text("response_format"),
            ..Self::default()
        })
    }

    /// Reads a JSON body.
    pub(crate) fn read(body: &Bytes) -> Result<Self, String> {
        let body: Body<'_> = serde_json::from_slice(body).map_err(|problem| {
            format!("We could not parse the JSON body of your request: {problem}")
        })?;
        let tools = body.tools.unwrap_or_default();
        let declared = |tool: &Value| match tool.get("functionDeclarations") {
            Some(Value::Array(functions)) => functions.clone(),
            _ => vec![tool.clone()],
        };
        let tools: Vec<(String, Value)> =
            tools.iter().flat_map(declared).filter_map(|tool| read_tool(&tool)).collect();
        let input = body.input.map(RawValue::get);
        Ok(Self {
            model: body.model,
            stream: body.stream.unwrap_or(false) || body.stream_format.as_deref() == Some("sse"),
            include_usage: body.stream_options.and_then(|o| o.include_usage).unwrap_or(false),
            tools,
            user_text: [body.messages, body.input, body.contents]
                .into_iter()
                .flatten()
                .next()
                .and_then(|turns| last_user_text(turns.get())),
            inputs: input.map(read_inputs).unwrap_or_default(),
            base64: body.encoding_format.as_deref() == Some("base64"),
            dimensions: body.dimensions,
            documents: body.documents.map_or(0, |documents| documents.len()),
            response_format: None,
        })
    }
}

/// Chat nests a tool in `function`; Responses and Anthropic don't.
fn read_tool(tool: &Value) -> Option<(String, Value)> {
    let tool = tool.get("function").unwrap_or(tool);
    let name = tool.get("name")?.as_str()?.to_owned();
    let names = ["parameters", "input_schema", "parametersJsonSchema"];
    let schema = names.iter().find_map(|name| tool.get(name));
    Some((name, schema.cloned().unwrap_or(Value::Null)))
}

/// `None` if the last message is not a user's words: a tool's result, for example.
fn last_user_text(messages: &str) -> Option<String> {
    let messages = match serde_json::from_str(messages).ok()? {
        Value::String(text) => return Some(text),
        Value::Array(messages) => messages,
        _ => return None,
    };
    let last = messages.last()?;
    if last.get("role")?.as_str()? != "user" {
        return None;
    }
    match last.get("content").or_else(|| last.get("parts"))? {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts: Vec<&str> =
                parts.iter().filter_map(|part| part.get("text")?.as_str()).collect();
            (!texts.is_empty()).then(|| texts.concat())
        }
        _ => None,
    }
}

fn read_inputs(input: &str) -> Vec<String> {
    match serde_json::from_str(input) {
        Ok(Value::String(text)) => vec![text],
        // Numbers are one input given as tokens.
        Ok(Value::Array(items)) if items.first().is_some_and(Value::is_number) => {
            vec![input.to_owned()]
        }
        Ok(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}
