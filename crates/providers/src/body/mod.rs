//! A plain JSON answer of any dialect: the events that a stream would have had.

use crate::anthropic::MessagesReader;
use crate::cohere::CohereReader;
use crate::event::StreamEvent;
use crate::gemini::GeminiReader;
use crate::json::Cursor;
use crate::openai::chat::ChatReader;
use crate::openai::responses::ResponsesReader;
use crate::provider::Dialect;

#[cfg(test)]
mod tests;

/// The body is no JSON of its dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is no answer of this API")]
pub struct BodyError;

/// Reads a whole answer, or an error body.
///
/// # Errors
/// [`BodyError`]; events before the broken place were given.
pub fn read_body(
    dialect: Dialect,
    body: &[u8],
    sink: &mut dyn FnMut(StreamEvent<'_>),
) -> Result<(), BodyError> {
    match dialect {
        Dialect::Chat => {
            let mut reader = ChatReader::default();
            reader.read(body, false, sink).ok_or(BodyError)?;
            reader.end(sink);
        }
        Dialect::Messages => {
            let mut reader = MessagesReader::default();
            reader.read_message(&mut Cursor::new(body), sink).ok_or(BodyError)?;
            reader.end(sink);
        }
        Dialect::Cohere => {
            let mut reader = CohereReader::default();
            reader.read_answer(body, sink).ok_or(BodyError)?;
            reader.end(sink);
        }
        Dialect::Gemini => {
            let mut reader = GeminiReader::default();
            reader.read(body, sink).ok_or(BodyError)?;
            reader.end(sink);
        }
        Dialect::Responses => {
            let mut reader = ResponsesReader::default();
            reader.read_response(&mut Cursor::new(body), true, sink).ok_or(BodyError)?;
            reader.end(sink);
        }
    }
    Ok(())
}
