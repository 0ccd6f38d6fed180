//! The only place where the order of the stages is written:
//! receivers → auth → memory limiter → batch → filter → exporter (the store).
//!
//! Auth stands in the receivers' layers, before the body is read; what it found out is stamped here,
//! before anything else is done. The memory limiter admits a request before its body is read, and
//! counts every byte that it becomes. An export is acknowledged when its rows are durable.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tollgate_store::{SpanRow, SpanStore, StoreError};

use crate::CollectorSettings;
use crate::auth::{Auth, Sender, Unauthenticated};
use crate::batch::Batch;
use crate::convert::{self, Converted};
use crate::counts::{Counters, Counts, add};
use crate::limit::{Cut, Limited};
use crate::memory_limiter::{MemoryLimiter, MemoryUse, Reservation};
use crate::refusal::Refusal;

/// The resource attribute without which a span is dropped.
pub(crate) const PROJECT_ID: &str = "project.id";

pub(crate) struct Pipeline {
    pub(crate) settings: CollectorSettings,
    pub(crate) auth: Auth,
    memory_limiter: MemoryLimiter,
    batch: Batch<SpanRow>,
    store: Arc<dyn SpanStore>,
    counts: Counts,
}

// === impl Pipeline ===

impl Pipeline {
    pub(crate) fn new(settings: CollectorSettings, store: Arc<dyn SpanStore>, auth: Auth) -> Self {
        let memory_limiter = MemoryLimiter::new(settings.memory);
        let batch = Batch::new(settings.batch);
        Self { settings, auth, memory_limiter, batch, store, counts: Counts::default() }
    }

    /// Keeps the stages going that work for all requests; never ends.
    pub(crate) async fn run(&self) {
        let exporting = self.batch.run(has_project, |rows| self.export(rows));
        tokio::join!(self.memory_limiter.watch(), exporting, self.auth.keep_key_sets());
    }

    /// For a receiver to begin a request with, and to count in what it reads.
    pub(crate) fn admit(&self) -> Result<Reservation, Refusal> {
        Ok(self.memory_limiter.admit()?)
    }

    /// The same for a request that was begun already.
    pub(crate) fn reserve(&self) -> Reservation {
        self.memory_limiter.reserve()
    }

    /// A receiver has refused a request.
    pub(crate) fn refused(&self, refusal: Refusal) {
        self.counts.refused(refusal);
    }

    /// Takes one export, whose bytes `reserved` holds. Without a sender it was never looked at. A
    /// refusal is counted.
    pub(crate) async fn take(
        &self,
        sender: Option<&Sender>,
        request: ExportTraceServiceRequest,
        reserved: Reservation,
    ) -> Result<ExportTraceServiceResponse, Refusal> {
        let taken = self.keep(sender, request, reserved).await;
        if let Err(refusal) = taken {
            self.counts.refused(refusal);
        }
        taken
    }

    async fn keep(
        &self,
        sender: Option<&Sender>,
        mut request: ExportTraceServiceRequest,
        mut reserved: Reservation,
    ) -> Result<ExportTraceServiceResponse, Refusal> {
        let sender = sender.ok_or(Refusal::Unauthenticated(Unauthenticated::Missing))?;
        sender.stamp(request.resource_spans.iter_mut().map(|spans| &mut spans.resource));
        let cut = request.limit(&self.settings.limits);
        // Rows repeat their resource, so a small request can become large.
        reserved.grow(convert::repeated_bytes(&request))?;
        let Converted { rows, malformed } = convert::rows(request);
        self.counts.cut(&cut);
        add(&self.counts.received, rows.len() + malformed);
        add(&self.counts.dropped_malformed, malformed);
        let spans = rows.len();
        if spans == 0 {
            return Ok(answer(&cut, malformed, 0));
        }
        match self.batch.add(rows, reserved).await {
            Ok(filtered) => {
                add(&self.counts.dropped_by_filter, filtered);
                add(&self.counts.stored, spans - filtered);
                Ok(answer(&cut, malformed, filtered))
            }
            Err(refusal) => {
                add(&self.counts.refused_by_store, spans);
                Err(refusal)
            }
        }
    }

    pub(crate) fn counters(&self) -> Counters {
        self.counts.counters()
    }

    pub(crate) fn refusals(&self) -> Vec<(&'static str, &'static str, u64)> {
        self.counts.refusals()
    }

    pub(crate) fn memory(&self) -> MemoryUse {
        self.memory_limiter.usage()
    }

    pub(crate) fn writes(&self) -> [(&'static str, u64); 3] {
        self.batch.writes()
    }

    async fn export(&self, rows: Vec<SpanRow>) -> Result<(), StoreError> {
        let spans = rows.len();
        let inserted = self.store.insert(rows).await;
        inserted.map(drop).inspect_err(|error| {
            // The sender learns that it failed; how our disk is doing is the operator's business.
            tracing::warn!(%error, spans, "the store did not take an export");
        })
    }
}

fn has_project(row: &SpanRow) -> bool {
    row.resource_attribute(PROJECT_ID).is_some_and(|id| !id.is_empty())
}

/// A partial success only where there is something to say: senders log it.
fn answer(cut: &Cut, malformed: usize, filtered: usize) -> ExportTraceServiceResponse {
    let rejected = cut.items + malformed + filtered;
    if rejected == 0 {
        return ExportTraceServiceResponse::default();
    }
    let mut reasons = Vec::new();
    if cut.items > 0 {
        reasons.push(format!("{} spans are over the limit of one request", cut.items));
    }
    if filtered > 0 {
        reasons.push(format!("{filtered} spans lack the resource attribute {PROJECT_ID}"));
    }
    if malformed > 0 {
        reasons.push(format!("{malformed} spans have no valid trace id or span id"));
    }
    let partial_success = Some(ExportTracePartialSuccess {
        rejected_spans: i64::try_from(rejected).unwrap_or(i64::MAX),
        error_message: reasons.join("; "),
    });
    ExportTraceServiceResponse { partial_success }
}
