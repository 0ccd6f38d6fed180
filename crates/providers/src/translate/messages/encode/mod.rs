//! A request for an upstream, written.

mod base64;
mod content;
mod model;
mod settings;
mod tools;
mod turns;

use serde_json::{Map, Value};

use crate::provider::Capabilities;
use crate::translate::Untranslatable;
use crate::translate::request::{Draft, Role};

/// What a body has room for from the beginning: most have fewer members.
const MEMBERS: usize = 7;

/// Writes the body.
pub(in crate::translate) fn encode(
    draft: &mut Draft,
    capabilities: Capabilities,
) -> Result<Value, Untranslatable> {
    draft.one_answer()?;
    let mut body = Map::with_capacity(MEMBERS);
    body.insert("model".into(), draft.request.model.as_str().into());
    // Both ask how the conversation goes, and writing it consumes it.
    let prefilled =
        draft.request.messages.last().is_some_and(|message| message.role == Role::Assistant);
    let unsigned = turns::call_without_thought(&draft.request.messages);
    turns::encode(draft, &mut body)?;
    tools::encode(draft, capabilities, &mut body)?;
    let mut config = Map::new();
    settings::format(draft, capabilities, &mut config)?;
    settings::thinking(draft, prefilled, unsigned, &mut config, &mut body);
    if !config.is_empty() {
        body.insert("output_config".into(), config.into());
    }
    settings::sampling(draft, &mut body)?;
    settings::shared(draft, &mut body);
    if draft.request.stream {
        body.insert("stream".into(), true.into());
    }
    Ok(Value::Object(body))
}
