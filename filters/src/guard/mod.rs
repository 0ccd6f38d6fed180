//! Guardrails: what is looked for in requests and answers, and what a finding leads to.
//!
//! - [`Policy`]: what the configuration says, ready to be applied.
//! - [`Finding`]: that something was found; never what it was.
//! - [`Refusal`]: what a block tells the caller.
//! - [`Scanned`]: what a whole body turned out to have, and what goes on instead.
//! - [`Told`]: where the request's guard leaves its findings.
//! - [`Webhook`]: a detector that is somewhere else.
//! - [`Answer`]: a whole answer, held until it is known.

mod answer;
mod policy;
pub(crate) mod reading;
mod refusal;
mod scan;
mod texts;
mod told;
mod webhook;

pub use answer::{ANSWER_BYTES_MAX, Answer};
pub use policy::{
    Action, DetectorSettings, Direction, Directions, Finding, Findings, Policy, Rule, Rules,
    Settings, What,
};
pub use refusal::{Cause, Refusal};
pub use scan::Scanned;
pub(crate) use scan::text_of;
pub use told::Told;
pub use webhook::{Ask, NoAnswer, Opinion, Question, Unanswered, WEBHOOK_TEXT_BYTES_MAX, Webhook};
