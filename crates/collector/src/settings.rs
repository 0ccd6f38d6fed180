//! What the collector needs to know: its limits and how it batches, with their defaults.

use std::time::Duration;

/// What the collector needs to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CollectorSettings {
    /// When new data is refused for want of memory.
    pub memory: MemoryLimits,
    /// What one request may be.
    pub limits: Limits,
    /// How requests that wait together are written together.
    pub batch: BatchSettings,
}

/// When new data is refused for want of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimits {
    /// From here on no new request is begun while others are at work; four fifths of the hard limit
    /// by default.
    pub soft_bytes: usize,
    /// Nothing is taken beyond this many bytes; 512 MiB by default.
    pub hard_bytes: usize,
    /// How often the process is asked what it holds; without it, only what is in work counts. 250 ms
    /// by default.
    pub poll_every: Option<Duration>,
}

/// What one request may be. Over the first four it is refused, over the others it is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest body, compressed or not; 16 MiB by default.
    pub body_bytes_max: usize,
    /// How many times its size a body may inflate to; 100 by default.
    pub inflate_ratio_max: usize,
    /// Up to here nobody asks for the ratio; 1 MiB by default.
    pub inflate_free_bytes: usize,
    /// What the decoded request may take in memory, by an estimate made before; 128 MiB by default.
    pub decoded_bytes_max: usize,
    /// Spans, metric points or log records; those beyond are rejected. 20,000 by default.
    pub items_max: usize,
    /// Attributes of one span, point, record, event, link, scope or resource; 128 by default.
    pub attributes_max: usize,
    /// Events of one span, and as many links and exemplars; 1,024 by default.
    pub events_max: usize,
    /// The longest text, in bytes: of a value, a key, a name; 64 KiB by default.
    pub value_bytes_max: usize,
    /// How deep lists and maps may lie in each other; 16 by default.
    pub value_depth_max: usize,
}

/// How requests that wait together are written together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSettings {
    /// So many items that wait are written at once, even while the store is busy; 2,048 by default.
    pub items_max: usize,
    /// So long a request waits at most for a busy store before a further write is begun; 1 s by
    /// default.
    pub wait_max: Duration,
}

// === impl MemoryLimits ===

impl MemoryLimits {
    /// This hard limit, and the usual soft one.
    pub const fn hard(hard_bytes: usize) -> Self {
        let poll_every = Some(Duration::from_millis(250));
        Self { soft_bytes: hard_bytes - hard_bytes / 5, hard_bytes, poll_every }
    }
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self::hard(512 << 20)
    }
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 16 << 20,
            inflate_ratio_max: 100,
            inflate_free_bytes: 1 << 20,
            decoded_bytes_max: 128 << 20,
            items_max: 20_000,
            attributes_max: 128,
            events_max: 1_024,
            value_bytes_max: 64 << 10,
            value_depth_max: 16,
        }
    }
}

// === impl BatchSettings ===

impl Default for BatchSettings {
    fn default() -> Self {
        Self { items_max: 2_048, wait_max: Duration::from_secs(1) }
    }
}
