//! Where finished spans go: one bounded queue per destination, and what was dropped is counted.
//!
//! Spans do not pass through the SDK's batch processor, which drops on a full queue and loses a
//! batch when its exporter fails: see `docs/adr/0005-own-span-queue.md`.

mod otlp;
mod queue;
mod span_data;

use std::sync::Arc;

use async_trait::async_trait;

pub use otlp::{OtlpProtocol, OtlpSettings, OtlpSink};
pub use queue::{Counts, Queue, QueueSettings};

use crate::profile::Profile;
use crate::span::{Pipeline, Span};

#[cfg(test)]
mod tests;

/// A destination could not take a batch. It is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportError(pub String);

/// A destination of spans.
#[async_trait]
pub trait SpanSink: Send {
    /// Hands over a batch; all of it or none.
    ///
    /// # Errors
    /// The batch was not taken and should be offered again.
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

impl std::fmt::Display for ExportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ExportError {}
