//! Forms: `multipart/form-data` (RFC 7578, framed as RFC 2046, 5.1 says), read in place.
//!
//! A gateway and an upstream that read a form differently can be played off against each other, so
//! what two readers could take differently is refused: bare line feeds, a boundary line with more on
//! it, folded headers, a routing field given twice, anything behind the end. The file itself is
//! never copied; only short values are kept.

mod boundary;
mod head;
mod scanner;

use std::ops::Range;

use bytes::{Bytes, BytesMut};

pub use scanner::FormScanner;

#[cfg(test)]
mod tests;

/// The longest value of a field that is kept, in bytes. A file's is never kept.
pub const VALUE_BYTES_MAX: usize = 16 * 1024;
/// The longest head of a part, in bytes.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;
/// The most parts of a form.
pub const PARTS_MAX: usize = 256;
/// The most white space behind a boundary, in bytes.
pub const PADDING_BYTES_MAX: usize = 64;
/// The fields that may stand once only: two readers could take different ones.
const ROUTING_FIELDS: [&str; 2] = ["model", "stream"];

/// One part of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// Whether it has a file name.
    pub is_file: bool,
    /// Where its content stands in the body, in bytes.
    pub place: Range<usize>,
    /// Its content, unless it is a file or longer than [`VALUE_BYTES_MAX`].
    pub value: Option<Vec<u8>>,
}

/// A form that names a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    model: String,
    /// Where the model's name stands in the body, in bytes.
    model_place: Range<usize>,
    /// Fields with short text, but for the model, in order.
    texts: Vec<(String, String)>,
}

/// Why a form is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// The content type is another one, or none.
    #[error("the content type must be multipart/form-data")]
    NotForm,
    /// The content type names no boundary, or two.
    #[error("the content type must name one boundary")]
    NoBoundary,
    /// The boundary is empty, too long, or has characters that RFC 2046 does not allow.
    #[error("the boundary is not one that RFC 2046 allows")]
    BadBoundary,
    /// A boundary stands behind a line feed without its carriage return.
    #[error("a boundary must stand behind CR LF (at byte {position})")]
    BareLineFeed {
        /// Offset behind the boundary, in bytes.
        position: usize,
    },
    /// Something else stands on a boundary's line.
    #[error("a boundary's line must hold nothing else (at byte {position})")]
    BoundaryLine {
        /// Offset of the line's end, or of what should not be there, in bytes.
        position: usize,
    },
    /// A part's head is not what RFC 7578 describes.
    #[error("a part's head {what} (before byte {position})")]
    Head {
        /// What is wrong with it.
        what: &'static str,
        /// Offset of the head's end, in bytes.
        position: usize,
    },
    /// A head that has no end within [`HEAD_BYTES_MAX`].
    #[error("a part's head is longer than {HEAD_BYTES_MAX} bytes")]
    LongHead,
    /// More parts than [`PARTS_MAX`].
    #[error("the form has more than {PARTS_MAX} parts")]
    ManyParts,
    /// The closing boundary is missing.
    #[error("the form is not terminated: its closing boundary is missing")]
    Unterminated,
    /// A boundary behind the closing one.
    #[error("the form goes on behind its closing boundary (at byte {position})")]
    AfterEnd {
        /// Offset behind that boundary, in bytes.
        position: usize,
    },
    /// A routing field stands twice.
    #[error("`{field}` is given twice, again at byte {position}")]
    Twice {
        /// The field.
        field: &'static str,
        /// Offset of the second value, in bytes.
        position: usize,
    },
    /// A routing field is a file, too long, or no plain text.
    #[error("`{field}` must be a line of text (at byte {position})")]
    NotText {
        /// The field.
        field: &'static str,
        /// Offset of its value, in bytes.
        position: usize,
    },
    /// There is no model.
    #[error("`model` is missing: name the model to call")]
    NoModel,
}

// === impl FormError ===

impl FormError {
    /// The field at fault.
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::Twice { field, .. } | Self::NotText { field, .. } => Some(field),
            Self::NoModel => Some("model"),
            _ => None,
        }
    }
}

// === impl Form ===

impl Form {
    /// Reads a whole body.
    ///
    /// # Errors
    /// [`FormError`], which never repeats the content.
    pub fn read(content_type: &str, body: &[u8]) -> Result<Self, FormError> {
        let mut scanner = FormScanner::new(content_type)?;
        scanner.feed(body)?;
        Self::of(scanner.finish()?)
    }

    /// What the parts say.
    ///
    /// # Errors
    /// [`FormError`] of the fields: `model` missing, a routing field twice or no text.
    pub fn of(parts: Vec<Part>) -> Result<Self, FormError> {
        let mut form = Self::default();
        let mut seen = [false; ROUTING_FIELDS.len()];
        for Part { name, is_file, place, value } in parts {
            let routing = ROUTING_FIELDS.iter().position(|field| *field == name);
            let text = value.filter(|_| !is_file).and_then(|value| String::from_utf8(value).ok());
            let Some((at, field)) = routing.and_then(|at| Some((at, *ROUTING_FIELDS.get(at)?)))
            else {
                form.texts.extend(text.map(|text| (name, text)));
                continue;
            };
            let position = place.start;
            if seen.get_mut(at).is_some_and(|seen| std::mem::replace(seen, true)) {
                return Err(FormError::Twice { field, position });
            }
            let text = text.filter(|text| !text.contains(char::is_control));
            let text = text.ok_or(FormError::NotText { field, position })?;
            if field == "model" {
                (form.model, form.model_place) = (text, place);
            } else {
                form.texts.push((name, text));
            }
        }
        if form.model.is_empty() {
            return Err(FormError::NoModel);
        }
        Ok(form)
    }

    /// The model asked for.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Whether the answer is to be streamed.
    pub fn stream(&self) -> bool {
        let told = self.text("stream").unwrap_or_default();
        ["true", "1", "on", "yes"].iter().any(|yes| told.eq_ignore_ascii_case(yes))
    }

    /// The text of a field that is neither a file nor long; the last one of its name.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.iter().rev().find(|(known, _)| known == name).map(|(_, text)| &**text)
    }

    /// The body with another model; every other byte stays, the boundary too.
    pub fn with_model(&self, body: &Bytes, model: &str) -> Bytes {
        let Range { start, end } = self.model_place;
        let (Some(before), Some(after)) = (body.get(..start), body.get(end..)) else {
            return body.clone();
        };
        let mut out = BytesMut::with_capacity(before.len() + model.len() + after.len());
        out.extend_from_slice(before);
        out.extend_from_slice(model.as_bytes());
        out.extend_from_slice(after);
        out.freeze()
    }
}
