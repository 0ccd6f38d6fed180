//! The blocks of a turn: `content`.

use serde_json::Value;

use crate::event::Opaque;
use crate::translate::Untranslatable;
use crate::translate::request::{Content, Part, Reasoning, Role, Source, ToolCall, ToolResult};
use crate::translate::sealed::Sealed;

/// What blocks and tools say that the model of a request has no place for, by name.
#[derive(Debug, Default)]
pub(super) struct Lost {
    pub(super) names: Vec<&'static str>,
}

/// Where blocks are: some kinds have their place in some turns only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    Turn(Role),
    ToolResult,
    Document,
}

/// Reads a turn's content: a string or a list of blocks.
pub(super) fn decode_turn(
    place: &str,
    role: Role,
    content: Value,
    lost: &mut Lost,
) -> Result<Vec<Part>, Untranslatable> {
    decode_blocks(place, Within::Turn(role), content, lost)
}

fn decode_blocks(
    place: &str,
    within: Within,
    content: Value,
    lost: &mut Lost,
) -> Result<Vec<Part>, Untranslatable> {
    match content {
        Value::String(text) => Ok(vec![Part::text(text)]),
        Value::Array(blocks) => {
            let mut parts = Vec::with_capacity(blocks.len());
            for (at, mut block) in blocks.into_iter().enumerate() {
                let place = format!("{place}[{at}]");
                let cache = block.get_mut("cache_control").map(Value::take);
                let before = parts.len();
                decode_block(&place, within, block, lost, &mut parts)?;
                // Of several parts the last is where the block ends.
                if let Some(part) = parts.get_mut(before..).and_then(<[Part]>::last_mut) {
                    part.cache = cache.filter(Value::is_object);
                }
            }
            Ok(parts)
        }
        // A tool may have nothing to say.
        Value::Null if within == Within::ToolResult => Ok(Vec::new()),
        _ => Err(Untranslatable::new(place, "must be a string or a list of blocks")),
    }
}

fn decode_block(
    place: &str,
    within: Within,
    mut block: Value,
    lost: &mut Lost,
    parts: &mut Vec<Part>,
) -> Result<(), Untranslatable> {
    let kind = block.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let (user, assistant) = (Within::Turn(Role::User), Within::Turn(Role::Assistant));
    let content = match kind.as_str() {
        "text" => Content::Text(text(place, &block, "text")?),
        "image" if within != assistant && within != Within::Turn(Role::System) => {
            Content::Image { source: source(place, &block, "image")?, detail: None }
        }
        "document" if within == user || within == Within::ToolResult => {
            return document(place, block, lost, parts);
        }
        "search_result" if within == user || within == Within::ToolResult => {
            search_result(place, &mut block, lost)?
        }
        "tool_result" if within == user => {
            let content = block.get_mut("content").map(Value::take).unwrap_or_default();
            let place_inside = format!("{place}.content");
            Content::ToolResult(ToolResult {
                id: text(place, &block, "tool_use_id")?,
                parts: decode_blocks(&place_inside, Within::ToolResult, content, lost)?,
                is_error: block.get("is_error").and_then(Value::as_bool).unwrap_or_default(),
                custom: false,
            })
        }
        "tool_use" if within == assistant => Content::ToolCall(ToolCall {
            id: text(place, &block, "id")?,
            name: text(place, &block, "name")?,
            arguments: match block.get_mut("input").map(Value::take).unwrap_or_default() {
                Value::Null => "{}".to_owned(),
                // Ours: arguments that were no JSON, given to the caller as they came.
                Value::String(text) => text,
                input => input.to_string(),
            },
            custom: false,
        }),
        "thinking" if within == assistant => thinking(place, &block)?,
        "redacted_thinking" if within == assistant => {
            let data = text(place, &block, "data")?;
            Content::Reasoning(Reasoning { text: String::new(), sealed: sealed(data, false) })
        }
        _ => {
            let reason = "a block of this type means something to its own provider alone, or is \
                          not known here";
            return Err(Untranslatable::new(place, reason));
        }
    };
    if block.get("citations").is_some_and(asks_for_citations) {
        lost.note("citations");
    }
    parts.push(Part::new(content));
    Ok(())
}

/// What a model says that cites is read back without its citations; only a wish for new ones is lost.
fn asks_for_citations(citations: &Value) -> bool {
    citations.get("enabled").and_then(Value::as_bool) == Some(true)
}

fn thinking(place: &str, block: &Value) -> Result<Content, Untranslatable> {
    let said = text(place, block, "thinking")?;
    let signature = block.get("signature").and_then(Value::as_str).unwrap_or_default();
    Ok(Content::Reasoning(Reasoning { text: said, sealed: sealed(signature.to_owned(), true) }))
}

/// What another dialect's provider sealed carries a tag; the rest is Anthropic's own.
fn sealed(data: String, signs: bool) -> Option<Sealed> {
    if data.is_empty() {
        return None;
    }
    Some(Sealed::from_tagged(&data).unwrap_or_else(|| Sealed {
        format: Opaque::ANTHROPIC.to_owned(),
        signs,
        id: String::new(),
        data,
    }))
}

fn source(place: &str, block: &Value, what: &str) -> Result<Source, Untranslatable> {
    let place = format!("{place}.source");
    let source = block.get("source").unwrap_or(&Value::Null);
    match source.get("type").and_then(Value::as_str) {
        Some("base64") => Ok(Source::Data {
            media_type: text(&place, source, "media_type")?,
            data: text(&place, source, "data")?,
        }),
        Some("url") => Ok(Source::Url(text(&place, source, "url")?)),
        Some("text") if what == "document" => Ok(Source::Text(text(&place, source, "data")?)),
        Some("file") => {
            let reason = "an uploaded file is known to its own provider alone";
            Err(Untranslatable::new(place, reason))
        }
        _ => Err(Untranslatable::new(place, format!("is no source of a {what}"))),
    }
}

fn document(
    place: &str,
    mut block: Value,
    lost: &mut Lost,
    parts: &mut Vec<Part>,
) -> Result<(), Untranslatable> {
    let name = block.get("title").and_then(Value::as_str).map(str::to_owned);
    if block.get("citations").is_some_and(asks_for_citations) {
        lost.note("citations");
    }
    // The model reads it beside the document.
    if let Some(context) = block.get("context").and_then(Value::as_str) {
        parts.push(Part::text(context));
    }
    let inner = block
        .get_mut("source")
        .filter(|source| source.get("type").and_then(Value::as_str) == Some("content"));
    let Some(inner) = inner else {
        let source = source(place, &block, "document")?;
        parts.push(Part::new(Content::File { source, name }));
        return Ok(());
    };
    let content = inner.get_mut("content").map(Value::take).unwrap_or_default();
    let place = format!("{place}.source.content");
    let (mut said, mut others) = (Vec::new(), Vec::new());
    for part in decode_blocks(&place, Within::Document, content, lost)? {
        match part.content {
            Content::Text(text) => said.push(text),
            _ => others.push(part),
        }
    }
    if !said.is_empty() {
        let source = Source::Text(said.join("\n\n"));
        parts.push(Part::new(Content::File { source, name }));
    }
    parts.extend(others);
    Ok(())
}

/// A search result of the caller's own: a text with a title and where it is from.
fn search_result(
    place: &str,
    block: &mut Value,
    lost: &mut Lost,
) -> Result<Content, Untranslatable> {
    let content = block.get_mut("content").map(Value::take).unwrap_or_default();
    let inside = format!("{place}.content");
    let mut said = vec![text(place, block, "source")?];
    for (at, part) in
        decode_blocks(&inside, Within::Document, content, lost)?.into_iter().enumerate()
    {
        let Content::Text(text) = part.content else {
            return Err(Untranslatable::new(format!("{inside}[{at}]"), "must be text"));
        };
        said.push(text);
    }
    let name = Some(text(place, block, "title")?);
    Ok(Content::File { source: Source::Text(said.join("\n\n")), name })
}

fn text(place: &str, of: &Value, name: &str) -> Result<String, Untranslatable> {
    let text = of.get(name).and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| Untranslatable::new(place, format!("lacks `{name}`")))
}

// === impl Lost ===

impl Lost {
    pub(super) fn note(&mut self, name: &'static str) {
        if !self.names.contains(&name) {
            self.names.push(name);
        }
    }
}
