//! A bounded queue in front of one destination.
//!
//! Invariant: submitted = delivered + dropped + queued, at every moment.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::SpanSink;
use crate::span::Span;

/// The longest pause between two tries.
const BACKOFF_MAX: Duration = Duration::from_secs(5);
const BACKOFF_BASE: Duration = Duration::from_millis(100);

/// How a queue behaves.
#[derive(Clone, Copy, Debug)]
pub struct QueueSettings {
    /// Most spans that wait; what comes on top is dropped and counted.
    pub spans_max: usize,
    /// Most spans in one batch.
    pub batch_spans_max: usize,
    /// How long a batch may wait to be filled.
    pub linger: Duration,
    /// How long the destination may take at the end.
    pub flush_max: Duration,
}

/// What became of the spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Taken by the destination.
    pub delivered: u64,
    /// Dropped because the queue was full.
    pub dropped_full: u64,
    /// Dropped because the destination did not take them before the end.
    pub dropped_shutdown: u64,
    /// Waiting, or on their way.
    pub queued: usize,
}

/// A bounded queue in front of one destination.
pub struct Queue {
    name: &'static str,
    settings: QueueSettings,
    state: Mutex<State>,
    filled: Notify,
}

#[derive(Default)]
struct State {
    spans: VecDeque<Arc<Span>>,
    counts: Counts,
}

// === impl QueueSettings ===

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            spans_max: 65_536,
            batch_spans_max: 512,
            linger: Duration::from_secs(1),
            flush_max: Duration::from_secs(5),
        }
    }
}

// === impl Queue ===

impl Queue {
    /// `name` is the destination's in metrics and logs.
    pub fn new(name: &'static str, settings: QueueSettings) -> Arc<Self> {
        Arc::new(Self { name, settings, state: Mutex::default(), filled: Notify::new() })
    }

    /// The destination's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What became of the spans so far.
    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// Takes spans as far as there is room.
    pub fn push<'a>(&self, spans: impl Iterator<Item = &'a Arc<Span>>) {
        let mut state = self.lock();
        for span in spans {
            if state.counts.queued >= self.settings.spans_max {
                state.counts.dropped_full += 1;
            } else {
                state.counts.queued += 1;
                state.spans.push_back(Arc::clone(span));
            }
        }
        let full = state.spans.len() >= self.settings.batch_spans_max;
        drop(state);
        if full {
            self.filled.notify_one();
        }
    }

    /// Delivers until `stop` turns true, then what is left, within the flush time.
    pub async fn run(&self, mut sink: impl SpanSink, mut stop: watch::Receiver<bool>) {
        let mut ending = None;
        loop {
            if ending.is_none() {
                tokio::select! {
                    () = self.filled.notified() => {}
                    () = sleep(self.settings.linger) => {}
                    () = stopped(&mut stop) => {
                        ending = Some(Instant::now() + self.settings.flush_max);
                    }
                }
            }
            while let Some(batch) = self.take() {
                let delivered = match ending {
                    None => tokio::select! {
                        () = self.deliver(&mut sink, &batch) => true,
                        () = stopped(&mut stop) => {
                            let until = Instant::now() + self.settings.flush_max;
                            ending = Some(until);
                            timeout_at(until, self.deliver(&mut sink, &batch)).await.is_ok()
                        }
                    },
                    Some(until) => timeout_at(until, self.deliver(&mut sink, &batch)).await.is_ok(),
                };
                self.settle(batch.len(), delivered);
            }
            if ending.is_some() {
                return;
            }
        }
    }

    /// Offers a batch until it is taken.
    async fn deliver(&self, sink: &mut impl SpanSink, batch: &[Arc<Span>]) {
        let mut pause = BACKOFF_BASE;
        while let Err(error) = sink.export(batch).await {
            tracing::warn!(queue = self.name, spans = batch.len(), %error, "spans were not taken; trying again");
            sleep(pause).await;
            pause = (pause * 2).min(BACKOFF_MAX);
        }
    }

    fn take(&self) -> Option<Vec<Arc<Span>>> {
        let mut state = self.lock();
        let spans = state.spans.len().min(self.settings.batch_spans_max);
        (spans > 0).then(|| state.spans.drain(..spans).collect())
    }

    fn settle(&self, spans: usize, delivered: bool) {
        let counts = &mut self.lock().counts;
        counts.queued -= spans;
        if delivered {
            counts.delivered += spans as u64;
        } else {
            counts.dropped_shutdown += spans as u64;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A closed channel means the same.
    let _closed = stop.wait_for(|stop| *stop).await;
}
