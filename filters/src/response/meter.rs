//! When things arrive: first byte, event, reasoning and content, and the gaps between content.
//!
//! One clock reading per chunk, given by the caller; events that arrive together have one time.

use std::time::Duration;

use tokio::time::Instant;
use tollgate_providers::StreamEvent;

/// A gap at least this long counts as a stall.
pub const STALL_MIN: Duration = Duration::from_secs(2);

/// Times since the attempt began, as far as they happened.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Times {
    /// The first byte of the response's body.
    pub first_byte: Option<Duration>,
    /// The first SSE event with data.
    pub first_event: Option<Duration>,
    /// The first reasoning text.
    pub first_reasoning: Option<Duration>,
    /// The first content of any kind: text, reasoning, refusal, tool call, audio, image.
    pub first_content: Option<Duration>,
    /// The last content.
    pub last_content: Option<Duration>,
    /// Gaps between arrivals of content.
    pub gaps: Gaps,
}

/// A histogram of gaps in fixed memory: eight buckets per power of two of microseconds, so that a
/// quantile is off by at most an eighth.
#[derive(Clone, PartialEq)]
pub struct Gaps {
    buckets: Box<[u32; BUCKETS]>,
    count: u32,
    max: Duration,
    stalls: u32,
}

/// Keeps [`Times`] up to date.
#[derive(Debug)]
pub struct Meter {
    started: Instant,
    times: Times,
    last_content_at: Option<Instant>,
}

/// 2^35 µs is 9.5 hours.
const BUCKETS: usize = 8 * 33;

// === impl Gaps ===

impl Default for Gaps {
    fn default() -> Self {
        Self { buckets: Box::new([0; BUCKETS]), count: 0, max: Duration::ZERO, stalls: 0 }
    }
}

impl std::fmt::Debug for Gaps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gaps").field("count", &self.count).field("max", &self.max).finish()
    }
}

impl Gaps {
    /// Adds one gap.
    pub fn record(&mut self, gap: Duration) {
        if let Some(bucket) = self.buckets.get_mut(bucket_of(gap)) {
            *bucket = bucket.saturating_add(1);
        }
        self.count = self.count.saturating_add(1);
        self.max = self.max.max(gap);
        self.stalls += u32::from(gap >= STALL_MIN);
    }

    /// How many gaps there were.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// How many of them were stalls.
    pub const fn stalls(&self) -> u32 {
        self.stalls
    }

    /// The longest, exactly.
    pub fn max(&self) -> Option<Duration> {
        (self.count > 0).then_some(self.max)
    }

    /// The lengths that there were, each with how often: the middle of its bucket, off by at most a
    /// sixteenth.
    pub fn by_length(&self) -> Vec<(Duration, u32)> {
        let buckets = self.buckets.iter().enumerate().filter(|(_, count)| **count > 0);
        buckets.map(|(index, count)| (bucket_middle(index).min(self.max), *count)).collect()
    }

    /// The gap that `share` (0 to 1) of all gaps do not exceed, rounded up to its bucket's end.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        if self.count == 0 {
            return None;
        }
        let rank = (f64::from(self.count) * share).ceil().max(1.0);
        let mut below = 0.0;
        for (index, bucket) in self.buckets.iter().enumerate() {
            below += f64::from(*bucket);
            if below >= rank {
                return Some(bucket_end(index).min(self.max));
            }
        }
        Some(self.max)
    }
}

fn bucket_of(gap: Duration) -> usize {
    let us = gap.as_secs().saturating_mul(1_000_000);
    let us = us.saturating_add(u64::from(gap.subsec_micros())).max(8);
    let exponent = us.ilog2();
    let eighth = (us >> (exponent - 3)) & 7;
    let index = (exponent as usize - 3) * 8 + eighth as usize;
    index.min(BUCKETS - 1)
}

fn bucket_end(index: usize) -> Duration {
    let (exponent, eighth) = (index / 8 + 3, (index % 8) as u64);
    Duration::from_micros((9 + eighth) << (exponent - 3))
}

fn bucket_middle(index: usize) -> Duration {
    let (exponent, eighth) = (index / 8 + 3, (index % 8) as u64);
    Duration::from_nanos(((17 + 2 * eighth) << (exponent - 3)) * 500)
}

// === impl Meter ===

impl Meter {
    /// Times count from `started`.
    pub fn new(started: Instant) -> Self {
        Self { started, times: Times::default(), last_content_at: None }
    }

    /// A chunk arrived.
    pub fn on_chunk(&mut self, at: Instant) {
        self.times.first_byte.get_or_insert_with(|| at.saturating_duration_since(self.started));
    }

    /// An event arrived with the chunk of `at`.
    pub fn on_event(&mut self, event: &StreamEvent<'_>, at: Instant) {
        let since = || at.saturating_duration_since(self.started);
        match event {
            StreamEvent::Boundary { .. } => {
                self.times.first_event.get_or_insert_with(since);
                return;
            }
            StreamEvent::Reasoning { .. } => {
                self.times.first_reasoning.get_or_insert_with(since);
            }
            _ => {}
        }
        // What comes with content that was seen says nothing new.
        if self.last_content_at == Some(at) || !is_content(event) {
            return;
        }
        match self.last_content_at.replace(at) {
            Some(last) => self.times.gaps.record(at.saturating_duration_since(last)),
            None => self.times.first_content = Some(since()),
        }
    }

    /// Whether any content arrived.
    pub const fn has_content(&self) -> bool {
        self.times.first_content.is_some()
    }

    /// When content last arrived.
    pub const fn last_content_at(&self) -> Option<Instant> {
        self.last_content_at
    }

    /// What was measured.
    pub fn into_times(self) -> Times {
        let last = self.last_content_at;
        let last_content = last.map(|at| at.saturating_duration_since(self.started));
        Times { last_content, ..self.times }
    }
}

/// Whether an event shows the caller something of the answer: the rule of first content.
pub fn is_content(event: &StreamEvent<'_>) -> bool {
    match event {
        StreamEvent::Text { text, .. }
        | StreamEvent::Reasoning { text, .. }
        | StreamEvent::Refusal { text, .. } => !text.is_empty(),
        StreamEvent::ToolCallArguments { fragment, .. } => !fragment.is_empty(),
        StreamEvent::ToolCallStart { .. }
        | StreamEvent::ToolCallInput { .. }
        | StreamEvent::Media { .. } => true,
        _ => false,
    }
}
