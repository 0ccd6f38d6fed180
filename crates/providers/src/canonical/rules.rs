//! Which fields say nothing of an answer, and which make a call more than a question: the rules of
//! `docs/cache.md`, by API.

use super::Unrepeatable;
use crate::endpoint::Endpoint;
use crate::json::{Cursor, Kind};

/// How the answer comes, which is told apart elsewhere.
const STREAM: &[u8] = b"stream";
/// Who asks, and what is kept of the call at the provider.
const OF_CHAT: [&[u8]; 6] = [
    b"user",
    b"metadata",
    b"store",
    b"safety_identifier",
    b"prompt_cache_key",
    b"prompt_cache_retention",
];
/// What a stream has besides its answer; of a plain answer it says nothing.
const STREAM_OPTIONS: &[u8] = b"stream_options";
/// The Responses API repeats the others in its answer.
const OF_RESPONSES: [&[u8]; 1] = [b"prompt_cache_retention"];
const OF_MESSAGES: [&[u8]; 1] = [b"metadata"];
const OF_THE_REST: [&[u8]; 1] = [b"user"];

/// Fields of any API that tie a call to something at the provider, unless they are empty.
const STATEFUL: [&str; 5] =
    ["conversation", "background", "container", "mcp_servers", "web_search_options"];
/// Tools that the caller runs. Anything else with a type is run by the provider, or may be.
const CALLERS_TOOLS: [&[u8]; 2] = [b"function", b"custom"];

/// Whether the member `key` of the body says nothing of the answer. An escaped key is none of ours.
pub(super) fn says_nothing(endpoint: &Endpoint, key: &[u8], stream: bool) -> bool {
    let fields: &[&[u8]] = match endpoint {
        Endpoint::ChatCompletions | Endpoint::Completions => &OF_CHAT,
        Endpoint::Responses => &OF_RESPONSES,
        Endpoint::Messages => &OF_MESSAGES,
        _ => &OF_THE_REST,
    };
    key == STREAM || (!stream && key == STREAM_OPTIONS) || fields.contains(&key)
}

/// Whether the call is only a question.
pub(super) fn check(endpoint: &Endpoint, body: &[u8]) -> Result<(), Unrepeatable> {
    if endpoint.dialect().is_none() {
        return Ok(());
    }
    let mut found = None;
    let read = Cursor::new(body).object(|cursor, key| {
        if let Some(field) = STATEFUL.iter().find(|field| field.as_bytes() == key) {
            if !is_empty(cursor.raw()?) {
                found.get_or_insert(Unrepeatable::Stateful(field));
            }
            return Some(());
        }
        if key == b"tools" {
            return cursor.array(|cursor| {
                if !is_callers(cursor)? {
                    found.get_or_insert(Unrepeatable::HostedTool);
                }
                Some(())
            });
        }
        cursor.skip()
    });
    match (read, found) {
        (_, Some(found)) => Err(found),
        (None, None) => Err(Unrepeatable::Unreadable),
        (Some(()), None) => Ok(()),
    }
}

fn is_empty(raw: &[u8]) -> bool {
    matches!(raw, b"null" | b"false" | b"[]" | b"{}" | b"\"\"")
}

/// Whether the tool that comes next is one that the caller runs: one of these types, or of none.
fn is_callers(cursor: &mut Cursor<'_>) -> Option<bool> {
    if cursor.kind()? != Kind::Object {
        cursor.skip()?;
        return Some(false);
    }
    let mut callers = true;
    cursor.object(|cursor, key| {
        if key == b"type" {
            let raw = cursor.raw()?;
            let name = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
            callers &= raw == b"null" || CALLERS_TOOLS.contains(&name);
            return Some(());
        }
        cursor.skip()
    })?;
    Some(callers)
}
