//! The text of a request: what a model reads of its messages, without pictures and files.

use super::{TextCount, string_end};

/// Members whose strings are no text that is read: files as base64, addresses, signatures.
const NO_TEXT: [&[u8]; 9] = [
    b"data",
    b"url",
    b"image_url",
    b"file_data",
    b"file_id",
    b"signature",
    b"encrypted_content",
    b"id",
    b"tool_call_id",
];
/// What stands between two messages, in tokens' worth of signs: a role and two marks.
const MESSAGE_SIGNS: &str = "<|>";

/// Counts the strings in a JSON value that are text to a model: `messages`, `input`, `system`.
/// The names of members, base64 and addresses are not.
pub fn request_text(json: &[u8]) -> TextCount {
    let mut count = TextCount::default();
    let mut key: &[u8] = &[];
    let mut at = 0;
    while let Some(found) = json.get(at..).and_then(|rest| memchr::memchr(b'"', rest)) {
        let start = at + found + 1;
        let rest = json.get(start..).unwrap_or_default();
        let Some(length) = string_end(rest) else { return count };
        let (text, after) = rest.split_at_checked(length).unwrap_or_default();
        at = start + length + 1;
        let follows = after.iter().skip(1).find(|byte| !byte.is_ascii_whitespace());
        if follows == Some(&b':') {
            key = text;
        } else if key == b"role" {
            count.add(MESSAGE_SIGNS);
        } else if key != b"type" && !NO_TEXT.contains(&key) && !text.starts_with(b"data:") {
            count.add_escaped(text);
        }
    }
    count
}
