//! A caller's request, read.

use serde_json::Value;

use crate::translate::Untranslatable;
use crate::translate::request::Request;

/// Reads the body.
pub(in crate::translate) fn decode(_body: Value) -> Result<Request, Untranslatable> {
    Err(Untranslatable::new("body", "requests of this dialect are not translated"))
}
