//! The texts of a JSON body, whatever its dialect: every string, but for those that are no text.
//!
//! A list of the fields that hold text would miss the next one that an API adds, so it is the other
//! way round: names of things and base64 are left out, and all else is a text.

use std::borrow::Cow;
use std::ops::Range;

use tollgate_providers::{JsonStr, quote_or_escape};

use crate::capture::is_base64;

#[cfg(test)]
mod tests;

/// Base64 that is shorter is looked through: it costs little, and a key alone can look like it.
const BLOB_BYTES_MIN: usize = 1024;
/// Where a data URL says that its data begin, at the latest.
const DATA_URL_HEAD_BYTES_MAX: usize = 256;
/// Fields that hold bare base64.
const BLOBS: [&str; 5] = ["data", "file_data", "b64_json", "bytes", "result"];
/// Fields that hold JSON of the application's own, where any key may mean anything.
const FREE: [&str; 6] = ["arguments", "args", "parameters", "input_schema", "schema", "metadata"];
/// Free too, but not where it is a list: then it is a conversation.
const FREE_OBJECT: &str = "input";
/// What repeats a text in pieces.
const REPEATS: &str = "logprobs";

/// One text of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text<'a> {
    /// Where it stands in the body, quotes included.
    pub(super) place: Range<usize>,
    pub(super) form: Form,
    /// As it reads.
    pub(super) text: Cow<'a, str>,
}

/// How a text stands in its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As a JSON string.
    String,
    /// As a JSON object or list: `text` is its JSON.
    Json,
    /// As it is: the body is no JSON.
    Plain,
    /// As what repeats another one in pieces: an object or, if `true`, a list. Not to be scanned.
    Repeats(bool),
}

/// Goes through a body, whose brackets and quotes match.
struct Walk<'a> {
    json: &'a str,
    at: usize,
    /// Of each open bracket: whether it is an object's, and the key that it stands under.
    open: Vec<(bool, Cow<'a, str>)>,
    /// The key that the value at hand stands under, also where it does in a list.
    key: Cow<'a, str>,
    found: Vec<Text<'a>>,
}

/// The texts of a valid JSON body, in order.
pub(super) fn of_json(json: &str) -> Vec<Text<'_>> {
    let mut walk =
        Walk { json, at: 0, open: Vec::new(), key: Cow::Borrowed(""), found: Vec::new() };
    while walk.step().is_some() {}
    walk.found
}

/// A body that is no JSON: one text.
pub(super) fn of_plain(body: &str) -> Vec<Text<'_>> {
    vec![Text { place: 0..body.len(), form: Form::Plain, text: Cow::Borrowed(body) }]
}

// === impl Walk ===

impl<'a> Walk<'a> {
    /// Past the next token; `None` at the end.
    fn step(&mut self) -> Option<()> {
        let bytes = self.json.as_bytes();
        match bytes.get(self.at)? {
            b'"' => self.string()?,
            bracket @ (b'{' | b'[') => self.bracket(*bracket == b'[')?,
            b'}' | b']' => {
                if let Some((_, key)) = self.open.pop() {
                    self.key = key;
                }
                self.at += 1;
            }
            _ => self.at += 1,
        }
        Some(())
    }

    fn string(&mut self) -> Option<()> {
        let start = self.at;
        let escaped;
        (self.at, escaped) = string_end(self.json.as_bytes(), start)?;
        let inner = self.json.get(start + 1..self.at - 1)?;
        let text = || match escaped {
            true => JsonStr::new(inner.as_bytes()).decode(),
            false => Cow::Borrowed(inner),
        };
        if self.is_in_object() && self.names_a_value() {
            self.key = text();
            return Some(());
        }
        if !inner.is_empty() && !is_name(&self.key) && !is_blob(&self.key, inner) {
            let (place, text) = (start..self.at, text());
            self.found.push(Text { place, form: Form::String, text });
        }
        Some(())
    }

    /// Whether a colon follows: nothing else can follow a key, and a key nothing else.
    fn names_a_value(&mut self) -> bool {
        let rest = self.json.as_bytes().get(self.at..).unwrap_or_default();
        let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        rest.get(blank) == Some(&b':')
    }

    fn is_in_object(&self) -> bool {
        self.open.last().is_some_and(|(object, _)| *object)
    }

    fn bracket(&mut self, list: bool) -> Option<()> {
        let free =
            FREE.contains(&&*self.key) || (!list && self.key == FREE_OBJECT && self.is_in_object());
        let repeats = self.key == REPEATS;
        if free || repeats {
            let start = self.at;
            self.at = value_end(self.json.as_bytes(), start)?;
            let json = self.json.get(start..self.at)?;
            let form = if repeats { Form::Repeats(list) } else { Form::Json };
            self.found.push(Text { place: start..self.at, form, text: Cow::Borrowed(json) });
            return Some(());
        }
        self.open.push((!list, self.key.clone()));
        self.at += 1;
        Some(())
    }
}

/// Behind the string that begins at `at`, and whether it has escapes; `None` where it does not end.
fn string_end(bytes: &[u8], at: usize) -> Option<(usize, bool)> {
    let mut end = at + 1;
    let mut escaped = false;
    loop {
        end += quote_or_escape(bytes.get(end..)?)?;
        if bytes.get(end) == Some(&b'"') {
            return Some((end + 1, escaped));
        }
        escaped = true;
        end += 2;
    }
}

/// Behind the object or list that begins at `at`; `None` where it does not end.
fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
    let (mut end, mut depth) = (at, 0_usize);
    loop {
        match bytes.get(end)? {
            b'"' => end = string_end(bytes, end)?.0,
            b'{' | b'[' => (depth, end) = (depth + 1, end + 1),
            b'}' | b']' if depth == 1 => return Some(end + 1),
            b'}' | b']' => (depth, end) = (depth.checked_sub(1)?, end + 1),
            _ => end += 1,
        }
    }
}

/// Fields that hold names which link things together, or words of the API.
fn is_name(key: &str) -> bool {
    matches!(
        key,
        "id" | "object"
            | "type"
            | "role"
            | "model"
            | "status"
            | "finish_reason"
            | "stop_reason"
            | "system_fingerprint"
            | "service_tier"
            | "tool_call_id"
            | "tool_use_id"
            | "call_id"
            | "item_id"
            | "previous_response_id"
            | "file_id"
            | "signature"
            | "thought_signature"
            | "encrypted_content"
            | "encoding_format"
            | "media_type"
    )
}

/// Whether a string is base64 and nothing else, by where it stands or by what it says.
fn is_blob(key: &str, text: &str) -> bool {
    if text.len() < BLOB_BYTES_MIN {
        return false;
    }
    match text.strip_prefix("data:") {
        Some(url) => {
            let head = url.get(..url.floor_char_boundary(DATA_URL_HEAD_BYTES_MAX));
            let comma = head.and_then(|head| head.find(','));
            let parts = comma.and_then(|at| Some((url.get(..at)?, url.get(at + 1..)?)));
            parts.is_some_and(|(head, data)| head.ends_with(";base64") && is_base64(data))
        }
        None => BLOBS.contains(&key) && is_base64(text),
    }
}
