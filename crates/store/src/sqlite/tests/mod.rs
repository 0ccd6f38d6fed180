//! The embedded store as its users see it. Shared here: rows, and a store in a folder of its own.

mod filters;
mod keeping;
mod lookup;
mod plans;
mod query;
mod questions;
mod room;
mod scope;
mod signal_queries;
mod signals;
mod size;
mod speed;

use std::path::PathBuf;

use tempfile::TempDir;

use super::{Sqlite, SqliteSettings};
use crate::{Pairs, SpanKind, SpanRow, SpanStore, StatusCode};

/// A moment to count from: 2026-01-01 in nanoseconds.
pub(super) const START_NS: i64 = 1_767_225_600_000_000_000;

/// A store and its folder.
pub(super) struct Fixture {
    pub(super) store: Sqlite,
    pub(super) folder: TempDir,
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self::with(SqliteSettings::default())
    }

    pub(super) fn with(settings: SqliteSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("spans.db"), settings).unwrap();
        Self { store, folder }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("spans.db")
    }

    pub(super) async fn insert(&self, rows: Vec<SpanRow>) -> u64 {
        self.store.insert(rows).await.unwrap()
    }
}

/// A span of trace `trace`, `span` ms after [`START_NS`], 10 ms long. Span 0 is the root, the
/// others are its children.
pub(super) fn row(trace: u128, span: u64) -> SpanRow {
    SpanRow {
        timestamp_ns: START_NS + i64::try_from(span).unwrap() * 1_000_000,
        duration_ns: 10_000_000,
        trace_id: trace_id(trace),
        span_id: format!("{:016x}", span + 1),
        parent_span_id: if span == 0 { String::new() } else { format!("{:016x}", 1) },
        name: format!("span {span}"),
        kind: SpanKind::Internal,
        service_name: "gateway".to_owned(),
        resource_attributes: pairs(&[("service.name", "gateway"), ("project.id", "proj_1")]),
        ..SpanRow::default()
    }
}

/// Like [`row`], with the attributes of a GenAI span.
pub(super) fn llm_row(trace: u128, span: u64, provider: &str, model: &str) -> SpanRow {
    let mut row = row(trace, span);
    row.attributes = pairs(&[
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", provider),
        ("gen_ai.request.model", model),
        ("gen_ai.request.stream", "true"),
        ("gen_ai.usage.input_tokens", "100"),
        ("gen_ai.usage.output_tokens", "20"),
        ("gen_ai.server.time_to_first_token", "0.25"),
    ]);
    row
}

pub(super) fn failed(mut row: SpanRow) -> SpanRow {
    row.status = StatusCode::Error;
    row
}

pub(super) fn with(mut row: SpanRow, key: &str, value: &str) -> SpanRow {
    row.attributes.push((key.to_owned().into(), value.to_owned()));
    row
}

pub(super) fn at(mut row: SpanRow, timestamp_ns: i64) -> SpanRow {
    row.timestamp_ns = timestamp_ns;
    row
}

pub(super) fn trace_id(trace: u128) -> String {
    format!("{trace:032x}")
}

pub(super) fn pairs<T: From<Pairs>>(pairs: &[(&str, &str)]) -> T {
    let pair = |(key, value): &(&str, &str)| ((*key).to_owned().into(), (*value).to_owned());
    pairs.iter().map(pair).collect::<Pairs>().into()
}
