//! `system` and `messages`.
//!
//! The newest models also take a system message within a conversation, others refuse it; so every
//! system prompt goes into `system`, in order. It stays an instruction and loses only its place: as
//! a turn of the user's it would lose its authority.

use serde_json::{Map, Value};

use super::content;
use crate::event::Opaque;
use crate::translate::messages::{kind_of, set};
use crate::translate::request::{Content, Draft, Message, Role};
use crate::translate::{Untranslatable, member, object};

/// A turn being written: consecutive ones of one speaker become one.
#[derive(Debug)]
struct Turn {
    role: Role,
    blocks: Vec<Value>,
}

/// Writes both.
pub(super) fn encode(
    draft: &mut Draft,
    body: &mut Map<String, Value>,
) -> Result<(), Untranslatable> {
    let (mut system, mut turns) = (Vec::new(), Vec::<Turn>::new());
    for (at, message) in std::mem::take(&mut draft.request.messages).into_iter().enumerate() {
        let Message { role, parts } = message;
        let mut blocks = Vec::with_capacity(parts.len());
        for (part_at, part) in parts.into_iter().enumerate() {
            let block = content::encode(draft, "", role, part);
            let place = || format!("messages[{at}].content[{part_at}]");
            blocks.extend(block.map_err(|error| error.within(&place()))?);
        }
        match turns.last_mut() {
            _ if role == Role::System => system.append(&mut blocks),
            _ if blocks.is_empty() => {}
            Some(turn) if turn.role == role => turn.blocks.append(&mut blocks),
            _ => turns.push(Turn { role, blocks }),
        }
    }
    if turns.is_empty() {
        return Err(Untranslatable::new("messages", "the target needs a turn that says something"));
    }
    if let Some(last) = turns.last_mut().filter(|turn| turn.role == Role::Assistant) {
        trim_end(&mut last.blocks);
    }
    if !system.is_empty() {
        body.insert("system".into(), plain(system));
    }
    let messages: Vec<Value> = turns.into_iter().map(written).collect();
    body.insert("messages".into(), messages.into());
    Ok(())
}

/// Whether the calls that were made last, and whose results come now, were made without a thought
/// in front that the API can check. With a budget to think it refuses to go on from there.
pub(super) fn call_without_thought(messages: &[Message]) -> bool {
    let user = |message: &&Message| message.role != Role::Assistant;
    let turn = messages.iter().rev().skip_while(user).take_while(|message| !user(message));
    let parts: Vec<&Content> =
        turn.collect::<Vec<_>>().iter().rev().flat_map(|m| &m.parts).map(|p| &p.content).collect();
    let signed = |content: &&Content| {
        matches!(content, Content::Reasoning(r)
            if r.sealed.as_ref().is_some_and(|sealed| sealed.is(Opaque::ANTHROPIC)))
    };
    parts.iter().any(|content| matches!(content, Content::ToolCall(_))) && !parts.iter().any(signed)
}

fn written(turn: Turn) -> Value {
    let Turn { role, mut blocks } = turn;
    if role == Role::Assistant {
        // A turn that has thoughts begins with one.
        if !blocks.first().is_some_and(is_thought) {
            blocks.sort_by_key(|block| !is_thought(block));
        }
        return object([("role", "assistant".into()), ("content", plain(blocks))]);
    }
    // Results of tools come before what else the user says.
    blocks.sort_by_key(|block| kind_of(block) != "tool_result");
    object([("role", "user".into()), ("content", plain(blocks))])
}

fn is_thought(block: &Value) -> bool {
    kind_of(block) == "thinking" || kind_of(block) == "redacted_thinking"
}

/// The API refuses white space at the end of an answer that it is to go on with.
fn trim_end(blocks: &mut [Value]) {
    let Some(last) = blocks.last_mut() else { return };
    if let Some(text) = last.get("text").and_then(Value::as_str) {
        let text = text.trim_end().to_owned();
        set(last, "text", text);
    }
}

/// A plain string where there is but one text.
pub(super) fn plain(mut blocks: Vec<Value>) -> Value {
    if let [block] = blocks.as_mut_slice()
        && kind_of(block) == "text"
        && member(block, "cache_control").is_none()
    {
        return block.get_mut("text").map(Value::take).unwrap_or_default();
    }
    blocks.into()
}
