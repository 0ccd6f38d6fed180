//! `collector`.

use crate::fields::{Fields, Located};
use crate::model::AuthEntry;

/// The largest memory limit, in MiB.
const MEMORY_LIMIT_MIB_MAX: u64 = 1024 * 1024;
/// How seldom and how often the process is asked what it holds, in ms.
const MEMORY_POLL_MS: std::ops::RangeInclusive<u64> = 100..=1_000;
/// The largest body, and what it may become: 1 GiB.
const BYTES_MAX: u64 = 1 << 30;
/// How many times its size a body may inflate to at most.
const RATIO_MAX: u64 = 100_000;
/// The most spans, points or records of one request, and of one write.
const ITEMS_MAX: u64 = 1_000_000;
/// The most attributes, events or links.
const ATTRIBUTES_MAX: u64 = 100_000;
/// The deepest nesting of a value, below what decoders bear.
const DEPTH_MAX: u64 = 40;
/// The longest wait for a busy store, in ms.
const WAIT_MS_MAX: u64 = 60_000;

/// `collector`.
#[derive(Debug)]
pub(crate) struct CollectorEntry {
    pub(crate) enabled: bool,
    pub(crate) host: Option<Located<String>>,
    pub(crate) grpc_port: Option<Located<u16>>,
    pub(crate) http_port: Option<Located<u16>>,
    pub(crate) memory_limit_mib: Option<usize>,
    pub(crate) memory_soft_limit_mib: Option<Located<usize>>,
    pub(crate) memory_poll_ms: Option<u64>,
    pub(crate) limits: IntakeLimitsEntry,
    pub(crate) batch: BatchEntry,
    pub(crate) auth: AuthEntry,
}

/// `collector.limits`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IntakeLimitsEntry {
    pub(crate) body_bytes_max: Option<usize>,
    pub(crate) inflate_ratio_max: Option<usize>,
    pub(crate) decoded_bytes_max: Option<usize>,
    pub(crate) items_max: Option<usize>,
    pub(crate) attributes_max: Option<usize>,
    pub(crate) events_max: Option<usize>,
    pub(crate) value_bytes_max: Option<usize>,
    pub(crate) value_depth_max: Option<usize>,
}

/// `collector.batch`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BatchEntry {
    pub(crate) items_max: Option<usize>,
    pub(crate) wait_ms_max: Option<u64>,
}

pub(super) fn collector(fields: &mut Fields<'_, '_>) -> CollectorEntry {
    let soft_limit = fields.integer("memory_soft_limit_mib", 1..=MEMORY_LIMIT_MIB_MAX, "MiB");
    CollectorEntry {
        enabled: fields.flag("enabled").is_none_or(|flag| flag.value),
        host: fields.text("host"),
        grpc_port: super::port(fields, "grpc_port"),
        http_port: super::port(fields, "http_port"),
        memory_limit_mib: super::count(fields, "memory_limit_mib", MEMORY_LIMIT_MIB_MAX, "MiB"),
        memory_soft_limit_mib: soft_limit
            .and_then(|mib| Some(Located::new(usize::try_from(mib.value).ok()?, mib.place))),
        memory_poll_ms: fields.integer("memory_poll_ms", MEMORY_POLL_MS, "ms").map(|ms| ms.value),
        limits: super::section(fields, "limits", limits),
        batch: super::section(fields, "batch", batch),
        auth: super::auth::collector(fields),
    }
}

fn limits(fields: &mut Fields<'_, '_>) -> IntakeLimitsEntry {
    IntakeLimitsEntry {
        body_bytes_max: super::count(fields, "body_bytes_max", BYTES_MAX, "bytes"),
        inflate_ratio_max: super::count(fields, "inflate_ratio_max", RATIO_MAX, ""),
        decoded_bytes_max: super::count(fields, "decoded_bytes_max", BYTES_MAX, "bytes"),
        items_max: super::count(fields, "items_max", ITEMS_MAX, "spans, points or records"),
        attributes_max: super::count(fields, "attributes_max", ATTRIBUTES_MAX, "attributes"),
        events_max: super::count(fields, "events_max", ATTRIBUTES_MAX, "events"),
        value_bytes_max: super::count(fields, "value_bytes_max", BYTES_MAX, "bytes"),
        value_depth_max: super::count(fields, "value_depth_max", DEPTH_MAX, "levels"),
    }
}

fn batch(fields: &mut Fields<'_, '_>) -> BatchEntry {
    BatchEntry {
        items_max: super::count(fields, "items_max", ITEMS_MAX, "spans, points or records"),
        wait_ms_max: fields.integer("wait_ms_max", 1..=WAIT_MS_MAX, "ms").map(|ms| ms.value),
    }
}
