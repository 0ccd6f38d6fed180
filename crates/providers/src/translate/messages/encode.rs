//! A request for an upstream, written.

use serde_json::Value;

use crate::provider::Capabilities;
use crate::translate::Untranslatable;
use crate::translate::request::Draft;

/// Writes the body.
pub(in crate::translate) fn encode(
    _draft: &mut Draft,
    _capabilities: Capabilities,
) -> Result<Value, Untranslatable> {
    Err(Untranslatable::new("model", "the target's dialect is not written"))
}
