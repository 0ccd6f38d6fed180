//! JSON at the byte level.

use std::borrow::Cow;

/// The text of a JSON string's content.
pub(crate) fn unescape(raw: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(raw)
}
