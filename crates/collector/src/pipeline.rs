//! The only place where the order of the stages is written:
//! receivers → auth → memory limiter → filter → exporter (the store).
//!
//! Auth stands in the receivers' layers, before the body is read; what it found out is stamped here,
//! before anything else is done. An export is acknowledged when
//! its spans are durable, so there is no batch stage of its own: the store commits together what
//! waits together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tollgate_store::{SpanRow, SpanStore};

use crate::CollectorSettings;
use crate::auth::{Auth, Sender, Unauthenticated};
use crate::convert::{self, Converted};
use crate::memory_limiter::{Full, MemoryLimiter, Reservation};

/// The resource attribute without which a span is dropped.
pub(crate) const PROJECT_ID: &str = "project.id";

/// What became of what was received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Spans that arrived.
    pub received: u64,
    /// Spans that are durable, those that were there already included.
    pub stored: u64,
    /// Spans dropped for want of a `project.id`.
    pub dropped_by_filter: u64,
    /// Spans dropped because their trace id or span id is none.
    pub dropped_malformed: u64,
    /// Spans that the store did not take.
    pub refused_by_store: u64,
    /// Requests refused because too much was in memory.
    pub refused_by_memory: u64,
}

/// Why an export was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Too much is in memory; worth another try.
    MemoryFull,
    /// Nobody knows who is sending.
    Unauthenticated(Unauthenticated),
    /// This request alone is over a limit.
    TooLarge,
    /// The store is not available; worth another try.
    StoreUnavailable,
    /// The store does not want it.
    StoreRefused,
}

pub(crate) struct Pipeline {
    pub(crate) settings: CollectorSettings,
    pub(crate) auth: Auth,
    memory_limiter: MemoryLimiter,
    store: Arc<dyn SpanStore>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    received: AtomicU64,
    stored: AtomicU64,
    dropped_by_filter: AtomicU64,
    dropped_malformed: AtomicU64,
    refused_by_store: AtomicU64,
}

// === impl Pipeline ===

impl Pipeline {
    pub(crate) fn new(settings: CollectorSettings, store: Arc<dyn SpanStore>, auth: Auth) -> Self {
        let memory_limiter = MemoryLimiter::new(settings.memory_limit_bytes);
        Self { settings, auth, memory_limiter, store, counts: Counts::default() }
    }

    /// For a receiver to count in what it reads.
    pub(crate) fn reserve(&self) -> Reservation {
        self.memory_limiter.reserve()
    }

    /// Takes one export, whose bytes `reserved` holds. Without a sender it was never looked at.
    pub(crate) async fn take(
        &self,
        sender: Option<&Sender>,
        mut request: ExportTraceServiceRequest,
        mut reserved: Reservation,
    ) -> Result<ExportTraceServiceResponse, Refusal> {
        let sender = sender.ok_or(Refusal::Unauthenticated(Unauthenticated::Missing))?;
        sender.stamp(request.resource_spans.iter_mut().map(|spans| &mut spans.resource));
        limit_memory(&request, &mut reserved)?;
        let Converted { rows, malformed } = convert::rows(request);
        count(&self.counts.received, rows.len() + malformed);
        count(&self.counts.dropped_malformed, malformed);
        let (kept, filtered) = self.filter(rows);
        self.export(kept).await?;
        Ok(answer(malformed, filtered))
    }

    pub(crate) fn counters(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            received: read(&self.counts.received),
            stored: read(&self.counts.stored),
            dropped_by_filter: read(&self.counts.dropped_by_filter),
            dropped_malformed: read(&self.counts.dropped_malformed),
            refused_by_store: read(&self.counts.refused_by_store),
            refused_by_memory: self.memory_limiter.refused(),
        }
    }

    fn filter(&self, mut rows: Vec<SpanRow>) -> (Vec<SpanRow>, usize) {
        let before = rows.len();
        rows.retain(|row| row.resource_attribute(PROJECT_ID).is_some_and(|id| !id.is_empty()));
        let dropped = before - rows.len();
        count(&self.counts.dropped_by_filter, dropped);
        (rows, dropped)
    }

    async fn export(&self, rows: Vec<SpanRow>) -> Result<(), Refusal> {
        let spans = rows.len();
        let Err(error) = self.store.insert(rows).await else {
            count(&self.counts.stored, spans);
            return Ok(());
        };
        count(&self.counts.refused_by_store, spans);
        // The sender learns that it failed; how our disk is doing is the operator's business.
        tracing::warn!(%error, spans, "the store did not take an export");
        Err(if error.is_retryable() { Refusal::StoreUnavailable } else { Refusal::StoreRefused })
    }
}

/// Counts in what the request becomes: rows repeat their resource, so a small one can become large.
fn limit_memory(
    request: &ExportTraceServiceRequest,
    reserved: &mut Reservation,
) -> Result<(), Refusal> {
    let bytes = request.encoded_len().saturating_add(convert::repeated_bytes(request));
    Ok(reserved.grow(bytes)?)
}

fn count(counter: &AtomicU64, spans: usize) {
    counter.fetch_add(spans as u64, Ordering::Relaxed);
}

/// A partial success only where there is something to say: senders log it.
fn answer(malformed: usize, filtered: usize) -> ExportTraceServiceResponse {
    if malformed + filtered == 0 {
        return ExportTraceServiceResponse::default();
    }
    let mut reasons = Vec::new();
    if filtered > 0 {
        reasons.push(format!("{filtered} spans lack the resource attribute {PROJECT_ID}"));
    }
    if malformed > 0 {
        reasons.push(format!("{malformed} spans have no valid trace id or span id"));
    }
    let partial_success = Some(ExportTracePartialSuccess {
        rejected_spans: i64::try_from(malformed + filtered).unwrap_or(i64::MAX),
        error_message: reasons.join("; "),
    });
    ExportTraceServiceResponse { partial_success }
}

// === impl Refusal ===

impl Refusal {
    /// What the sender is told.
    pub(crate) const fn message(&self) -> &'static str {
        match self {
            Self::MemoryFull => "the collector is at its memory limit; try again later",
            Self::Unauthenticated(why) => why.message(),
            Self::TooLarge => "the request is too large; send fewer spans at once",
            Self::StoreUnavailable => "the span store is not available; try again later",
            Self::StoreRefused => "the span store refuses these spans",
        }
    }
}

impl From<Full> for Refusal {
    fn from(full: Full) -> Self {
        match full {
            Full::Now => Self::MemoryFull,
            Full::Always => Self::TooLarge,
        }
    }
}
