//! The OTLP receivers: where they listen, who may send, and how much.

use std::net::SocketAddr;
use std::time::Duration;

use crate::auth::CollectorAuth;
use crate::model::{CollectorEntry, Document};

const MEMORY_MIB: usize = 512;
const MEMORY_POLL: Duration = Duration::from_millis(250);
const MIB: usize = 1024 * 1024;

/// `collector`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector {
    /// OTLP over gRPC; 127.0.0.1:4317 by default.
    pub grpc_addr: SocketAddr,
    /// OTLP over HTTP; 127.0.0.1:4318 by default.
    pub http_addr: SocketAddr,
    /// Beyond this many bytes in memory, nothing is taken; 512 MiB by default.
    pub memory_bytes_max: usize,
    /// From here on no request is begun beside others; four fifths of the former by default.
    pub memory_soft_bytes: usize,
    /// How often the process is asked what it holds; 250 ms by default.
    pub memory_poll: Duration,
    /// What one request may be.
    pub limits: IntakeLimits,
    /// How requests that wait together are written together.
    pub batch: IntakeBatch,
    /// Who may send.
    pub auth: CollectorAuth,
}

/// `collector.limits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IntakeLimits {
    /// The largest body, compressed or not; 16 MiB by default.
    pub body_bytes_max: usize,
    /// How many times its size a body beyond 1 MiB may inflate to; 100 by default.
    pub inflate_ratio_max: usize,
    /// What a decoded request may take in memory; 128 MiB by default.
    pub decoded_bytes_max: usize,
    /// Spans, metric points or log records; 20,000 by default.
    pub items_max: usize,
    /// Attributes of each; 128 by default.
    pub attributes_max: usize,
    /// Events of a span, and as many links; 1,024 by default.
    pub events_max: usize,
    /// The longest value, key or name, in bytes; 64 KiB by default.
    pub value_bytes_max: usize,
    /// How deep lists and maps may lie in each other; 16 by default.
    pub value_depth_max: usize,
}

/// `collector.batch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IntakeBatch {
    /// So many spans that wait are written at once; 2,048 by default.
    pub items_max: usize,
    /// So long a request waits at most for a busy store; 1 s by default.
    pub wait_max: Duration,
}

// === impl Collector ===

impl Collector {
    pub(crate) fn of(document: &Document, grpc_addr: SocketAddr, http_addr: SocketAddr) -> Self {
        let is_local = grpc_addr.ip().is_loopback() && http_addr.ip().is_loopback();
        let entry = document.collector.as_ref();
        let memory_bytes_max = memory_mib(entry).saturating_mul(MIB);
        let soft = entry.and_then(|entry| entry.memory_soft_limit_mib.as_ref());
        Self {
            grpc_addr,
            http_addr,
            memory_bytes_max,
            memory_soft_bytes: soft.map_or(memory_bytes_max - memory_bytes_max / 5, |mib| {
                mib.value.saturating_mul(MIB)
            }),
            memory_poll: entry
                .and_then(|entry| entry.memory_poll_ms)
                .map_or(MEMORY_POLL, Duration::from_millis),
            limits: entry.map(IntakeLimits::of).unwrap_or_default(),
            batch: entry.map(IntakeBatch::of).unwrap_or_default(),
            auth: CollectorAuth::of(document, is_local),
        }
    }
}

/// The memory limit, as written or by default.
pub(crate) fn memory_mib(entry: Option<&CollectorEntry>) -> usize {
    entry.and_then(|entry| entry.memory_limit_mib).unwrap_or(MEMORY_MIB)
}

// === impl IntakeLimits ===

impl IntakeLimits {
    fn of(entry: &CollectorEntry) -> Self {
        let (written, usual) = (entry.limits, Self::default());
        Self {
            body_bytes_max: written.body_bytes_max.unwrap_or(usual.body_bytes_max),
            inflate_ratio_max: written.inflate_ratio_max.unwrap_or(usual.inflate_ratio_max),
            decoded_bytes_max: written.decoded_bytes_max.unwrap_or(usual.decoded_bytes_max),
            items_max: written.items_max.unwrap_or(usual.items_max),
            attributes_max: written.attributes_max.unwrap_or(usual.attributes_max),
            events_max: written.events_max.unwrap_or(usual.events_max),
            value_bytes_max: written.value_bytes_max.unwrap_or(usual.value_bytes_max),
            value_depth_max: written.value_depth_max.unwrap_or(usual.value_depth_max),
        }
    }
}

impl Default for IntakeLimits {
    fn default() -> Self {
        Self {
            body_bytes_max: 16 * MIB,
            inflate_ratio_max: 100,
            decoded_bytes_max: 128 * MIB,
            items_max: 20_000,
            attributes_max: 128,
            events_max: 1_024,
            value_bytes_max: 64 * 1024,
            value_depth_max: 16,
        }
    }
}

// === impl IntakeBatch ===

impl IntakeBatch {
    fn of(entry: &CollectorEntry) -> Self {
        let (written, usual) = (entry.batch, Self::default());
        Self {
            items_max: written.items_max.unwrap_or(usual.items_max),
            wait_max: written.wait_ms_max.map_or(usual.wait_max, Duration::from_millis),
        }
    }
}

impl Default for IntakeBatch {
    fn default() -> Self {
        Self { items_max: 2_048, wait_max: Duration::from_secs(1) }
    }
}
