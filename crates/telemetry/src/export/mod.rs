//! Where finished spans go: one bounded queue per destination, and what was dropped is counted.
//!
//! Spans do not pass through the SDK's batch processor, which drops on a full queue and loses a
//! batch when its exporter fails: see `docs/adr/0005-own-span-queue.md`.

mod connection;
mod connector;
mod metrics_push;
mod otlp;
mod queue;
mod refusal;
mod settings;
mod span_data;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use metrics_push::{MetricsReader, end_metrics, metrics_reader};
pub use otlp::OtlpSink;
pub use queue::{Counts, Queue, QueueSettings};
pub use settings::{
    MetricsPush, OtlpConnection, OtlpIdentity, OtlpProtocol, OtlpSettings, OtlpTls,
};

use crate::profile::Profile;
use crate::span::{Pipeline, Span};

#[cfg(test)]
mod tests;

/// A destination did not take a batch, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportError {
    /// Not now: it is tried again.
    Unavailable {
        /// Why.
        message: String,
        /// Not before this time has passed, if the destination says so.
        after: Option<Duration>,
    },
    /// Never: it is dropped.
    Refused {
        /// Why.
        message: String,
    },
    /// All but some spans, which are dropped.
    Partial {
        /// How many it did not take.
        rejected: usize,
        /// Why.
        message: String,
    },
}

/// A destination of spans.
#[async_trait]
pub trait SpanSink: Send {
    /// Hands over a batch.
    ///
    /// # Errors
    /// What became of a batch that was not taken, or not whole.
    async fn export(&mut self, batch: &[Arc<Span>]) -> Result<(), ExportError>;
}

/// Which spans a destination takes. What it does not take is never in its queue, so that
/// submitted = delivered + dropped + queued holds for those it does.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// One pipeline; `None` for both.
    pub pipeline: Option<Pipeline>,
    /// The vocabularies it reads; a span that has no place in any is not for it. Empty for all.
    pub profiles: Vec<Profile>,
}

/// All destinations.
#[derive(Clone, Default)]
pub struct Exporters {
    queues: Vec<(Arc<Queue>, Filter)>,
}

// === impl Filter ===

impl Filter {
    /// Whether the destination takes this span.
    pub fn takes(&self, span: &Span) -> bool {
        let profiles = &self.profiles;
        self.pipeline.is_none_or(|only| span.pipeline == only)
            && (profiles.is_empty() || profiles.iter().any(|profile| profile.takes(span)))
    }
}

impl From<Option<Pipeline>> for Filter {
    fn from(pipeline: Option<Pipeline>) -> Self {
        Self { pipeline, profiles: Vec::new() }
    }
}

// === impl Exporters ===

impl Exporters {
    /// Adds a destination; `filter` says what it takes.
    pub fn add(&mut self, queue: Arc<Queue>, filter: impl Into<Filter>) {
        self.queues.push((queue, filter.into()));
    }

    /// Puts spans into every queue that takes them. Never waits.
    pub fn submit(&self, spans: Vec<Span>) {
        let spans: Vec<_> = spans.into_iter().map(Arc::new).collect();
        for (queue, filter) in &self.queues {
            queue.push(spans.iter().filter(|span| filter.takes(span)));
        }
    }

    /// The queues, for their counts.
    pub fn queues(&self) -> impl Iterator<Item = &Arc<Queue>> {
        self.queues.iter().map(|(queue, _)| queue)
    }

    /// Spans that have not reached their destinations yet.
    pub fn queued(&self) -> usize {
        self.queues().map(|queue| queue.counts().queued).sum()
    }
}

// === impl ExportError ===

impl ExportError {
    /// It may be taken later.
    pub fn unavailable(error: impl std::fmt::Display) -> Self {
        Self::Unavailable { message: error.to_string(), after: None }
    }
}

impl std::fmt::Display for ExportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Unavailable { message, .. }
        | Self::Refused { message }
        | Self::Partial { message, .. }) = self;
        f.write_str(message)
    }
}

impl std::error::Error for ExportError {}
