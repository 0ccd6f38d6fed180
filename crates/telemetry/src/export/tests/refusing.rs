//! Backends that are busy, slow, or never take what they get.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::export::OtlpProtocol;
use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::backend::{Answer, Backend, PROTOCOLS, otlp};
use super::{PATIENCE, exporters, settings, span};
use crate::export::{Counts, Exporters, OtlpSink, Queue};
use crate::span::Pipeline;

/// A queue with its worker.
struct Line {
    queue: Arc<Queue>,
    exporters: Exporters,
    stop: watch::Sender<bool>,
    worker: JoinHandle<()>,
}

impl Line {
    fn new(protocol: OtlpProtocol, address: std::net::SocketAddr, spans_max: usize) -> Self {
        let queue = Queue::new("q", settings(spans_max));
        let (stop, stopping) = watch::channel(false);
        let sink = OtlpSink::new(&otlp(protocol, &format!("http://{address}"))).unwrap();
        let worker = Arc::clone(&queue);
        let worker = tokio::spawn(async move { worker.run(sink, stopping).await });
        Self { exporters: exporters(&queue, None), queue, stop, worker }
    }

    fn submit(&self, ids: std::ops::RangeInclusive<u64>) {
        self.exporters.submit(ids.map(|id| span(id, Pipeline::GenAi)).collect());
    }

    async fn settled(&self) -> Counts {
        let until = Instant::now() + PATIENCE;
        while self.queue.counts().queued > 0 {
            assert!(Instant::now() < until, "{:?}", self.queue.counts());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.queue.counts()
    }

    async fn end(self) -> Counts {
        self.stop.send_replace(true);
        tokio::time::timeout(PATIENCE, self.worker).await.unwrap().unwrap();
        self.queue.counts()
    }
}

#[tokio::test]
async fn a_backend_that_was_down_gets_what_there_was_room_for_once_and_in_order() {
    for protocol in PROTOCOLS {
        // The port is ours, and nobody listens there yet.
        let port = TcpSocket::new_v4().unwrap();
        port.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = port.local_addr().unwrap();
        let line = Line::new(protocol, address, 10);
        let mut waited = Duration::ZERO;
        for id in 1..=40 {
            let started = Instant::now();
            line.submit(id..=id);
            waited += started.elapsed();
            // Time for the worker to take a batch and fail, which must not make room.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert!(waited < Duration::from_secs(2), "callers wait for nothing: {waited:?}");
        let down = Counts { queued: 10, dropped_full: 30, ..Counts::default() };
        assert_eq!(line.queue.counts(), down, "{protocol:?}: 40 = 30 dropped + 10 queued");
        // It comes back, and is busy at first.
        let backend = Backend::answering([Answer::Busy, Answer::Busy]);
        backend.serve(port.listen(64).unwrap(), None);
        line.settled().await;
        let up = Counts { delivered: 10, dropped_full: 30, ..Counts::default() };
        assert_eq!(line.end().await, up, "{protocol:?}: 40 = 30 dropped + 10 delivered");
        assert_eq!(backend.span_ids(), (1..=10).collect::<Vec<_>>(), "{protocol:?}");
    }
}

#[tokio::test]
async fn what_a_backend_refuses_is_counted_and_what_comes_after_it_arrives() {
    for protocol in PROTOCOLS {
        let backend = Backend::answering([Answer::Refuse]);
        let line = Line::new(protocol, backend.start(None).await, 100);
        line.submit(1..=8);
        let expected = Counts { delivered: 5, dropped_refused: 3, ..Counts::default() };
        assert_eq!(line.settled().await, expected, "{protocol:?}: a batch of three");
        assert_eq!(backend.span_ids(), [4, 5, 6, 7, 8]);
        line.end().await;
    }
}

#[tokio::test]
async fn what_a_backend_takes_only_in_part_is_not_sent_again() {
    for protocol in PROTOCOLS {
        // More than there were is all of them; none with a text is a remark.
        let answers = [Answer::Partial(2), Answer::Partial(99), Answer::Partial(0)];
        let backend = Backend::answering(answers);
        let line = Line::new(protocol, backend.start(None).await, 100);
        line.submit(1..=9);
        let expected = Counts { delivered: 4, dropped_refused: 5, ..Counts::default() };
        assert_eq!(line.settled().await, expected, "{protocol:?}");
        assert_eq!(backend.span_ids(), (1..=9).collect::<Vec<_>>(), "each once");
        line.end().await;
    }
}

#[tokio::test]
async fn a_backend_that_takes_too_long_is_asked_again() {
    for protocol in PROTOCOLS {
        let backend = Backend::answering([Answer::Late(Duration::from_secs(60)); 1]);
        let address = backend.start(None).await;
        let mut otlp = otlp(protocol, &format!("http://{address}"));
        otlp.traces.timeout = Duration::from_millis(1_500);
        let mut sink = OtlpSink::new(&otlp).unwrap();
        let batch = [Arc::new(span(1, Pipeline::GenAi))];
        let error = crate::export::SpanSink::export(&mut sink, &batch).await.unwrap_err();
        assert_eq!(error, crate::export::ExportError::unavailable("no answer within 1500 ms"));
        crate::export::SpanSink::export(&mut sink, &batch).await.unwrap();
        assert_eq!(backend.span_ids(), [1], "{protocol:?}");
    }
}
