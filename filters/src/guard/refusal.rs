//! Why a guardrail keeps a request or an answer back, in words for the caller.

use std::fmt;

use super::{Direction, What};

/// A block: which detector, in which direction, and why. Never shows what was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    /// What blocks, and as what.
    pub what: What,
    /// The request or the answer.
    pub direction: Direction,
    /// Why.
    pub cause: Cause,
}

/// Why something is blocked: because something was found, or because nobody could look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The text has what is looked for.
    Found,
    /// A webhook says so; its own words, where it gave any.
    Said(Option<String>),
    /// The text is too long to be held until it is known whether it may pass.
    TooLong {
        /// The limit, in bytes.
        bytes_max: usize,
    },
    /// The text cannot be read: it is compressed, or no text at all.
    Unreadable,
    /// A webhook did not answer, and is configured to fail closed.
    NoAnswer(&'static str),
}

// === impl Refusal ===

impl Refusal {
    /// For the caller: with a webhook's own words, which may repeat the text and so go nowhere else.
    pub fn for_caller(&self) -> String {
        match &self.cause {
            Cause::Said(Some(reason)) => format!("{self}: {reason}"),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.direction {
            Direction::Input => "request",
            Direction::Output => "answer",
        };
        match &self.what {
            What::Shape(kind) => {
                write!(f, "the guardrail `{}` blocked the {text}: ", kind.detector().name())?;
            }
            What::Webhook(name) => {
                write!(f, "the guardrail `webhook` ({name}) blocked the {text}: ")?;
            }
        }
        match (&self.cause, &self.what) {
            (Cause::Found, What::Shape(kind)) => write!(f, "it contains `{}`", kind.name()),
            (Cause::Found | Cause::Said(_), _) => f.write_str("it said so"),
            (Cause::TooLong { bytes_max }, _) => {
                write!(f, "more than {bytes_max} bytes cannot be looked through")
            }
            (Cause::Unreadable, _) => f.write_str("it cannot be read"),
            (Cause::NoAnswer(why), _) => write!(f, "it did not answer ({why})"),
        }
    }
}
