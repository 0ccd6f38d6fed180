//! Where finished spans go: one bounded queue per destination, and what was dropped is counted.
//!
//! Spans do not pass through the SDK's batch processor, which drops on a full queue and loses a
//! batch when its exporter fails: see `docs/adr/0005-own-span-queue.md`.

mod otlp;
mod queue;

use std::sync::Arc;

use async_trait::async_trait;

pub use otlp::{OtlpProtocol, OtlpSettings, OtlpSink};
pub use queue::{Counts, Queue, QueueSettings};

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

/// All destinations.
#[derive(Clone, Default)]
pub struct Exporters {
    queues: Vec<(Arc<Queue>, Option<Pipeline>)>,
}

// === impl Exporters ===

impl Exporters {
    /// Adds a destination; `only` limits it to one pipeline.
    pub fn add(&mut self, queue: Arc<Queue>, only: Option<Pipeline>) {
        self.queues.push((queue, only));
    }

    /// Puts spans into every queue that takes them. Never waits.
    pub fn submit(&self, spans: Vec<Span>) {
        let spans: Vec<_> = spans.into_iter().map(Arc::new).collect();
        for (queue, only) in &self.queues {
            queue.push(spans.iter().filter(|span| only.is_none_or(|only| span.pipeline == only)));
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
