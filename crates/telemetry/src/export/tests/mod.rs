//! Queues that lose nothing they do not count.

mod backend;
mod metrics;
mod refusing;
mod sampling;
mod tls;
mod whole;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::{Counts, ExportError, Exporters, Queue, QueueSettings, SpanSink};
use crate::span::{Pipeline, Span, SpanId, SpanKind, Status, TraceId};

/// More than any step here takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn span(id: u64, pipeline: Pipeline) -> Span {
    Span {
        trace_id: TraceId::new(1),
        span_id: SpanId::new(id),
        parent: None,
        trace_state: None,
        name: "s".into(),
        kind: SpanKind::Internal,
        start_ns: 0,
        end_ns: 1,
        status: Status::Unset,
        attributes: Vec::new(),
        events: Vec::new(),
        links: Vec::new(),
        pipeline,
    }
}

/// Fails as often as told, then takes everything.
struct Sink {
    failures: u32,
    taken: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl SpanSink for Sink {
    async fn export(&mut self, batch: &[Arc<Span>]) -> Result<(), ExportError> {
        if self.failures > 0 {
            self.failures -= 1;
            return Err(ExportError::unavailable("down"));
        }
        self.taken.lock().unwrap().extend(batch.iter().map(|span| span.span_id.to_string()));
        Ok(())
    }
}

fn settings(spans_max: usize) -> QueueSettings {
    QueueSettings {
        spans_max,
        batch_spans_max: 3,
        linger: Duration::from_millis(5),
        flush_max: Duration::from_millis(300),
        sample_ratio: 1.0,
    }
}

fn exporters(queue: &Arc<Queue>, only: Option<Pipeline>) -> Exporters {
    let mut exporters = Exporters::default();
    exporters.add(Arc::clone(queue), only);
    exporters
}

#[test]
fn a_full_queue_drops_what_comes_on_top_and_counts_it() {
    let queue = Queue::new("q", settings(4));
    let exporters = exporters(&queue, None);
    exporters.submit((1..=4).map(|id| span(id, Pipeline::GenAi)).collect());
    assert_eq!(queue.counts(), Counts { queued: 4, ..Counts::default() }, "room for four");
    exporters.submit(vec![span(5, Pipeline::GenAi)]);
    assert_eq!(queue.counts(), Counts { queued: 4, dropped_full: 1, ..Counts::default() });
}

#[test]
fn each_destination_gets_the_spans_of_its_pipeline() {
    let queue = Queue::new("q", settings(10));
    let exporters = exporters(&queue, Some(Pipeline::Application));
    exporters.submit(vec![span(1, Pipeline::GenAi), span(2, Pipeline::Application)]);
    assert_eq!(exporters.queued(), 1);
}

#[tokio::test]
async fn a_failing_destination_gets_every_span_once_and_in_order() {
    let queue = Queue::new("q", settings(100));
    let taken = Arc::new(Mutex::new(Vec::new()));
    let (stop, stopping) = watch::channel(false);
    let sink = Sink { failures: 2, taken: Arc::clone(&taken) };
    let worker = Arc::clone(&queue);
    let worker = tokio::spawn(async move { worker.run(sink, stopping).await });
    exporters(&queue, None).submit((1..=8).map(|id| span(id, Pipeline::GenAi)).collect());
    while queue.counts().delivered < 8 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.send_replace(true);
    worker.await.unwrap();
    let expected: Vec<_> = (1..=8).map(|id| SpanId::new(id).to_string()).collect();
    assert_eq!(*taken.lock().unwrap(), expected);
    assert_eq!(queue.counts(), Counts { delivered: 8, ..Counts::default() });
}

#[tokio::test]
async fn the_end_delivers_what_is_left_and_counts_what_could_not_be() {
    for (failures, delivered) in [(0, 7), (u32::MAX, 0)] {
        let queue = Queue::new("q", settings(100));
        let (stop, stopping) = watch::channel(false);
        exporters(&queue, None).submit((1..=7).map(|id| span(id, Pipeline::GenAi)).collect());
        stop.send_replace(true);
        let sink = Sink { failures, taken: Arc::default() };
        tokio::time::timeout(PATIENCE, queue.run(sink, stopping)).await.unwrap();
        let counts = queue.counts();
        assert_eq!((counts.delivered, counts.dropped_shutdown), (delivered, 7 - delivered));
        assert_eq!(counts.queued, 0);
    }
}

#[test]
fn a_queue_that_is_full_takes_nothing_from_another() {
    let (small, large) = (Queue::new("small", settings(1)), Queue::new("large", settings(10)));
    let mut exporters = exporters(&small, Some(Pipeline::GenAi));
    exporters.add(Arc::clone(&large), None);
    exporters.submit((1..=3).map(|id| span(id, Pipeline::GenAi)).collect());
    assert_eq!(small.counts(), Counts { queued: 1, dropped_full: 2, ..Counts::default() });
    assert_eq!(large.counts(), Counts { queued: 3, ..Counts::default() });
    assert_eq!(exporters.queued(), 4);
}
