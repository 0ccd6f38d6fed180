//! Guardrails: what is looked for in requests and answers, and what a finding leads to.
//!
//! - [`Policy`]: what the configuration says, ready to be applied.
//! - [`Finding`]: that something was found; never what it was.
//! - [`Refusal`]: what a block tells the caller.

mod policy;
mod refusal;

pub use policy::{
    Action, DetectorSettings, Direction, Directions, Finding, Findings, Policy, Rule, Rules,
    Settings, What,
};
pub use refusal::{Cause, Refusal};
