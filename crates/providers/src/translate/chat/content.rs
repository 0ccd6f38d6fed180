//! The pieces of a turn: `content`.

use serde_json::{Value, json};

use crate::translate::Untranslatable;
use crate::translate::request::{Content, Part, Source};
use crate::translate::set;

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
    let inner = |object: &str, name: &str| Some(piece.get(object)?.get(name)?.as_str()?.to_owned());
    let wrong = |reason: &str| Untranslatable::new(place, reason);
    let content = match piece.get("type").and_then(Value::as_str).unwrap_or_default() {
        "text" => {
            let text = piece.get("text").and_then(Value::as_str);
            Content::Text(text.ok_or_else(|| wrong("lacks `text`"))?.to_owned())
        }
        "refusal" => {
            let text = piece.get("refusal").and_then(Value::as_str);
            Content::Refusal(text.ok_or_else(|| wrong("lacks `refusal`"))?.to_owned())
        }
        "image_url" => {
            let bare = || piece.get("image_url")?.as_str().map(str::to_owned);
            let url =
                inner("image_url", "url").or_else(bare).ok_or_else(|| wrong("lacks `url`"))?;
            Content::Image { source: source_of_url(url), detail: inner("image_url", "detail") }
        }
        "file" => {
            let source = match (inner("file", "file_data"), inner("file", "file_id")) {
                (Some(data), _) => source_of_url(data),
                (None, Some(id)) => Source::Id(id),
                (None, None) => return Err(wrong("lacks `file_data` and `file_id`")),
            };
            Content::File { source, name: inner("file", "filename") }
        }
        "input_audio" => Content::Audio {
            data: inner("input_audio", "data").ok_or_else(|| wrong("lacks `data`"))?,
            format: inner("input_audio", "format").ok_or_else(|| wrong("lacks `format`"))?,
        },
        _ => return Err(wrong("is of a type that the target does not know")),
    };
    let cache = piece.get("cache_control").filter(|cache| cache.is_object()).cloned();
    Ok(Part { content, cache })
}

/// A `data:` URL is taken apart (RFC 2397); anything else stays a URL.
pub(in crate::translate) fn source_of_url(url: String) -> Source {
    let split = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    match split {
        Some((media_type, data)) => {
            let media_type = media_type.split(';').next().unwrap_or_default().to_owned();
            Source::Data { media_type, data: data.to_owned() }
        }
        None => Source::Url(url),
    }
}

/// The other way round; `None` for what is no URL.
pub(in crate::translate) fn url_of_source(source: &Source) -> Option<String> {
    match source {
        Source::Url(url) => Some(url.clone()),
        Source::Data { media_type, data } => Some(format!("data:{media_type};base64,{data}")),
        Source::Id(_) | Source::Text(_) => None,
    }
}

/// Writes what a user says: a plain string where there is but one text.
pub(super) fn encode_parts(place: &str, parts: Vec<Part>) -> Result<Value, Untranslatable> {
    if let [Part { content: Content::Text(text), .. }] = parts.as_slice() {
        return Ok(text.as_str().into());
    }
    let pieces: Result<Vec<Value>, _> =
        parts.into_iter().map(|part| encode_part(place, part.content)).collect();
    Ok(pieces?.into())
}

fn encode_part(place: &str, content: Content) -> Result<Value, Untranslatable> {
    let cannot =
        |what: &str| Err(Untranslatable::new(place, format!("the target takes no {what}")));
    Ok(match content {
        Content::Text(text) | Content::Refusal(text) => json!({ "type": "text", "text": text }),
        Content::Image { source, detail } => {
            let Some(url) = url_of_source(&source) else { return cannot("images by id") };
            let mut image = json!({ "url": url });
            if let Some(detail) = detail {
                set(&mut image, "detail", detail);
            }
            json!({ "type": "image_url", "image_url": image })
        }
        Content::File { source: Source::Text(text), name } => {
            let title = name.map(|name| format!("{name}\n\n")).unwrap_or_default();
            json!({ "type": "text", "text": title + &text })
        }
        Content::File { source: Source::Id(id), .. } => {
            json!({ "type": "file", "file": { "file_id": id } })
        }
        Content::File { source: Source::Url(_), .. } => return cannot("files by URL"),
        Content::File { source, name } => {
            let name = name.unwrap_or_else(|| "file".to_owned());
            let data = url_of_source(&source);
            json!({ "type": "file", "file": { "filename": name, "file_data": data } })
        }
        Content::Audio { data, format } => {
            json!({ "type": "input_audio", "input_audio": { "data": data, "format": format } })
        }
        Content::Reasoning(_) | Content::ToolCall(_) | Content::ToolResult(_) => {
            return cannot("such a part in a user's turn");
        }
    })
}

/// The texts of a turn that holds nothing else.
pub(super) fn plain_text(place: &str, parts: &[Part]) -> Result<String, Untranslatable> {
    let mut all = String::new();
    for (at, part) in parts.iter().enumerate() {
        let Content::Text(text) = &part.content else {
            let place = format!("{place}.content[{at}]");
            return Err(Untranslatable::new(place, "the target takes text alone here"));
        };
        if at > 0 && !all.is_empty() {
            all.push('\n');
        }
        all.push_str(text);
    }
    Ok(all)
}
