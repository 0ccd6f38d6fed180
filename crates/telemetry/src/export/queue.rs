//! A bounded queue in front of one destination.
//!
//! Invariant: submitted = delivered + dropped + queued, at every moment.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::{ExportError, SpanSink};
use crate::span::{Span, TraceId};

/// The longest pause between two tries.
const BACKOFF_MAX: Duration = Duration::from_secs(5);
const BACKOFF_BASE: Duration = Duration::from_millis(100);
/// The longest pause that a destination can ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);
/// Lower halves of trace ids, without their last bit, are below this: 2^63.
const SAMPLED_BELOW: f64 = 9_223_372_036_854_775_808.0;

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
    /// The share of traces that it gets, from 0 to 1.
    pub sample_ratio: f64,
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
    /// Dropped because the destination will never take them.
    pub dropped_refused: u64,
    /// Left out because their traces are not sampled. Neither submitted nor lost.
    pub unsampled: u64,
    /// Waiting, or on their way.
    pub queued: usize,
}

/// A bounded queue in front of one destination.
pub struct Queue {
    name: Arc<str>,
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
            sample_ratio: 1.0,
        }
    }
}

// === impl Queue ===

impl Queue {
    /// `name` is the destination's in metrics and logs.
    pub fn new(name: impl Into<Arc<str>>, settings: QueueSettings) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            settings,
            state: Mutex::default(),
            filled: Notify::new(),
        })
    }

    /// The destination's name.
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What became of the spans so far.
    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// Takes spans as far as there is room.
    pub fn push<'a>(&self, spans: impl Iterator<Item = &'a Arc<Span>>) {
        let mut state = self.lock();
        for span in spans {
            if !sampled(span.trace_id, self.settings.sample_ratio) {
                state.counts.unsampled += 1;
            } else if state.counts.queued >= self.settings.spans_max {
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
                let refused = match ending {
                    None => tokio::select! {
                        refused = self.deliver(&mut sink, &batch) => Some(refused),
                        () = stopped(&mut stop) => {
                            let until = Instant::now() + self.settings.flush_max;
                            ending = Some(until);
                            timeout_at(until, self.deliver(&mut sink, &batch)).await.ok()
                        }
                    },
                    Some(until) => timeout_at(until, self.deliver(&mut sink, &batch)).await.ok(),
                };
                self.settle(batch.len(), refused);
            }
            if ending.is_some() {
                return;
            }
        }
    }

    /// Offers a batch until it is taken or refused. Says how many of its spans were refused.
    async fn deliver(&self, sink: &mut impl SpanSink, batch: &[Arc<Span>]) -> usize {
        let (queue, spans) = (&*self.name, batch.len());
        let mut pause = BACKOFF_BASE;
        loop {
            let Err(error) = sink.export(batch).await else { return 0 };
            match &error {
                ExportError::Unavailable { after, .. } => {
                    tracing::warn!(queue, spans, %error, "spans were not taken; trying again");
                    let asked = after.unwrap_or_default().min(RETRY_AFTER_MAX);
                    sleep(pause.max(asked)).await;
                    pause = (pause * 2).min(BACKOFF_MAX);
                }
                ExportError::Refused { .. } => {
                    tracing::warn!(queue, spans, %error, "spans were refused and are dropped");
                    return spans;
                }
                ExportError::Partial { rejected, .. } => {
                    tracing::warn!(queue, spans, rejected, %error, "some spans were refused");
                    return (*rejected).min(spans);
                }
            }
        }
    }

    fn take(&self) -> Option<Vec<Arc<Span>>> {
        let mut state = self.lock();
        let spans = state.spans.len().min(self.settings.batch_spans_max);
        (spans > 0).then(|| state.spans.drain(..spans).collect())
    }

    /// `refused` of a batch's spans were; none says that the end came before the answer.
    fn settle(&self, spans: usize, refused: Option<usize>) {
        let counts = &mut self.lock().counts;
        counts.queued -= spans;
        if let Some(refused) = refused {
            counts.delivered += (spans - refused) as u64;
            counts.dropped_refused += refused as u64;
        } else {
            counts.dropped_shutdown += spans as u64;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As the SDKs decide, so that they keep the same traces at the same ratio: by the lower 63 bits of
/// the trace id.
fn sampled(trace: TraceId, ratio: f64) -> bool {
    if ratio >= 1.0 {
        return true;
    }
    let [.., a, b, c, d, e, f, g, h] = trace.to_bytes();
    let low = u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1;
    (low as f64) < ratio.max(0.0) * SAMPLED_BELOW
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A closed channel means the same.
    let _closed = stop.wait_for(|stop| *stop).await;
}
