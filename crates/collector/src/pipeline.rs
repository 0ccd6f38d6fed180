//! The only place where the order of the stages is written:
//! receivers → auth → memory limiter → batch → filter → exporter (the store).
//!
//! Auth stands in the receivers' layers, before the body is read; what it found out is stamped here,
//! before anything else is done. The memory limiter admits a request before its body is read, and
//! counts every byte that it becomes. An export is acknowledged when its rows are durable.

use std::sync::Arc;

use tollgate_store::{LogRow, MetricRow, SpanRow, SpanStore, StoreError};

use crate::CollectorSettings;
use crate::auth::{Auth, Sender, Unauthenticated};
use crate::batch::Batch;
use crate::convert::Converted;
use crate::counts::{Counters, Counts, add};
use crate::limit::{Cut, Limited};
use crate::memory_limiter::{MemoryLimiter, MemoryUse, Reservation};
use crate::refusal::Refusal;
use crate::signal::{Logs, Metrics, Partial, Signal, SignalKind, Traces};

/// The resource attribute without which nothing is kept.
pub(crate) const PROJECT_ID: &str = "project.id";

pub(crate) struct Pipeline {
    pub(crate) settings: CollectorSettings,
    pub(crate) auth: Auth,
    memory_limiter: MemoryLimiter,
    batches: Batches,
    store: Arc<dyn SpanStore>,
    counts: Counts,
}

/// The batch stage, one for each signal.
pub(crate) struct Batches {
    pub(crate) traces: Batch<SpanRow>,
    pub(crate) metrics: Batch<MetricRow>,
    pub(crate) logs: Batch<LogRow>,
}

// === impl Pipeline ===

impl Pipeline {
    pub(crate) fn new(settings: CollectorSettings, store: Arc<dyn SpanStore>, auth: Auth) -> Self {
        let memory_limiter = MemoryLimiter::new(settings.memory);
        let batches = Batches {
            traces: Batch::new(settings.batch),
            metrics: Batch::new(settings.batch),
            logs: Batch::new(settings.batch),
        };
        Self { settings, auth, memory_limiter, batches, store, counts: Counts::default() }
    }

    /// Keeps the stages going that work for all requests; never ends.
    pub(crate) async fn run(&self) {
        let exporting = async {
            tokio::join!(
                self.run_batch::<Traces>(),
                self.run_batch::<Metrics>(),
                self.run_batch::<Logs>()
            )
        };
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
    pub(crate) async fn take<S: Signal>(
        &self,
        sender: Option<&Sender>,
        request: S::Request,
        reserved: Reservation,
    ) -> Result<S::Response, Refusal> {
        let taken = self.keep::<S>(sender, request, reserved).await;
        if let Err(refusal) = &taken {
            self.counts.refused(*refusal);
        }
        taken
    }

    async fn keep<S: Signal>(
        &self,
        sender: Option<&Sender>,
        mut request: S::Request,
        mut reserved: Reservation,
    ) -> Result<S::Response, Refusal> {
        let sender = sender.ok_or(Refusal::Unauthenticated(Unauthenticated::Missing))?;
        sender.stamp(S::resources(&mut request));
        let cut = request.limit(&self.settings.limits);
        // Rows repeat their resource, so a small request can become large.
        reserved.grow(S::repeated_bytes(&request))?;
        let Converted { rows, malformed } = S::convert(request);
        let counts = self.counts.of(S::KIND);
        counts.cut(&cut);
        add(&counts.received, rows.len() + malformed);
        add(&counts.dropped_malformed, malformed);
        let items = rows.len();
        if items == 0 {
            return Ok(answer::<S>(&cut, malformed, 0));
        }
        match S::batch(&self.batches).add(rows, reserved).await {
            Ok(filtered) => {
                add(&counts.dropped_by_filter, filtered);
                add(&counts.stored, items - filtered);
                Ok(answer::<S>(&cut, malformed, filtered))
            }
            Err(refusal) => {
                add(&counts.refused_by_store, items);
                Err(refusal)
            }
        }
    }

    pub(crate) fn counters(&self, signal: SignalKind) -> Counters {
        self.counts.counters(signal)
    }

    pub(crate) fn refusals(&self) -> Vec<(&'static str, &'static str, u64)> {
        self.counts.refusals()
    }

    pub(crate) fn memory(&self) -> MemoryUse {
        self.memory_limiter.usage()
    }

    /// Of all signals.
    pub(crate) fn writes(&self) -> [(&'static str, u64); 3] {
        let Batches { traces, metrics, logs } = &self.batches;
        let mut all = traces.writes();
        for (sum, more) in all.iter_mut().zip(metrics.writes().into_iter().zip(logs.writes())) {
            sum.1 += more.0.1 + more.1.1;
        }
        all
    }

    async fn run_batch<S: Signal>(&self) {
        S::batch(&self.batches).run(has_project::<S>, |rows| self.export::<S>(rows)).await;
    }

    async fn export<S: Signal>(&self, rows: Vec<S::Row>) -> Result<(), StoreError> {
        let items = rows.len();
        let inserted = S::insert(&*self.store, rows).await;
        inserted.map(drop).inspect_err(|error| {
            // The sender learns that it failed; how our disk is doing is the operator's business.
            let signal = S::KIND.name();
            tracing::warn!(%error, items, signal, "the store did not take an export");
        })
    }
}

fn has_project<S: Signal>(row: &S::Row) -> bool {
    S::resource_attribute(row, PROJECT_ID).is_some_and(|id| !id.is_empty())
}

/// A partial success only where there is something to say: senders log it.
fn answer<S: Signal>(cut: &Cut, malformed: usize, filtered: usize) -> S::Response {
    let rejected = cut.items + malformed + filtered;
    if rejected == 0 {
        return S::response(None);
    }
    let items = S::ITEMS;
    let mut reasons = Vec::new();
    if cut.items > 0 {
        reasons.push(format!("{} {items} are over the limit of one request", cut.items));
    }
    if filtered > 0 {
        reasons.push(format!("{filtered} {items} lack the resource attribute {PROJECT_ID}"));
    }
    if malformed > 0 {
        reasons.push(format!("{malformed} {items} {}", S::MALFORMED));
    }
    let rejected = i64::try_from(rejected).unwrap_or(i64::MAX);
    S::response(Some(Partial { rejected, message: reasons.join("; ") }))
}
