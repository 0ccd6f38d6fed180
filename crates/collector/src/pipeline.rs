//! The only place where the order of the stages is written:
//! receivers → memory limiter → filter → exporter (the store).
//!
//! An export is acknowledged once its spans are durable, so there is no batch stage of its own: the
//! store commits what waits together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use tollgate_store::{SpanRow, SpanStore};

use crate::CollectorSettings;
use crate::convert::rows;

/// The resource attribute without which a span is dropped.
const PROJECT_ID: &str = "project.id";

/// What became of what was received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Spans that arrived.
    pub received: u64,
    /// Spans that are durable.
    pub stored: u64,
    /// Spans dropped for want of a `project.id`.
    pub dropped_by_filter: u64,
    /// Requests refused because too much was in memory.
    pub refused_by_memory: u64,
    /// Requests that the store did not take.
    pub refused_by_store: u64,
}

/// An export that was taken, as far as it could be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Spans that were dropped.
    pub rejected_spans: i64,
    /// Why; empty if none were.
    pub message: String,
}

/// An export that was not taken and may be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

pub(crate) struct Pipeline {
    pub(crate) settings: CollectorSettings,
    store: Arc<dyn SpanStore>,
    in_memory: AtomicUsize,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    received: AtomicU64,
    stored: AtomicU64,
    dropped_by_filter: AtomicU64,
    refused_by_memory: AtomicU64,
    refused_by_store: AtomicU64,
}

/// Bytes being worked on, given back when dropped.
struct Reserved<'a>(&'a AtomicUsize, usize);

// === impl Pipeline ===

impl Pipeline {
    pub(crate) fn new(settings: CollectorSettings, store: Arc<dyn SpanStore>) -> Self {
        Self { settings, store, in_memory: AtomicUsize::new(0), counts: Counts::default() }
    }

    /// Takes one export of `bytes` bytes.
    pub(crate) async fn take(
        &self,
        request: ExportTraceServiceRequest,
        bytes: usize,
    ) -> Result<Accepted, Refusal> {
        let _reserved = self.limit_memory(bytes)?;
        let (kept, rejected) = self.filter(rows(request));
        self.export(kept).await?;
        let message = match rejected {
            0 => String::new(),
            _ => format!("spans need the resource attribute {PROJECT_ID}"),
        };
        Ok(Accepted { rejected_spans: i64::try_from(rejected).unwrap_or(i64::MAX), message })
    }

    pub(crate) fn counters(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            received: read(&self.counts.received),
            stored: read(&self.counts.stored),
            dropped_by_filter: read(&self.counts.dropped_by_filter),
            refused_by_memory: read(&self.counts.refused_by_memory),
            refused_by_store: read(&self.counts.refused_by_store),
        }
    }

    fn limit_memory(&self, bytes: usize) -> Result<Reserved<'_>, Refusal> {
        let limit = self.settings.memory_limit_bytes;
        let taken = self.in_memory.fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
            used.checked_add(bytes).filter(|total| *total <= limit)
        });
        match taken {
            Ok(_) => Ok(Reserved(&self.in_memory, bytes)),
            Err(_) => {
                self.counts.refused_by_memory.fetch_add(1, Ordering::Relaxed);
                Err(Refusal("the collector is at its memory limit".to_owned()))
            }
        }
    }

    fn filter(&self, rows: Vec<SpanRow>) -> (Vec<SpanRow>, usize) {
        let received = rows.len();
        let kept: Vec<_> = rows
            .into_iter()
            .filter(|row| {
                row.resource_attributes
                    .iter()
                    .any(|(name, id)| name == PROJECT_ID && !id.is_empty())
            })
            .collect();
        let rejected = received - kept.len();
        self.counts.received.fetch_add(received as u64, Ordering::Relaxed);
        self.counts.dropped_by_filter.fetch_add(rejected as u64, Ordering::Relaxed);
        (kept, rejected)
    }

    async fn export(&self, rows: Vec<SpanRow>) -> Result<(), Refusal> {
        let count = rows.len() as u64;
        if let Err(error) = self.store.insert(rows).await {
            self.counts.refused_by_store.fetch_add(1, Ordering::Relaxed);
            return Err(Refusal(error.to_string()));
        }
        self.counts.stored.fetch_add(count, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::AcqRel);
    }
}
