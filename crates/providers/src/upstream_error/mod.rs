//! What an upstream says of a failure, whatever the shape of its body: one reading for all of them.

mod mask;
mod shape;
#[cfg(test)]
mod tests;

use http::StatusCode;

use crate::error_class::{ErrorClass, Said};
use shape::read_said;

/// Longest message that is kept of an upstream's error, in bytes.
pub(crate) const MESSAGE_BYTES_MAX: usize = 2048;
/// Longest type, code or parameter that is kept, in bytes; a longer one is a text and no name.
pub(crate) const NAME_BYTES_MAX: usize = 128;

/// An upstream's error, read.
///
/// Nothing in it looks like a key: whatever did was masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamError {
    /// The status of the answer; for an error inside a stream, the one it would have had.
    pub status: StatusCode,
    /// What kind of error it is.
    pub class: ErrorClass,
    /// Whether the request was longer than the model's context.
    pub context_length: bool,
    /// What it says to people; `None` where it says nothing, or nothing that can be shown (HTML).
    pub message: Option<String>,
    /// The provider's own type.
    pub kind: Option<String>,
    /// The provider's own code, where it is a word.
    pub code: Option<String>,
    /// The field of the request at fault.
    pub param: Option<String>,
}

// === impl UpstreamError ===

impl UpstreamError {
    /// Reads the body of an answer of `status`. `error_type` is the header that names the error
    /// where the body does not (`x-amzn-errortype`).
    pub fn read(status: StatusCode, error_type: Option<&str>, body: &[u8]) -> Self {
        let mut said = read_said(body);
        if let Some(name) = error_type {
            // `ThrottlingException:http://internal.amazon.com/...`
            let name = name.split(':').next().unwrap_or_default().trim();
            said.name(name);
            if said.kind.is_none() {
                said.kind = word(name);
            }
        }
        Self::of(status, said)
    }

    /// The error that a stream reported after its head: its type or code, and its message.
    pub fn in_stream(kind: Option<&str>, message: Option<&str>) -> Self {
        let mut said = Said::default();
        if let Some(kind) = kind {
            said.name(kind);
            said.kind = word(kind);
        }
        said.message = message.filter(|message| !message.is_empty()).map(str::to_owned);
        Self::of(said.status_in_stream(), said)
    }

    fn of(status: StatusCode, said: Said) -> Self {
        let (class, context_length) = (said.class(status), said.is_context_length(status));
        let Said { message, kind, code, param, .. } = said;
        let message = message.map(|message| mask::masked(shortened(&message)));
        Self { status, class, context_length, message, kind, code, param }
    }
}

/// A type, code or parameter that can be shown: short, and one word.
fn word(text: &str) -> Option<String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_-.[]/:".contains(c);
    let is_word = !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.chars().all(legal);
    (is_word && !mask::is_key(text)).then(|| text.to_owned())
}

/// The beginning of a message, without line breaks at its ends.
fn shortened(message: &str) -> &str {
    let message = message.trim();
    message.get(..message.floor_char_boundary(MESSAGE_BYTES_MAX)).unwrap_or_default()
}
