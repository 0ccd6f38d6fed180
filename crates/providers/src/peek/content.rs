//! Looks into members of the body.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::event::JsonStr;
use crate::json::{Cursor, Kind};

/// The most tool results of one request that are noted.
pub const TOOL_RESULTS_MAX: usize = 128;
/// The longest id of a tool call that is noted, in bytes as written.
pub const TOOL_RESULT_ID_BYTES_MAX: usize = 256;
/// Without any of these words there is no tool result: `tool_call_id` has the first in it.
static MARKS: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| ["call_id", "tool_use_id"].map(Finder::new));
/// Without this word there is no image.
static IMAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("image"));

/// Where the value of `include_usage` stands in the body; `start` is where `raw` stands.
pub(super) fn include_usage(raw: &str, start: usize) -> Option<Range<usize>> {
    let mut found = None;
    Cursor::new(raw.as_bytes()).object(|cursor, key| {
        if key == b"include_usage" {
            let length = cursor.raw()?.len();
            let end = start + cursor.position();
            found = Some(end - length..end);
            return Some(());
        }
        cursor.skip()
    })?;
    found
}

/// Whether a content block of messages is an image, in any dialect.
pub(super) fn has_image(raw: &str) -> bool {
    let mut found = false;
    if IMAGE.find(raw.as_bytes()).is_none() {
        return false;
    }
    let _walked = Cursor::new(raw.as_bytes()).array(|message| {
        message.object(|cursor, key| match key {
            b"content" => cursor.array(|block| {
                block.object(|cursor, key| match key {
                    b"type" => {
                        found |= is_image(cursor.text()?.raw());
                        Some(())
                    }
                    _ => cursor.skip(),
                })
            }),
            // An input item of the Responses API may be a block itself.
            b"type" => {
                found |= is_image(cursor.text()?.raw());
                Some(())
            }
            _ => cursor.skip(),
        })
    });
    found
}

/// The ids of the calls whose results a conversation ends with, in any dialect: `tool_call_id` of a
/// message, `tool_use_id` of a block, `call_id` of an output item. Results before the model's last
/// turn were brought by an earlier request; between the calls of a turn there may be results.
pub(super) fn tool_results(raw: &str) -> Vec<Cow<'_, str>> {
    let mut found: Vec<JsonStr<'_>> = Vec::new();
    if !MARKS.iter().any(|mark| mark.find(raw.as_bytes()).is_some()) {
        return Vec::new();
    }
    let _walked = Cursor::new(raw.as_bytes()).array(|message| {
        let (mut id, mut is_call, mut is_models, mut content) = (None, false, false, None);
        message.object(|cursor, key| {
            match key {
                b"tool_call_id" | b"call_id" => id = text(cursor)?,
                b"role" => is_models |= cursor.text()?.raw() == b"assistant",
                b"type" => {
                    let kind = cursor.text()?.raw();
                    is_call = matches!(kind, b"function_call" | b"custom_tool_call");
                    is_models |= kind == b"reasoning";
                }
                b"content" if cursor.kind()? == Kind::Array => {
                    content = Some(*cursor);
                    cursor.skip()?;
                }
                _ => cursor.skip()?,
            }
            Some(())
        })?;
        if is_models {
            found.clear();
            return Some(());
        }
        note(&mut found, id.filter(|_| !is_call));
        content.map_or(Some(()), |mut content| {
            content.array(|block| {
                let mut id = None;
                block.object(|cursor, key| {
                    match key {
                        b"tool_use_id" => id = text(cursor)?,
                        _ => cursor.skip()?,
                    }
                    Some(())
                })?;
                note(&mut found, id);
                Some(())
            })
        })
    });
    found.into_iter().map(|id| id.decode()).collect()
}

fn note<'a>(found: &mut Vec<JsonStr<'a>>, id: Option<JsonStr<'a>>) {
    let fits = |id: &JsonStr<'a>| (1..=TOOL_RESULT_ID_BYTES_MAX).contains(&id.raw().len());
    if let Some(id) = id.filter(fits).filter(|_| found.len() < TOOL_RESULTS_MAX) {
        found.push(id);
    }
}

/// A string; any other value is passed over.
fn text<'a>(cursor: &mut Cursor<'a>) -> Option<Option<JsonStr<'a>>> {
    if cursor.kind()? == Kind::String {
        return cursor.text().map(Some);
    }
    cursor.skip()?;
    Some(None)
}

fn is_image(kind: &[u8]) -> bool {
    matches!(kind, b"image_url" | b"image" | b"input_image")
}
