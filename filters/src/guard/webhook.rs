//! A detector that is somewhere else: it is sent the text and says what is to be done with it.
//!
//! This crate has no sockets, so whoever builds the stack brings the way to ask ([`Ask`]).

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Action, Cause, Direction, Finding, Findings, Refusal, What};

/// The most text that is sent, in bytes.
pub const WEBHOOK_TEXT_BYTES_MAX: usize = 64 * 1024;
/// The most of a webhook's reason that is told on, in characters.
const REASON_CHARS_MAX: usize = 256;

/// One webhook.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Whether a block only counts as a flag: to try a webhook out.
    pub only_flags: bool,
    /// Whether a request goes on that it did not answer for.
    pub fails_open: bool,
    /// The way to ask it.
    pub ask: Arc<dyn Ask>,
}

/// What a webhook is asked.
#[derive(Clone, PartialEq, Eq)]
pub struct Question {
    /// The request or the answer.
    pub direction: Direction,
    /// All texts, one on a line; the first [`WEBHOOK_TEXT_BYTES_MAX`] bytes.
    pub text: String,
    /// Whether there was more.
    pub truncated: bool,
    /// The model asked for.
    pub model: Arc<str>,
    /// The request's id.
    pub request_id: String,
    /// The caller's project, where it names one.
    pub project: Option<String>,
}

/// What a webhook thinks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opinion {
    /// Nothing is wrong.
    Pass,
    /// It is to be told of.
    Flag,
    /// It must not go on, for a reason.
    Block(Option<String>),
}

/// Why a webhook did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoAnswer {
    /// It took too long.
    Timeout,
    /// No connection, or one that broke.
    Unreachable,
    /// Another status than 200.
    Status,
    /// An answer that says nothing, or is too long.
    Malformed,
    /// The text is longer than what is sent.
    TooLong,
}

/// That a webhook did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// The webhook's name.
    pub webhook: Arc<str>,
    /// Why.
    pub why: NoAnswer,
    /// Whether the request went on.
    pub open: bool,
}

/// A way to ask a webhook.
pub trait Ask: Send + Sync + fmt::Debug {
    /// Asks, and takes no longer than it is configured to.
    fn ask(&self, question: Question) -> BoxFuture<'static, Result<Opinion, NoAnswer>>;
}

// === impl Question ===

impl fmt::Debug for Question {
    /// Without the text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question")
            .field("direction", &self.direction)
            .field("text_bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

// === impl Opinion ===

impl Opinion {
    /// Reads a webhook's answer: `{"action": "pass" | "flag" | "block", "reason": "..."}`.
    ///
    /// # Errors
    /// [`NoAnswer::Malformed`].
    pub fn read(body: &[u8]) -> Result<Self, NoAnswer> {
        let said: serde_json::Value =
            serde_json::from_slice(body).map_err(|_| NoAnswer::Malformed)?;
        match said.get("action").and_then(serde_json::Value::as_str) {
            Some("pass") => Ok(Self::Pass),
            Some("flag") => Ok(Self::Flag),
            Some("block") => {
                let reason = said.get("reason").and_then(serde_json::Value::as_str);
                let shown = |text: &str| {
                    text.chars().filter(|it| !it.is_control()).take(REASON_CHARS_MAX).collect()
                };
                Ok(Self::Block(reason.map(shown).filter(|text: &String| !text.is_empty())))
            }
            _ => Err(NoAnswer::Malformed),
        }
    }
}

// === impl NoAnswer ===

impl NoAnswer {
    /// The value of `gateway.guardrail.reason`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Status => "status",
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
        }
    }
}

// === impl Webhook ===

impl Webhook {
    /// Asks, and notes what comes of it.
    ///
    /// # Errors
    /// When nothing may go on.
    pub async fn review(&self, question: Question, found: &mut Findings) -> Result<(), Refusal> {
        let direction = question.direction;
        // What an attacker puts behind the end of what is sent, nobody would see.
        let opinion = if question.truncated && !self.fails_open {
            Err(NoAnswer::TooLong)
        } else {
            if question.truncated {
                let (webhook, why) = (Arc::clone(&self.name), NoAnswer::TooLong);
                found.note_unanswered(Unanswered { webhook, why, open: true });
            }
            self.ask.ask(question).await
        };
        let what = What::Webhook(Arc::clone(&self.name));
        let mut note = |action| {
            found.note(Finding { what: what.clone(), action, direction, count: 1 });
        };
        let cause = match opinion {
            Ok(Opinion::Pass) => return Ok(()),
            Ok(Opinion::Block(reason)) if !self.only_flags => {
                note(Action::Block);
                Cause::Said(reason)
            }
            Ok(Opinion::Flag | Opinion::Block(_)) => {
                note(Action::Flag);
                return Ok(());
            }
            Err(why) => {
                let webhook = Arc::clone(&self.name);
                found.note_unanswered(Unanswered { webhook, why, open: self.fails_open });
                if self.fails_open {
                    return Ok(());
                }
                Cause::NoAnswer(why.name())
            }
        };
        Err(Refusal { what, direction, cause })
    }
}
