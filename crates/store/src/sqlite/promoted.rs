//! The attributes that lists and statistics read: rows have columns for them.

use super::summary::SpanFacts;
use super::texts::Shared;
use crate::{CONTENT_KEYS, SpanRow, StatusCode};

/// What all of them begin with, and all content.
const FIELD: &str = "gen_ai.";

/// The attributes that have columns of their own.
#[derive(Default)]
pub(super) struct Promoted<'a> {
    pub(super) operation: Option<&'a str>,
    pub(super) provider: Option<&'a str>,
    pub(super) model: Option<&'a str>,
    pub(super) stream: Option<bool>,
    pub(super) input_tokens: Option<i64>,
    pub(super) output_tokens: Option<i64>,
    pub(super) ttft_seconds: Option<f64>,
    pub(super) session: Option<&'a str>,
    pub(super) user: Option<&'a str>,
    /// Whether there is something that people wrote.
    pub(super) has_content: bool,
}

/// What some of them are in rows.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) provider: Option<Shared<'a>>,
    pub(super) model: Option<Shared<'a>>,
    pub(super) session: Option<Shared<'a>>,
    pub(super) user: Option<Shared<'a>>,
}

/// Whether it is what people wrote.
pub(super) fn is_content(key: &str) -> bool {
    key.starts_with(FIELD) && CONTENT_KEYS.contains(&key)
}

// === impl Promoted ===

impl<'a> Promoted<'a> {
    pub(super) fn of(row: &'a SpanRow) -> Self {
        let mut promoted = Self::default();
        for (key, value) in &row.attributes {
            if !key.starts_with(FIELD) {
                continue;
            }
            let value = value.as_str();
            match key.as_ref() {
                "gen_ai.operation.name" => promoted.operation = Some(value),
                "gen_ai.provider.name" => promoted.provider = Some(value),
                "gen_ai.request.model" => promoted.model = Some(value),
                "gen_ai.request.stream" => promoted.stream = value.parse().ok(),
                "gen_ai.usage.input_tokens" => promoted.input_tokens = tokens(value),
                "gen_ai.usage.output_tokens" => promoted.output_tokens = tokens(value),
                "gen_ai.server.time_to_first_token" => promoted.ttft_seconds = seconds(value),
                "gen_ai.session.id" => promoted.session = Some(value),
                "gen_ai.user.id" => promoted.user = Some(value),
                key => promoted.has_content |= is_content(key),
            }
        }
        promoted
    }

    pub(super) fn facts(&self, row: &'a SpanRow, named: Named<'_>) -> SpanFacts<'a> {
        SpanFacts {
            timestamp_ns: row.timestamp_ns,
            duration_ns: row.duration_ns,
            parentless: row.parent_span_id.is_empty(),
            name: &row.name,
            status: row.status.as_str(),
            failed: row.status == StatusCode::Error,
            provider: self.provider,
            model: self.model,
            ttft_seconds: self.ttft_seconds,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            session: self.session,
            values: [named.provider, named.model, named.session, named.user]
                .map(|value| value.and_then(Shared::number)),
        }
    }
}

/// A count of tokens; anything else is no count.
fn tokens(value: &str) -> Option<i64> {
    value.parse().ok().filter(|count| *count >= 0)
}

/// SQLite has no place for NaN, and infinity is no time.
fn seconds(value: &str) -> Option<f64> {
    value.parse().ok().filter(|seconds: &f64| seconds.is_finite())
}
