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

/// The rules of an API, and what breaks them in one body.
pub(super) struct Rules<'a> {
    says_nothing: &'a [&'a [u8]],
    stream: bool,
    /// Whether a call may be more than a question.
    is_checked: bool,
    found: Option<Unrepeatable>,
}

// === impl Rules ===

impl Rules<'_> {
    pub(super) const fn new(endpoint: &Endpoint, stream: bool) -> Self {
        let says_nothing: &[&[u8]] = match endpoint {
            Endpoint::ChatCompletions | Endpoint::Completions => &OF_CHAT,
            Endpoint::Responses => &OF_RESPONSES,
            Endpoint::Messages => &OF_MESSAGES,
            _ => &OF_THE_REST,
        };
        Self { says_nothing, stream, is_checked: endpoint.dialect().is_some(), found: None }
    }

    /// Whether the member `key` of the body says nothing of the answer. An escaped key is none of ours.
    pub(super) fn says_nothing(&self, key: &[u8]) -> bool {
        key == STREAM || (!self.stream && key == STREAM_OPTIONS) || self.says_nothing.contains(&key)
    }

    /// Whether the call is only a question, by the member `key` whose value comes next. `None` where
    /// the value cannot be read.
    pub(super) fn check(&mut self, key: &[u8], mut value: Cursor<'_>) -> Option<()> {
        if !self.is_checked {
            return Some(());
        }
        if let Some(field) = STATEFUL.iter().find(|field| field.as_bytes() == key) {
            if !is_empty(value.raw()?) {
                self.found.get_or_insert(Unrepeatable::Stateful(field));
            }
        } else if key == b"tools" {
            return value.array(|tool| {
                if !is_callers(tool)? {
                    self.found.get_or_insert(Unrepeatable::HostedTool);
                }
                Some(())
            });
        }
        Some(())
    }

    /// What makes the call more than a question.
    pub(super) const fn found(self) -> Option<Unrepeatable> {
        self.found
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
