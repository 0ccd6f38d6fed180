//! The pieces of a message or of a tool's result: `content`, `output`.

use serde_json::{Value, json};

use super::set;
use crate::translate::Untranslatable;
use crate::translate::chat::{source_of_url, url_of_source};
use crate::translate::request::{Content, Part, Source};

/// Reads a string or a list of pieces; null is nothing.
pub(super) fn decode_parts(place: &str, content: Value) -> Result<Vec<Part>, Untranslatable> {
    match content {
        Value::Null => Ok(Vec::new()),
        Value::String(text) => Ok(vec![Part::text(text)]),
        Value::Array(pieces) => pieces
            .iter()
            .enumerate()
            .map(|(at, piece)| decode_part(&format!("{place}[{at}]"), piece))
            .collect(),
        _ => Err(Untranslatable::new(place, "must be a string or a list of parts")),
    }
}

fn decode_part(place: &str, piece: &Value) -> Result<Part, Untranslatable> {
    let said = |name: &str| piece.get(name).and_then(Value::as_str).map(str::to_owned);
    let wrong = |reason: &str| Untranslatable::new(place, reason);
    let content = match piece.get("type").and_then(Value::as_str).unwrap_or_default() {
        "input_text" | "output_text" | "text" => {
            Content::Text(said("text").ok_or_else(|| wrong("lacks `text`"))?)
        }
        "refusal" => Content::Refusal(said("refusal").ok_or_else(|| wrong("lacks `refusal`"))?),
        "input_image" => {
            let source = match (said("image_url"), said("file_id")) {
                (Some(url), _) => source_of_url(url),
                (None, Some(id)) => Source::Id(id),
                (None, None) => return Err(wrong("lacks `image_url` and `file_id`")),
            };
            Content::Image { source, detail: said("detail") }
        }
        "input_file" => {
            let name = said("filename");
            let source = match (said("file_data"), said("file_url"), said("file_id")) {
                (Some(data), _, _) => source_of_data(data, name.as_deref()),
                (None, Some(url), _) => source_of_url(url),
                (None, None, Some(id)) => Source::Id(id),
                (None, None, None) => {
                    return Err(wrong("lacks `file_data`, `file_url` and `file_id`"));
                }
            };
            Content::File { source, name }
        }
        "input_audio" => {
            let inner = |name: &str| {
                let value = piece.get("input_audio")?.get(name)?;
                Some(value.as_str()?.to_owned())
            };
            Content::Audio {
                data: inner("data").ok_or_else(|| wrong("lacks `data`"))?,
                format: inner("format").ok_or_else(|| wrong("lacks `format`"))?,
            }
        }
        _ => return Err(wrong("is of a type that the target does not know")),
    };
    let cache = piece.get("cache_control").filter(|cache| cache.is_object()).cloned();
    Ok(Part { content, cache })
}

/// A `data:` URL, or bare base64, whose type is in the name if anywhere.
fn source_of_data(data: String, name: Option<&str>) -> Source {
    if data.starts_with("data:") {
        return source_of_url(data);
    }
    let pdf = name.is_none_or(|name| name.to_ascii_lowercase().ends_with(".pdf"));
    let media_type = if pdf { "application/pdf" } else { "application/octet-stream" };
    Source::Data { media_type: media_type.to_owned(), data }
}

/// Writes what a user or a tool says: a plain string where there is but one text.
pub(super) fn encode_parts(place: &str, parts: Vec<Part>) -> Result<Value, Untranslatable> {
    if let [Part { content: Content::Text(text), .. }] = parts.as_slice() {
        return Ok(text.as_str().into());
    }
    let pieces: Result<Vec<Value>, _> =
        parts.into_iter().map(|part| encode_part(place, part.content)).collect();
    Ok(pieces?.into())
}

/// Writes a piece of what a user, a system prompt or a tool says.
fn encode_part(place: &str, content: Content) -> Result<Value, Untranslatable> {
    let cannot =
        |what: &str| Err(Untranslatable::new(place, format!("the target takes no {what}")));
    Ok(match content {
        Content::Text(text) | Content::Refusal(text) => {
            json!({ "type": "input_text", "text": text })
        }
        Content::Image { source, detail } => {
            let mut image = json!({ "type": "input_image", "detail": "auto" });
            match (&source, url_of_source(&source)) {
                (Source::Id(id), _) => set(&mut image, "file_id", id.as_str()),
                (_, Some(url)) => set(&mut image, "image_url", url),
                (_, None) => return cannot("images of this kind"),
            }
            if let Some(detail) = detail {
                set(&mut image, "detail", detail);
            }
            image
        }
        Content::File { source: Source::Text(text), name } => {
            let title = name.map(|name| format!("{name}\n\n")).unwrap_or_default();
            json!({ "type": "input_text", "text": title + &text })
        }
        Content::File { source: Source::Id(id), .. } => {
            json!({ "type": "input_file", "file_id": id })
        }
        Content::File { source: Source::Url(url), .. } => {
            json!({ "type": "input_file", "file_url": url })
        }
        Content::File { source, name } => json!({
            "type": "input_file",
            "filename": name.unwrap_or_else(|| "file".to_owned()),
            "file_data": url_of_source(&source),
        }),
        Content::Audio { data, format } => {
            json!({ "type": "input_audio", "input_audio": { "data": data, "format": format } })
        }
        Content::Reasoning(_) | Content::ToolCall(_) | Content::ToolResult(_) => {
            return cannot("such a part in a user's turn");
        }
    })
}
