//! The response phase: what is read from a response while it passes, and which bytes leave.
//!
//! A [`Pipeline`] is made for one response and dropped with it. No I/O, no waiting, no clock.

mod body;
mod decode;
mod error_answer;
mod hold;
mod mask;
mod meter;
mod observers;
mod own;
mod pipeline;
mod settings;
mod tool_calls;
mod withhold;

use bytes::Bytes;

use crate::guard::Refusal;

pub use body::Body;
pub use decode::BODY_BYTES_MAX;
pub use hold::{Bounds, EVENT_BYTES_MAX, Guarded, TEXTS_MAX};
pub use meter::{Gaps, Meter, STALL_MIN, Times, is_content};
pub use own::{AnswerHead, BodyFilter, OwnChain, OwnFilter, OwnFilters};
pub use pipeline::{Pipeline, Seen, joined};
pub use settings::{Settings, Translation};
pub use tool_calls::{ToolCallTimes, ToolCalls};
pub use withhold::{HELD_BYTES_MAX, HELD_EVENTS_MAX, Withhold};

/// What a chunk leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    /// These bytes go to the caller now; often the chunk itself, sometimes none.
    Forward(Bytes),
    /// The response reports a failure before any content: another target may answer instead.
    /// Carries what the provider said.
    Failed(String),
    /// The response cannot be said in the caller's dialect, and nothing of it has left.
    Unwritable(String),
    /// A guardrail keeps the rest of the answer back. What of it was seen to be clean waits for
    /// [`Pipeline::last_words`].
    Blocked(Refusal),
}

#[cfg(test)]
mod tests;
