//! The questions that the viewers ask.

use serde::Serialize;

use crate::{StatusCode, StoreError};

/// How many traces a list has unless told otherwise.
pub const LIMIT_DEFAULT: usize = 50;
/// The most traces a list can have; a larger limit means this one.
pub const LIMIT_MAX: usize = 1000;
/// The fewest digits by which a trace can be asked for.
pub const PREFIX_HEX_MIN: usize = 4;

/// Which traces to list. Every condition must hold; a trace matches `model`, `provider`, `session`
/// and `user` if any of its spans does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceFilter {
    /// How many at most, up to [`LIMIT_MAX`].
    pub limit: usize,
    /// Started before this, Unix time in nanoseconds. The start of a list's last trace, given here,
    /// yields the next page.
    pub before_ns: Option<i64>,
    /// Started at this moment or later, Unix time in nanoseconds.
    pub since_ns: Option<i64>,
    /// `gen_ai.request.model`.
    pub model: Option<String>,
    /// `gen_ai.provider.name`.
    pub provider: Option<String>,
    /// The trace's status: `Unset`, `Ok` or `Error`, upper or lower case. Any other word matches
    /// nothing.
    pub status: Option<String>,
    /// `gen_ai.session.id`.
    pub session: Option<String>,
    /// `gen_ai.user.id`.
    pub user: Option<String>,
    /// Only traces in which some span failed.
    pub errors_only: bool,
}

/// A trace in one line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TraceSummary {
    /// 32 lower-case hexadecimal digits.
    pub trace_id: String,
    /// When its first span started, Unix time in nanoseconds.
    pub started_ns: i64,
    /// From the first span's start to the last span's end.
    pub duration_ns: i64,
    /// The name of the root; while the root is missing, of the span that started first.
    pub root_name: String,
    /// How many spans it has.
    pub spans: u64,
    /// How many of them failed.
    pub errors: u64,
    /// `gen_ai.provider.name` of its first GenAI span.
    pub provider: Option<String>,
    /// `gen_ai.request.model` of its first GenAI span.
    pub model: Option<String>,
    /// The sum of `gen_ai.usage.input_tokens`, if any span has it.
    pub input_tokens: Option<u64>,
    /// The sum of `gen_ai.usage.output_tokens`, if any span has it.
    pub output_tokens: Option<u64>,
    /// `gen_ai.server.time_to_first_token` of its first GenAI span.
    pub ttft_seconds: Option<f64>,
    /// The status of the span that `root_name` names.
    pub status: StatusCode,
    /// `gen_ai.session.id` of the earliest span that has one.
    pub session: Option<String>,
}

// === impl TraceFilter ===

impl Default for TraceFilter {
    fn default() -> Self {
        Self {
            limit: LIMIT_DEFAULT,
            before_ns: None,
            since_ns: None,
            model: None,
            provider: None,
            status: None,
            session: None,
            user: None,
            errors_only: false,
        }
    }
}

/// A trace id or the beginning of one, in lower case.
///
/// # Errors
/// [`StoreError::BadTraceId`].
pub(crate) fn trace_id_prefix(text: &str) -> Result<String, StoreError> {
    let digits = PREFIX_HEX_MIN..=32;
    if digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(StoreError::BadTraceId { min: PREFIX_HEX_MIN })
    }
}
