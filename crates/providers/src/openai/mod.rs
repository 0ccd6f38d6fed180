//! OpenAI's APIs, and everything that copies them.

pub(crate) mod chat;
pub(crate) mod responses;

use crate::event::{JsonStr, StreamEvent};
use crate::json::{Cursor, Kind};

/// Reads an `error` value: an object, or the message alone. `null` is no error.
pub(crate) fn read_error<'a>(
    cursor: &mut Cursor<'a>,
    sink: &mut dyn FnMut(StreamEvent<'_>),
) -> Option<()> {
    let (mut kind, mut code, mut message) = (None, None, None);
    let (mut status, mut number) = (None, None);
    match cursor.kind()? {
        Kind::Object => cursor.object(|cursor, key| {
            match key {
                b"type" => kind = text(cursor)?,
                // OpenRouter and Gemini give the status that the answer would have had.
                b"code" if cursor.kind()? == Kind::Number => number = Some(cursor.raw()?),
                b"code" => code = text(cursor)?,
                // Gemini's name of that status.
                b"status" => status = text(cursor)?,
                b"message" => message = text(cursor)?,
                _ => cursor.skip()?,
            }
            Some(())
        })?,
        Kind::String => message = text(cursor)?,
        _ => return cursor.skip(),
    }
    // The code tells more than the type.
    let kind = code.or(kind).or(status).or(number.map(JsonStr::new));
    sink(StreamEvent::Error { kind, message });
    Some(())
}

/// A string that says something.
pub(crate) fn text<'a>(cursor: &mut Cursor<'a>) -> Option<Option<JsonStr<'a>>> {
    let text = cursor.text()?;
    Some((!text.is_empty()).then_some(text))
}

/// A non-empty string as an event.
pub(crate) fn emit<'a>(
    cursor: &mut Cursor<'a>,
    sink: &mut dyn FnMut(StreamEvent<'_>),
    event: impl FnOnce(JsonStr<'a>) -> StreamEvent<'a>,
) -> Option<()> {
    let text = cursor.text()?;
    if !text.is_empty() {
        sink(event(text));
    }
    Some(())
}
