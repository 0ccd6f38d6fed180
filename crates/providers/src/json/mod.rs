//! JSON at the byte level: a cursor that pulls values out of a text in place, the text behind a
//! string's escapes, a condenser for texts too long to be held, a judge of texts that are not held at
//! all, and a writer of values.

mod condense;
mod cursor;
#[cfg(test)]
mod tests;
mod text;
mod validate;
mod write;

pub(crate) use condense::Condenser;
pub use cursor::quote_or_escape;
pub(crate) use cursor::{Cursor, DEPTH_MAX, Kind, clean_string_end, string_end};
pub(crate) use text::{resolve, respaced, unescape};
pub(crate) use validate::{Judgement, ObjectCheck};
pub(crate) use write::write;
